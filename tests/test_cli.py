"""Bad input on the command line: one clear sentence, a hint, a code of sysexits.h; never a crash, never a
hang, never memory without a bound."""
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import time
import zlib

import pytest

from server import Omma

TIMEOUT_S = 10
RSS_MAX_BYTES = 400 << 20
SECRET = "hunter2secret"


class Done:
    """What a command did: code, output, complaints, the most memory it had."""

    def __init__(self, code, out, err, rss_bytes):
        self.code, self.out, self.err, self.rss_bytes = code, out, err, rss_bytes
        lines = [line for line in err.splitlines() if line.strip()]
        at = [i for i, line in enumerate(lines) if line.startswith("omma: ")]
        self.complaints = len(at)
        self.sentence = lines[at[-1]][6:] if at else ""
        self.hint = ""
        if at and at[-1] + 1 < len(lines) and lines[at[-1] + 1].startswith("      "):
            self.hint = lines[at[-1] + 1].strip()


@pytest.fixture
def call(omma, tmp_path):
    """call("detect", file) runs it with a home of its own and kills it when it hangs."""

    def run(*args, stdin=subprocess.DEVNULL, home=None, **env):
        out_path, err_path = tmp_path / "stdout", tmp_path / "stderr"
        environ = {k: v for k, v in os.environ.items() if not k.startswith("OMMA_")}
        environ |= {"OMMA_HOME": str(home or tmp_path / "home"), **env}
        with open(out_path, "wb") as out, open(err_path, "wb") as err:
            process = subprocess.Popen([omma, *map(str, args)], stdin=stdin, stdout=out, stderr=err,
                                       env=environ, cwd=tmp_path)
        end = time.monotonic() + TIMEOUT_S
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                process.kill()
                os.wait4(process.pid, 0)
                pytest.fail(f"omma {' '.join(map(str, args))}: still there after {TIMEOUT_S} s")
            time.sleep(0.005)
        process.returncode = os.waitstatus_to_exitcode(status)
        return Done(process.returncode, out_path.read_text(errors="replace"),
                    err_path.read_text(errors="replace"), usage.ru_maxrss * 1024)

    return run


def assert_no_crash(done):
    assert done.code >= 0, f"ended by {signal.Signals(-done.code).name}: {done.err}"
    assert not re.search(r"omma: bug|Sanitizer|runtime error|\bassert", done.err), done.err
    assert SECRET not in done.err + done.out
    assert done.rss_bytes < RSS_MAX_BYTES


def assert_clear(done, code=None, about=None):
    """Refused the way people can do something with."""
    assert_no_crash(done)
    assert 64 <= done.code <= 78, (done.code, done.err)
    assert code is None or done.code == code, (done.code, done.err)
    assert 10 <= len(done.sentence) <= 300, done.err
    assert done.hint, f"no hint: {done.err}"
    assert not any(c < " " for c in done.sentence + done.hint), done.err
    assert "no command" not in done.sentence or about == "no command", done.err
    assert about is None or re.search(about, done.sentence + " " + done.hint, re.I), done.err


# ---- files ---------------------------------------------------------------------------------------


def png(width, height, body=b""):
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def wav():
    data = bytes(8000)
    return (b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " +
            struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8) + b"data" +
            struct.pack("<I", len(data)) + data)


def first_bytes(path, n):
    return path.read_bytes()[:n]


