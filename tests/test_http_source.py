"""Cameras over HTTP: HLS and Motion JPEG from real servers, and a playlist that wants out."""
import functools
import http.server
import json
import subprocess
import threading

import pytest

from server import Omma

FPS = 10


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=s=320x240:r={FPS}:d=4",
                    "-c:v", "libx264", "-g", str(FPS), "-pix_fmt", "yuv420p", str(path)], check=True)
    return path


class Quiet(http.server.SimpleHTTPRequestHandler):
    asked = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()


class Mjpeg(http.server.BaseHTTPRequestHandler):
    pictures = []
    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        pause = threading.Event()
        try:
            while True:
                for picture in self.pictures:
                    self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
                                     % len(picture) + picture + b"\r\n")
                    pause.wait(1 / FPS)
        except OSError:
            pass


@pytest.fixture
def serve():
    """serve(handler) starts a server of it on loopback and returns its address."""
    servers = []

    def start(handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_hls_is_read_whole(omma, clip, tmp_path, serve):
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(clip), "-c", "copy", "-f", "hls", "-hls_time", "1",
                    "-hls_list_size", "0", str(tmp_path / "list.m3u8")], check=True)
    url = serve(functools.partial(Quiet, directory=str(tmp_path)))
    done = subprocess.run([omma, "detect", f"{url}/list.m3u8"], capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 4 * FPS and rows[0]["width"] == 320


def test_playlist_leads_nowhere_else(omma, tmp_path, serve):
    """A playlist that names a file or another protocol gets nothing opened."""
    secret = tmp_path / "secret.ts"
    secret.write_bytes(b"G" + bytes(187))
    inside = serve(functools.partial(Quiet, directory=str(tmp_path)))
    for target in (f"file://{secret}", str(secret), f"concat:{secret}", f"subfile,,:{secret}"):
        (tmp_path / "evil.m3u8").write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n")
        Quiet.asked.clear()
        done = subprocess.run([omma, "camera", "probe", f"{inside}/evil.m3u8"], capture_output=True,
                              timeout=30, text=True)
        assert done.returncode != 0 and "omma: " in done.stderr
        assert all("evil.m3u8" in path or path.endswith(str(secret)) for path in Quiet.asked)


def test_mjpeg_camera_is_live(omma, clip, tmp_path, serve):
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(clip), str(tmp_path / "p%03d.jpg")], check=True)
    Mjpeg.pictures = [p.read_bytes() for p in sorted(tmp_path.glob("p*.jpg"))]
    url = serve(Mjpeg)
    with Omma(omma, tmp_path / "home", [f"{url}/video.mjpg"]) as server:
        def camera():
            return server.json("/api/v1/cameras")["cameras"][0]
        server.wait_for(lambda: camera()["state"] == "live", 10)
        server.wait_for(lambda: camera()["frames"]["decoded"] > 2 * FPS, 10)
        assert camera()["codec"] == "mjpeg" and camera()["live"] == "jpeg"
        assert (camera()["width"], camera()["height"]) == (320, 240)
