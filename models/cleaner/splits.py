"""Which signature images are for training, validation and test; a writer is only ever in one of them. No TensorFlow."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from gaudi.errors import UserError
from models.ink.files import list_images, shown
from models.signatures import cedar

SPLITS = ("train", "validation", "test")
SYNTHETIC_SETS = {"train": 101, "validation": 102, "test": 103}  # apart from any recipe's seed: the test set is frozen
VALIDATION_SEED = 5  # picks CEDAR's development writers; the ten for testing are fixed
MOST_IMAGES = 20_000


@dataclass(frozen=True)
class Item:
    """One signature: a file, or number `index` of a synthetic writer (path None). `writer` is empty where unknown."""

    name: str
    writer: str
    forged: bool
    index: int
    path: Path | None = None


def listing(config) -> dict[str, list[Item]]:
    """The items of every split, in a fixed order; UserError where a split would be empty or too large to hold."""
    data = config.data
    if not data.root:
        parts = synthetic(data)
    elif cedar.is_cedar(data.root):
        parts = of_cedar(data)
    else:
        parts = of_folder(data)
    parts = {name: spread(items, data.limit) for name, items in parts.items()}
    held = sum(map(len, parts.values()))
    if held > MOST_IMAGES:
        raise UserError(f"data.root: {held:,} images in {shown(data.root)}, at most {MOST_IMAGES:,} are held in memory "
                        f"(50 kB each, in every process); set data.limit")
    return parts


def spread(items: list, limit: int) -> list:
    """`limit` of the items at even distances, in order; all of them where limit is 0 or large enough."""
    if not limit or limit >= len(items):
        return items
    return [items[position * len(items) // limit] for position in range(limit)]


def synthetic(data) -> dict[str, list[Item]]:
    """Items of the embedded synthetic writers: the first half of each writer's are genuine, the others forged."""
    writers = {"train": data.synthetic_writers, "validation": data.synthetic_held_out, "test": data.synthetic_held_out}
    genuine = data.synthetic_each - data.synthetic_each // 2
    parts = {}
    for split, count in writers.items():
        parts[split] = [Item(f"{split} writer {writer} number {k + 1}", str(writer), k >= genuine, k % genuine)
                        for writer in range(1, count + 1) for k in range(data.synthetic_each)]
    return parts


def of_cedar(data) -> dict[str, list[Item]]:
    """CEDAR: the ten test writers are fixed, the development writers drawn from the others by a fixed seed."""
    signatures = cedar.list_signatures(data.root, forgeries=data.forgeries)
    writers = cedar.writers_of(signatures)
    test = [writer for writer in writers if writer in cedar.TEST_WRITERS]
    others = [writer for writer in writers if writer not in cedar.TEST_WRITERS]
    if not test or len(others) <= data.validation_writers:
        raise UserError(f"{shown(data.root)}: has {len(test)} of the ten test writers and {len(others)} others; needed "
                        f"are 1 and {data.validation_writers + 1} (data.validation_writers + 1)")
    validation = cedar.choose_writers(others, data.validation_writers, VALIDATION_SEED)
    split = cedar.split(signatures, test=test, validation=validation)
    return {name: [Item(s.path.name, str(s.writer), s.forged, s.index, s.path) for s in part]
            for name, part in zip(SPLITS, (split.development, split.validation, split.test))}


def of_folder(data) -> dict[str, list[Item]]:
    """Any folder: groups (writers by data.writer_pattern, else single files) in the order of a hash of their names."""
    root = Path(data.root)
    paths = list_images(root)
    names = [path.relative_to(root).as_posix() for path in paths]
    writers = [writer_in(name, data.writer_pattern) for name in names]
    groups = sorted(set(writer or name for writer, name in zip(writers, names)), key=_hash)
    if len(groups) < len(SPLITS):
        what = "writers" if data.writer_pattern else "images"
        raise UserError(f"{shown(root)}: {len(groups)} {what}; training, validation and test need at least one each")
    test = max(1, round(data.test_share * len(groups)))
    validation = max(1, round(data.validation_share * len(groups)))
    parts = {"test": set(groups[:test]), "validation": set(groups[test:test + validation]),
             "train": set(groups[test + validation:])}
    items = [Item(name, writer, False, 0, path) for name, writer, path in zip(names, writers, paths)]
    return {split: [item for item in items if (item.writer or item.name) in parts[split]] for split in SPLITS}


def writer_in(name: str, pattern: str) -> str:
    """Group 1 of the pattern in a file's name; empty without a pattern. UserError where a name does not match."""
    if not pattern:
        return ""
    match = re.search(pattern, name)
    if not match or not match[1]:
        raise UserError(f"{name}: data.writer_pattern {pattern!r} finds no writer in this name")
    return match[1]


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()


def digest(items: list[Item]) -> str:
    """A hash of names, writers and file sizes, which ranks compare before they train together."""
    sizes = [item.path.stat().st_size if item.path else item.index for item in items]
    rows = [f"{item.name}|{item.writer}|{item.forged}|{size}" for item, size in zip(items, sizes)]
    return _hash("\n".join(rows))[:16]
