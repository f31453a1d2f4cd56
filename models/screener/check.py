"""`gaudi data check`: what the splits hold, which files are unusable, and what stands in two of them, without TensorFlow."""

from __future__ import annotations

import hashlib
from collections import Counter

from gaudi.errors import UserError
from models.ink.files import UnreadableImage, read_gray
from models.screener.splits import SIGNATURE, listing, real


def check(recipe):
    """Yield lines on the data of `recipe`; raises UserError where they are unfit for training."""
    parts = listing(recipe)
    yield f"data: {recipe.data.root or 'embedded synthetic pictures'}"
    for name, pictures in parts.items():
        yield describe(name, pictures)
    yield from copies(parts)
    for name, pictures in real(recipe.data).items():
        yield describe(f"real {name}", pictures)
    errors = list(unusable([picture for pictures in parts.values() for picture in pictures]))
    if errors and recipe.data.on_corrupt == "fail":
        raise UserError(f"{len(errors)} images cannot be used: {'; '.join(errors[:5])} (data.on_corrupt=skip leaves them out)")
    for error in errors:
        yield f"left out: {error}"


def describe(name, pictures) -> str:
    """Signatures, writers and families of one part."""
    counts = Counter(picture.family for picture in pictures)
    signed = counts.pop(SIGNATURE, 0)
    writers = len({picture.group for picture in pictures if picture.is_signature})
    others = ", ".join(f"{count} {family}" for family, count in counts.items()) or "no others"
    return f"{name}: {signed} signatures of {writers} writers or files; {others}"


def unusable(pictures):
    """What is wrong with every file that cannot be read."""
    for path in sorted({picture.path for picture in pictures if picture.path is not None}):
        try:
            read_gray(path)
        except UnreadableImage as error:
            yield str(error)


def copies(parts):
    """Notes on files of equal content in two parts: what is learnt by heart would be judged."""
    seen: dict[str, tuple] = {}
    for name, pictures in parts.items():
        for path in sorted({picture.path for picture in pictures if picture.path is not None}):
            key = hashlib.sha256(path.read_bytes()).hexdigest()
            other = seen.setdefault(key, (name, path))
            if other[0] != name:
                yield f"note: {path} ({name}) and {other[1]} ({other[0]}) are the same picture"
