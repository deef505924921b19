"""omma track against ground truth: CLEAR MOT and identity figures by py-motmetrics.

The rules are those of expected/tracks.json: which ground truth counts, and which boxes are
dropped before counting because they lie on something that is neither right nor wrong.
"""
import json
import subprocess

import motmetrics
import numpy
import pytest
from scipy.optimize import linear_sum_assignment

FRAME, ID, X, Y, W, H, FLAG, CLASS = range(8)
DONT_CARE = 10
# By kind of ground truth: classes that count (None: all rows), and classes to leave out.
KINDS = {
    "mot15": (None, ()),
    "mot16": ((1,), (2, 7, 8, 12)),
    "kitti": ((1,), (2, 7)),
    "kitti-vehicles": ((3, 4, 5), ()),
}
FIGURES = ("mota", "idf1", "num_switches", "num_false_positives", "num_misses")


def load(path):
    """Rows of a MOTChallenge file, the first eight columns, by frame."""
    rows = {}
    for line in path.read_text().splitlines():
        row = [float(cell) for cell in line.split(",")[:8]]
        rows.setdefault(int(row[FRAME]), []).append(row + [-1] * (8 - len(row)))
    return {frame: numpy.array(of_frame) for frame, of_frame in rows.items()}


def iou(a, b):
    """IoU of each box of a with each of b."""
    low = numpy.maximum(a[:, None, X:Y + 1], b[None, :, X:Y + 1])
    high = numpy.minimum(a[:, None, X:Y + 1] + a[:, None, W:H + 1],
                         b[None, :, X:Y + 1] + b[None, :, W:H + 1])
    common = numpy.prod(numpy.clip(high - low, 0, None), axis=2)
    areas = a[:, None, W] * a[:, None, H] + b[None, :, W] * b[None, :, H]
    return common / (areas - common), common / (a[:, None, W] * a[:, None, H])


def split_truth(rows, kind):
    """Ground truth of one frame: what counts, what is left out, regions nobody labelled."""
    classes, left_out = KINDS[kind]
    if classes is None:
        return rows, rows[:0], rows[:0]
    counts = numpy.isin(rows[:, CLASS], classes)
    if kind == "mot16":
        counts &= rows[:, FLAG] == 1
    return (rows[counts], rows[numpy.isin(rows[:, CLASS], left_out)],
            rows[rows[:, CLASS] == DONT_CARE])


def keep(boxes, truth, left_out, dont_care):
    """The boxes that count."""
    if not len(left_out) and not len(dont_care):
        return boxes
    drop = numpy.zeros(len(boxes), bool)
    if len(dont_care):
        drop = (iou(boxes, dont_care)[1] > 0.5).any(axis=1)
    overlap = iou(boxes, numpy.concatenate([truth, left_out]))[0]
    cost = numpy.where(overlap >= 0.5, 1 - overlap, 1e3)
    for i, j in zip(*linear_sum_assignment(cost)):
        if overlap[i, j] >= 0.5:
            drop[i] = j >= len(truth)
    return boxes[~drop]


def score(truth_by_frame, found_by_frame, kind):
    """MOTA, IDF1 and what they are made of."""
    none = numpy.empty((0, 8))
    sums = motmetrics.MOTAccumulator()
    for frame in sorted(set(truth_by_frame) | set(found_by_frame)):
        rows = truth_by_frame.get(frame, none)
        truth, left_out, dont_care = split_truth(rows, kind)
        found = keep(found_by_frame.get(frame, none), truth, left_out, dont_care)
        distance = motmetrics.distances.iou_matrix(truth[:, X:H + 1], found[:, X:H + 1], 0.5)
        sums.update(truth[:, ID].astype(int), found[:, ID].astype(int), distance, frame)
    row = motmetrics.metrics.create().compute(sums, metrics=list(FIGURES)).iloc[0]
    return {name: float(row[name]) for name in FIGURES}


@pytest.fixture(scope="module")
def tracks(shared):
    folder = shared / "data" / "tracks"
    if not folder.is_dir():
        pytest.skip("no ../shared/data/tracks")
    return folder


