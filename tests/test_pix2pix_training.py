"""Two players on the one loop: ranks and resumption change nothing; what is served is what was trained."""

import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf
from conftest import EXACT, ROOT, command, log_of, losses_of, must, weights_of

from models.pix2pix import judging, recogniser
from models.pix2pix.config import Config, Evaluation, Network, PairData
from models.pix2pix.example import Example
from models.pix2pix.paired import PairedContest
from models.pix2pix.parts import Parts
from models.pix2pix.task import as_float


# Adam's first steps are the sign of the gradient, however small: a rounding error becomes a step of the full learning
# rate, and networks pass it round (pix2pix' bends, whose gradients jump from pixel to pixel, and CycleGAN's four). A
# larger epsilon keeps updates continuous, so that ranks compare.
SMOOTH = "train.optimizer.epsilon=0.1"


@pytest.fixture(scope="module", params=["pix2pix", "cyclegan"])
def straight(request, tmp_path_factory):
    """One rank, never interrupted."""
    run = tmp_path_factory.mktemp(request.param) / "run"
    must("train", request.param, "--tiny", "--run", run, *EXACT, SMOOTH)
    return request.param, run


def test_two_ranks_train_what_one_trains(straight, tmp_path):
    recipe, run = straight
    two = tmp_path / "run"
    must("train", recipe, "--tiny", "--run", two, "--ranks", 2, *EXACT, SMOOTH)
    assert losses_of(two) == pytest.approx(losses_of(run), rel=1e-5)
    for ours, theirs in zip(log_of(two), log_of(run)):
        for name, near in (("discriminator_loss", 1e-4), ("generator_gradient_norm", 1e-3)):
            assert ours[name] == pytest.approx(theirs[name], rel=near), name  # L1's gradients jump where a pixel is hit
        few = 2.5 / 576  # of as many verdicts: one within rounding of the threshold falls on either side of it
        assert ours["discriminator_accuracy"] == pytest.approx(theirs["discriminator_accuracy"], abs=few)


def test_a_resumed_run_ends_with_the_same_weights(straight, tmp_path):
    """The history of generated pictures and the running means are part of the checkpoint: bit for bit."""
    recipe, run = straight
    again = tmp_path / "run"
    shutil.copytree(run, again)
    for later in sorted((again / "checkpoints").glob("step-*"))[1:]:
        shutil.rmtree(later)
    must("train", recipe, "--tiny", "--run", again, *EXACT, SMOOTH)
    ours, theirs = weights_of(again), weights_of(run)
    assert set(ours) == set(theirs)
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_a_contest_gone_wrong_ends_and_says_why(straight, tmp_path):
    """One epoch more, with a limit that no gradient keeps: exit code 1, one line, the checkpoints stay."""
    recipe, _ = straight
    if recipe != "pix2pix":
        pytest.skip("once is enough")
    done = command("train", recipe, "--tiny", "--run", tmp_path / "run", *EXACT, "watch.patience_epochs=0.5",
                   "watch.gradient_norm=1e-9")
    assert done.code == 1 and "Traceback" not in done.err
    assert "ended at step 3 of 6: the generator's gradients have a norm of" in done.err and "clip_norm" in done.err
    assert list((tmp_path / "run" / "checkpoints").glob("step-*"))


def test_a_name_is_signed_with_the_export(straight, tmp_path):
    recipe, run = straight
    if recipe != "pix2pix":
        pytest.skip("one export is enough")
    must("export", run)
    script = [sys.executable, str(ROOT / "scripts" / "sign_name.py"), str(run / "export" / "1")]
    done = subprocess.run([*script, "Vera", "--font", "Caladea", "--hand", "3", "-o", str(tmp_path / "signed.png")],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "signed.png")).shape == (64, 64, 3)
    loaded = tf.saved_model.load(str(run / "export" / "1"))
    bytes_ = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 1)).astype(np.uint8)
    signed = loaded.signatures["uint8"](printed=tf.constant(bytes_))["output"]
    same = loaded(tf.constant(bytes_.astype(np.float32) / 127.5 - 1.0))["output"]
    assert signed.dtype == tf.uint8 and np.abs(signed.numpy() - (same.numpy() + 1) * 127.5).max() <= 0.51
    wrong = (("Ver鑫", "Caladea", "0", "no glyph for 鑫"), ("", "Caladea", "0", "empty"),
             ("Vera", "Calladea", "0", "did you mean caladea"), ("Vera", "Caladea", "9", "hands 0 to 3"))
    for name, font, hand, words in wrong:
        done = subprocess.run([*script, name, "--font", font, "--hand", hand], capture_output=True, text=True)
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr, done.stderr


