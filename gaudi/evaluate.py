"""`gaudi evaluate RUN`: judges a trained run on its test data, over any number of ranks."""

from __future__ import annotations

import time

import numpy as np

from gaudi import finished, fitting, page, run as runs


def evaluate(folder, overrides=()) -> dict:
    """Write metrics.json, pictures/ and report.html into the run; returns the metrics."""
    opened = finished.open_run(folder, overrides)
    began = time.perf_counter()
    task, cluster, recipe = opened.task, opened.cluster, opened.recipe
    with cluster.together():
        sources = task.sources()
    pictures = opened.run.folder / "pictures" if cluster.is_main else None
    if pictures:
        pictures.mkdir(exist_ok=True)
    fitting.fit(opened, lambda: sources)
    runner = Outputs(task, sources, cluster, recipe)
    with cluster.together():
        metrics = task.evaluate(runner, pictures)
    metrics["evaluation"] = {"step": opened.state["step"], "precision": opened.precision, "device": opened.device,
                             "ranks": cluster.size, "seconds": round(time.perf_counter() - began, 1)}
    if cluster.is_main:
        runs.write_json(opened.run.metrics_file, metrics)
        page.write_page(opened.run.folder)
    cluster.any(False)
    return metrics


class Outputs:
    """Calling it with a source's name runs the task's `predict` over it, divided among the ranks."""

    def __init__(self, task, sources, cluster, recipe):
        import tensorflow as tf
        self._sources, self._cluster, self._recipe = sources, cluster, recipe
        self._predict = tf.function(task.predict)

    def __call__(self, name: str) -> dict[str, np.ndarray]:
        """{output: [N, ...]} of all examples in the source's order, on every rank."""
        from gaudi import pipeline
        cluster, source = self._cluster, self._sources[name]
        batch = max(1, self._recipe.train.global_batch // cluster.size) * cluster.size
        rows: dict[str, list] = {}
        for examples in pipeline.ordered_batches(source, seed=self._recipe.seed, global_batch=batch,
                                                 rank=cluster.rank, ranks=cluster.size):
            for key, value in self._predict(examples).items():
                rows.setdefault(key, []).append(value.numpy())
        everyone = cluster.all_objects({key: np.stack(parts) for key, parts in rows.items()})
        return {key: interleaved([one[key] for one in everyone])[:source.size] for key in rows}


def interleaved(parts: list[np.ndarray]) -> np.ndarray:
    """Rows in source order from each rank's [steps, b, ...]: a global batch is rank 0's rows, then rank 1's, ..."""
    stacked = np.stack(parts, axis=1)
    return stacked.reshape(-1, *stacked.shape[3:])
