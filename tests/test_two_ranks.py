"""Two and four ranks train what one rank trains, at the same global batch, through real mpirun and Horovod."""

import numpy as np
import pytest
from conftest import EXACT, log_of, losses_of, must, weights_of


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_equal_one_rank(exact_run, tmp_path, ranks):
    run = tmp_path / "run"
    must("train", "cleaner", "--tiny", "--run", run, "--ranks", ranks, *EXACT)
    assert losses_of(run) == pytest.approx(losses_of(exact_run), rel=1e-5)
    ours, theirs = log_of(run)[-1], log_of(exact_run)[-1]
    validation = [name for name in ours if name.startswith("validation_")]
    assert validation
    for name in validation:
        assert ours[name] == pytest.approx(theirs[name], rel=1e-4), name
    one, many = weights_of(exact_run), weights_of(run)
    assert set(one) == set(many)
    for name, value in one.items():
        np.testing.assert_allclose(many[name], value, rtol=1e-3, atol=1e-5, err_msg=name)


def test_the_number_of_ranks_may_change_on_the_way(exact_run, tmp_path):
    """One epoch on two ranks, the second on one: the same training as two epochs on one."""
    run = tmp_path / "run"
    stop_early = [*EXACT, "train.schedule.name=constant"]
    must("train", "cleaner", "--tiny", "--run", run, "--ranks", 2, *stop_early, "train.epochs=1")
    must("train", "cleaner", "--tiny", "--run", run, *stop_early)
    straight = tmp_path / "straight"
    must("train", "cleaner", "--tiny", "--run", straight, *stop_early)
    assert losses_of(run) == pytest.approx(losses_of(straight), rel=1e-5)
