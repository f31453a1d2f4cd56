"""Starts a network from a checkpoint, the Model Garden's or one of this suite, and reports what was restored."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import tensorflow as tf

from gaudi.errors import UserError

SHOWN = 4  # names in a message


def start(network, path: str, modules: str) -> str:
    """Restore what `path` holds of the network (its backbone, or all); returns a line that says how much.

    path: a checkpoint's prefix, a folder of checkpoints, or a run of this suite. UserError where nothing fits, or
    where a variable has another shape (a class map that disagrees; `transfer` takes such runs).
    """
    prefix = find(path)
    if modules == "backbone":
        part = network.get_layer("backbone")
        restored, missing = _read(tf.train.Checkpoint(backbone=part), part, prefix)
    else:
        restored, missing = _read(tf.train.Checkpoint(network=network), network, prefix)
    total = restored + len(missing)
    if not restored:
        raise UserError(f"network.init_checkpoint: {path}: holds nothing of this {modules}; its variables are such as "
                        f"{', '.join(names_in(prefix)[:SHOWN])}")
    left = f"; not restored: {', '.join(missing[:SHOWN])}{' ...' if len(missing) > SHOWN else ''}" if missing else ""
    return f"{path}: {restored} of {total} variables of {modules} restored{left}"


def transfer(network, build, path: str, marks: np.ndarray, per_cell: int) -> str:
    """Restore a network that `path` trained on other classes; returns a line that says how much.

    build(n): the same network for n classes. marks [n]: this network's classes, as ClassMap numbers them. per_cell:
    anchors of a cell. Scores of classes that both know are taken over, those of new classes start anew, everything
    else is restored. UserError where `path` is no run of this suite's detector, or of another network.
    """
    prefix = find(path)
    reader = tf.train.load_checkpoint(prefix)
    if not reader.has_tensor(_CLASSES):
        raise UserError(f"network.init_checkpoint: {path}: says nothing of its classes; init_modules: transfer wants a "
                        "run of this suite's detector")
    known = reader.get_tensor(_CLASSES).tolist()
    donor = build(len(known))
    missing = _read(tf.train.Checkpoint(network=donor), donor, prefix)[1]
    if missing:
        raise UserError(f"network.init_checkpoint: {path}: of another network; it lacks {', '.join(missing[:SHOWN])}")
    shared = [(k - len(marks), known.index(mark) - len(known)) for k, mark in enumerate(marks.tolist())
              if mark in known]
    for mine, theirs in zip(network.variables, donor.variables):
        scores = re.search(r"(^|/)scores?/", mine.name)
        mine.assign(_scores(mine.numpy(), theirs.numpy(), per_cell, shared) if scores else theirs)
    return (f"{path}: all {len(donor.variables)} variables restored; scores of {len(shared)} of {len(marks)} classes "
            "taken over by name" + ("" if len(shared) == len(marks) else ", the others start anew"))


def _scores(mine: np.ndarray, theirs: np.ndarray, per_cell: int, shared: list[tuple[int, int]]) -> np.ndarray:
    """`mine` [..., per_cell * width] with the last axis' columns of shared classes from `theirs`; classes are counted
    from the end of an anchor's columns, for the Model Garden's first is background."""
    own, given = (rows.reshape(*rows.shape[:-1], per_cell, -1) for rows in (mine.copy(), theirs))
    for to, origin in shared:
        own[..., to] = given[..., origin]
    return own.reshape(mine.shape)


def find(path: str) -> str:
    """The prefix of the checkpoint that `path` names."""
    folder = Path(path)
    for candidate in (folder / "checkpoints" / "best", folder / "checkpoints" / "newest"):
        if candidate.is_file():
            return str(folder / "checkpoints" / candidate.read_text().strip() / "weights")
    prefix = tf.train.latest_checkpoint(path) if folder.is_dir() else path
    if not prefix or not Path(f"{prefix}.index").is_file():
        raise UserError(f"network.init_checkpoint: {path}: no checkpoint there (a prefix such as ckpt-28080, a folder "
                        "of checkpoints, or a run folder is wanted)")
    return prefix


def names_in(prefix: str) -> list[str]:
    """Names of the checkpoint's variables."""
    return sorted(name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE") for name in tf.train.load_checkpoint(prefix)
                  .get_variable_to_shape_map() if "OBJECT_GRAPH" not in name)


def _read(checkpoint, part, prefix) -> tuple[int, list[str]]:
    """Number of variables read and the names of those that the checkpoint lacks."""
    before = {id(variable): variable.numpy() for variable in part.variables}
    for variable in part.variables:  # a value that no checkpoint holds: what changes was restored
        variable.assign(tf.fill(variable.shape, tf.cast(_MARK, variable.dtype)))
    try:
        checkpoint.read(prefix).expect_partial()
    except ValueError as error:
        raise UserError(f"network.init_checkpoint: {prefix}: of another network or class map "
                        f"(init_modules: transfer takes runs with other classes): {error}") from error
    missing = []
    for variable in part.variables:
        if bool(tf.reduce_all(variable == tf.cast(_MARK, variable.dtype))):
            variable.assign(before[id(variable)])
            missing.append(variable.name)
    return len(part.variables) - len(missing), missing


_MARK = -1.1754944e-37
_CLASSES = "classes/marks/.ATTRIBUTES/VARIABLE_VALUE"
