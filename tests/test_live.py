"""Live video: what comes over HTTP is what the camera sent, decodable, timed, and each viewer is alone."""
import http.client
import json
import os
import socket
import struct
import subprocess
import threading
import time
import urllib.parse

import pytest

from server import Omma


def boxes(data):
    """(type, payload) of the whole boxes at the top of `data`."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if size < 8 or at + size > len(data):
            return
        yield kind.decode(), data[at + 8:at + size]
        at += size


def decode_times(data):
    """baseMediaDecodeTime of every fragment, in order."""
    for kind, moof in boxes(data):
        if kind != "moof":
            continue
        for inner, traf in boxes(moof):
            if inner != "traf":
                continue
            for name, payload in boxes(traf):
                if name == "tfdt":
                    wide = payload[0] == 1
                    yield struct.unpack(">Q" if wide else ">I", payload[4:12 if wide else 8])[0]


class Viewer:
    def __init__(self, server, camera, rcvbuf=None):
        where = urllib.parse.urlsplit(server.url)
        self.line = http.client.HTTPConnection(where.hostname, where.port, timeout=20)
        if rcvbuf:
            self.line.sock = socket.socket()
            self.line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            self.line.sock.settimeout(20)
            self.line.sock.connect((where.hostname, where.port))
        self.line.request("GET", f"/api/v1/cameras/{camera}/live.mp4")
        self.answer = self.line.getresponse()

    def read_for(self, seconds):
        data, end = b"", time.monotonic() + seconds
        while time.monotonic() < end:
            piece = self.answer.read1(65536)
            if not piece:
                break
            data += piece
        return data

    def close(self):
        self.line.close()


def whole(data):
    """Without the fragment that was cut when the reading stopped."""
    at = end = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        at += size
        if at <= len(data) and kind in (b"moov", b"mdat"):
            end = at
    return data[:end]


def probe(data, tmp_path):
    """Frames as ffprobe decodes them; and what it complains of."""
    path = tmp_path / "live.mp4"
    path.write_bytes(whole(data))
    done = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries",
                           "frame=pts,pict_type,key_frame", "-of", "json", str(path)],
                          capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout)["frames"], done.stderr


@pytest.fixture
def clip(shared):
    return shared / "data/videos/dashcam_short.mp4"


@pytest.fixture
def server(omma, tmp_path, clip):
    with Omma(omma, tmp_path / "home", [f"{clip}?loop"]) as running:
        camera = running.json("/api/v1/cameras")["cameras"][0]["id"]
        running.wait_for(lambda: running.camera(camera)["state"] == "live", 10)
        running.camera_id = camera
        yield running


def test_live_is_decodable_and_timed(server, tmp_path):
    viewer = Viewer(server, server.camera_id)
    assert viewer.answer.status == 200
    kind = viewer.answer.headers["Content-Type"]
    assert kind.startswith('video/mp4; codecs="avc1.')
    assert server.camera(server.camera_id)["live"] == "fmp4"
    assert server.camera(server.camera_id)["codecs"] in kind
    data = viewer.read_for(4)
    viewer.close()
    kinds = [k for k, _ in boxes(data)]
    assert kinds[:2] == ["ftyp", "moov"] and kinds[2:5].count("moof") >= 1
    times = list(decode_times(data))
    assert len(times) > 20 and times == sorted(times) and len(set(times)) == len(times)
    frames, complaints = probe(data, tmp_path)
    assert not complaints.strip(), complaints
    times = list(decode_times(whole(data)))
    assert frames[0]["key_frame"] == 1
    assert abs(len(frames) - len(times)) <= 1, "one picture a fragment"
    # What was sent at once is the group of pictures so far; after it, the camera's own speed.
    fps = server.camera(server.camera_id)["fps"]
    assert len(times) >= 4 * fps * 0.7


def test_boxes_are_on_the_clock_of_the_pictures(server):
    """pts of a result is the decode time of a picture (both in the media clock)."""
    viewer = Viewer(server, server.camera_id)
    moov = viewer.read_for(3)
    viewer.close()
    scale = None
    for kind, payload in boxes(moov):
        if kind == "moov":
            trak = next(p for k, p in boxes(payload) if k == "trak")
            mdia = next(p for k, p in boxes(trak) if k == "mdia")
            mdhd = next(p for k, p in boxes(mdia) if k == "mdhd")
            scale = struct.unpack(">I", mdhd[20:24] if mdhd[0] == 1 else mdhd[12:16])[0]
    first, last = (t / scale for t in (min(decode_times(moov)), max(decode_times(moov))))
    where = urllib.parse.urlsplit(server.url)
    line = http.client.HTTPConnection(where.hostname, where.port, timeout=20)
    line.request("GET", f"/api/v1/cameras/{server.camera_id}/boxes")
    for text in line.getresponse():
        if text.startswith(b"data: "):
            pts = json.loads(text[6:])["pts_us"] / 1e6
            assert first - 15 < pts < last + 15
            break
    line.close()


def test_slow_viewer_disturbs_nobody(server, tmp_path):
    slow = Viewer(server, server.camera_id, rcvbuf=4096)
    fast = Viewer(server, server.camera_id)
    data = fast.read_for(6)
    fps = server.camera(server.camera_id)["fps"]
    assert len(list(decode_times(data))) >= 6 * fps * 0.7
    frames, complaints = probe(data, tmp_path)
    assert frames and not complaints.strip(), complaints
    slow.close()
    fast.close()


def test_viewers_come_and_go(server):
    pid = server.process.pid

    def open_files():
        return len(os.listdir(f"/proc/{pid}/fd"))

    for _ in range(3):
        Viewer(server, server.camera_id).close()
    time.sleep(0.5)
    before, memory = open_files(), server.rss_bytes()

    def view(seconds):
        viewer = Viewer(server, server.camera_id)
        viewer.read_for(seconds)
        viewer.close()

    for _ in range(5):
        threads = [threading.Thread(target=view, args=(0.2,)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    server.wait_for(lambda: open_files() <= before + 2, 10)
    assert server.rss_bytes() - memory < 24 << 20


def test_removed_camera_ends_the_stream(server):
    viewer = Viewer(server, server.camera_id)
    viewer.read_for(0.5)
    assert server.request("DELETE", f"/api/v1/cameras/{server.camera_id}")[0] == 204
    start = time.monotonic()
    viewer.read_for(10)
    assert time.monotonic() - start < 5
    viewer.close()


def test_pictures_that_cannot_be_passed_on(server):
    """Raw and MJPEG pictures are no MP4: a problem with the way out, not a stream."""
    assert server.request("POST", "/api/v1/cameras", {"id": "scene", "source": "test:"})[0] == 201
    server.wait_for(lambda: server.camera("scene")["state"] == "live", 10)
    camera = server.camera("scene")
    if camera["live"] == "fmp4":
        pytest.skip("the test scene is H.264 here")
    status, _, body = server.request("GET", "/api/v1/cameras/scene/live.mp4")
    assert status == 415 and "snapshot.jpg" in json.loads(body)["hint"]


def test_camera_that_is_away_says_so(server):
    server.request("POST", "/api/v1/cameras", {"id": "away", "source": "rtsp://127.0.0.1:9/x"})
    start = time.monotonic()
    status, headers, body = server.request("GET", "/api/v1/cameras/away/live.mp4", timeout_s=20)
    assert status == 503 and headers["Retry-After"] and json.loads(body)["hint"]
    assert 8 < time.monotonic() - start < 14


def test_hevc(omma, tmp_path, shared):
    clip = shared / "data/videos/shop_hevc_a.mp4"
    with Omma(omma, tmp_path / "hevc", [f"{clip}?loop"]) as running:
        camera = running.json("/api/v1/cameras")["cameras"][0]["id"]
        running.wait_for(lambda: running.camera(camera)["state"] == "live", 10)
        viewer = Viewer(running, camera)
        assert viewer.answer.status == 200
        assert viewer.answer.headers["Content-Type"].startswith('video/mp4; codecs="hvc1.')
        data = viewer.read_for(3)
        viewer.close()
        frames, complaints = probe(data, tmp_path)
        assert len(frames) > 10 and not complaints.strip(), complaints
