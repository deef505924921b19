"""A camera over a real RTSP server: first detection, outages, wrong passwords, neighbours untouched."""
import pathlib
import signal
import subprocess
import time

import pytest

from server import Omma

HERE = pathlib.Path(__file__).parent
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that has Debian's GObject bindings
OUTAGE_S = 20
CYCLES = 3


class Rtsp:
    def __init__(self, port, clip, *args):
        self.command = [SYSTEM_PYTHON, str(HERE / "rtsp_server.py"), str(port), str(clip), *args]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL)
        assert self.process.stdout.readline().strip() == b"ready"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def clip(shared):
    return shared / "data/videos/person-bicycle-car-detection.mp4"


@pytest.fixture
def model(shared):
    """A detector; its record lies in the models.json beside it."""
    return shared / "data/models/yolox_nano_416.onnx"


def stream_state(server, camera):
    cameras = server.json("/health/stream")["cameras"]
    return next(c["state"] for c in cameras if c["id"] == camera)


def test_first_detection_and_outages(omma, tmp_path, model, clip, free_port, shared):
    """First detection in 2 s; three outages seen in 3 s, the fallback shows, back in 3 s."""
    rtsp = Rtsp(free_port, clip)
    rtsp.start()
    config = tmp_path / "omma.yaml"
    fallback = shared / "data/images/street"
    picture = sorted(p for p in fallback.iterdir() if p.suffix == ".jpg")[0]
    config.write_text(f"""model: "{model}"
cameras:
  gate: {{source: "rtsp://127.0.0.1:{free_port}/live", fallback: "{picture}"}}
  yard: "test:"
""")
    with Omma(omma, tmp_path / "home", ["-c", str(config)]) as server:
        server.wait_for(lambda: server.camera("gate")["frames"]["decoded"] > 0, 15)
        server.wait_for(lambda: server.camera("gate")["frames"]["detected"] > 0, 2)

        def is_down():
            """the outage is seen"""
            return stream_state(server, "gate") in ("fallback", "backoff", "stalled")

        def is_live():
            """the camera is live"""
            return stream_state(server, "gate") == "live"

        for _ in range(CYCLES):
            server.wait_for(is_live, 10)
            frames_before = server.camera("yard")["frames"]["decoded"]
            rtsp.kill()
            server.wait_for(is_down, 3)
            server.wait_for(lambda: stream_state(server, "gate") == "fallback", 1)
            down_at = time.monotonic()
            status, headers, body = server.request("GET", "/api/v1/cameras/gate/snapshot.jpg")
            assert status == 200 and body[:2] == b"\xff\xd8"
            time.sleep(max(0, OUTAGE_S - (time.monotonic() - down_at)))
            rtsp.start()
            server.wait_for(is_live, 3)
            yard = server.camera("yard")
            assert yard["state"] == "live" and yard["reconnects"] == 0
            assert yard["frames"]["decoded"] - frames_before > 20 * OUTAGE_S
    rtsp.kill()


def test_wrong_password_backs_off(omma, tmp_path, clip, free_port):
    """A wrong password is told apart, said without the password, and tried ever more seldom."""
    rtsp = Rtsp(free_port, clip, "--user", "viewer:right")
    rtsp.start()
    with Omma(omma, tmp_path / "home", [f"rtsp://viewer:wr0ng@127.0.0.1:{free_port}/live"]) as server:
        server.wait_for(lambda: server.json("/api/v1/cameras")["cameras"][0]["reason"], 10)
        time.sleep(8)
        camera = server.json("/api/v1/cameras")["cameras"][0]
        assert camera["state"] == "backoff"
        assert "password" in (camera["reason"] + camera["hint"]).lower()
        assert 2 <= camera["reconnects"] <= 7
        assert b"wr0ng" not in server.request("GET", "/api/v1/cameras")[2]
        assert b"wr0ng" not in pathlib.Path(server.log_path).read_bytes()
    rtsp.kill()


def test_right_password_and_udp(omma, tmp_path, clip, free_port):
    """The right password works, over TCP and over UDP."""
    rtsp = Rtsp(free_port, clip, "--user", "viewer:right")
    rtsp.start()
    for transport in ("tcp", "udp"):
        source = f"rtsp://viewer:right@127.0.0.1:{free_port}/live"
        args = [source, "--source-rtsp-transport", transport]
        with Omma(omma, tmp_path / transport, args) as server:
            server.wait_for(lambda: server.json("/api/v1/cameras")["cameras"][0]["state"] == "live", 15)
            server.wait_for(
                lambda: server.json("/api/v1/cameras")["cameras"][0]["frames"]["decoded"] > 20, 10)
    rtsp.kill()
