"""Cards that are not there: asking for one costs a line in the log, not the service. And cards that only pretend
to be there, by the stand-ins of src/infer/fake_*.c."""
import json
import os
import pathlib
import subprocess

import pytest

from server import Omma


@pytest.fixture
def fakes(omma):
    """The environment in which two NVIDIA cards seem to be in this machine."""
    folder = pathlib.Path(omma).resolve().parent / "src" / "infer"
    if not (folder / "libfake_ort.so").is_file():
        pytest.skip("the stand-ins were not built")
    return {"OMMA_ORT_LIBRARY": str(folder / "libfake_ort.so"),
            "OMMA_NVML_LIBRARY": str(folder / "libfake_nvml.so")}


def detect(omma, shared, tmp_path, *options, **env):
    done = subprocess.run(
        [omma, "detect", shared / "data/images/coco/000000005001.jpg", "--model",
         shared / "data/models/yolox_nano_416.onnx", *options],
        capture_output=True, text=True, timeout=30,
        env={**os.environ, "OMMA_HOME": str(tmp_path / "home"), **env})
    assert done.returncode == 0, done.stderr
    objects = [o["label"] for o in json.loads(done.stdout)["objects"]]
    return objects, [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("providers", ["cuda", "cuda:0,cuda:1,cpu", "tensorrt", "openvino"])
def test_a_card_that_is_not_there_costs_one_line(omma, shared, tmp_path, providers):
    wanted, quiet = detect(omma, shared, tmp_path)
    got, lines = detect(omma, shared, tmp_path, "--providers", providers)
    assert "person" in wanted and got == wanted and not quiet
    assert len(lines) == 1 and lines[0]["level"] == "warn", lines
    first = providers.split(",")[0].split(":")[0]
    assert lines[0]["msg"].startswith(f"yolox_nano_416 runs on cpu; {first}: not in this ONNX Runtime")


def test_missing_libraries_are_told_with_the_reason(omma, shared, tmp_path, fakes):
    _, lines = detect(omma, shared, tmp_path, "--providers", "tensorrt", OMMA_FAKE_ORT="no-tensorrt", **fakes)
    warnings = [line["msg"] for line in lines if line["level"] == "warn"]
    assert warnings == ["yolox_nano_416 runs on cuda:0; tensorrt:0: libnvinfer.so.10: cannot open shared object file"]


def test_engines_are_kept_by_what_they_are_made_of(omma, shared, tmp_path, fakes):
    detect(omma, shared, tmp_path, "--providers", "tensorrt", **fakes)
    kept = sorted(p.name for p in (tmp_path / "home/cache/tensorrt").iterdir())
    assert len(kept) == 2 and kept[1] == "timing" and kept[0].endswith("-nvidia-l4-0"), kept


def test_cards_are_in_the_metrics_and_in_doctor(omma, shared, tmp_path, fakes):
    model = shared / "data/models/yolox_nano_416.onnx"
    args = ["test:", "--model", model, "--infer-providers", "cuda:0,cuda:1"]
    with Omma(omma, tmp_path / "home", args, env=fakes) as server:
        def metrics():
            text = server.request("GET", "/metrics")[2].decode()
            return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

        server.wait_for(lambda: float(metrics().get('omma_infer_runs_total{device="cuda:1"}', 0)) > 0, 20)
        found = metrics()
        assert float(found['omma_gpu_decoder_busy_ratio{gpu="0"}']) == 0.81
        assert 'omma_gpu_info{gpu="0",name="NVIDIA L4",driver="555.42.02"}' in found
        assert float(found['omma_infer_memory_bytes{kind="pinned",state="out"}']) > 0
    done = subprocess.run([omma, "doctor", "--json"], capture_output=True, text=True, timeout=20,
                          env={**os.environ, "OMMA_HOME": str(tmp_path / "home"), **fakes})
    checks = {check["check"]: check["text"] for check in json.loads(done.stdout)}
    assert "cpu, cuda, tensorrt" in checks["engine"]
    assert "NVIDIA L4, 6 of 24 GiB in use" in checks["cards"]


def test_a_wrong_card_is_told_at_the_start(omma, tmp_path):
    done = subprocess.run([omma, "run", "test:", "--infer-providers", "cuda:x"], capture_output=True, text=True,
                          timeout=20, env={**os.environ, "OMMA_HOME": str(tmp_path / "home")})
    assert done.returncode == 65 and '"cuda:x" names no device' in done.stderr


def test_a_wrong_card_in_the_file_is_told_by_check(omma, tmp_path):
    path = tmp_path / "omma.yaml"
    path.write_text("infer:\n  providers: cuda:0,gpu\ncameras:\n  gate: 'test:'\n")
    done = subprocess.run([omma, "check", path], capture_output=True, text=True, timeout=20)
    assert done.returncode == 65 and 'infer: providers: there is no execution provider "gpu"' in done.stderr
