"""Every example exactly once an epoch, whatever the counts and ranks; the same examples wherever training starts."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from gaudi import pipeline
from gaudi.task import Source, padded


class Noise(Source):
    """Examples that are their index and a number drawn from their seed."""

    def __init__(self, size):
        self.size, self.digest = size, str(size)

    def example(self, index, seed):
        return {"index": index, "noise": tf.random.stateless_uniform([], seed)}


def collect(size, batch, ranks, steps, first_step=0, seed=7):
    """[rank][step] -> list of (index, weight, noise)."""
    def rows(rank):
        batches = pipeline.training_batches(Noise(size), seed=seed, global_batch=batch, rank=rank, ranks=ranks,
                                            first_step=first_step, total_steps=steps)
        return [list(zip(*(one[key].numpy().tolist() for key in ("index", "weight", "noise")))) for one in batches]
    return [rows(rank) for rank in range(ranks)]


@pytest.mark.parametrize("size,batch,ranks", [(1, 4, 4), (3, 8, 4), (7, 4, 2), (10, 2, 1), (12, 4, 4), (13, 6, 3), (25, 8, 8)])
def test_shards_are_disjoint_and_complete(size, batch, ranks):
    per_epoch = -(-size // batch)
    everyone = collect(size, batch, ranks, steps=2 * per_epoch)
    for epoch in range(2):
        seen = collections.Counter(index for rank in everyone for step in rank[epoch * per_epoch:(epoch + 1) * per_epoch]
                                   for index, weight, _ in step if weight > 0)
        assert seen == {index: 1 for index in range(size)}
    assert all(len(step) == batch // ranks for rank in everyone for step in rank)


@pytest.mark.parametrize("ranks", [2, 4])
def test_number_of_ranks_changes_nothing(ranks):
    one, many = collect(13, 8, 1, 6), collect(13, 8, ranks, 6)
    joined = [[row for rank in many for row in rank[step]] for step in range(6)]
    assert joined == one[0]


def test_epochs_and_examples_differ_in_order_and_randomness():
    rows = [row for step in collect(16, 8, 1, 4)[0] for row in step]
    first, second = rows[:16], rows[16:]
    assert [index for index, *_ in first] != [index for index, *_ in second]
    assert len({noise for *_, noise in rows}) == 32


@pytest.mark.parametrize("start", [1, 3, 4, 7])
def test_any_step_can_be_the_first(start):
    assert collect(13, 4, 1, 9, first_step=start)[0] == collect(13, 4, 1, 9)[0][start:]


def test_short_chunks_join_seamlessly(monkeypatch):
    whole = collect(13, 4, 1, 12)
    monkeypatch.setattr(pipeline, "CHUNK", 1)
    assert collect(13, 4, 1, 12) == whole


def test_weighted_mean_of_the_last_batch_is_the_mean_over_its_real_examples():
    """Five examples at batch 4: the second row holds one real example of weight 4 / 1 and three repeats of weight 0,
    so its mean over the batch is (4 * x + 0 + 0 + 0) / 4 = x."""
    indices, weights = padded(np.array([3, 1, 4, 0, 2]), 4)
    assert indices.tolist() == [[3, 1, 4, 0], [2, 3, 1, 4]]
    assert weights.tolist() == [[1, 1, 1, 1], [4, 0, 0, 0]]


def test_ordered_pass_counts_each_example_once():
    batches = pipeline.ordered_batches(Noise(5), seed=1, global_batch=4, rank=0, ranks=1)
    rows = [(index, weight) for batch in batches for index, weight in zip(batch["index"].numpy(), batch["weight"].numpy())]
    assert rows == [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (0, 0), (1, 0), (2, 0)]
