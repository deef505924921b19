"""Our RTSP client against a server that does what it should not."""
import json
import subprocess
import time

import pytest

from nasty_rtsp import Nasty, pictures_of
from server import Omma

MJPEG = ("v=0\r\ns=x\r\nm=video 0 RTP/AVP 26\r\na=control:video\r\n")
AUDIO = "v=0\r\ns=x\r\nm=audio 0 RTP/AVP 0\r\na=control:audio\r\n"


@pytest.fixture(scope="module")
def pictures(shared):
    return pictures_of(shared / "data/videos/person-bicycle-car-detection.mp4")


def probe(omma, url):
    """(exit code, parsed output, error text, seconds) of one look at the camera."""
    start = time.monotonic()
    done = subprocess.run([omma, "camera", "probe", url, "--json"], capture_output=True, timeout=30,
                          env={"OMMA_LOG_LEVEL": "trace"})
    took = time.monotonic() - start
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr.decode(), took


WORKS = {
    "plain": {},
    "byte by byte": {"split": True},
    "pictures before the answer to PLAY": {"early": 40},
    "wrong CSeq": {"wrong_cseq": True},
    "bare line feeds, no base": {"bare_lf": True, "no_base": True},
    "a head of 10 kB": {"long_head": 20},
    "other channels": {"channel": 6},
    "a transport without channels": {"transport": "RTP/AVP/TCP;unicast"},
    "markers on every packet": {"mark": "all"},
    "no markers": {"mark": "none"},
    "garbage between frames": {"garbage": True},
    "redirected": {"redirect": True},
    "requests of its own": {"asks": True},
    "OPTIONS refused": {"status": {"OPTIONS": "501 Not Implemented"}},
    "Basic": {"user": "me:s3cret", "algorithm": "Basic"},
    "Digest": {"user": "me:s3cret"},
    "Digest with qop": {"user": "me:s3cret", "qop": True},
    "Digest with SHA-256": {"user": "me:s3cret", "qop": True, "algorithm": "SHA-256"},
    "a stale nonce at DESCRIBE": {"user": "me:s3cret", "stale_at": "DESCRIBE"},
    "a stale nonce at SETUP": {"user": "me:s3cret", "stale_at": "SETUP"},
    "a new nonce at PLAY that does not say so": {"user": "me:s3cret", "stale_at": "PLAY", "says_stale": False},
}


@pytest.mark.parametrize("name", WORKS)
def test_works(omma, pictures, name):
    """The camera is odd, and works."""
    with Nasty(pictures, **WORKS[name]) as camera:
        url = camera.url.replace("://", "://me:s3cret@") if "user" in WORKS[name] else camera.url
        code, got, text, took = probe(omma, url)
        assert code == 0, text
        assert (got["codec"], got["width"], got["height"], got["live"]) == ("h264", 768, 432, True)
        assert took < (8 if WORKS[name].get("split") else 3)
        assert "s3cret" not in text + json.dumps(got)
        # Nobody else had to take over, and the session was ended.
        assert camera.connections == (2 if name == "redirected" else 1)
        until = time.monotonic() + 3
        while camera.methods()[-1] != "TEARDOWN" and time.monotonic() < until:
            time.sleep(0.02)
        assert camera.methods()[-1] == "TEARDOWN"
        setup = next(url for method, url, _ in camera.requests if method == "SETUP")
        assert setup.endswith("/video")
        if WORKS[name].get("asks"):
            assert [line[9:12] for line, _ in camera.answers] == ["200", "200", "405"]


