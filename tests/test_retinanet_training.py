"""The detector through the command line: it learns, ranks change nothing, the export does what its users call."""

import json

import cv2
import numpy as np
import pytest
from conftest import log_of, must, refused

SMALL = ("data.height=128", "data.width=128", "network.channels=[16,16,24,32]", "network.blocks=[1,1,1,1]",
         "network.filters=24", "network.head_convs=1", "train.tensorboard=false", "evaluation.bootstrap=20",
         "precision=float32", "seed=3")
STILL = ("augment.scale_min=1", "augment.scale_max=1", "augment.stretch=0", "augment.turn=0",
         "augment.contrast_share=0",
         "augment.blur_share=0", "augment.noise_share=0", "augment.stroke_share=0", "augment.binary_share=0")


def scribble(page, box, rng):
    """A wild line that reaches all sides of the box (ymin, xmin, ymax, xmax)."""
    ymin, xmin, ymax, xmax = box
    points = np.stack([np.linspace(xmin, xmax - 1, 12), rng.uniform(ymin, ymax - 1, 12)], 1)
    points[[2, 7], 1] = ymin, ymax - 1
    cv2.polylines(page, [np.rint(points).astype(np.int32)], False, 0, 2)


def pages_folder(root, pages=4, height=160, width=128):
    """A YOLO set whose train, val and test hold the same pages: bars for text, one or two scribbles."""
    rng = np.random.default_rng(1)
    for number in range(pages):
        page = np.full((height, width), 255, np.uint8)
        for y in range(6, 50, 7):
            page[y:y + 3, 8:8 + rng.integers(40, 100)] = 0
        lines = []
        for place in range(1 + number % 2):
            top, left = 60 + 45 * place + rng.integers(0, 10), rng.integers(4, 50)
            box = top, left, top + 18 + rng.integers(0, 8), left + 45 + rng.integers(0, 25)
            scribble(page, box, rng)
            lines.append(f"0 {(box[1] + box[3]) / 2 / width} {(box[0] + box[2]) / 2 / height} "
                         f"{(box[3] - box[1]) / width} {(box[2] - box[0]) / height}")
        for split in ("train", "val", "test"):
            (root / "images" / split).mkdir(parents=True, exist_ok=True)
            (root / "labels" / split).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / "images" / split / f"{number}.png"), page)
            (root / "labels" / split / f"{number}.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("scribbles")
    pages_folder(root / "in")
    must("data", "prepare", "documents", root / "in", "--out", root / "out", "--classes", "signature", "--duplicates",
         "keep")
    return root / "out"


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A small detector that has seen four pages two hundred times, on two ranks."""
    folder = tmp_path_factory.mktemp("learned") / "run"
    must("train", "retinanet_light", "--run", folder, "--ranks", 2, f"data.root={data}", *SMALL, *STILL,
         "train.global_batch=4",
         "train.epochs=200", "train.evaluate_epochs=100", "train.checkpoint_epochs=100",
         "train.optimizer.learning_rate=0.004",
         "train.optimizer.base_batch=4", "train.schedule.warmup_epochs=5", "train.optimizer.weight_decay=0",
         timeout=1800)
    must("evaluate", folder)
    return folder


def test_overfits_a_batch(run):
    metrics = json.loads((run / "metrics.json").read_text())
    found = metrics["detection"]["signature"]
    assert found["AP50"] > 0.9 and found["AP"] > 0.5 and found["boxes"] == 6
    assert metrics["at_threshold"]["signature"]["f1"] > 0.9
    assert metrics["baseline_usual_places"]["signature"]["AP50"] < found["AP50"]
    assert log_of(run)[-1]["loss"] < 0.5 * log_of(run)[0]["loss"]
    assert (run / "pictures" / "hits.png").is_file()


def test_evaluation_over_ranks_is_the_same(run):
    before = json.loads((run / "metrics.json").read_text())
    must("evaluate", run, "--ranks", 2)
    after = json.loads((run / "metrics.json").read_text())
    assert after["evaluation"]["ranks"] == 2
    assert after["detection"] == before["detection"]
    # a threshold is a score, which batches of another size round elsewhere
    assert after["at_threshold"]["signature"] == pytest.approx(before["at_threshold"]["signature"], rel=1e-5)


def test_export_is_what_signver_calls(run, data):
    """Loaded where this package cannot be imported; pages of several shapes, inverted, black, tiny, huge."""
    must("export", run)
    program = run.parent / "user.py"
    program.write_text(f"""
import sys
sys.modules['gaudi'] = sys.modules['models'] = None
import cv2, json, numpy as np, tensorflow as tf
m = tf.saved_model.load({str(run / 'export' / '1')!r})
def detect(page):
    d = m(tf.constant(page[None]))
    n = int(d['num_detections'])
    boxes = tf.reshape(d['detection_boxes'], [n, 4]).numpy().tolist()
    scores = tf.reshape(d['detection_scores'], [n]).numpy().tolist()
    return boxes, scores, tf.reshape(d['detection_classes'], [n]).numpy().tolist()
page = cv2.imread(sys.argv[1])
wide = cv2.copyMakeBorder(page, 0, 0, 0, 32, cv2.BORDER_CONSTANT, value=(255, 255, 255))
large = cv2.resize(page, None, fx=10, fy=10)
answers = {{name: detect(image) for name, image in dict(
    page=page, inverted=255 - page, wide=wide, large=large, black=np.zeros((90, 70, 3), np.uint8),
    pixel=np.full((1, 1, 3), 255, np.uint8), strip=np.full((3, 9000, 3), 255, np.uint8)).items()}}
served = m.signatures['serving_default'](images=tf.constant(np.stack([page, page])))
files = m.signatures['encoded'](encoded=tf.constant([open(sys.argv[1], 'rb').read()]))
answers['names'] = [name.decode() for name in m.classes.numpy()]
answers['served'] = [int(n) for n in served['num_detections']] + [int(n) for n in files['num_detections']]
json.dump(answers, open(sys.argv[2], 'w'))
""")
    import subprocess
    import sys
    page = data.parent / "in" / "images" / "test" / "1.png"
    done = subprocess.run([sys.executable, "-I", program, page, run.parent / "answers.json"], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    answers = json.loads((run.parent / "answers.json").read_text())
    boxes, scores, classes = answers["page"]
    assert answers["names"] == ["signature"]
    wanted = [tuple(map(float, line.split()[1:])) for line in
              (data.parent / "in" / "labels" / "test" / "1.txt").read_text().splitlines()]
    for x, y, width, height in wanted:
        truth = np.array([y - height / 2, x - width / 2, y + height / 2, x + width / 2])
        shared = np.clip(np.minimum(np.array(boxes)[:, 2:], truth[2:]) - np.maximum(np.array(boxes)[:, :2], truth[:2]), 0, 1)
        shared = shared.prod(axis=1)  # found as AP50 counts it: overlap over union of at least a half
        sizes = (np.array(boxes)[:, 2:] - np.array(boxes)[:, :2]).prod(axis=1)
        assert (shared / (sizes + width * height - shared)).max() >= 0.5
    assert set(classes) <= {1} and scores == sorted(scores, reverse=True) and scores[0] > 0.5
    assert answers["inverted"][0] == pytest.approx(np.array(boxes), abs=0.02) or answers["inverted"][1][0] > 0.5
    assert answers["large"][1][0] > 0.3
    # the same scale, the same pixels; shares of 160 pixels instead of 128; near-equal scores may change places
    padded = np.array(answers["wide"][0]) * (1, 1.25, 1, 1.25)
    assert np.abs(padded - np.array(boxes[0])).max(axis=1).min() < 0.02
    assert not [score for score in answers["black"][1] + answers["pixel"][1] + answers["strip"][1] if score > 0.5]
    assert answers["served"] == [len(boxes)] * 3


def test_checks_and_shows(data, tmp_path):
    done = must("data", "check", "retinanet_light", f"data.root={data}")
    assert "train: 4 pages of 128x160, 6 boxes" in done.out and "fit no anchor" in done.out
    assert "test: 4 pages stand nearly alike in train" in done.out
    must("data", "show", "retinanet_light", f"data.root={data}", *SMALL, "train.global_batch=4", "--out",
         tmp_path / "show.png")
    assert cv2.imread(str(tmp_path / "show.png")).shape[2] == 3


def test_faults_are_refused(data, run, tmp_path):
    assert "not a prepared data set" in refused("data", "check", "retinanet_light", f"data.root={tmp_path}")
    assert "multiple of 64" in refused("plan", "retinanet_light", "data.height=100")
    assert "takes 3; only the light network" in refused("plan", "retinanet", "data.channels=1")
    import shutil
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    file = next(copy.glob("train*.tfrecord"))
    file.write_bytes(file.read_bytes()[:-40])
    arguments = ["train", "retinanet_light", "--run", tmp_path / "run", *SMALL, "train.global_batch=2"]
    assert "is corrupt or cut off" in refused(*arguments, f"data.root={copy}")
    assert "no checkpoint there" in refused(*arguments, f"data.root={data}",
                                            f"network.init_checkpoint={tmp_path / 'no'}",
                                            "network.init_modules=all")
    line = refused(*arguments, f"data.root={data}", f"network.init_checkpoint={run}", "network.init_modules=all",
                   "anchors.aspects=[1.0]")
    assert "of another network or class map" in line


def test_data_of_other_classes_is_refused(run, data, tmp_path):
    """As many classes under another name: the network's shape fits, its meaning does not."""
    must("data", "prepare", "documents", data.parent / "in", "--out", tmp_path / "other", "--classes", "stamp",
         "--duplicates", "keep")
    assert "its classes (stamp) are not those" in refused("evaluate", run, f"data.root={tmp_path / 'other'}")
