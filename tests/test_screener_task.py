"""The screener as the loop sees it: players apart, losses that do not see weights of 0, a judge, and an export that agrees."""

import json

import numpy as np
import pytest
import tensorflow as tf
from conftest import EXACT, batches, log_of, must, outputs_of, refused
from sklearn.ensemble import IsolationForest

from gaudi import config
from gaudi.errors import UserError
from models.screener import data, fusion, losses
from models.screener.task import Task

BATCH = 8


@pytest.fixture(scope="module")
def task():
    made = Task(config.load("screener", tiny=True))
    made.fitted = made.fit(lambda name: outputs_of(made, name, BATCH))
    return made


def test_sources_fit_the_plan(task):
    sources = task.sources()
    assert {name: sources[name].size for name in task.config.splits()} == task.config.splits()
    assert sources["codes"].size == sum(picture.is_signature for picture in sources["train"].pictures)
    assert len({sources[name].digest for name in ("train", "validation", "test")}) == 3


def test_each_player_moves_its_own_network(task):
    batch = next(iter(batches(task, "train", BATCH)))
    with tf.GradientTape(persistent=True) as tape:
        found, _ = task.losses(batch, None)
    everything = [variable for player in task.players for variable in player.variables]
    for player in task.players:
        gradients = tape.gradient(found[player.name], everything)
        touched = {variable.ref() for variable, gradient in zip(everything, gradients) if gradient is not None}
        assert touched == {variable.ref() for variable in player.variables}


def test_the_autoencoder_learns_signatures_alone(task):
    batch = dict(next(iter(batches(task, "train", BATCH))))
    assert 0 < float(tf.reduce_sum(batch["signature"])) < 8
    first = task.losses(batch, None)[0]["autoencoder"]
    batch["image"] = tf.where(batch["signature"][:, None, None, None] > 0.5, batch["image"], 255 - batch["image"])
    assert float(task.losses(batch, None)[0]["autoencoder"]) == pytest.approx(float(first), rel=1e-6)


def test_examples_of_weight_0_do_not_count(task):
    batch = dict(next(iter(batches(task, "train", BATCH))))
    batch["weight"] = tf.constant([2.0] * 4 + [0.0] * 4)
    half = {name: value[:4] for name, value in batch.items()} | {"weight": tf.ones(4)}
    for name in ("autoencoder", "classifier"):
        whole, part = (float(task.losses(one, None)[0][name]) for one in (batch, half))
        assert whole == pytest.approx(part, rel=1e-5)


def test_reconstruction_of_a_perfect_answer_costs_nothing():
    """Logits of +-30 are 0 and 1 to 1e-13: BCE and 1 - SSIM vanish. A flat 1/2 costs 0.7 ln 2 and a share of the SSIM."""
    images = tf.constant(np.random.default_rng(0).integers(0, 2, (2, 32, 32, 1)), tf.float32)
    settings = config.load("screener").loss
    assert np.allclose(losses.reconstruction(60.0 * images - 30.0, images, settings), 0, atol=1e-5)
    flat = losses.reconstruction(tf.zeros_like(images), images, settings).numpy()
    assert (flat > 0.7 * np.log(2)).all() and (flat <= 0.7 * np.log(2) + 0.3 * 2).all()


def test_blank_paper_is_not_well_explained():
    """A faint wrong answer of 0.1 everywhere: error 0.01 over ink 0 + 0.005 is 2; over a page half of ink it is below 1."""
    logits = tf.fill([1, 8, 8, 1], float(np.log(0.1 / 0.9)))
    assert float(losses.unexplained(logits, tf.zeros([1, 8, 8, 1]))[0]) == pytest.approx(2.0, rel=1e-4)


def test_fusion_settles_on_development_data():
    """Only the classifier tells apart here: its weight leads, and the threshold parts the two."""
    rng = np.random.default_rng(0)
    signed = np.arange(80) < 40
    scores = rng.normal(0, 1, (80, 3))
    scores[:, 2] += np.where(signed, 4, -4)
    made = fusion.fit(scores, signed)
    assert np.argmax(made["fusion_weights"]) == 2
    fused = fusion.probability(scores, made)
    assert ((fused >= made["fusion_threshold"]) == signed).all()
    assert ((scores[:, 2] >= made["part_thresholds"][2]) == signed).all()


