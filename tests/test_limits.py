"""A machine holds so many cameras: the surplus is refused with a reason, the others run."""
from server import Omma


def states(server):
    return {c["id"]: c["state"] for c in server.json("/api/v1/cameras")["cameras"]}


def test_surplus_is_refused(omma, tmp_path):
    config = tmp_path / "omma.yaml"
    config.write_text("limits: {cameras: 2}\ncameras: {one: 'test:', two: 'test:', three: 'test:'}\n")
    with Omma(omma, tmp_path / "home", ["-c", str(config)]) as server:
        server.wait_for(lambda: states(server) == {"one": "live", "two": "live", "three": "refused"}, 10)
        refused = server.camera("three")
        assert "limits.cameras allows 2" in refused["reason"] and refused["hint"]
        limits = server.json("/api/v1/limits")
        assert limits["cameras"]["admitted"] == 2 and limits["cameras"]["refused"] == 1
        assert b"omma_cameras_refused 1" in server.request("GET", "/metrics")[2]
        # One goes, and the next change lets the refused one in.
        assert server.request("DELETE", "/api/v1/cameras/one")[0] == 204
        server.wait_for(lambda: states(server) == {"two": "live", "three": "live"}, 10)
        # A fourth one asks in vain, and is still kept.
        status, _, _ = server.request("POST", "/api/v1/cameras", {"id": "four", "source": "test:"})
        assert status == 201 and states(server)["four"] == "refused"


def test_memory_limit(omma, tmp_path):
    """The ceiling is printed at the start, and the reason has numbers."""
    with Omma(omma, tmp_path / "home", ["test:", "--limits-memory", "16MiB"]) as server:
        camera = next(iter(states(server)))
        server.wait_for(lambda: states(server)[camera] == "refused", 10)
        assert "MiB" in server.camera(camera)["reason"] and "limits.memory" in server.camera(camera)["hint"]
        assert b"hold" in open(server.log_path, "rb").read()
