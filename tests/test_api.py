"""The HTTP API: cameras added, changed, removed and taken back; mistakes; attacks; events that survive."""
import concurrent.futures
import http.client
import io
import itertools
import json
import os
import re
import signal
import socket
import threading
import time
import urllib.parse

import pytest
from PIL import Image

from server import Omma

LINE = {"points": [[0, 0.5], [1, 0.5]], "classes": []}
ZONE = {"points": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]], "classes": ["car", "truck"]}


@pytest.fixture
def server(omma, tmp_path):
    with Omma(omma, tmp_path / "home", ["test:"]) as running:
        yield running


def problem(answer, status):
    """The problem document of an answer, whole and with this status."""
    got, headers, body = answer
    assert got == status, (got, body)
    assert headers["Content-Type"].startswith("application/problem+json")
    said = json.loads(body)
    assert said["status"] == status and said["title"] and said["detail"]
    assert said["request_id"] == headers["X-Request-Id"]
    return said


def post(server, body, path="/api/v1/cameras", **more):
    return server.request("POST", path, body, **more)


def live(server, camera):
    server.wait_for(lambda: server.camera(camera)["state"] == "live", 10)


# ---- cameras -----------------------------------------------------------------------------------


def test_camera_has_every_field(server):
    live(server, "test")
    server.wait_for(lambda: server.camera("test")["frames"]["decoded"] > 5, 10)
    cam = server.camera("test")
    assert cam["source"].startswith("test:") and cam["enabled"] is True
    assert cam["live"] in ("fmp4", "jpeg") and cam["width"] > 0 and cam["height"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", cam["state_since"])
    for key in ("reason", "hint", "codec", "codecs", "fps", "bitrate_bps", "delay_ms", "reconnects",
                "stalls", "tracks", "model", "detect_fps", "zones", "lines", "next_try_s"):
        assert key in cam, key
    assert set(cam["frames"]) == {"decoded", "detected", "skipped", "corrupt", "put_off",
                                  "parts"}
    assert set(cam["packets"]) == {"received", "not_decoded", "put_off", "wakes", "awake"}
    status, _, body = server.request("GET", "/api/v1/cameras/test")
    assert status == 200 and json.loads(body)["id"] == "test"


def test_add_change_remove_undo(server):
    status, headers, body = post(server, {"source": "test:", "lines": {"gate": LINE}})
    assert status == 201, body
    made = json.loads(body)
    assert made["id"] == "test-2" and headers["Location"] == "/api/v1/cameras/test-2"
    assert made["lines"] == {"gate": LINE} and made["zones"] == {} and made["enabled"] is True
    live(server, "test-2")

    # What is not named stays; drawings change without touching the stream.
    since = server.camera("test-2")["state_since"]
    status, _, body = server.request("PUT", "/api/v1/cameras/test-2",
                                     {"zones": {"yard": ZONE}, "detect_fps": 3})
    assert status == 200, body
    cam = server.camera("test-2")
    assert cam["zones"] == {"yard": ZONE} and cam["lines"] == {"gate": LINE}
    assert cam["detect_fps"] == 3 and cam["state_since"] == since and cam["state"] == "live"
    shapes = {(c["kind"], c["shape"]) for c in server.json("/api/v1/cameras/test-2/counts")["counts"]}
    assert all(shape in ("gate", "yard") for _, shape in shapes)

    server.request("PUT", "/api/v1/cameras/test-2", {"enabled": False})
    assert server.camera("test-2")["state"] == "disabled"
    problem(server.request("GET", "/api/v1/cameras/test-2/live.mp4"), 409)

    assert server.request("DELETE", "/api/v1/cameras/test-2")[0] == 204
    problem(server.request("GET", "/api/v1/cameras/test-2"), 404)
    status, _, body = post(server, None, "/api/v1/cameras/undo")
    assert status == 200, body
    assert [c["id"] for c in json.loads(body)["cameras"]] == ["test", "test-2"]
    assert server.camera("test-2")["zones"] == {"yard": ZONE}


def test_changes_are_kept_over_a_restart(omma, tmp_path):
    with Omma(omma, tmp_path / "home", ["test:"]) as server:
        assert post(server, {"id": "kept", "source": "test:", "lines": {"gate": LINE}})[0] == 201
        server.stop(signal.SIGKILL)
        server.start()
        assert server.camera("kept")["lines"] == {"gate": LINE}


def test_secrets_stay_inside(server):
    source = "rtsp://viewer:s3cr3t@127.0.0.1:9/live"
    status, _, body = post(server, {"id": "locked", "source": source})
    assert status == 201 and b"s3cr3t" not in body
    shown = server.camera("locked")["source"]
    assert "s3cr3t" not in shown and "127.0.0.1:9/live" in shown
    # What is shown can be sent back without losing the password.
    status, _, body = server.request("PUT", "/api/v1/cameras/locked",
                                     {"source": shown, "detect_fps": 1})
    assert status == 200
    for path in ("/api/v1/cameras", "/health/stream", "/metrics", "/api/v1/events"):
        assert b"s3cr3t" not in server.request("GET", path)[2]
    assert b"s3cr3t" not in open(server.log_path, "rb").read()


def test_environment_is_not_given_away(omma, tmp_path):
    with Omma(omma, tmp_path / "home", ["test:"], env={"VERY_PRIVATE": "tops3cret"}) as server:
        post(server, {"id": "spy", "source": "http://127.0.0.1:9/${VERY_PRIVATE}.m3u8"})
        server.stop()
        server.start()  # reads back what was kept
        for path in ("/api/v1/cameras", "/health/stream"):
            assert b"tops3cret" not in server.request("GET", path)[2]
        assert "spy" in [c["id"] for c in server.json("/api/v1/cameras")["cameras"]]


def test_add_and_remove_many_times(server):
    """50 cameras come and go; memory, threads and descriptors are where they were."""

    def size():
        tasks = len(os.listdir(f"/proc/{server.process.pid}/task"))
        descriptors = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        return tasks, descriptors, server.rss_bytes()

    def one():
        assert post(server, {"id": "guest", "source": "test:"})[0] == 201
        server.wait_for(lambda: server.camera("guest")["frames"]["decoded"] > 0, 10)
        assert server.request("DELETE", "/api/v1/cameras/guest")[0] == 204

    for _ in range(30):  # the allocator's and the pools' high-water marks come first
        one()
    before = size()
    for _ in range(50):
        one()
    time.sleep(0.3)
    after = size()
    assert abs(after[0] - before[0]) <= 1 and abs(after[1] - before[1]) <= 3, (before, after)
    assert after[2] - before[2] < 8 << 20, (before, after)


# ---- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("body, status, words, hint", [
    ({"souce": "test:"}, 422, "souce", "source"),
    ({}, 422, "source", "rtsp://"),
    ({"source": "gopher://x"}, 422, "", ""),
    ({"source": "test:", "id": "../../etc"}, 422, "id", ""),
    ({"source": "test:", "id": "test"}, 409, "test", ""),
    ({"source": "test:", "lines": {"a": {"points": [[0, 0]]}}}, 422, "lines.a", ""),
    ({"source": "test:", "zones": {"a": {"points": [[0, 0], [1, 1], [300, 2]]}}}, 422, "zones.a", ""),
    ({"source": "test:", "model": "/no/such/model.onnx"}, 0, "", ""),
    ([], 422, "object", ""),
])
def test_bad_bodies(server, body, status, words, hint):
    answer = post(server, body)
    said = problem(answer, status or answer[0])
    assert 400 <= said["status"] < 500
    assert words in said["detail"] and hint in said.get("hint", "")
    assert [c["id"] for c in server.json("/api/v1/cameras")["cameras"]] == ["test"]


