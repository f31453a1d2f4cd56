"""What every reader yields and every writer takes: pages with labelled boxes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

SPLITS = ("train", "validation", "test")
KNOWN_SPLITS = {"train": "train", "training": "train", "val": "validation", "valid": "validation", "eval": "validation",
                "validation": "validation", "test": "test", "testing": "test"}


class Box(NamedTuple):
    """One annotation: corners in the page's annotated unit (pixels, or shares of the page), y downwards."""

    label: str
    ymin: float
    xmin: float
    ymax: float
    xmax: float


@dataclass
class Page:
    """One page as its annotation describes it.

    image: the file; frame: which page of it (0 = first; multi-page TIFF).
    annotated: (height, width) in pixels that the boxes refer to; None where the boxes are shares of the page (0..1).
    split: train, validation or test where the data set says so, else empty.
    encoded: the image's bytes where they come out of a record instead of a file.
    """

    image: Path
    boxes: list[Box] = field(default_factory=list)
    annotated: tuple[int, int] | None = None
    frame: int = 0
    split: str = ""
    encoded: bytes | None = None

    @property
    def name(self) -> str:
        """The page's name: its file, and its page number in a file of several."""
        return f"{self.image}#{self.frame + 1}" if self.frame else str(self.image)


def split_of(*names: str) -> str:
    """The split that one of these folder or file names stands for, else empty."""
    for name in names:
        found = KNOWN_SPLITS.get(name.lower())
        if found:
            return found
    return ""


def frame_of(name: str) -> tuple[str, int]:
    """A file name and its frame: `scan.tif#2` is the second page of scan.tif."""
    file, hash_mark, number = name.rpartition("#")
    if hash_mark and number.isdigit() and int(number) > 0:
        return file, int(number) - 1
    return name, 0
