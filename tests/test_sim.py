"""The camera simulator: FFmpeg and Omma play its cameras, faults and passwords do what they say."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest

from server import Omma

CLIP_S = 3
FPS = 10


@pytest.fixture(scope="session")
def simulator(omma):
    """Path of the program; it is built beside omma."""
    return os.environ.get("OMMA_SIMULATOR", str(pathlib.Path(omma).with_name("omma-camera-sim")))


def make_clip(path, *encoder):
    if not shutil.which("ffmpeg"):
        pytest.skip("no ffmpeg")
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i",
                    f"testsrc=size=320x180:rate={FPS}:duration={CLIP_S}", "-pix_fmt", "yuv420p",
                    *encoder, str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


@pytest.fixture(scope="session")
def reel(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("sim") / "reel.mp4", "-c:v", "libx264", "-bf", "0", "-g", "10")


class Simulator:
    """Use as `with Simulator(program, ["--reel", file]) as sim:`; `sim.totals` after the end."""

    def __init__(self, program, args):
        self.args = [program, "--listen", "127.0.0.1:0", "--json", *map(str, args)]

    def __enter__(self):
        self.process = subprocess.Popen(self.args, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL)
        self.started = json.loads(self.process.stdout.readline())
        self.lines = None
        return self

    def url(self, camera, user=""):
        return f"rtsp://{user}127.0.0.1:{self.started['port']}/cam/{camera}"

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=5)
        assert self.process.returncode == 0, err
        self.lines = [json.loads(line) for line in out.splitlines()]
        return self.lines

    def __exit__(self, *_):
        if self.lines is None:
            self.stop()


def ffmpeg(url, seconds, *options):
    """What FFmpeg says to playing it; empty when nothing was wrong."""
    done = subprocess.run(["ffmpeg", "-v", "warning", "-rtsp_transport", "tcp", "-i", url, "-t", str(seconds),
                           *options], capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    return done.returncode, done.stderr.decode(), done.stdout


def ask(port, text):
    """Sends bytes as they are and returns the answer's first KiB."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(text.encode())
        return client.recv(1024).decode()


def test_ffmpeg_plays_over_the_end(simulator, reel):
    """Every picture comes, in order and at its pace, over the end of the clip."""
    with Simulator(simulator, ["--reel", reel, "--cameras", 2]) as sim:
        code, said, out = ffmpeg(sim.url(0), CLIP_S * 2.5, "-f", "framehash", "-hash", "crc32", "-")
        assert code == 0 and said == "", said
        rows = [line.split(b",") for line in out.splitlines() if not line.startswith(b"#")]
        assert abs(len(rows) - CLIP_S * 2.5 * FPS) <= 2
        stamps = [int(row[2]) for row in rows]
        assert all(b == a + 1 for a, b in zip(stamps, stamps[1:])), "gaps between time stamps"
        hashes = [row[5].strip() for row in rows]
        clip = CLIP_S * FPS
        assert len(set(hashes[:clip])) == clip and hashes[:clip] == hashes[clip:2 * clip]
        lines = sim.stop()
    plays, totals = lines[:-1], lines[-1]
    assert [p["camera"] for p in plays] == [0] and plays[0]["offset_us"] == 0
    assert plays[0]["period_us"] == CLIP_S * 1_000_000
    assert totals["plays"] == 1 and totals["pictures"] >= len(rows)
    assert totals["pictures_dropped"] == 0 and totals["packets_lost"] == 0


@pytest.mark.parametrize("encoder", [
    ("-c:v", "libx265", "-x265-params", "log-level=none:keyint=10:bframes=2"),
    ("-c:v", "libx264", "-bf", "2", "-g", "10", "-slices", "4"),
], ids=["hevc", "b-pictures"])
def test_other_streams(simulator, tmp_path, encoder):
    """H.265, pictures that are sent in another order than shown, several slices a picture."""
    clip = make_clip(tmp_path / "clip.mp4", *encoder)
    with Simulator(simulator, ["--reel", clip, "--packet-bytes", 600]) as sim:
        code, said, out = ffmpeg(sim.url(0), CLIP_S + 1, "-f", "framehash", "-hash", "crc32", "-")
        assert code == 0 and said == "", said
        rows = [line for line in out.splitlines() if not line.startswith(b"#")]
        assert len(rows) >= (CLIP_S + 1) * FPS - 4


