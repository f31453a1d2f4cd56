"""`gaudi evaluate RUN`: judges a trained run on its test data, over any number of ranks."""

from __future__ import annotations

import time

from gaudi import finished, fitting, page, run as runs
from gaudi.outputs import Outputs


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