def test_forest_is_fitted_on_training_signatures(task):
    """The same codes through scikit-learn give the anomaly scores that judging and export use."""
    codes, validation = outputs_of(task, "codes", BATCH)["code"], outputs_of(task, "validation", BATCH)
    settings = task.config.forest
    made = IsolationForest(n_estimators=settings.trees, max_samples=min(settings.samples, len(codes)),
                           random_state=task.config.seed).fit(codes)
    np.testing.assert_allclose(task.goodness(validation, task.fitted)[:, 1], made.score_samples(validation["code"]), atol=1e-6)


def test_evaluation_reports_parts_fusion_and_baseline(task, tmp_path):
    figures = task.evaluate(lambda name: outputs_of(task, name, BATCH), tmp_path)
    assert set(figures["test"]) == {"seen", "development", "held out"}
    for kind in figures["test"].values():
        assert set(kind) == {"reconstruction", "anomaly", "classifier", "fusion", "ink density", "notebook's rule"}
        assert all(0 <= row["auroc"]["low"] <= row["auroc"]["high"] <= 1 for name, row in kind.items() if "rule" not in name)
    assert len(figures["auroc_by_family"]) == 13
    assert {path.name for path in tmp_path.iterdir()} == {"confusion.png", "roc.png", "scores.png", "mistakes.png"}
    json.dumps(figures, default=float)


def test_export_answers_as_the_judge_does(task):
    """The SavedModel's graph, from raw pictures, against the scores that numpy and the fitted arrays give for the frames."""
    from models.framing.frame import frames
    from models.screener.serving import sample, serving
    served = serving(task)
    framed = frames(tf.constant(sample()), task.config.data.height, task.config.data.width)
    outputs = {name: value.numpy() for name, value in task.scores(framed).items()}
    parts = task.goodness(outputs, task.fitted)
    np.testing.assert_allclose(served.outputs["score"], fusion.probability(parts, task.fitted), atol=1e-6)
    np.testing.assert_allclose(served.outputs["anomaly_score"], parts[:, 1], atol=1e-6)
    assert (served.outputs["is_signature"] == (served.outputs["score"] >= task.fitted["fusion_threshold"])).all()
    assert set(served.outputs) == {"is_signature", "score", "reconstruction_error", "anomaly_score", "classifier_confidence"}
    assert served.model(tf.zeros([2, 50, 70, 1], tf.uint8))["is_signature"].shape == [2]


def test_unusable_files(tmp_path):
    from models.invalid.synth import write_set
    folder = tmp_path / "data"
    write_set(folder / "invalid", ["lines", "waves"], 5, 0, processes=1)
    write_set(folder / "valid", ["circles"], 5, 0, processes=1)
    broken = folder / "invalid" / "lines" / "00002.png"
    broken.write_bytes(b"")
    line = refused("train", "screener", "--tiny", "--run", tmp_path / "run", f"data.root={folder}")
    assert "lines/00002.png: an empty file" in line and not (tmp_path / "run").exists()
    skipping = config.load("screener", [f"data.root={folder}", "data.on_corrupt=skip"], tiny=True)
    sources = data.make_sources(skipping)
    assert sum(sources[name].size for name in ("train", "validation", "test")) == 14
    for path in (folder / "valid").rglob("*.png"):
        path.write_text("no picture")
    with pytest.raises(UserError, match="train: all of its signatures"):
        data.make_sources(skipping)


def test_two_ranks_are_one(tmp_path):
    must("train", "screener", "--tiny", "--run", tmp_path / "one", *EXACT, "train.epochs=1")
    must("train", "screener", "--tiny", "--run", tmp_path / "two", "--ranks", 2, *EXACT, "train.epochs=1")
    for ours, theirs in zip(log_of(tmp_path / "two"), log_of(tmp_path / "one")):
        for name in ("autoencoder_loss", "classifier_loss", "loss"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-5)
