"""Finds out which format a folder of annotations has, and reads it."""

from __future__ import annotations

from pathlib import Path

from gaudi.errors import UserError
from models.annotations import read_coco, read_records, read_signverod, read_voc, read_vott, read_yolo
from models.annotations.pages import Page
from models.annotations.places import images_below

FORMATS = ("coco", "voc", "yolo", "vott", "signverod", "tfrecord")


def read(root: Path, kind: str = "auto", classes: list[str] | None = None) -> list[Page]:
    """All pages below `root` in the named format, or in the one that is recognised."""
    root = Path(root)
    if not root.exists():
        raise UserError(f"{root}: no such file or folder")
    folder = root if root.is_dir() else root.parent
    images_below.cache_clear()
    files = candidates(root)
    if kind == "auto":
        kind = recognised(files, root)
    if not files[kind] and kind != "yolo":
        raise UserError(f"{root}: no {kind} annotations in it")
    reader = {"coco": read_coco, "voc": read_voc, "yolo": read_yolo, "vott": read_vott, "signverod": read_signverod,
              "tfrecord": read_records}[kind]
    named = (classes,) if kind in ("yolo", "tfrecord") else ()
    pages = reader.read(files[kind], folder, *named)
    if not pages:
        raise UserError(f"{root}: {kind} annotations without a page")
    return pages


def candidates(root: Path) -> dict[str, list[Path]]:
    """For each format the files below `root` that are in it."""
    every = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
    every = [path for path in every if not path.name.startswith(".")]
    json_files = [path for path in every if path.suffix.lower() == ".json"]
    return {"signverod": [path for path in every if path.name == "image_ids.csv"],
            "coco": [path for path in json_files if read_coco.is_coco(path)],
            "vott": [path for path in json_files if read_vott.is_vott(path)],
            "voc": [path for path in every if path.suffix.lower() == ".xml"],
            "yolo": [path for path in every if path.suffix.lower() == ".txt" and _is_yolo(path)],
            "tfrecord": [path for path in every if ".tfrecord" in path.name.lower()
                         or path.suffix.lower() == ".record"]}


def recognised(files: dict[str, list[Path]], root: Path) -> str:
    """The one format found; where several are, the caller has to choose."""
    found = [kind for kind in files if files[kind]]
    if not found:
        raise UserError(f"{root}: no annotations found; read are COCO JSON, Pascal VOC XML, YOLO text, VoTT JSON, "
                        "SignVerOD's CSV and TFRecords")
    if found[0] == "signverod" and set(found) <= {"signverod", "tfrecord"}:
        return "signverod"  # the download holds both, and the CSV comes with the original images
    if len(found) > 1:
        raise UserError(f"{root}: annotations in several formats ({', '.join(found)}); choose with --format")
    return found[0]


def _is_yolo(path: Path) -> bool:
    """A text file of `class x y width height` lines; lists of names and notes are none."""
    with path.open(errors="replace") as stream:
        first = next((line.split() for line in stream if line.strip()), None)
    if first is None:
        return path.parent.name == "labels" or "labels" in path.parts
    try:
        [float(value) for value in first]
    except ValueError:
        return False
    return len(first) >= 5