# Content that is no picture and no video, or not all of one; each under names that promise otherwise.
HOSTILE = {
    "zero.mp4": lambda data: b"",
    "zero.jpg": lambda data: b"",
    "zero.png": lambda data: b"",
    "one_byte.mkv": lambda data: b"\x1a",
    "text.mp4": lambda data: b"this is no video\n" * 100,
    "text.jpg": lambda data: b"this is no picture\n" * 100,
    "html.png": lambda data: b"<html><body>404</body></html>",
    "noise.avi": lambda data: bytes((i * 7919 + i // 251) & 255 for i in range(20000)),
    "zeros.ts": lambda data: bytes(100000),
    "cut.mp4": lambda data: first_bytes(data / "videos/car-detection.mp4", 3000),
    "head.jpg": lambda data: first_bytes(data / "images/odd/made_444.jpg", 300),
    "head.png": lambda data: first_bytes(data / "images/odd/made_alpha.png", 60),
    "huge.png": lambda data: png(60000, 60000),
    "sizeless.png": lambda data: png(0, 0),
    "sound.mp4": lambda data: wav(),
    "list.m3u8": lambda data: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "list.mp4": lambda data: b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n",
    "concat.mp4": lambda data: b"ffconcat version 1.0\nfile /etc/passwd\n",
    "session.sdp": lambda data: b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\n"
                                b"t=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "svg.jpg": lambda data: b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>",
    "program.mp4": lambda data: b"\x7fELF\x02\x01\x01" + bytes(500),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_detect_hostile_file(call, shared, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(HOSTILE[name](shared / "data"))
    done = call("detect", path)
    assert_clear(done, about=name)
    assert "root:" not in done.out + done.err


@pytest.mark.parametrize("name", ["broken_bitflips.ts", "broken_lost_packets.ts", "broken_no_moov.mp4",
                                  "broken_tail_cut.mp4", "empty.mp4", "not_a_video.mp4"])
def test_detect_broken_video(call, shared, name):
    """Reads what can be read, or says why not."""
    done = call("detect", shared / "data/videos/variants" / name)
    if done.code == 0:
        assert_no_crash(done)
        assert all(json.loads(line)["file"] for line in done.out.splitlines())
    else:
        assert_clear(done, about=name)


def test_detect_odd_pictures(call, shared):
    """All of them in one go: each gives its line or its sentence; the oversize ones are refused."""
    folder = shared / "data/images/odd"
    facts = json.loads((shared / "data/expected/odd.json").read_text())
    done = call("detect", *sorted(folder.iterdir()))
    assert_no_crash(done)
    seen = {pathlib.Path(json.loads(line)["file"]).name for line in done.out.splitlines()}
    for name, fact in facts.items():
        refused = f"{name}:" in done.err
        assert (name in seen) != refused, name
        if "not tried" in str(fact["decode"]):
            assert refused, name


def test_detect_goes_on_after_a_bad_one(call, shared, tmp_path):
    """A bad file among good ones costs its own line only, and the exit code says that there was one."""
    (tmp_path / "bad.jpg").write_bytes(b"no")
    good = shared / "data/images/odd/made_444.jpg"
    done = call("detect", tmp_path / "bad.jpg", good)
    assert_clear(done, code=65, about="bad.jpg")
    assert json.loads(done.out.splitlines()[0])["file"].endswith("made_444.jpg")


@pytest.mark.parametrize("what, about", [
    ("no/such/file.mp4", "no such file"),
    ("empty_folder", "folder|picture"),
    ("/dev/null", "/dev/null"),
    ("/dev/zero", "/dev/zero"),
    ("pipe.mp4", "pipe"),
    ("x" * 5000, None),
    ("", None),
    ("bad\nname.mp4", None),
])
def test_detect_odd_places(call, tmp_path, what, about):
    (tmp_path / "empty_folder").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")  # nobody ever writes into it
    assert_clear(call("detect", what), about=about)


# ---- sources -------------------------------------------------------------------------------------

URLS = [
    ("rtsp://127.0.0.1:{closed}/live", 69, "listen"),
    (f"rtsp://viewer:{SECRET}@127.0.0.1:{{closed}}/live", 69, "listen"),
    (f"http://viewer:{SECRET}@127.0.0.1:{{closed}}/live.mjpg", 69, "listen"),
    ("http://127.0.0.1:{closed}/live.m3u8", 69, "listen"),
    ("rtsp://no-such-host.invalid/live", None, "name|host"),
    ("rtsp://127.0.0.1:99999/live", 65, None),
    ("rtsp://", 65, None),
    ("rtsp://[::1", 65, None),
    ("http://", 65, None),
    ("gopher://127.0.0.1/x", 65, "rtsp://"),
    ("concat:/etc/passwd|/etc/passwd", 65, None),
    ("data:video/mp4;base64,AAAA", 65, None),
    ("file:///etc/passwd", 65, None),
    ("pipe:0", 65, None),
    ("tcp://127.0.0.1:{closed}", 65, None),
    ("lavfi:testsrc", 65, None),
    ("test:?nonsense=1", 65, None),
    ("/dev/video99", 66, "camera"),
    ("99", 66, "camera"),
    ("-1", 64, None),
    ("/dev/tty", 65, None),
]


@pytest.fixture
def closed_port(free_port):
    return free_port


@pytest.mark.parametrize("url, code, about", URLS, ids=[u[0].replace(SECRET, "pw") for u in URLS])
def test_detect_wrong_source(call, closed_port, url, code, about):
    url = url.replace("{closed}", str(closed_port))
    assert_clear(call("detect", url), code=code, about=about)


@pytest.mark.parametrize("url", ["gopher://x/y", "rtsp://", "file:///etc/passwd", "concat:a|b", "pipe:0"])
def test_run_refuses_what_is_no_source(call, url):
    assert_clear(call("run", "--listen", "127.0.0.1:0", url), code=65)


def test_run_tells_what_is_wrong_with_a_camera(omma, tmp_path, closed_port):
    """A camera that is not there does not stop the server: the reason stands in its status."""
    (tmp_path / "zero.mp4").write_bytes(b"")
    sources = [f"rtsp://viewer:{SECRET}@127.0.0.1:{closed_port}/live", "/dev/video99",
               str(tmp_path / "zero.mp4"), str(tmp_path / "missing.mp4")]
    with Omma(omma, tmp_path / "home", sources) as server:
        def all_told():
            """every camera has a reason"""
            cameras = server.json("/api/v1/cameras")["cameras"]
            return len(cameras) == len(sources) and all(c["reason"] and c["hint"] for c in cameras)
        server.wait_for(all_told, TIMEOUT_S)
        assert SECRET.encode() not in server.request("GET", "/api/v1/cameras")[2]
        assert server.stop() == 0
    assert SECRET not in pathlib.Path(server.log_path).read_text()


# ---- models --------------------------------------------------------------------------------------


def manifest_of(shared, name):
    records = json.loads((shared / "data/models/models.json").read_text())["models"]
    return next(r for r in records if r["name"] == name)


@pytest.fixture
def small_model(shared, tmp_path):
    """(graph, manifest) of a small detector, in a folder of their own, for breaking."""
    folder = tmp_path / "model"
    folder.mkdir()
    graph, manifest = folder / "m.onnx", folder / "m.json"
    graph.write_bytes((shared / "data/models/fastestdet_352.onnx").read_bytes())
    manifest.write_text(json.dumps({**manifest_of(shared, "fastestdet_352"), "file": "m.onnx"}))
    return graph, manifest


def break_manifest(manifest, **changes):
    record = json.loads(manifest.read_text())
    record.update(changes)
    manifest.write_text(json.dumps({k: v for k, v in record.items() if v is not ...}))


BROKEN_GRAPHS = {
    "empty": lambda good: b"",
    "text": lambda good: b"not a model",
    "cut": lambda good: good[:len(good) // 2],
    "head": lambda good: good[:100],
    "zeros": lambda good: bytes(10000),
    "flipped": lambda good: good[:5000] + bytes(b ^ 0xff for b in good[5000:6000]) + good[6000:],
    "endless": lambda good: b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + good[:100],
}


@pytest.mark.parametrize("name", BROKEN_GRAPHS)
@pytest.mark.parametrize("command", ["verify", "add"])
def test_broken_graph(call, small_model, command, name):
    graph, _ = small_model
    graph.write_bytes(BROKEN_GRAPHS[name](graph.read_bytes()))
    assert_clear(call("model", command, graph))


@pytest.mark.parametrize("name", BROKEN_GRAPHS)
def test_detect_with_broken_graph(call, shared, small_model, name):
    graph, _ = small_model
    graph.write_bytes(BROKEN_GRAPHS[name](graph.read_bytes()))
    assert_clear(call("detect", "--model", graph, shared / "data/images/odd/made_444.jpg"))


BROKEN_MANIFESTS = {
    "no json": "{",
    "binary": "\x00\x01\x02",
    "a list": "[1, 2]",
    "unknown family": {"decode": "yolov99"},
    "unknown kind": {"kind": "oracle"},
    "unknown key": {"colur": "rgb"},
    "wrong type": {"input_size": "wide"},
    "size of nothing": {"input_size": [0, 0]},
    "huge size": {"input_size": [1000000, 1000000]},
    "negative size": {"input_size": [-320, 320]},
    "wrong classes": {"classes": ["one"]},
    "wrong family": {"decode": "yunet"},
    "std of zero": {"std": [0, 0, 0]},
}


@pytest.mark.parametrize("name", BROKEN_MANIFESTS)
def test_broken_manifest(call, small_model, name):
    graph, manifest = small_model
    change = BROKEN_MANIFESTS[name]
    if isinstance(change, str):
        manifest.write_text(change)
    else:
        break_manifest(manifest, **change)
    assert_clear(call("model", "verify", graph))


@pytest.mark.parametrize("args", [
    ("detect", "--model", "no-such-model", "x.jpg"),
    ("detect", "--model", "/no/such.onnx", "x.jpg"),
    ("detect", "--model", "", "x.jpg"),
    ("model", "verify", "/no/such.onnx"),
    ("model", "verify", "/etc"),
    ("model", "add", "/no/such.onnx"),
    ("model", "add", "/etc/passwd"),
    ("model", "add", "http://127.0.0.1:1/m.onnx"),
    ("model", "add", "ftp://127.0.0.1/m.onnx"),
    ("model", "show", "no-such-model"),
    ("model", "remove", "no-such-model"),
    ("model", "remove", "../../etc"),
    ("model", "frobnicate"),
    ("model",),
])
def test_wrong_model(call, args):
    assert_clear(call(*args))


def test_wrong_sum(call, small_model):
    graph, manifest = small_model
    done = call("model", "add", graph, "--manifest", manifest, "--sha256", "0" * 64)
    assert_clear(done, about="sha-?256|sum|pin")


# ---- configuration -------------------------------------------------------------------------------

LAUGHS = "\n".join(["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]"
                                          for i in range(1, 12)])
CONFIGS = {
    "unknown key": ("camera:\n  gate: 'test:'\n", "did you mean.*cameras"),
    "unknown key within": ("cameras:\n  gate: {sorce: 'test:'}\n", "did you mean.*source"),
    "tab": ("cameras:\n\tgate: 'test:'\n", ":2"),
    "twice": ("cameras:\n  gate: 'test:'\n  gate: 'test:'\n", ":3"),
    "not yaml": ("cameras: [", ":"),
    "binary": ("\x00\x01\x02\x03", None),
    "a list": ("- a\n- b\n", None),
    "a word": ("hello\n", None),
    "laughs": (LAUGHS, None),
    "deep": ("cameras: " + "[" * 5000 + "]" * 5000, None),
    "unset variable": ("cameras:\n  gate: rtsp://u:${NO_SUCH_VARIABLE}@h/x\n", "NO_SUCH_VARIABLE"),
    "bad id": ("cameras:\n  'Gate 1': 'test:'\n", None),
    "path as id": ("cameras:\n  '../../etc': 'test:'\n", None),
    "no source": ("cameras:\n  gate: {enabled: true}\n", "source"),
    "no scheme we know": ("cameras:\n  gate: gopher://x/y\n", "gate"),
    "secret in a bad url": (f"cameras:\n  gate: gopher://u:{SECRET}@x/y\n", "gate"),
    "wrong type": ("cameras:\n  gate: {source: 'test:', enabled: perhaps}\n", ":2"),
    "zone of two": ("cameras:\n  gate: {source: 'test:', zones: {a: {points: [[0, 0], [1, 1]]}}}\n", "3"),
    "line of three": ("cameras:\n  gate: {source: 'test:', lines: {a: {points: [[0, 0], [1, 1], [0, 1]]}}}\n",
                      "2|two"),
    "outside": ("cameras:\n  gate: {source: 'test:', lines: {a: {points: [[0, 0], [7, 1]]}}}\n", None),
    "not a number": ("cameras:\n  gate: {source: 'test:', lines: {a: {points: [[.nan, 0], [1, 1]]}}}\n", None),
    "address": ("listen: nowhere\ncameras: {gate: 'test:'}\n", "listen"),
    "range": ("motion: {tolerance: 100000}\ncameras: {gate: 'test:'}\n", "tolerance"),
}


# What concerns one camera only must not keep the server from starting: it stands in the camera's status.
ONE_CAMERA = ["no scheme we know", "secret in a bad url"]


@pytest.mark.parametrize("command, name", [(c, n) for n in CONFIGS for c in ("check", "run")
                                           if c == "check" or n not in ONE_CAMERA])
def test_bad_config(call, tmp_path, command, name):
    text, about = CONFIGS[name]
    path = tmp_path / "omma.yaml"
    path.write_text(text)
    args = ("check", path) if command == "check" else ("run", "--listen", "127.0.0.1:0", "-c", path)
    if name == "address" and command == "run":
        args = ("run", "-c", path)
    assert_clear(call(*args), about=about)


def test_run_with_one_bad_camera(omma, tmp_path):
    """The others run; the bad one says why it does not, without its password."""
    path = tmp_path / "omma.yaml"
    path.write_text(f"cameras:\n  gate: gopher://u:{SECRET}@x/y\n  yard: 'test:'\n")
    with Omma(omma, tmp_path / "home", ["-c", str(path)]) as server:
        server.wait_for(lambda: server.camera("yard")["state"] == "live", TIMEOUT_S)
        server.wait_for(lambda: server.camera("gate")["reason"], TIMEOUT_S)
        assert SECRET.encode() not in server.request("GET", "/api/v1/cameras")[2]
    assert SECRET not in pathlib.Path(server.log_path).read_text()


@pytest.mark.parametrize("args", [
    ("check", "/no/such.yaml"),
    ("check", "/etc"),
    ("check", "/dev/zero"),
    ("check", "a.yaml", "b.yaml"),
    ("run", "-c", "/no/such.yaml"),
    ("run", "-c"),
    ("run", "--listen", "nowhere", "test:"),
    ("run", "--listen", "127.0.0.1:99999", "test:"),
    ("run", "--listen", "0.0.0.0:0", "test:"),
    ("run", "--listen", "[::]:0", "test:"),
    ("run", "--lisen", "127.0.0.1:0", "test:"),
    ("run", "--motion-tolerance", "many", "test:"),
    ("run", "--model", "no-such-model", "--listen", "127.0.0.1:0", "test:"),
])
def test_wrong_command_line(call, args):
    assert_clear(call(*args))


def test_pipe_as_config(call, tmp_path):
    """One that nobody writes into is as good as an empty file; what matters is that nothing waits."""
    os.mkfifo(tmp_path / "pipe.yaml")
    done = call("check", "pipe.yaml")
    assert_no_crash(done)


@pytest.mark.parametrize("name, value", [("OMMA_LISTEN", "nowhere"), ("OMMA_MOTION_TOLERANCE", "many"),
                                         ("OMMA_LOG_LEVEL", "shouting")])
def test_wrong_environment(call, name, value):
    assert_clear(call("run", "test:", **{name: value}))


def test_port_in_use(call):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert_clear(call("run", "--listen", f"127.0.0.1:{port}", "test:"), about=str(port))


def test_home_that_is_none(call, tmp_path):
    """A file where the state directory should be; a journal that is none; one from a later version."""
    path = tmp_path / "file"
    path.write_text("x")
    assert_clear(call("run", "--listen", "127.0.0.1:0", "test:", home=path))
    assert_clear(call("run", "--listen", "127.0.0.1:0", "test:", home=path / "below"))
    home = tmp_path / "noise"
    home.mkdir()
    (home / "events.db").write_bytes(b"noise" * 2000)
    for args in (("run", "--listen", "127.0.0.1:0", "test:"), ("events", "tail")):
        assert_clear(call(*args, home=home), about="events.db")


# ---- the rest ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "\n\n", "1,-1,10,20,30,40,0.9,-1,-1,-1\n"])
def test_track_takes(call, tmp_path, text):
    (tmp_path / "det.txt").write_text(text)
    done = call("track", "--detections", "det.txt", "--output", "out.txt")
    assert done.code == 0, done.err
    assert (tmp_path / "out.txt").exists()


@pytest.mark.parametrize("text", ["hello\nhello\n", "1,2\n", "1,-1,a,b,c,d,e\n", "1,-1,nan,0,10,10,1\n",
                                  "1,-1,0,0,1e400,10,1\n", "-5,-1,0,0,10,10,1\n",
                                  "99999999999999999999,-1,0,0,10,10,1\n", "\x00" * 1000, "1" * 2000000])
def test_track_refuses(call, tmp_path, text):
    (tmp_path / "det.txt").write_text(text)
    assert_clear(call("track", "--detections", "det.txt", "--output", "out.txt"), about="det.txt")


@pytest.mark.parametrize("args", [
    ("track",),
    ("track", "--detections", "/no/such.txt", "--output", "out.txt"),
    ("track", "--detections", "/etc", "--output", "out.txt"),
    ("track", "--detections", "good.txt", "--output", "/no/such/out.txt"),
    ("track", "--detections", "good.txt", "--output", "out.txt", "--fps", "0"),
    ("events",),
    ("events", "tail"),
    ("events", "tail", "-n", "-1"),
    ("events", "replay", "--from", "yesterday"),
    ("events", "frobnicate"),
    ("camera",),
    ("camera", "probe"),
    ("camera", "probe", "rtsp://127.0.0.1:1/x"),
    ("bench", "no-such-bench"),
    ("docs", "no-such-page"),
    ("detect",),
    ("detect", "--min-score", "7", "x.jpg"),
    ("detect", "--min-score", "x", "x.jpg"),
    ("detect", "--lines", "/no/such.yaml", "x.jpg"),
    ("detect", "--modell", "x", "x.jpg"),
])
def test_wrong_arguments(call, tmp_path, args):
    (tmp_path / "good.txt").write_text("1,-1,10,20,30,40,0.9,-1,-1,-1\n")
    assert_clear(call(*args))


@pytest.mark.parametrize("command", ["detekt", "--frobnicate", ""])
def test_no_command(call, command):
    assert_clear(call(command), code=64, about="no command")


def test_did_you_mean(call):
    for args, word in ((("detetc",), "detect"), (("detect", "--modle", "x", "y"), "model"),
                       (("run", "--lisen", "x"), "listen")):
        assert f'"{word}"' in call(*args).err or f'--{word}"' in call(*args).err


def test_nobody_reads(omma, shared, tmp_path):
    """omma detect ... | head -1 ends soon."""
    process = subprocess.Popen([omma, "detect", str(shared / "data/videos/car-detection.mp4")],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env={**os.environ, "OMMA_HOME": str(tmp_path)})
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(TIMEOUT_S) >= 0
