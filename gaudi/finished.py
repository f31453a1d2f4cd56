"""A trained run opened again: its recipe, its network with the best weights, its data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gaudi import config, loop
from gaudi import run as runs
from gaudi.cluster import Cluster, connect, describe
from gaudi.errors import UserError

MAY_DIFFER = ("device", "precision", "deterministic", "data", "train.global_batch", "export")


@dataclass
class Finished:
    """What `evaluate` and `export` work on."""

    run: runs.Run
    recipe: config.Recipe
    task: Any
    cluster: Cluster
    state: dict
    device: str
    precision: str


def open_run(folder, overrides=()) -> Finished:
    """Open the device, build the run's task and load its best checkpoint (the newest where none was judged)."""
    run = runs.Run(folder)
    recipe = changed(run, overrides)
    ranks = describe()
    device, precision, _ = loop.open_device(recipe, ranks)
    cluster = connect(ranks)
    from gaudi import checkpoint, task as tasks
    with cluster.together():
        task = tasks.build(recipe)
        task.gather, task.mean = cluster.gather, cluster.mean
        checkpoints = checkpoint.Checkpoints(run.checkpoints, task.checkpointed, keep=2)
        if not checkpoints.names():
            raise UserError(f"{folder}: has no checkpoint yet; train it first: gaudi train {run.config_file}")
        state = checkpoints.restore(checkpoint.BEST)
    return Finished(run, recipe, task, cluster, state, device.name, precision)


def changed(run: runs.Run, overrides) -> config.Recipe:
    """The run's recipe with overrides that leave the network as it was trained."""
    recipe = run.recipe()
    if not overrides:
        return recipe
    for argument in overrides:
        key = argument.partition("=")[0]
        if not any(key == allowed or key.startswith(f"{allowed}.") for allowed in MAY_DIFFER):
            raise UserError(f"argument {argument!r}: a trained run keeps its {key}; only {', '.join(MAY_DIFFER)} may differ")
    return config.from_dict(config.merge(config.to_dict(recipe), config.parse_overrides(overrides)), "argument")
