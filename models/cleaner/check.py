"""`gaudi data check`: what is in each split, whether every image can be used, how much ink it holds. No TensorFlow."""

from __future__ import annotations

import numpy as np

from models.cleaner import splits
from models.cleaner.signatures import load_parts


def check(recipe):
    """Yield lines on the data of `recipe`; raises UserError where it is unfit for training."""
    yield f"data: {recipe.data.root or 'embedded synthetic signatures'}"
    parts = splits.listing(recipe)
    told: list[str] = []
    loaded = load_parts(parts, recipe.data, told.append)
    yield from (describe(name, part) for name, part in loaded.items())
    yield from told
    copies = names_of_copies(parts)
    yield from (f"note: {first} and {second} hold the same bytes" for first, second in copies)


def describe(name: str, signatures) -> str:
    """Images, writers and ink of one split."""
    named = {item.writer for item in signatures.items if item.writer}
    writers = sorted(named, key=lambda writer: (len(writer), writer))
    shown = " ".join(writers) if len(writers) <= 12 else f"{' '.join(writers[:4])} ... {writers[-1]}"
    whose = f"of {len(writers)} writers ({shown})" if writers else "of unknown writers"
    ink = (signatures.images <= 127).mean(axis=(1, 2))
    return (f"{name}: {len(signatures.items)} images {whose}, {int(signatures.forged.sum())} of them forged; "
            f"ink {np.min(ink):.1%} to {np.max(ink):.1%}, mean {np.mean(ink):.1%}")


def names_of_copies(parts) -> list[tuple[str, str]]:
    """Pairs of files with equal content, in whatever splits: a copy in training and test would flatter the test."""
    first: dict[bytes, str] = {}
    pairs = []
    for item in (item for items in parts.values() for item in items if item.path):
        earlier = first.setdefault(item.path.read_bytes(), item.name)
        if earlier != item.name:
            pairs.append((earlier, item.name))
    return pairs
