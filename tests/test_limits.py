"""Cameras beyond the limits are refused with a reason; the others run, and who leaves makes room."""
import signal

from server import Omma

CAMERAS = """cameras:
  a: "test:"
  b: "test:"
  c: "test:"
"""


def states(server):
    return {c["id"]: c["state"] for c in server.json("/api/v1/cameras")["cameras"]}


def configure(tmp_path, limits):
    config = tmp_path / "omma.yaml"
    config.write_text(f"limits: {limits}\n{CAMERAS}")
    return config


def test_surplus_is_refused(omma, tmp_path):
    """limits.cameras: 2 with three: the third says why; removing one lets it in."""
    config = configure(tmp_path, "{cameras: 2}")
    with Omma(omma, tmp_path / "home", ["-c", str(config)]) as server:
        server.wait_for(lambda: states(server) == {"a": "live", "b": "live", "c": "refused"}, 20)
        c = server.camera("c")
        assert "camera c refused" in c["reason"] and "limits.cameras allows 2" in c["reason"]
        assert "raise limits.cameras" in c["hint"]
        assert server.request("GET", "/api/v1/cameras/c/live.mp4")[0] == 409
        assert server.request("GET", "/health/stream?strict=1")[0] == 503
        limits = server.json("/api/v1/limits")
        assert limits["cameras"]["admitted"] == 2 and limits["cameras"]["refused"] == 1
        assert "cores and" in limits["contract"]
        metrics = server.request("GET", "/metrics")[2].decode()
        assert "\nomma_cameras_refused 1\n" in metrics

        b_frames = server.camera("b")["frames"]["decoded"]
        assert server.request("DELETE", "/api/v1/cameras/a")[0] == 204
        server.wait_for(lambda: states(server) == {"b": "live", "c": "live"}, 10)
        assert server.camera("c").get("reason") in (None, "")
        b = server.camera("b")
        assert b["reconnects"] == 0 and b["frames"]["decoded"] >= b_frames
        assert server.json("/api/v1/limits")["cameras"]["refused"] == 0


def test_new_limits_by_reload(omma, tmp_path):
    """SIGHUP raises the limit: who was refused comes in, who ran goes on. Lowered again, nobody is thrown out."""
    config = configure(tmp_path, "{cameras: 1}")
    with Omma(omma, tmp_path / "home", ["-c", str(config)]) as server:
        server.wait_for(lambda: states(server) == {"a": "live", "b": "refused", "c": "refused"}, 20)
        since = server.camera("a")["state_since"]
        configure(tmp_path, "{cameras: 3}")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for(lambda: set(states(server).values()) == {"live"}, 20)
        configure(tmp_path, "{cameras: 1}")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for(lambda: server.json("/api/v1/limits")["cameras"]["limit"] == 1, 10)
        assert set(states(server).values()) == {"live"}
        assert server.camera("a")["state_since"] == since


def test_memory_is_a_promise(omma, tmp_path):
    """What would exceed limits.memory does not start, and the reason has the figures."""
    config = configure(tmp_path, "{memory: 1MiB}")
    with Omma(omma, tmp_path / "home", ["-c", str(config)]) as server:
        server.wait_for(lambda: set(states(server).values()) == {"refused"}, 20)
        reason = server.camera("a")["reason"]
        assert "it would exceed 1.0 MiB: Omma takes" in reason
        assert "limits.memory" in server.camera("a")["hint"]
        # The log has the contract, once.
        log = open(server.log_path).read()
        assert log.count("cameras of 640x360 at 5 fps") == 1
