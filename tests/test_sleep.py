"""A quiet RTSP camera sleeps: its packets are not decoded. Motion wakes it, and nothing is lost by having slept."""
import subprocess

import pytest

from server import Omma
from test_rtsp import Rtsp

QUIET_S = 16  # of every 24
SCENE = (f"color=gray:s=640x360:r=5:d=24,noise=alls=3:all_seed=1[back];color=white:s=40x80:r=5:d=24[box];"
         f"[back][box]overlay=x='if(gt(t,{QUIET_S}),(t-{QUIET_S})*80-40,-100)':y=200")


@pytest.fixture
def scene(tmp_path):
    """Sixteen seconds of nothing, then a white box walks from left to right."""
    path = tmp_path / "scene.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "nullsrc=s=16x16:d=24",
                    "-filter_complex", SCENE, "-t", "24", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0",
                    "-g", "20", "-sc_threshold", "0", "-pix_fmt", "yuv420p", str(path)], check=True)
    return path


def tracks_started(server):
    return len(server.json("/api/v1/events?type=track.started&limit=1000")["events"])


def test_sleeps_and_wakes(omma, tmp_path, scene, free_port):
    rtsp = Rtsp(free_port, scene, "--fps", "5")
    rtsp.start()
    try:
        with Omma(omma, tmp_path / "home", [f"rtsp://127.0.0.1:{free_port}/live"]) as server:
            camera = server.json("/api/v1/cameras")["cameras"][0]["id"]

            def packets():
                return server.camera(camera)["packets"]

            server.wait_for(lambda: server.camera(camera)["state"] == "live", 20)
            server.wait_for(lambda: not packets()["awake"], 40)
            asleep_at, started = packets(), tracks_started(server)
            decoded = server.camera(camera)["frames"]["decoded"]
            # Asleep it still has a picture, and it is not taken for a stalled one.
            server.wait_for(lambda: packets()["not_decoded"] >= asleep_at["not_decoded"] + 20, 30)
            assert server.camera(camera)["state"] == "live"
            assert server.request("GET", f"/api/v1/cameras/{camera}/snapshot.jpg")[0] == 200
            assert server.camera(camera)["frames"]["decoded"] - decoded < 20

            # Somebody outside can wake it, for as long as he says.
            hint = f"/api/v1/cameras/{camera}/motion"
            if not packets()["awake"]:
                assert server.request("PUT", hint, {"moving": True})[0] == 204
                server.wait_for(lambda: packets()["awake"], 2)
            assert server.request("PUT", hint, {"moving": False})[0] == 204
            assert server.request("PUT", hint, {"moved": 1})[0] == 422
            assert server.request("PUT", "/api/v1/cameras/none/motion", {"moving": True})[0] == 404

            server.wait_for(lambda: tracks_started(server) > started, 40)
            assert packets()["wakes"] > asleep_at["wakes"]
            server.wait_for(lambda: not packets()["awake"], 30)
            assert server.camera(camera)["stalls"] == 0 and server.camera(camera)["reconnects"] == 0
    finally:
        rtsp.kill()
