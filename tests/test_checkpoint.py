"""Checkpoints on disk: what is kept, what a damaged one falls back to, what a full disk leaves behind."""

import pytest
import tensorflow as tf

from gaudi.checkpoint import BEST, Checkpoints
from gaudi.errors import UserError


def saved(folder, steps, keep=10, best=None):
    """Checkpoints whose one variable holds the step it was saved at."""
    variable = tf.Variable(0.0)
    checkpoints = Checkpoints(folder, {"value": variable}, keep)
    for step in steps:
        variable.assign(step)
        checkpoints.save(step, {"note": f"at {step}"}, best=step == best)
    return checkpoints, variable


def test_newest_and_best_come_back_with_their_state(tmp_path):
    checkpoints, variable = saved(tmp_path, [1, 2, 3], best=2)
    assert checkpoints.restore()["note"] == "at 3" and variable.numpy() == 3
    assert checkpoints.restore(BEST)["step"] == 2 and variable.numpy() == 2


def test_old_ones_go_but_the_best_stays(tmp_path):
    checkpoints, _ = saved(tmp_path, [1, 2, 3, 4, 5], keep=2, best=1)
    assert checkpoints.names() == ["step-00000001", "step-00000004", "step-00000005"]


@pytest.mark.parametrize("damage", ["truncate", "state", "missing", "pointer"])
def test_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(tmp_path, damage):
    checkpoints, variable = saved(tmp_path, [1, 2])
    newest = tmp_path / "step-00000002"
    data = newest / "weights.data-00000-of-00001"
    if damage == "truncate":
        data.write_bytes(data.read_bytes()[:2])
    elif damage == "state":
        (newest / "state.json").write_text('{"step":')
    elif damage == "missing":
        data.unlink()
    else:
        (tmp_path / "newest").write_text("step-00000009\n")
    said = []
    state = checkpoints.restore(say=said.append)
    if damage == "pointer":  # the pointer names nothing: the newest finished one counts
        assert state["step"] == 2 and not said
    else:
        assert state["step"] == 1 and variable.numpy() == 1
        assert "step-00000002: cannot be read" in said[0] and "falling back to step-00000001" in said[0]


def test_nothing_readable_is_an_error_and_nothing_there_is_none(tmp_path):
    checkpoints, _ = saved(tmp_path / "none", [])
    assert checkpoints.restore() is None
    checkpoints, _ = saved(tmp_path, [1])
    (tmp_path / "step-00000001" / "state.json").unlink()
    with pytest.raises(UserError, match="none of its 1 checkpoints can be read"):
        checkpoints.restore(say=lambda text: None)


def test_half_written_checkpoint_does_not_count(tmp_path):
    checkpoints, _ = saved(tmp_path, [1])
    (tmp_path / ".step-00000002.partial").mkdir()
    assert checkpoints.names() == ["step-00000001"] and checkpoints.restore()["step"] == 1