@pytest.fixture(scope="module")
def expected(shared):
    return json.loads((shared / "data" / "expected" / "tracks.json").read_text())["sequences"]


@pytest.mark.parametrize("name", ["TUD-Campus", "MOT16-11"])
def test_evaluation_is_right(tracks, expected, name):
    """The figures that others got for the result files that came with the sequences."""
    found = score(load(tracks / name / "gt.txt"), load(tracks / name / "result.txt"),
                  expected[name]["gt_kind"])
    known = expected[name]["motmetrics_for_result.txt"]
    for figure in FIGURES:
        assert found[figure] == pytest.approx(known[figure], abs=1e-4), figure


def best_sort(rows):
    """The better of the reference SORT's two runs, figure by figure."""
    runs = [run for key, run in rows.items() if key.startswith("sort_")]
    return {figure: max(run[figure] for run in runs) for figure in ("mota", "idf1")}


def run_omma(omma, detections, output, *flags):
    done = subprocess.run([omma, "track", "--detections", str(detections), "--output", str(output),
                           *flags], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Nobody may know the frame rate: 10 frames a second are then taken for 25.
@pytest.mark.parametrize("knows_fps", [True, False])
def test_better_than_sort(omma, tracks, expected, tmp_path, knows_fps):
    ahead = []
    for name, rows in expected.items():
        detections = tmp_path / f"{name}.txt"
        detections.write_text((tracks / name / "det.txt").read_text())
        fps = 30 if name == "MOT16-11" else 25 if name == "TUD-Campus" else 10
        output = tmp_path / f"{name}.out"
        run_omma(omma, detections, output, *(["--fps", str(fps)] if knows_fps else []))
        found = score(load(tracks / name / "gt.txt"), load(output), rows["gt_kind"])
        sort = best_sort(rows)
        ahead.append([100 * (found[figure] - sort[figure]) for figure in ("mota", "idf1")])
        print(f"{name:18} MOTA {100 * found['mota']:.1f} ({ahead[-1][0]:+.1f}) "
              f"IDF1 {100 * found['idf1']:.1f} ({ahead[-1][1]:+.1f})")
    print("average ahead of SORT:", numpy.mean(ahead, axis=0).round(2))
    assert (numpy.array(ahead) > -1).all()
    assert (numpy.mean(ahead, axis=0) > 0).all()


def test_time(omma, tracks, tmp_path):
    figures = json.loads(run_omma(omma, tracks / "MOT16-11" / "det.txt", tmp_path / "out", "--json"))
    print(figures)
    assert figures["frames"] == 900 and figures["detections"] == 6007 and figures["fps"] == 30
    assert figures["us_per_detection"] <= 20


def test_pipe_and_order(omma, tracks, tmp_path):
    """Standard input and output; the order of the lines does not matter."""
    lines = (tracks / "TUD-Campus" / "det.txt").read_text().splitlines()
    run_omma(omma, tracks / "TUD-Campus" / "det.txt", tmp_path / "out")
    done = subprocess.run([omma, "track", "--detections", "-", "--output", "-", "--fps", "25"],
                          input="\n".join(reversed(lines)), capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0
    assert done.stdout == (tmp_path / "out").read_text()


def test_mistakes(omma, tmp_path):
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("1,-1,1,2,3,4,0.9\n1,-1,1,2,3\n")
    for arguments, code, says in [
        (["--detections", str(wrong), "--output", "-"], 65, "wrong.txt: line 2 has 5 fields"),
        (["--detections", str(tmp_path / "none"), "--output", "-"], 66, "none"),
        (["--detections", str(wrong)], 64, "--output is missing"),
        (["--detections", str(wrong), "--output", "-", "--fps", "0"], 64, "fps"),
    ]:
        done = subprocess.run([omma, "track", *arguments], capture_output=True, text=True,
                              timeout=10)
        assert done.returncode == code, done.stderr
        assert says in done.stderr
