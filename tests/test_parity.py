"""omma detect against the stored reference of every detector: the same boxes, the same AP, the same embeddings."""
import json
import math
import os
import subprocess

import pytest

# The share of the reference boxes that the reference's own code finds again when the pictures carry noise of one
# grey level; one point below that is asked.
SHARES = {
    "yolox_nano_416": 0.993,
    "nanodet_m_416": 0.992,
    "picodet_s_320": 0.993,
    "fastestdet_352": 0.964,
    "deimv2_atto_320_int8": 0.423,
    "yolov8n_640_int8": 0.943,
    "yolo26n_640_int8": 0.808,
    "yolov5n_plate_640": 1.000,
    "yunet_n_640": 0.978,
    "ultraface_rfb_320": 0.986,
}
AP_TOLERANCE = 0.01
COSINE_TOLERANCE = 0.02


def detect(omma, tmp_path, model, inputs, *options):
    """{file: objects or other result} of one run."""
    done = subprocess.run([omma, "detect", "--model", str(model), *options, *map(str, inputs)],
                          capture_output=True, env={**os.environ, "OMMA_HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr.decode()[-500:]
    return {row["file"]: row for row in map(json.loads, done.stdout.splitlines())}


def iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0
    inter = w * h
    return inter / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter)


def corners(box):
    x, y, w, h = box
    return [x, y, x + w, y + h]


def match(reference, found, floor):
    """How many reference boxes are found again, and how many found ones nobody asked for."""
    free = list(range(len(found)))
    hits = 0
    for class_id, score, *box in reference:
        for i in free:
            if (found[i]["class_id"] == class_id and abs(found[i]["score"] - score) <= 0.05
                    and iou(box, corners(found[i]["box"])) >= 0.85):
                free.remove(i)
                hits += 1
                break
    return hits, sum(found[i]["score"] >= floor for i in free)


@pytest.mark.parametrize("name", SHARES)
def test_same_boxes(omma, shared, tmp_path, name):
    data = shared / "data"
    reference = json.loads((data / f"expected/images/{name}.json").read_text())["images"]
    rows = detect(omma, tmp_path, data / f"models/{name}.onnx", [data / file for file in reference])
    asked = hits = extra = 0
    for file, expected in reference.items():
        wanted = [d for d in expected["dets"] if d[1] >= 0.35]
        row = rows[str(data / file)]
        assert (row["width"], row["height"]) == (expected["w"], expected["h"]), file
        got, more = match(wanted, row["objects"], 0.40)
        asked += len(wanted)
        hits += got
        extra += more
    print(f"{name}: {hits}/{asked} = {hits / asked:.4f}, extra {extra}")
    assert hits / asked >= SHARES[name] - 0.01
    assert extra <= max(asked - hits, 0.01 * asked)


@pytest.mark.parametrize("name", [n for n in SHARES if n.split("_")[0] in
                                  ("yolox", "nanodet", "picodet", "fastestdet", "deimv2", "yolov8n",
                                   "yolo26n")])
def test_same_ap(omma, shared, tmp_path, name):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    data = shared / "data"
    truth_file = data / "images/coco.json"
    raw = json.loads(truth_file.read_text())
    truth = COCO()
    truth.dataset = {"info": {}, **raw}
    truth.createIndex()
    ids = {image["file_name"].split("/")[-1]: image["id"] for image in raw["images"]}
    names = json.loads((data / "models/models.json").read_text())["models"]
    classes = next(m["classes"] for m in names if m["name"] == name)
    category = {c["name"]: c["id"] for c in raw["categories"]}
    rows = detect(omma, tmp_path, data / f"models/{name}.onnx", [data / "images/coco"],
                  "--min-score", "0.01", "--all-classes", "--nms-iou", "0.6", "--max-objects", "100")
    results = [{"image_id": ids[file.split("/")[-1]], "category_id": category[classes[o["class_id"]]],
                "bbox": o["box"], "score": o["score"]}
               for file, row in rows.items() for o in row["objects"]
               if classes[o["class_id"]] in category]
    scores = COCOeval(truth, truth.loadRes(results), "bbox")
    scores.evaluate()
    scores.accumulate()
    scores.summarize()
    expected = json.loads((data / "expected/ap.json").read_text())["detectors"][name]["all"]["AP"]
    print(f"{name}: AP {scores.stats[0]:.4f}, reference {expected:.4f}")
    assert abs(scores.stats[0] - expected) <= AP_TOLERANCE


def crop(image, box, out):
    from PIL import Image

    Image.open(image).convert("RGB").crop(box).save(out)


def test_same_embeddings(omma, shared, tmp_path):
    data = shared / "data"
    reference = json.loads((data / "expected/reid/osnet_x0_25_msmt17.json").read_text())
    files = []
    for i, item in enumerate(reference["crops"]):
        files.append(tmp_path / f"crop-{i:02d}.png")
        crop(data / item["image"], item["box"], files[-1])
    rows = detect(omma, tmp_path, data / "models/osnet_x0_25_msmt17.onnx", files)
    vectors = [rows[str(f)]["embedding"] for f in files]
    assert all(abs(math.hypot(*v) - 1) < 1e-3 for v in vectors)
    expected = reference["cosine"]
    worst = max(abs(sum(a * b for a, b in zip(vectors[i], vectors[j])) - expected[i][j])
                for i in range(len(files)) for j in range(len(files)))
    print(f"largest difference of a cosine: {worst:.4f}")
    assert worst <= COSINE_TOLERANCE
