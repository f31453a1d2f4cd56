"""Learning rates, splits and steps against values worked out by hand."""

import pytest

from gaudi import schedule
from gaudi.config import Optimizer, Schedule, Train
from gaudi.errors import UserError


def test_linear_and_sqrt_scaling():
    """Habana's RetinaNet: 0.01 at 8 images gives 0.01 * 64 / 8 = 0.08 at 64; by the root, 0.01 * sqrt(8) = 0.0282842712."""
    assert schedule.peak_learning_rate(Optimizer(learning_rate=0.01, base_batch=8), 64) == pytest.approx(0.08)
    root = Optimizer(learning_rate=0.01, base_batch=8, scaling="sqrt")
    assert schedule.peak_learning_rate(root, 64) == pytest.approx(0.0282842712)
    assert schedule.peak_learning_rate(Optimizer(learning_rate=0.01, base_batch=8, scaling="none"), 64) == 0.01


def test_cosine_with_warmup():
    """Warm-up from 0.1 over 2 of 10 epochs: at 1, 0.1 + 0.9 / 2 = 0.55. Then cosine over 8 epochs: at 6 half is done,
    0.5 * (1 + cos(pi / 2)) = 0.5, which lies between final 0.2 and 1 at 0.2 + 0.8 * 0.5 = 0.6; at 10 it is 0.2."""
    shape = Schedule("cosine", warmup_epochs=2, warmup_start=0.1, final_fraction=0.2)
    values = [schedule.factor(shape, epoch, 10) for epoch in (0, 1, 2, 6, 10)]
    assert values == pytest.approx([0.1, 0.55, 1.0, 0.6, 0.2])


def test_steps_drop_at_their_epochs():
    """Two drops of 0.1 at epochs 3 and 5: 1 before, 0.1 from 3 on, 0.01 from 5 on."""
    shape = Schedule("steps", drop_epochs=[3, 5], drop_factor=0.1)
    assert [schedule.factor(shape, epoch, 6) for epoch in (2.99, 3, 4.99, 5)] == pytest.approx([1, 0.1, 0.1, 0.01])


def test_constant_is_constant():
    assert [schedule.factor(Schedule("constant"), epoch, 6) for epoch in (0, 3, 6)] == [1, 1, 1]


def test_uneven_split_names_both_numbers_and_a_way_out():
    with pytest.raises(UserError, match="10 images do not divide over 4 ranks; take 8 or 12"):
        schedule.per_rank_batch(10, 4)


def test_batch_below_ranks_offers_only_what_exists():
    with pytest.raises(UserError, match="3 images do not divide over 4 ranks; take 4,"):
        schedule.per_rank_batch(3, 4)


def test_plan_counts_in_epochs_whatever_the_ranks():
    """100 examples at 32: 4 steps an epoch. 2.5 epochs are 10 steps; half an epoch between evaluations is 2."""
    train = Train(global_batch=32, epochs=2.5, evaluate_epochs=0.5, checkpoint_epochs=1)
    one, four = (schedule.unroll(train, schedule.batches_of(100, 32), ranks) for ranks in (1, 4))
    assert (one.total_steps, one.evaluate_steps, one.checkpoint_steps, one.per_rank) == (10, 2, 4, 32)
    assert (four.total_steps, four.per_rank) == (10, 8)
