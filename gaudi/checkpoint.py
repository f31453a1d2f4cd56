"""Checkpoints: written to a new folder, fsynced, then a pointer moves; the one before stays until then."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import tensorflow as tf

from gaudi.errors import UserError

NEWEST, BEST = "newest", "best"


class Checkpoints:
    """The checkpoints/ folder of a run: weights, optimizers and a JSON state each. Rank 0 alone uses it."""

    def __init__(self, folder: Path, checkpointed: dict, keep: int):
        self.folder, self.keep = folder, keep
        self._contents = tf.train.Checkpoint(**checkpointed)

    def save(self, step: int, state: dict, best: bool = False) -> Path:
        """Write the checkpoint of `step`; it counts only once the pointer names it."""
        target = self.folder / f"step-{step:08d}"
        scratch = self.folder / f".{target.name}.partial"
        try:
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            self._contents.write(str(scratch / "weights"))
            (scratch / "state.json").write_text(json.dumps({"step": step, **state}))
            fsync_all(scratch)
            shutil.rmtree(target, ignore_errors=True)
            scratch.rename(target)
            self._point(NEWEST, target.name)
            if best:
                self._point(BEST, target.name)
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(scratch, ignore_errors=True)
            raise UserError(f"{target}: cannot be written ({reason(error)}); "
                            f"the checkpoints before it are kept, start again to continue") from error
        self._prune()
        return target

    def restore(self, which=NEWEST, say=print) -> dict | None:
        """Load the newest (or best) readable checkpoint and return its state; None where there is none at all."""
        names = self.names()
        pointed = self._pointed(which)
        candidates = [pointed] * (pointed in names) + [name for name in reversed(names) if name != pointed]
        for position, name in enumerate(candidates):
            try:
                return self._read(self.folder / name)
            except (OSError, ValueError, IndexError, AssertionError, tf.errors.OpError) as error:
                following = candidates[position + 1] if position + 1 < len(candidates) else "nothing"
                say(f"{self.folder / name}: cannot be read ({reason(error)}); falling back to {following}")
        if candidates:
            raise UserError(f"{self.folder}: none of its {len(candidates)} checkpoints can be read; "
                            "remove the run folder to train from the start, or restore it from a copy")
        return None

    def names(self) -> list[str]:
        """The finished checkpoints, oldest first."""
        return sorted(path.name for path in self.folder.glob("step-*") if path.is_dir())

    def _read(self, folder: Path) -> dict:
        state = json.loads((folder / "state.json").read_text())
        status = self._contents.read(str(folder / "weights"))
        status.assert_existing_objects_matched()
        status.expect_partial()  # evaluation and export read the networks without their optimizers
        return state

    def _point(self, pointer: str, name: str) -> None:
        scratch = self.folder / f".{pointer}.partial"
        scratch.write_text(name + "\n")
        fsync(scratch)
        scratch.replace(self.folder / pointer)
        fsync(self.folder)

    def _pointed(self, pointer: str) -> str:
        try:
            return (self.folder / pointer).read_text().strip()
        except OSError:
            return ""

    def _prune(self) -> None:
        best = self._pointed(BEST)
        for name in self.names()[:-self.keep]:
            if name != best:
                shutil.rmtree(self.folder / name, ignore_errors=True)


def fsync_all(folder: Path) -> None:
    """Make a folder's files and entries durable."""
    for path in folder.iterdir():
        fsync(path)
    fsync(folder)


def fsync(path: Path) -> None:
    """Make one file's or folder's contents durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def reason(error: Exception) -> str:
    """What the operating system or TensorFlow says, on one short line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
    return " ".join(text.split())[:160]
