"""Steps, learning rates and the split of a batch: plain arithmetic, so that `gaudi plan` needs no TensorFlow."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gaudi.config import Optimizer, Schedule, Train
from gaudi.errors import UserError


def per_rank_batch(global_batch: int, ranks: int) -> int:
    """Images a rank takes of every global batch; the split must be even so that gradients average exactly."""
    if global_batch % ranks:
        lower, upper = global_batch // ranks * ranks, -(-global_batch // ranks) * ranks
        fits = " or ".join(str(batch) for batch in (lower, upper) if batch)
        raise UserError(f"train.global_batch: {global_batch} images do not divide over {ranks} ranks; "
                        f"take {fits}, or other ranks")
    return global_batch // ranks


def peak_learning_rate(optimizer: Optimizer, global_batch: int) -> float:
    """The learning rate for this batch.

    linear: Goyal et al. 2017 (arXiv 1706.02677), section 2.1: k times the batch, k times the rate.
    sqrt: Krizhevsky 2014 (arXiv 1404.5997), section 5: keeps the variance of the update.
    """
    ratio = global_batch / optimizer.base_batch
    factor = {"linear": ratio, "sqrt": math.sqrt(ratio), "none": 1.0}[optimizer.scaling]
    return optimizer.learning_rate * factor


def factor(schedule: Schedule, epoch: float, epochs: float) -> float:
    """Share of the peak learning rate at `epoch` (fractional) of `epochs`.

    Warm-up is linear (Goyal et al. 2017, section 2.2); cosine falls from 1 at the end of warm-up to final_fraction
    at the end of training (Loshchilov & Hutter 2017, arXiv 1608.03983, Eq. 5).
    """
    if epoch < schedule.warmup_epochs:
        return schedule.warmup_start + (1 - schedule.warmup_start) * epoch / schedule.warmup_epochs
    if schedule.name == "cosine":
        done = min(1.0, (epoch - schedule.warmup_epochs) / (epochs - schedule.warmup_epochs))
        return schedule.final_fraction + (1 - schedule.final_fraction) * 0.5 * (1 + math.cos(math.pi * done))
    if schedule.name == "steps":
        return schedule.drop_factor ** sum(epoch >= drop for drop in schedule.drop_epochs)
    return 1.0


@dataclass(frozen=True)
class Plan:
    """How a recipe unrolls on a number of ranks."""

    ranks: int
    per_rank: int
    global_batch: int
    steps_per_epoch: int
    total_steps: int
    epochs: float
    evaluate_steps: int
    checkpoint_steps: int

    def epoch(self, step: int) -> float:
        """Epochs done after `step` steps."""
        return step / self.steps_per_epoch


def unroll(train: Train, steps_per_epoch: int, ranks: int) -> Plan:
    """The plan of `train` where one epoch has `steps_per_epoch` global batches."""
    def steps(epochs):
        return max(1, round(epochs * steps_per_epoch))

    return Plan(ranks=ranks, per_rank=per_rank_batch(train.global_batch, ranks), global_batch=train.global_batch,
                steps_per_epoch=steps_per_epoch, total_steps=steps(train.epochs), epochs=train.epochs,
                evaluate_steps=steps(train.evaluate_epochs), checkpoint_steps=steps(train.checkpoint_epochs))


def batches_of(examples: int, global_batch: int) -> int:
    """Global batches in one pass over `examples`, the last one partly filled."""
    return -(-examples // global_batch)
