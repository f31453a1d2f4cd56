"""What is wrong with the files of several parts of the data: those that cannot be read, and copies across parts. No TensorFlow."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gaudi.errors import UserError
from models.ink.files import UnreadableImage, read_gray

NAMED_AT_MOST = 5


def audit(parts: dict[str, list[Path]], on_corrupt: str):
    """Yield a line on every unusable file and every file of equal content in two parts.

    Raises UserError naming unusable files where `on_corrupt` is "fail".
    """
    errors = list(unusable(sorted({path for paths in parts.values() for path in paths})))
    if errors and on_corrupt == "fail":
        raise UserError(complaint(errors, "images", "(data.on_corrupt=skip leaves them out)"))
    yield from (f"left out: {error}" for error in errors)
    yield from copies(parts)


def unusable(paths: list[Path]):
    """What is wrong with every file that cannot be read."""
    for path in paths:
        try:
            read_gray(path)
        except UnreadableImage as error:
            yield str(error)


def copies(parts: dict[str, list[Path]]):
    """Notes on files of equal content in two parts: what is learnt by heart would be judged."""
    seen: dict[str, tuple] = {}
    for name, paths in parts.items():
        for path in paths:
            other = seen.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), (name, path))
            if other[0] != name:
                yield f"note: {path} ({name}) and {other[1]} ({other[0]}) are the same picture"


def complaint(errors: list, what: str, advice: str) -> str:
    """One line that names the first errors, counts all, and says what helps."""
    more = f"; and {len(errors) - NAMED_AT_MOST} more" if len(errors) > NAMED_AT_MOST else ""
    return f"{len(errors)} {what} cannot be used: {'; '.join(map(str, errors[:NAMED_AT_MOST]))}{more} {advice}".rstrip()
