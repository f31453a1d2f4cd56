"""Starts a network from a checkpoint, the Model Garden's or one of this suite, and reports what was restored."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from gaudi.errors import UserError

SHOWN = 4  # names in a message


def start(network, path: str, modules: str) -> str:
    """Restore what `path` holds of the network (its backbone, or all); returns a line that says how much.

    path: a checkpoint's prefix, a folder of checkpoints, or a run of this suite. UserError where nothing fits, or
    where a
    variable has another shape (a class map that disagrees).
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
        raise UserError(f"network.init_checkpoint: {prefix}: of another network or class map ({error})") from error
    missing = []
    for variable in part.variables:
        if bool(tf.reduce_all(variable == tf.cast(_MARK, variable.dtype))):
            variable.assign(before[id(variable)])
            missing.append(variable.name)
    return len(part.variables) - len(missing), missing


_MARK = -1.1754944e-37
