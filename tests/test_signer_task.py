"""The signer as the loop sees it: stages, margins, strangers settled on development people, and an export that agrees."""

import json

import numpy as np
import pytest
import tensorflow as tf
from conftest import EXACT, batches, log_of, must, outputs_of, refused

from gaudi import config
from models.signer import losses, network, strangers
from models.signer.task import Task

BATCH = 4


@pytest.fixture(scope="module")
def task():
    made = Task(config.load("signer", ["data.added_people=1", "data.added_each=2"], tiny=True))
    made.fitted = made.fit(lambda name: outputs_of(made, name, BATCH))
    return made


def test_sources_fit_the_plan(task):
    sources = task.sources()
    assert {name: sources[name].size for name in task.config.splits()} == task.config.splits()
    assert sources["people"].size == sources["train"].size - 2 and set(sources["unknown"].labels) == {-1}


def test_validation_is_not_varied_and_training_is(task):
    source = task.sources()
    plain, varied = (source[name].example(0, tf.constant([3, 4]))["image"].numpy() for name in ("people", "train"))
    assert np.array_equal(plain[..., 0], source["train"].loaded[0][0]) and not np.array_equal(plain, varied)
    again = source["train"].example(0, tf.constant([3, 4]))["image"].numpy()
    assert np.array_equal(varied, again)


def test_examples_of_weight_0_do_not_count(task):
    batch = dict(next(iter(batches(task, "train", BATCH))))
    batch["weight"] = tf.constant([2.0] * 2 + [0.0] * 2)
    half = {name: value[:2] for name, value in batch.items()} | {"weight": tf.ones(2)}
    whole, part = (float(task.losses(one, None)[0]["head"]) for one in (batch, half))
    assert whole == pytest.approx(part, rel=1e-5)


def test_the_body_rests_before_its_stage(task):
    """With head_epochs worth of 3 steps: no loss for the body at steps 0 to 2, the head's from step 3 on."""
    batch = next(iter(batches(task, "train", BATCH)))
    before, task._rest = task._rest, 3.0
    task.clock.steps.assign(0.0)
    seen = []
    for _ in range(5):
        found, _ = task.losses(batch, None)
        seen.append(float(found["body"]) / float(found["head"]))
        task.observe({})
    task._rest = before
    assert seen == pytest.approx([0, 0, 0, 1, 1])


def test_margin_by_hand():
    """Scale 16, margin 0.2: the true class's logit loses 3.2, the others nothing."""
    logits = tf.constant([[1.0, 2.0, 3.0]])
    assert losses.with_margin(logits, tf.constant([1]), 0.2, 16.0).numpy() == pytest.approx(np.array([[1, -1.2, 3]]))


def test_cross_entropy_by_hand():
    """Equal logits over 4 classes cost ln 4."""
    assert float(losses.classification(tf.zeros([1, 4]), tf.constant([2]))[0]) == pytest.approx(np.log(4))


def test_directions_are_cosines():
    layer = network.Directions(2, scale=10.0)
    layer(tf.zeros([1, 2]))
    layer.kernel.assign([[3.0, 0.0], [0.0, 5.0]])
    assert layer(tf.constant([[7.0, 0.0], [1.0, 1.0]])).numpy() == pytest.approx(np.array([[10, 0], [7.0711, 7.0711]]), abs=1e-3)


def test_stranger_scores_by_hand():
    """Three classes, the last one added: logits 0, ln 2, ln 5 share 1/8, 2/8, 5/8; the known ones' best is 1/4, their energy
    ln 3; the embedding (3, 4) has cosines 0.6 and 0.8 with the axes."""
    outputs = {"logits": np.log([[1.0, 2.0, 5.0]]), "embedding": np.array([[3.0, 4.0]])}
    found = strangers.scores(outputs, np.eye(2))
    assert found["softmax"] == pytest.approx([0.25]) and found["energy"] == pytest.approx([np.log(3)])
    assert found["distance"] == pytest.approx([0.8])


def test_the_best_score_decides():
    known = {"softmax": np.array([1.0, 2]), "energy": np.array([3.0, 4]), "distance": np.array([3.0, 4])}
    others = {"softmax": np.array([1.5, 0]), "energy": np.array([1.0, 2]), "distance": np.array([1.0, 2])}
    made = strangers.settle(known, others, 0.4)
    assert made["stranger_score"] == 1 and made["stranger_thresholds"][1] == 2.5
    alone = strangers.settle(known, None, 0.4)
    assert alone["stranger_score"] == 0 and alone["stranger_thresholds"].tolist() == [0.4, -np.inf, -np.inf]