def raw(server, text, read=True):
    """Sends bytes as they are and returns the answer's."""
    where = urllib.parse.urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), 10) as line:
        line.sendall(text if isinstance(text, bytes) else text.encode())
        answer = b""
        while read:
            piece = line.recv(65536)
            if not piece:
                return answer
            answer += piece
            if b"\r\n\r\n" in answer:
                return answer


def test_bodies_that_are_no_json(server):
    where = "/api/v1/cameras"
    for body in (b"{", b"", b'{"a":1,"a":2}', b"\xff\xfe", b"[" * 10000):
        answer = raw(server, f"POST {where} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
                             f"\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        assert b" 400 " in answer.split(b"\r\n")[0], (body[:20], answer)
    answer = raw(server, f"POST {where} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n")
    assert b" 413 " in answer.split(b"\r\n")[0]
    answer = raw(server, f"POST {where} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                         "Content-Type: text/plain\r\n\r\n{}")
    assert b" 415 " in answer.split(b"\r\n")[0]


def test_unknown_places(server):
    problem(server.request("GET", "/api/v1/camera"), 404)
    said = problem(server.request("GET", "/api/v1/cameras/nobody"), 404)
    assert "nobody" in said["detail"] and "/api/v1/cameras" in said["hint"]
    for part in ("/snapshot.jpg", "/counts", "/boxes", "/live.mp4"):
        problem(server.request("GET", "/api/v1/cameras/nobody" + part), 404)
    problem(server.request("DELETE", "/api/v1/cameras/nobody"), 404)
    problem(server.request("PUT", "/api/v1/cameras/nobody", {"enabled": True}), 404)
    answer = server.request("DELETE", "/api/v1/cameras")
    problem(answer, 405)
    assert "GET" in answer[1]["Allow"] and "POST" in answer[1]["Allow"]


@pytest.mark.parametrize("query", [
    "limit=0", "limit=1001", "limit=x", "after=-1", "before=1.5", "type=nonsense", "order=up",
    "from=yesterday", "camera=" + "x" * 80,
])
def test_bad_questions(server, query):
    assert problem(server.request("GET", "/api/v1/events?" + query), 422).get("detail")


# ---- attacks -----------------------------------------------------------------------------------


def test_other_hosts_are_refused(server):
    """A web page must not reach loopback by a name of its own (DNS rebinding)."""
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example"):
        answer = raw(server, f"GET /api/v1/cameras HTTP/1.1\r\nHost: {host}\r\n\r\n")
        assert b" 421 " in answer.split(b"\r\n")[0], host
    answer = raw(server, "GET /api/v1/cameras HTTP/1.1\r\n\r\n")
    assert b" 400 " in answer.split(b"\r\n")[0]
    port = urllib.parse.urlsplit(server.url).port
    answer = raw(server, f"GET /livez HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")
    assert b" 200 " in answer.split(b"\r\n")[0]


def test_other_origins_cannot_change_anything(server):
    body = {"id": "evil", "source": "test:"}
    for origin in ("http://evil.example", "null", "https://localhost.evil.example"):
        problem(post(server, body, headers={"Origin": origin}), 403)
    assert [c["id"] for c in server.json("/api/v1/cameras")["cameras"]] == ["test"]
    assert post(server, body, headers={"Origin": server.url})[0] == 201


# ---- events ------------------------------------------------------------------------------------


class Events:
    """A client of /api/v1/events/stream: (id, type, data) one after another."""

    def __init__(self, server, query="", headers=None, path="/api/v1/events/stream"):
        where = urllib.parse.urlsplit(server.url)
        self.line = http.client.HTTPConnection(where.hostname, where.port, timeout=20)
        self.line.request("GET", path + query, headers=headers or {})
        self.answer = self.line.getresponse()
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.headers["Content-Type"].startswith("text/event-stream")

    def __iter__(self):
        fields = {}
        for line in self.answer:
            text = line.decode().rstrip("\n")
            if text:
                name, _, value = text.partition(": ")
                fields[name] = value
            elif "data" in fields:
                yield int(fields.get("id", 0)), fields.get("event"), json.loads(fields["data"])
                fields = {}
            else:
                fields = {}

    def close(self):
        self.line.close()


def make_events(server, count):
    """At least `count` events: the camera is switched on and off. In the end it is off, and all is quiet."""
    want = seq(server) + count
    while seq(server) < want:
        for is_on in (True, False):
            status, _, body = server.request("PUT", "/api/v1/cameras/test", {"enabled": is_on})
            assert status == 200, body
            server.wait_for(lambda: server.camera("test")["state"] == ("live" if is_on else "disabled"), 10)
        time.sleep(0.1)  # committed by now


def seq(server):
    return server.json("/health")["journal"]["seq"]


def test_pages_of_events(server):
    make_events(server, 8)
    everything = server.json("/api/v1/events?limit=1000&type=camera.state")["events"]
    ids = [e["id"] for e in everything]
    assert len(ids) >= 8 and len(set(ids)) == len(ids)
    for event in everything:
        assert event["specversion"] == "1.0" and event["source"] == "/cameras/test"
        assert event["type"] == "io.omma.camera.state.v1"

    paged, after = [], 0
    while True:
        page = server.json(f"/api/v1/events?limit=3&type=camera.state&after={after}")
        if not page["events"]:
            break
        assert page["next"] > after
        paged += [e["id"] for e in page["events"]]
        after = page["next"]
    assert paged == ids
    newest = server.json("/api/v1/events?limit=2&order=desc&type=camera.state")
    assert [e["id"] for e in newest["events"]] == ids[:-3:-1]
    older = server.json(f"/api/v1/events?limit=2&order=desc&before={newest['next']}")
    assert older["next"] < newest["next"]
    assert server.json("/api/v1/events?camera=nobody")["events"] == []
    assert server.json("/api/v1/events?from=2099-01-01T00:00:00Z")["events"] == []


def test_stream_starts_now_or_where_it_is_told(server):
    make_events(server, 4)
    now = seq(server)
    fresh, all_of_them = Events(server), Events(server, "?after=0&type=camera")
    other = Events(server, "?after=0&camera=nobody")
    make_events(server, 1)
    assert next(iter(fresh))[0] > now
    got = list(itertools.islice(all_of_them, 5))
    assert [g[0] for g in got] == sorted(g[0] for g in got) and got[0][0] <= now
    assert all(g[1] == g[2]["type"] == "io.omma.camera.state.v1" for g in got)
    for client in (fresh, all_of_them, other):
        client.close()
    problem(server.request("GET", "/api/v1/events/stream?type=nonsense"), 422)
    problem(server.request("GET", "/api/v1/events/stream", headers={"Last-Event-ID": "x"}), 422)


def test_no_event_is_lost_over_kill(omma, tmp_path):
    """What a client was sent is there after kill -9, ids go on, and Last-Event-ID resumes without a gap."""
    with Omma(omma, tmp_path / "home", ["test:"]) as server:
        seen, last = {}, 0
        for _ in range(3):
            client = Events(server, headers={"Last-Event-ID": str(last)})
            make_events(server, 6)
            for number, (at, _, event) in enumerate(client):
                assert at == last + 1, "a gap or a repeat"
                seen[at], last = event["id"], at
                if number == 4:
                    break
            server.stop(signal.SIGKILL)
            client.close()
            server.start()
        kept, after = {}, 0
        while page := server.json(f"/api/v1/events?limit=1000&after={after}")["events"]:
            for i, event in enumerate(page):
                kept[after + i + 1] = event["id"]
            after += len(page)
        assert len(seen) == 15 and all(kept[at] == event for at, event in seen.items())


def test_many_clients_hear_everything(server):
    """100 clients at once, each hears every event once and in order."""
    start = seq(server)
    clients = [Events(server, f"?after={start}") for _ in range(100)]
    memory = server.rss_bytes()
    make_events(server, 20)
    want = list(range(start + 1, start + 21))

    def read(client):
        got = [at for at, _, _ in itertools.islice(client, len(want))]
        client.close()
        return got

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        for got in pool.map(read, clients):
            assert got == want
    assert server.rss_bytes() - memory < 32 << 20
    server.wait_for(lambda: metric(server, "omma_event_stream_clients") == 0, 10)


def test_a_client_that_reads_nothing_disturbs_nobody(server):
    sleeper = Events(server, "?after=0")
    reader = Events(server, f"?after={seq(server)}")
    heard = []
    thread = threading.Thread(target=lambda: heard.extend(itertools.islice(reader, 30)))
    thread.start()
    make_events(server, 30)
    thread.join(15)
    assert len(heard) == 30
    sleeper.close()
    reader.close()


def test_boxes_as_they_are_found(server):
    live(server, "test")
    client = Events(server, path="/api/v1/cameras/test/boxes")
    got = [data for _, _, data in itertools.islice(client, 5)]
    client.close()
    times = [g["pts_us"] for g in got]
    assert times == sorted(times) and len(set(times)) == 5
    assert all(g["camera"] == "test" and g["width"] > 0 for g in got)


def test_schemas_fit_the_events(server):
    import jsonschema

    make_events(server, 2)
    for event in server.json("/api/v1/events?limit=1000")["events"]:
        status, _, schema = server.request("GET", f"/schemas/{event['type']}.json")
        assert status == 200
        jsonschema.validate(event["data"], json.loads(schema))
    problem(server.request("GET", "/schemas/nonsense.json"), 404)


# ---- health ------------------------------------------------------------------------------------


def metric(server, name):
    text = server.request("GET", "/metrics")[2].decode()
    return sum(float(line.split()[-1]) for line in text.splitlines()
               if re.match(re.escape(name) + r"[{ ]", line))


def test_health(server):
    assert server.request("GET", "/livez")[::2] == (200, b"ok\n")
    assert server.request("GET", "/readyz")[0] == 200
    live(server, "test")
    health = server.json("/health")
    assert health["status"] == "ok" and health["version"] and health["uptime_s"] > 0
    assert health["cameras"] == {"total": 1, "live": 1}
    assert abs(health["memory"]["rss_bytes"] - server.rss_bytes()) < 16 << 20
    assert server.json("/health/stream")["status"] == "ok"
    post(server, {"id": "away", "source": "rtsp://127.0.0.1:9/x"})
    server.wait_for(lambda: server.camera("away")["reason"], 10)
    assert server.request("GET", "/health/stream")[0] == 200
    status, _, body = server.request("GET", "/health/stream?strict=1")
    away = next(c for c in json.loads(body)["cameras"] if c["id"] == "away")
    assert status == 503 and json.loads(body)["status"] == "degraded"
    assert away["state"] == "backoff" and away["reason"] and away["hint"]
    assert set(away) == {"id", "state", "since", "reason", "hint", "fps", "delay_ms", "reconnects",
                         "stalls", "next_try_s"}


def test_metrics_are_prometheus(server):
    live(server, "test")
    status, headers, body = server.request("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    sample = re.compile(r'^[a-z_:][a-z0-9_:]*(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? -?[0-9.e+naif-]+$')
    kinds = {}
    for line in body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in kinds, f"{name} twice"
            kinds[name] = kind
        elif not line.startswith("#"):
            assert sample.match(line), line
            assert re.split(r"[{ ]", line)[0] in kinds, line
    assert kinds["omma_camera_up"] == "gauge" and metric(server, "omma_camera_up") == 1


# ---- pictures ----------------------------------------------------------------------------------


def test_snapshot(server):
    live(server, "test")
    cam = server.camera("test")
    server.wait_for(lambda: server.status("/api/v1/cameras/test/snapshot.jpg") == 200, 10)
    status, headers, body = server.request("GET", "/api/v1/cameras/test/snapshot.jpg")
    picture = Image.open(io.BytesIO(body))
    picture.load()
    assert headers["Content-Type"] == "image/jpeg" and picture.format == "JPEG"
    assert picture.size == (cam["width"], cam["height"])
    small = server.request("GET", "/api/v1/cameras/test/snapshot.jpg?width=160")[2]
    width, height = Image.open(io.BytesIO(small)).size
    assert width == 160 and abs(height - 160 * cam["height"] / cam["width"]) <= 1
    problem(server.request("GET", "/api/v1/cameras/test/snapshot.jpg?width=0"), 422)


def test_no_picture_yet(server):
    post(server, {"id": "away", "source": "rtsp://127.0.0.1:9/x"})
    answer = server.request("GET", "/api/v1/cameras/away/snapshot.jpg")
    said = problem(answer, 503)
    assert answer[1]["Retry-After"] and "away" in said["detail"] and said["hint"]


def test_page_is_locked_down(server):
    status, headers, _ = server.request("GET", "/")
    assert status == 200 and headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