FAILS = {
    # name: (options, exit code, words in the text, longest time in seconds)
    "wrong password": ({"user": "me:right"}, 77, "password is wrong (401)", 2),
    "forbidden": ({"status": {"DESCRIBE": "403 Forbidden"}}, 77, "forbidden (403)", 2),
    "not found": ({"status": {"DESCRIBE": "404 Not Found"}}, 66, "no such stream (404)", 2),
    "busy at SETUP": ({"status": {"SETUP": "453 Not Enough Bandwidth"}}, 77, "bandwidth left (453)", 2),
    "busy at PLAY": ({"status": {"PLAY": "453 Not Enough Bandwidth"}}, 77, "bandwidth left (453)", 2),
    "no TCP": ({"status": {"SETUP": "461 Unsupported Transport"}}, 77, "refused", 2),
    "UDP all the same": ({"transport": "RTP/AVP;unicast;client_port=5000-5001"}, 77, "refused", 2),
    "its own error": ({"status": {"DESCRIBE": "503 Service Unavailable"}}, 69, "error of its own", 2),
    "redirected for ever": ({"status": {"DESCRIBE": "302 Found"},
                             "status_headers": ["Location: {url}"]}, 69, "without end", 2),
    "redirected to a file": ({"status": {"DESCRIBE": "302 Found"},
                              "status_headers": ["Location: file:///etc/passwd"]}, 69, "", 2),
    "an endless head": ({"endless": True}, 65, "does not speak RTSP", 2),
    "a web server": ({"raw": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"}, 65, "does not speak RTSP", 2),
    "a negative length": ({"length": -4}, 65, "does not speak RTSP", 2),
    "a huge length": ({"length": 1 << 40}, 65, "does not speak RTSP", 2),
    "silence from the start": ({"stall_at": "OPTIONS"}, 69, "no answer in time", 7),
    "silence at PLAY": ({"stall_at": "PLAY"}, 69, "no answer in time", 7),
    "no pictures": ({"stall_after": 0}, 69, "no picture came", 12),
    "cut off": ({"cut_after": 0}, 69, "ended the stream", 2),
    "no video": ({"sdp": AUDIO}, 65, "no video in it", 8),
}


@pytest.mark.parametrize("name", FAILS)
def test_fails(omma, pictures, name):
    """What went wrong is told apart, in time, without a password."""
    options, code_wanted, words, longest_s = FAILS[name]
    options = dict(options)
    with Nasty(pictures, **options) as camera:
        if "status_headers" in options:
            camera.options["status_headers"] = [h.format(url=camera.url) for h in options["status_headers"]]
        code, _, text, took = probe(omma, camera.url.replace("://", "://me:s3cret@"))
        assert (code, words in text) == (code_wanted, True), (code, text)
        assert took < longest_s and "s3cret" not in text
        if name == "wrong password":
            assert camera.methods().count("DESCRIBE") == 2  # guessing on would lock the account


def test_others_are_handed_over(omma, pictures):
    """A codec that our client does not know goes to libavformat, on a connection of its own."""
    with Nasty(pictures, sdp=MJPEG, stall_after=0) as camera:
        probe(omma, camera.url)
        assert camera.connections == 2
        assert camera.methods().count("SETUP") == 1


def test_runs_on(omma, tmp_path, pictures):
    """Damage, lost packets and wrapping counters cost nothing; the session is kept alive."""
    with Nasty(pictures, loses=True, garbage=True, timeout=5) as camera:
        with Omma(omma, tmp_path / "home", [camera.url]) as server:
            server.wait_for(lambda: server.json("/api/v1/cameras")["cameras"][0]["state"] == "live", 10)
            server.wait_for(lambda: "GET_PARAMETER" in camera.methods(), 5)
            status = server.json("/api/v1/cameras")["cameras"][0]
            assert status["reconnects"] == 0 and status["fps"] > 20
        assert camera.connections == 1


@pytest.mark.parametrize("how", ["stall_after", "bye_after", "cut_after"])
def test_outages_are_seen(omma, tmp_path, pictures, how):
    """A stream that stops is seen within 3 s, and tried again."""
    with Nasty(pictures, **{how: 30}) as camera:
        with Omma(omma, tmp_path / "home", [camera.url]) as server:
            server.wait_for(lambda: server.json("/api/v1/cameras")["cameras"][0]["state"] == "live", 10)
            server.wait_for(lambda: camera.connections >= 2, 6)
            assert server.json("/api/v1/cameras")["cameras"][0]["reconnects"] >= 1
