"""What a task computes once from its trained network and its data, kept in the run so that evaluation and export agree."""

from __future__ import annotations

import json
from typing import Callable

import numpy as np

from gaudi.outputs import Outputs
from gaudi.task import Task

FILE, ORIGIN = "fitted.npz", "fitted_from"


def fit(opened, sources: Callable[[], dict]) -> None:
    """Set `opened.task.fitted`: read from RUN/fitted.npz where it was made of the same, else computed and written there.

    The same is: the network's step, the precision it computes in, and the data that were used. Nothing is done, and
    `sources` (name -> Source) not called, for a task that fits nothing.
    """
    if type(opened.task).fit is Task.fit:
        return
    cluster, made = opened.cluster, None
    with cluster.together():
        found = sources()
        if cluster.is_main:
            made = read(opened, found)
    made = cluster.from_main(made)
    if made is None:
        made = compute(opened, found)
    opened.task.fitted = made


def compute(opened, sources) -> dict[str, np.ndarray]:
    """Run the task's `fit` on all ranks and keep rank 0's answer, with what it was made of."""
    used: set[str] = set()
    runner = Outputs(opened.task, sources, opened.cluster, opened.recipe)

    def outputs_of(name):
        used.add(name)
        return runner(name)

    with opened.cluster.together():
        made = opened.task.fit(outputs_of)
    made = opened.cluster.from_main({name: np.asarray(values) for name, values in made.items()})
    if opened.cluster.is_main:
        origin = {**state_of(opened), "data": {name: sources[name].digest for name in sorted(used)}}
        scratch = opened.run.folder / f".{FILE}"
        with open(scratch, "wb") as file:
            np.savez(file, **made, **{ORIGIN: np.array(json.dumps(origin))})
        scratch.replace(opened.run.folder / FILE)
    return made


def read(opened, sources) -> dict[str, np.ndarray] | None:
    """What RUN/fitted.npz holds; None where there is none, or where it was made of something else."""
    try:
        with np.load(opened.run.folder / FILE) as kept:
            made = {name: kept[name] for name in kept.files}
    except FileNotFoundError:
        return None
    origin = json.loads(str(made.pop(ORIGIN)))
    used = origin.pop("data")
    same = origin == state_of(opened) and all(name in sources and sources[name].digest == digest for name, digest in used.items())
    return made if same else None


def state_of(opened) -> dict:
    """The trained network, and how it computes now."""
    return {"step": opened.state["step"], "precision": opened.precision}
