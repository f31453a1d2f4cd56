"""Two and four ranks train what one rank trains, at the same global batch, through real mpirun and Horovod."""

import shutil

import numpy as np
import pytest
from conftest import EXACT, ROOT, command, log_of, losses_of, must, refused, weights_of


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
    """One rank as far as its first checkpoint, two from there on: the training that one rank does alone."""
    run = tmp_path / "run"
    shutil.copytree(exact_run, run)
    for later in sorted((run / "checkpoints").glob("step-*"))[1:]:
        shutil.rmtree(later)
    must("train", "cleaner", "--tiny", "--run", run, "--ranks", 2, *EXACT)
    assert [record["step"] for record in log_of(run)] == [record["step"] for record in log_of(exact_run)]
    assert losses_of(run) == pytest.approx(losses_of(exact_run), rel=1e-5)


ODD_RANK = """
import os
if os.environ.get("OMPI_COMM_WORLD_RANK") == "1":
    from gaudi import {module} as odd
    {change}
"""


@pytest.fixture
def odd_rank(tmp_path):
    """Environment in which rank 1 alone runs changed code."""
    def make(module, change):
        (tmp_path / "sitecustomize.py").write_text(ODD_RANK.format(module=module, change=change))
        return {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    return make


def test_a_rank_with_other_code_is_named(tmp_path, odd_rank):
    line = refused("train", "cleaner", "--tiny", "--run", tmp_path / "run", "--ranks", 2,
                   env=odd_rank("run", "odd.code_digest = lambda: 'older'"))
    assert "code differs between ranks: " in line and "rank 1 on " in line and "(older)" in line
    assert not (tmp_path / "run").exists()


def test_a_rank_that_fails_unforeseen_ends_the_others(tmp_path, odd_rank):
    """Its traceback is shown, the code is 1, and nobody waits for it in a collective for ever."""
    done = command("train", "cleaner", "--tiny", "--run", tmp_path / "run", "--ranks", 2, timeout=120,
                   env=odd_rank("loop", "odd.Meter.add = lambda *_: 1 / 0"))
    assert done.code == 1 and "ZeroDivisionError" in done.err + done.out
