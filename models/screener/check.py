"""`gaudi data check`: what the splits hold, which files are unusable, and what stands in two of them, without TensorFlow."""

from __future__ import annotations

from collections import Counter

from models.framing.files import audit
from models.screener.splits import SIGNATURE, listing, real


def check(recipe):
    """Yield lines on the data of `recipe`; raises UserError where they are unfit for training."""
    parts = listing(recipe)
    yield f"data: {recipe.data.root or 'embedded synthetic pictures'}"
    for name, pictures in parts.items():
        yield describe(name, pictures)
    for name, pictures in real(recipe.data).items():
        yield describe(f"real {name}", pictures)
    files = {name: [picture.path for picture in pictures if picture.path is not None] for name, pictures in parts.items()}
    yield from audit(files, recipe.data.on_corrupt)


def describe(name, pictures) -> str:
    """Signatures, writers and families of one part."""
    counts = Counter(picture.family for picture in pictures)
    signed = counts.pop(SIGNATURE, 0)
    writers = len({picture.group for picture in pictures if picture.is_signature})
    others = ", ".join(f"{count} {family}" for family, count in counts.items()) or "no others"
    return f"{name}: {signed} signatures of {writers} writers or files; {others}"
