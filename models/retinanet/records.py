"""Which prepared folders a recipe trains on, their splits and classes; without TensorFlow."""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaudi.errors import UserError
from models.annotations import shards
from models.retinanet.config import DetectorData

CACHE = Path(__file__).resolve().parents[2] / "runs" / ".synthetic"


@dataclass
class Part:
    """Pages of one split: images as the index tells them, boxes [n, 5] (class id from 1, corners in pixels) of each."""

    folder: Path
    images: list[dict]
    boxes: list[np.ndarray]
    digest: str


def folder_of(data: DetectorData) -> Path:
    """The data folder; the embedded synthetic one is made here when nobody has made it yet."""
    if data.root:
        return Path(data.root)
    from models.documents.synth import Wanted, write
    wanted = Wanted(data.synthetic, data.synthetic_held_out, data.synthetic_held_out, data.synthetic_side,
                    data.synthetic_side)
    name = f"documents-{wanted.train}-{wanted.validation}-{wanted.height}-{_generator()}"
    folder = CACHE / name
    if not (folder / "dataset.json").is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        with open(CACHE / f"{name}.lock", "w") as lock:  # of several ranks on a host one makes it, the others wait
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "dataset.json").is_file():
                os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
                write(folder, wanted)
    return folder


def _generator() -> str:
    """A hash of the program that draws the pages: another program, other pages."""
    here = Path(__file__).resolve().parents[1]
    files = sorted([*here.glob("documents/*.py"), *here.glob("signatures/*.py"), here / "words.py"])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def split_sizes(data: DetectorData) -> dict[str, int]:
    """Pages of an epoch of training, of validation and test."""
    if not data.root:
        sizes = {"train": data.synthetic, "validation": data.synthetic_held_out, "test": data.synthetic_held_out}
    else:
        sizes = shards.open_folder(data.root).sizes()
    sizes = {name: min(size, data.limit or size) for name, size in sizes.items()}
    if "train" not in sizes:
        raise UserError(f"{data.root}: has no training pages, only {', '.join(sizes)}")
    if data.extra:
        sizes["train"] += extra_pages(sizes["train"], shards.open_folder(data.extra).sizes().get("train", 0),
                                      data.extra_share)
    return sizes


def extra_pages(own: int, there: int, share: float) -> int:
    """How many extra pages an epoch holds so that they are `share` of it, at most as many as there are."""
    return min(there, round(own * share / (1 - share)))


def classes_of(data: DetectorData) -> list[str]:
    """Class names; the id of classes[k] is k + 1."""
    if not data.root:
        from models.documents.page import CLASSES
        return list(CLASSES)
    return shards.open_folder(data.root).classes


def read_part(folder: Path, name: str, classes: list[str], limit: int = 0) -> Part:
    """One split with its boxes renumbered to `classes`; UserError where it has no box at all."""
    dataset = shards.open_folder(folder)
    if name not in dataset.sizes():
        raise UserError(f"{folder}: has no {name} pages; it has {', '.join(dataset.sizes())}")
    split = dataset.split(name)
    number = {k + 1: classes.index(label) + 1 for k, label in enumerate(dataset.classes) if label in classes}
    boxes = []
    for rows in split.boxes():
        kept = rows[[int(row[0]) in number for row in rows]].copy() if len(rows) else rows
        kept[:, 0] = [number[int(row[0])] for row in kept]
        boxes.append(kept)
    images = split.images
    if limit and limit < len(images):
        rows = np.linspace(0, len(images) - 1, limit).round().astype(int)
        images, boxes = [images[k] for k in rows], [boxes[k] for k in rows]
    if not any(len(rows) for rows in boxes):
        raise UserError(f"{folder}: {name}: not one box of {', '.join(classes)} on {len(images)} pages")
    return Part(Path(folder), images, boxes, f"{shards.digest(split)}-{len(images)}")
