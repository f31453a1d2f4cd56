"""What the loop decides: the best step, when to stop early, what is not finite; and that it says so."""

import math

import pytest
from conftest import command, must

from gaudi.config import Train
from gaudi.loop import Diverged, Meter, State
from gaudi.schedule import unroll

PLAN = unroll(Train(global_batch=4, epochs=10), steps_per_epoch=5, ranks=1)
MAX, MIN = ("psnr", "max"), ("psnr", "min")


def judged(values, monitor, patience=0.0):
    """A State that saw one value an epoch: its (improved, stopped_early) for each."""
    state, seen = State(), []
    for epoch, value in enumerate(values, start=1):
        state.step = epoch * 5
        seen.append((state.judge({"psnr": value}, monitor, patience, PLAN), state.stopped_early))
    return state, seen


def test_best_is_the_highest_or_the_lowest():
    state, seen = judged([1.0, 3.0, 2.0], MAX)
    assert (state.best_value, state.best_step) == (3.0, 10) and [improved for improved, _ in seen] == [True, True, False]
    state, _ = judged([1.0, 3.0, 0.5], MIN)
    assert (state.best_value, state.best_step) == (0.5, 15)


def test_early_stop_after_the_patience_and_not_before():
    """Best at epoch 1, patience 2 epochs: epoch 2 is one epoch later, epoch 3 two: it stops there."""
    _, seen = judged([5.0, 4.0, 4.0, 4.0], MAX, patience=2.0)
    assert [stopped for _, stopped in seen] == [False, False, True, True]
    _, seen = judged([5.0] + [4.0] * 8, MAX)
    assert not any(stopped for _, stopped in seen)


def test_a_metric_that_is_nan_ends_the_training():
    with pytest.raises(Diverged, match="validation psnr became nan at step 10"):
        judged([2.0, math.nan], MAX)


def test_state_survives_a_checkpoint():
    state, _ = judged([1.0, 3.0], MAX)
    again = State()
    again.load(dict(vars(state)))
    assert vars(again) == vars(state)


def test_not_finite_names_loss_player_and_steps():
    meter = Meter(PLAN, State(), ["generator", "discriminator"])
    for loss in (1.0, 2.0):
        meter.add({"generator_loss": loss, "discriminator_loss": 1.0})
    assert meter.record(2, {"generator": 0.1})["generator_loss"] == 1.5
    for loss in (1.0, math.inf, 1.0):
        meter.add({"generator_loss": 1.0, "discriminator_loss": loss})
    with pytest.raises(Diverged, match=r"^discriminator_loss of generator and discriminator became .* within steps \[3, 5\]"):
        meter.record(5, {"generator": 0.1})


def test_divergence_ends_the_run_in_one_line_and_keeps_no_poisoned_checkpoint(tmp_path):
    done = command("train", "cleaner", "--tiny", "--run", tmp_path / "run", "train.optimizer.learning_rate=1e30",
                   "train.optimizer.clip_norm=0", "train.epochs=4", "precision=float32")
    assert done.code == 1 and "Traceback" not in done.err, done.err
    assert "became nan or infinite within steps [" in done.err and "cleaner" in done.err
    import numpy as np
    import tensorflow as tf
    for folder in (tmp_path / "run" / "checkpoints").glob("step-*"):
        reader = tf.train.load_checkpoint(str(folder / "weights"))
        for name, _ in tf.train.list_variables(str(folder / "weights")):
            if name != "_CHECKPOINTABLE_OBJECT_GRAPH":
                assert np.isfinite(np.asarray(reader.get_tensor(name), np.float64)).all(), (folder.name, name)


def test_early_stop_through_the_command_line(tmp_path):
    """A learning rate of nothing never improves after the first evaluation."""
    done = must("train", "cleaner", "--tiny", "--run", tmp_path / "run", "train.optimizer.learning_rate=1e-30",
                "train.epochs=8", "train.early_stop_epochs=2", "train.evaluate_epochs=1")
    assert "stopped early" in done.out