def test_class_means():
    """Directions (1, 0) and (0, 1) of one person average to the diagonal, whatever their lengths."""
    means = strangers.class_means(np.array([[5.0, 0], [0, 1], [-2, 0]]), np.array([0, 0, 1]), 2)
    assert means == pytest.approx(np.array([[0.7071, 0.7071], [-1, 0]]), abs=1e-4)


def test_evaluation_reports_known_strangers_and_forgeries(task, tmp_path):
    figures = task.evaluate(lambda name: outputs_of(task, name, BATCH), tmp_path)
    assert 0 <= figures["known"]["accuracy"]["low"] <= figures["known"]["accuracy"]["high"] <= 1
    rows = {"softmax at the seed's threshold", "softmax", "energy", "distance", "nearest mean of pixels"}
    assert set(figures["strangers"]) == rows | {"decides"} and set(figures["forgeries"]) == rows
    assert figures["strangers"]["softmax at the seed's threshold"]["threshold"] == 0.4
    assert {path.name for path in tmp_path.iterdir()} == {"confusion.png", "scores.png", "strangers.png", "mistakes.png"}
    json.dumps(figures, default=float)


def test_export_answers_as_the_judge_does(task):
    from models.framing.frame import frames
    from models.signer.serving import sample, serving
    served = serving(task)
    outputs = {name: value.numpy() for name, value in task.predict(
        {"image": frames(tf.constant(sample()), task.config.data.height, task.config.data.width)}).items()}
    place = int(task.fitted["stranger_score"])
    score = strangers.scores(outputs, task.fitted["means"])[strangers.SCORES[place]]
    np.testing.assert_allclose(served.outputs["unknown_score"], task.fitted["stranger_thresholds"][place] - score, atol=1e-4)
    named = [task.listing.classes[place].encode() for place in outputs["logits"][:, :task.known].argmax(axis=1)]
    expected = [b"unknown" if unknown > 0 else name for unknown, name in zip(served.outputs["unknown_score"], named)]
    assert served.outputs["name"].tolist() == expected
    assert served.outputs["probability"].shape == (4, task.known) and (served.outputs["probability"].sum(axis=1) < 1).all()
    assert served.outputs["class_names"].tolist() == [name.encode() for name in task.listing.classes[:task.known]]


def test_inception_moves_from_its_block_on():
    """mixed0 of InceptionV3 follows the stem: from there only its own convolutions' betas and kernels move."""
    settings = config.load("signer_inception", tiny=True).network
    body = network.build(settings, 80, 80, 3)["body"]
    every, top = network.moving_from(body, "all"), network.moving_from(body, "none")
    assert body.output_shape == (None, 256) and len(every) > 0 and top == []
    settings.until = "mixed1"
    body = network.build(settings, 80, 80, 3)["body"]
    moving = network.moving_from(body, "mixed1")
    assert len(moving) == 7 * 2 and len(moving) < len(network.moving_from(body, "all"))


def test_two_ranks_are_one(tmp_path):
    must("train", "signer", "--tiny", "--run", tmp_path / "one", *EXACT, "train.epochs=1")
    must("train", "signer", "--tiny", "--run", tmp_path / "two", "--ranks", 2, *EXACT, "train.epochs=1")
    for ours, theirs in zip(log_of(tmp_path / "two"), log_of(tmp_path / "one")):
        for name in ("head_loss", "body_loss", "accuracy"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-5)


def test_the_extractors_embedding_is_one_more_score(tmp_path):
    """Through the command line: a tiny extractor's export judges strangers beside the signer's own scores."""
    must("train", "extractor", "--tiny", "--run", tmp_path / "extractor", "train.epochs=1")
    must("export", tmp_path / "extractor")
    must("train", "signer", "--tiny", "--run", tmp_path / "run")
    assert "no SavedModel there" in refused("evaluate", tmp_path / "run", f"data.extractor={tmp_path}")
    must("evaluate", tmp_path / "run", f"data.extractor={tmp_path / 'extractor/export/1'}")
    figures = json.loads((tmp_path / "run/metrics.json").read_text())
    assert 0 <= figures["strangers"]["extractor"]["auroc"]["value"] <= 1
    assert figures["strangers"]["decides"] != "extractor"