def test_offsets_and_activity(simulator, reel, tmp_path):
    """Cameras start apart, the same way each time; a pair plays the asked share of time."""
    quiet = make_clip(tmp_path / "quiet.mp4", "-c:v", "libx264", "-bf", "0", "-g", "10")
    args = ["--active", reel, "--quiet", quiet, "--activity", 0.1, "--cameras", 3]
    offsets = []
    for _ in range(2):
        with Simulator(simulator, args) as sim:
            timeline = sim.started["timelines"][0]
            assert timeline["period_us"] == CLIP_S * 10_000_000
            for camera in range(3):
                answers = ask(sim.started["port"], f"SETUP {sim.url(camera)} RTSP/1.0\r\nCSeq: 1\r\n"
                              "Transport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n"
                              f"PLAY {sim.url(camera)} RTSP/1.0\r\nCSeq: 2\r\n\r\n")
                assert answers.startswith("RTSP/1.0 200")
            time.sleep(0.2)
            offsets.append([line["offset_us"] for line in sim.stop()[:-1]])
    assert offsets[0] == offsets[1] and len(set(offsets[0])) == 3 and offsets[0][0] == 0


def test_passwords(simulator, reel):
    """Digest and Basic open it, nothing else does."""
    with Simulator(simulator, ["--reel", reel, "--auth", "viewer:right"]) as sim:
        code, said, _ = ffmpeg(sim.url(0, "viewer:right@"), 1, "-f", "null", "-")
        assert code == 0 and said == "", said
        code, said, _ = ffmpeg(sim.url(0, "viewer:wrong@"), 1, "-f", "null", "-")
        assert code != 0 and "401" in said
        head = f"DESCRIBE {sim.url(0)} RTSP/1.0\r\nCSeq: 1\r\n"
        port = sim.started["port"]
        answer = ask(port, head + "\r\n")
        assert answer.startswith("RTSP/1.0 401") and "Digest" in answer and "Basic" in answer
        assert ask(port, head + "Authorization: Basic dmlld2VyOnJpZ2h0\r\n\r\n").startswith("RTSP/1.0 200")
        assert ask(port, head + "Authorization: Basic dmlld2VyOndyb25n\r\n\r\n").startswith("RTSP/1.0 401")


def test_omma_and_faults(omma, simulator, reel, tmp_path):
    """Omma plays the good cameras, and sees what is wrong with each of the others."""
    args = ["--reel", reel, "--cameras", 4, "--faults", "refuse=1,stall=2:2,close=3:3"]
    with Simulator(simulator, args) as sim, \
            Omma(omma, tmp_path / "home", [sim.url(k) for k in range(4)]) as server:
        def cameras():
            found = server.json("/api/v1/cameras")["cameras"]
            return sorted(found, key=lambda c: c["source"])

        server.wait_for(lambda: cameras()[0]["state"] == "live", 10)
        server.wait_for(lambda: cameras()[1]["state"] == "backoff", 10)
        assert "453" in cameras()[1]["reason"] or "refuse" in cameras()[1]["reason"].lower()
        server.wait_for(lambda: cameras()[2]["stalls"] > 0, 20)
        server.wait_for(lambda: cameras()[3]["reconnects"] >= 2, 30)
        good = cameras()[0]
        assert good["codec"] == "h264" and (good["width"], good["height"]) == (320, 180)
        assert good["reconnects"] == 0 and good["frames"]["corrupt"] == 0
        time.sleep(1)
        assert cameras()[0]["frames"]["decoded"] > good["frames"]["decoded"]


def test_lost_packets(simulator, reel):
    """Packets are left out as often as asked; a client sees the gaps."""
    with Simulator(simulator, ["--reel", reel, "--faults", "drop=0.05,jitter=20"]) as sim:
        _, said, _ = ffmpeg(sim.url(0), 5, "-f", "null", "-")
        assert "missed" in said or "error" in said.lower() or "corrupt" in said.lower(), said
        assert sim.stop()[-1]["packets_lost"] > 0


@pytest.mark.parametrize("args,says", [
    ([], "--reel is missing"),
    (["--reel", "/nowhere.mp4"], "No such file"),
    (["--reel", __file__], "reel"),
    (["--reel", "x", "--active", "y", "--quiet", "z"], "exclude each other"),
    (["--active", "y"], "--quiet"),
    (["--reel", "x", "--faults", "burn=1"], "burn=1"),
    (["--reel", "x", "--cameras", "0"], "--cameras"),
    (["--reel", "x", "--listen", "x"], "address"),
    (["--reel", "x", "--auth", "x"], "USER:PASSWORD"),
    (["--reel", "x", "--reels", "x"], "did you mean"),
    (["--reel", "x", "--spread", "x"], "--spread"),
])
def test_wrong_command_lines(simulator, args, says):
    """One sentence and a hint."""
    done = subprocess.run([simulator, *args], capture_output=True, timeout=10, stdin=subprocess.DEVNULL)
    lines = done.stderr.decode().splitlines()
    assert done.returncode in range(64, 79) and done.stdout == b""
    assert len(lines) == 2 and says in done.stderr.decode(), lines
