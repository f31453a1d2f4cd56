"""What a trained network answers to all examples of a source, computed by all ranks."""

from __future__ import annotations

import numpy as np


class Outputs:
    """Calling it with a source's name runs the task's `predict` over it, divided among the ranks."""

    def __init__(self, task, sources, cluster, recipe):
        import tensorflow as tf
        self._sources, self._cluster, self._recipe = sources, cluster, recipe
        self._predict = tf.function(task.predict)
        share = max(1, recipe.train.global_batch // cluster.size)
        self._batch = min(task.predicted_at_once or share, share) * cluster.size

    def __call__(self, name: str) -> dict[str, np.ndarray]:
        """{output: [N, ...]} of all examples in the source's order, on every rank."""
        from gaudi import pipeline
        cluster, source = self._cluster, self._sources[name]
        rows: dict[str, list] = {}
        for examples in pipeline.ordered_batches(source, seed=self._recipe.seed, global_batch=self._batch,
                                                 rank=cluster.rank, ranks=cluster.size):
            for key, value in self._predict(examples).items():
                rows.setdefault(key, []).append(value.numpy())
        everyone = cluster.all_objects({key: np.stack(parts) for key, parts in rows.items()})
        return {key: interleaved([one[key] for one in everyone])[:source.size] for key in rows}


def interleaved(parts: list[np.ndarray]) -> np.ndarray:
    """Rows in source order from each rank's [steps, b, ...]: a global batch is rank 0's rows, then rank 1's, ..."""
    stacked = np.stack(parts, axis=1)
    return stacked.reshape(-1, *stacked.shape[3:])