@pytest.fixture(scope="module")
def contest():
    config = Config()
    config.data = PairData(size=32)
    config.network = Network(name="hand", channels=8, discriminator_channels=4, blocks=1)
    config.loss.feature, config.loss.coarse = 1.0, 1.0
    return PairedContest(config)


def batch(rows=4):
    random = np.random.default_rng(1)
    pictures = {name: tf.constant(random.integers(0, 255, (rows, 32, 32, 1)).astype(np.uint8))
                for name in ("printed", "signed", "plain")}
    more = {"hand": tf.zeros([rows], tf.int32), "weight": tf.ones([rows]), "dice": tf.zeros([rows, 8])}
    return as_float(pictures | more)


def test_each_player_minds_its_own_business(contest):
    """Both losses of one forward pass reach all of their own player's variables; the generator's parts add up."""
    values = batch()
    players = contest.variables()
    with tf.GradientTape(persistent=True) as tape:
        losses, logs = contest.losses(values, None)
    for name, variables in players.items():
        gradients = tape.gradient(losses[name], variables)
        assert all(gradient is not None for gradient in gradients) and float(tf.linalg.global_norm(gradients)) > 0
    parts = [float(value) for name, value in logs.items() if name.startswith("generator_")]
    assert float(logs["loss"]) == pytest.approx(sum(parts), rel=1e-5)


def test_losses_of_halves_average_to_the_whole(contest):
    """What ranks rely on: no example's loss depends on another of its batch."""
    values = batch()
    whole, _ = contest.losses(values, None)
    halves = [contest.losses({name: value[rows] for name, value in values.items()}, None)[0]
              for rows in (slice(0, 2), slice(2, 4))]
    for name in whole:
        assert float(whole[name]) == pytest.approx(np.mean([float(half[name]) for half in halves]), rel=1e-5)


def test_names_that_chose_the_checkpoint_are_not_called_unseen():
    def part(names):
        return [Example(name, name) for name in names]

    groups = judging.name_groups(Parts(part("AB"), part("ABV"), part("ABVU")), np.array(list("ABVU")))
    assert {name: rows.tolist() for name, rows in groups.items()} == {
        "unseen_names": [False] * 3 + [True], "validation_names": [False, False, True, False],
        "known_names": [True, True, False, False]}


def test_without_opponent_there_is_one_player():
    config = Config()
    config.data, config.network = PairData(size=32), Network(name="hand", channels=8, blocks=1)
    config.loss.adversarial = "none"
    alone = PairedContest(config)
    losses, _ = alone.losses(batch(), None)
    assert list(losses) == list(alone.variables()) == ["generator"]
    assert list(alone.networks()) == ["generator", "posture"]


def test_the_judge_learns_to_tell_marks_apart_and_says_the_same_twice():
    """Bars and crosses of random widths: above 95 % on unseen ones; the same data and seed give the same judge."""
    random = np.random.default_rng(0)

    def mark(kind):
        picture = np.full((32, 32), 255, np.uint8)
        at, wide = random.integers(10, 20), random.integers(2, 5)
        picture[4:28, at:at + wide] = 0
        if kind == "cross":
            picture[at:at + wide, 4:28] = 0
        return picture

    names = ["bar", "cross"] * 40
    pictures = np.stack([mark(name) for name in names])
    settings = Evaluation(judge_epochs=8, judge_size=32)
    judge = recogniser.train(pictures[:60], names[:60], settings, seed=1)
    assert judge.accuracy(pictures[60:], names[60:]).mean() >= 0.95
    again = recogniser.train(pictures[:60], names[:60], settings, seed=1)
    np.testing.assert_allclose(again.read(pictures[60:])[1], judge.read(pictures[60:])[1], rtol=1e-4, atol=1e-4)
