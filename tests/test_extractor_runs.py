"""The extractor through the command line: two ranks train what one trains, and what is exported is what was judged."""

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import log_of, must, refused, weights_of
from extractor_folders import signed_folder

EXACT = ("precision=float32", "deterministic=true", "train.log_steps=1", "train.tensorboard=false", "network.dropout=0")
CONSUME = """
import sys
sys.modules["gaudi"] = sys.modules["models"] = None
import numpy as np, tensorflow as tf
image = np.load(sys.argv[2])
model = tf.keras.models.load_model(sys.argv[1])
np.save(sys.argv[3], model.predict(image, batch_size=64, verbose=0))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return signed_folder(tmp_path_factory.mktemp("signed"), writers=8)


@pytest.fixture(scope="module")
def one_rank(folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("one") / "run"
    must("train", "extractor_light", "--tiny", "--run", run, f"data.root={folder}", *EXACT)
    must("evaluate", run)
    return run


def test_two_ranks_train_what_one_trains(folder, one_rank, tmp_path):
    """Every loss and every weight agree: the negatives of both ranks count, and no factor of the ranks is lost."""
    done = must("train", "extractor_light", "--tiny", "--ranks", 2, "--run", tmp_path / "run", f"data.root={folder}", *EXACT)
    assert done.out.count("leak probe on files") == 1, "what every rank finds out is said once"
    one, two = log_of(one_rank), log_of(tmp_path / "run")
    for name in ("loss", "cosine_genuine", "cosine_skilled", "cosine_random"):
        np.testing.assert_allclose([row[name] for row in two], [row[name] for row in one], rtol=2e-4, err_msg=name)
    assert one[-1]["validation_eer_skilled"] == pytest.approx(two[-1]["validation_eer_skilled"], abs=0.02)
    weights = weights_of(one_rank)
    for name, value in weights_of(tmp_path / "run").items():
        if "network" in name and "OPTIMIZER_SLOT" not in name:
            np.testing.assert_allclose(value, weights[name], atol=2e-4, err_msg=name)


def test_two_ranks_settle_what_one_settles(folder, tmp_path):
    """Words, means and projection are found by one rank and given to all; what a checkpoint holds is the same."""
    held = []
    for ranks in (1, 2):
        run = tmp_path / f"ranks{ranks}"
        must("train", "extractor", "--tiny", "--ranks", ranks, "--run", run, f"data.root={folder}", *EXACT, "train.epochs=1")
        held.append({name: value for name, value in weights_of(run).items() if "OPTIMIZER_SLOT" not in name})
    assert held[0].keys() == held[1].keys() and sum(value.size > 32 for value in held[0].values()) >= 5
    for name, value in held[0].items():
        np.testing.assert_allclose(held[1][name], value, atol=2e-5, err_msg=name)


def test_metrics_hold_what_a_verifier_is_judged_by(one_rank):
    metrics = json.loads((one_rank / "metrics.json").read_text())
    for protocol in ("1 reference", "3 references"):
        for kind in ("skilled", "random"):
            row = metrics["test"][protocol][kind]
            assert row["eer_low"] <= row["eer"] <= row["eer_high"] and 0 <= row["far"] <= 1 and 0 <= row["frr"] <= 1
    assert set(metrics["baselines, 1 reference"]) == {"oriented gradients", "local binary patterns", "ink overlap",
                                                     "untrained network"}
    assert metrics["calibration"]["skilled"]["far_1.00%"]["threshold"] is None   # 24 pairs cannot show 1 in 100
    made = {path.stem for path in (one_rank / "pictures").glob("*.png")}
    assert {"roc", "det", "distances", "map", "hardest_genuine", "hardest_skilled", "hardest_random"} <= made


def test_the_export_answers_as_signvers_extractor_is_asked(one_rank, tmp_path):
    """Keras loads it without this package; unit norm; a signature moved and shrunk is still the same signature."""
    must("export", one_rank)
    page = np.ones((3, 224, 224, 3), np.float32)
    page[0, 60:64, 40:180], page[0, 64:120, 90:94] = 0, 0
    page[1, 150:152, 20:90], page[1, 152:180, 45:47] = 0, 0    # the first at half the size, elsewhere
    np.save(tmp_path / "asked.npy", page)
    done = subprocess.run([sys.executable, "-I", "-c", CONSUME, str(one_rank / "export" / "1"), str(tmp_path / "asked.npy"),
                           str(tmp_path / "answer.npy")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-800:]
    answer = np.load(tmp_path / "answer.npy")
    assert answer.shape == (3, 32) and np.isfinite(answer).all()    # the third is blank
    np.testing.assert_allclose(np.linalg.norm(answer, axis=1), 1, rtol=1e-4)
    assert answer[0] @ answer[1] > .97
    card = json.loads((one_rank / "export" / "model_card.json").read_text())
    assert "far_0.10%" in card["metrics"]["calibration"]["random"] and "cosine distance" in card["contract"]


def test_scans_that_leak_end_with_exit_2(tmp_path):
    """96 signatures and as many forgeries, drawn with a pen two pixels wider: the share of ink alone tells them."""
    import cv2
    root = signed_folder(tmp_path / "leaky", writers=8, genuine=12, forged=12, height=110)
    for path in root.glob("*/forged/*.png"):
        cv2.imwrite(str(path), cv2.erode(cv2.imread(str(path), 0), np.ones((3, 3), np.uint8)))
    line = refused("data", "check", "extractor_light", "--tiny", f"data.root={root}")
    assert "leak" in line and "share of ink" in line
    must("data", "check", "extractor_light", "--tiny", f"data.root={root}", "data.leak_limit=1")


def test_margin_softmax_wants_a_class_for_every_writer(folder, tmp_path):
    line = refused("train", "extractor_light", "--tiny", "--run", tmp_path / "run", f"data.root={folder}", "loss.name=cosface",
                   "loss.classes=3", "guise.share=0")
    assert "loss.classes: 3 is less than the 7 writers" in line
    must("train", "extractor_light", "--tiny", "--run", tmp_path / "fits", f"data.root={folder}", "loss.name=arcface",
         "train.epochs=1", "guise.share=0")
