"""tf.data from a Source: each rank takes its slice of every global batch, so the number of ranks changes nothing."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi.task import Source

CHUNK = 1_000_000  # examples planned at once: one dataset spans many short epochs, and a huge one stays in memory


def training_batches(source: Source, *, seed: int, global_batch: int, rank: int, ranks: int, first_step: int,
                     total_steps: int, parallel: int | None = None):
    """Yield the batches of steps first_step + 1 .. total_steps of this rank, epoch after epoch.

    A batch is a dict of the source's tensors [b, ...] and `weight` float32 [b]. Any step can be the first: the plan
    of an epoch is drawn from (seed, epoch) and an example's randomness from (seed, epoch, index) alone.
    """
    make_example = tf.function(source.example)
    per_epoch = source.epoch(0, seed, global_batch)[0].shape[0]
    step = first_step
    while step < total_steps:
        epochs = max(1, CHUNK // max(1, per_epoch * global_batch))
        last = min(total_steps, (step // per_epoch + epochs) * per_epoch)
        plan = planned(source, seed, global_batch, step, last, per_epoch)
        yield from dataset(make_example, plan, seed, rank, ranks, parallel)
        step = last


def planned(source, seed, global_batch, first, last, per_epoch):
    """Indices, weights and epochs, each [last - first, global_batch], of steps first + 1 .. last."""
    indices, weights, epochs = [], [], []
    for epoch in range(first // per_epoch, -(-last // per_epoch)):
        rows, row_weights = source.epoch(epoch, seed, global_batch)
        indices.append(rows)
        weights.append(row_weights)
        epochs.append(np.full(rows.shape, epoch, np.int32))
    begin = first - first // per_epoch * per_epoch
    return tuple(np.concatenate(part)[begin:begin + last - first] for part in (indices, weights, epochs))


def ordered_batches(source: Source, *, seed: int, global_batch: int, rank: int, ranks: int):
    """Yield this rank's batches of one pass in order; weights are 1, and 0 for the filling of the last batch."""
    indices, weights = source.ordered(global_batch)
    plan = indices, weights, np.full(indices.shape, -1, np.int32)  # epoch -1: no training epoch has this randomness
    yield from dataset(tf.function(source.example), plan, seed, rank, ranks, None)


def dataset(make_example, plan, seed, rank, ranks, parallel) -> tf.data.Dataset:
    """The batches of one rank for planned (indices, weights, epochs), each [steps, global_batch]."""
    per_rank = plan[0].shape[1] // ranks
    mine = [part[:, rank * per_rank:(rank + 1) * per_rank].reshape(-1) for part in plan]
    indices, weights, epochs = mine

    def load(index, weight, epoch):
        batch = dict(make_example(index, example_seed(seed, epoch, index)))
        batch["weight"] = weight
        return batch

    with tf.device("CPU"):
        data = tf.data.Dataset.from_tensor_slices((indices, weights.astype(np.float32), epochs))
        data = data.map(load, num_parallel_calls=parallel or tf.data.AUTOTUNE, deterministic=True)
        data = data.batch(per_rank, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    options = tf.data.Options()
    options.autotune.ram_budget = 2 << 30
    return data.with_options(options)


def example_seed(seed: int, epoch, index):
    """int32 [2] for tf.random.stateless_* of one example in one epoch."""
    base = tf.stack([tf.constant(seed, tf.int32), epoch])
    return tf.random.experimental.stateless_fold_in(base, tf.cast(index, tf.int32))
