"""Sharded TFRecords with an index: every record is found by (file, offset, length), so examples are read in any order.

A folder holds dataset.json (classes, splits, origin), SPLIT.json (COCO instances of each split, whose images also tell
shard, offset, length and checksum) and the shards. The records have the layout of TensorFlow's object detection tools.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaudi.errors import UserError
from models.annotations.pages import SPLITS, Box

FORMAT = 1
RECORD_HEAD, RECORD_TAIL = 12, 4  # bytes a TFRecord spends before and after its payload (length, checksums)


@dataclass
class Split:
    """One split of a prepared data set; `images` and `boxes` as COCO writes them."""

    folder: Path
    name: str
    images: list[dict]
    annotations: list[dict]

    def __len__(self):
        return len(self.images)

    def boxes(self) -> list[np.ndarray]:
        """float64 [n, 5] of every image in order: class id, ymin, xmin, ymax, xmax in pixels."""
        rows: dict[int, list] = {image["id"]: [] for image in self.images}
        for item in self.annotations:
            x, y, width, height = item["bbox"]
            rows[item["image_id"]].append((item["category_id"], y, x, y + height, x + width))
        return [np.array(rows[image["id"]], np.float64).reshape(-1, 5) for image in self.images]

    def fingerprints(self) -> np.ndarray:
        """uint8 [N, 32]."""
        return np.array([list(bytes.fromhex(image["fingerprint"])) for image in self.images], np.uint8).reshape(-1, 32)


@dataclass
class DataSet:
    """A prepared folder: classes[k] is the name of class id k + 1."""

    folder: Path
    classes: list[str]
    facts: dict

    def split(self, name: str) -> Split:
        """One split, read from its index."""
        data = _json(self.folder / f"{name}.json")
        return Split(self.folder, name, data["images"], data["annotations"])

    def sizes(self) -> dict[str, int]:
        """Pages of every split that has any."""
        return {name: self.facts["splits"][name]["pages"] for name in SPLITS if name in self.facts["splits"]}


def open_folder(folder) -> DataSet:
    """The prepared data set in `folder`; UserError where it is none."""
    folder = Path(folder)
    file = folder / "dataset.json"
    if not file.is_file():
        raise UserError(f"{folder}: not a prepared data set (no dataset.json in it); make one with "
                        f"gaudi data prepare documents ANNOTATIONS --out {folder}")
    facts = _json(file)
    if facts.get("format") != FORMAT:
        raise UserError(f"{file}: format {facts.get('format')!r}, this version reads {FORMAT}; prepare it again")
    return DataSet(folder, list(facts["classes"]), facts)


def _json(file):
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        raise UserError(f"{file}: missing; prepare the data set again") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: damaged ({error}); prepare the data set again") from error


def digest(split: Split) -> str:
    """A hash of what the split holds: names, checksums of the records, boxes."""
    rows = [[image["file_name"], image["crc32"]] for image in split.images]
    return hashlib.sha256(json.dumps([rows, split.annotations], sort_keys=True).encode()).hexdigest()[:16]


def verify(split: Split) -> None:
    """Compare every record with its checksum; the UserError names file and record."""
    by_shard: dict[str, list[dict]] = {}
    for image in split.images:
        by_shard.setdefault(image["shard"], []).append(image)
    for shard, images in by_shard.items():
        file = split.folder / shard
        if not file.is_file():
            raise UserError(f"{file}: missing; {len(images)} pages of {split.name} are in it")
        with file.open("rb") as stream:
            for image in images:
                stream.seek(image["offset"] + RECORD_HEAD)
                if zlib.crc32(stream.read(image["length"])) != image["crc32"]:
                    raise UserError(f"{file}: record {image['record']} ({image['file_name']}) is corrupt or cut off; "
                                    "prepare the data set again")


def example(encoded, name: str, boxes: list[Box], classes: list[str]) -> bytes:
    """The serialized tf.train.Example of one page; boxes in pixels."""
    import tensorflow as tf

    def numbers(values):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    def whole(values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    def texts(values):
        rows = [value if isinstance(value, bytes) else value.encode() for value in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=rows))

    height, width = encoded.height, encoded.width
    areas = [(box.ymax - box.ymin) * (box.xmax - box.xmin) for box in boxes]
    feature = {
        "image/encoded": texts([encoded.data]), "image/format": texts([encoded.format]),
        "image/height": whole([height]), "image/width": whole([width]),
        "image/filename": texts([name]), "image/source_id": texts([name]),
        "image/object/bbox/ymin": numbers([box.ymin / height for box in boxes]),
        "image/object/bbox/xmin": numbers([box.xmin / width for box in boxes]),
        "image/object/bbox/ymax": numbers([box.ymax / height for box in boxes]),
        "image/object/bbox/xmax": numbers([box.xmax / width for box in boxes]),
        "image/object/class/text": texts([box.label for box in boxes]),
        "image/object/class/label": whole([classes.index(box.label) + 1 for box in boxes]),
        "image/object/is_crowd": whole([0] * len(boxes)), "image/object/area": numbers(areas),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def write_shard(file: Path, pages, classes: list[str]) -> list[dict]:
    """Write one shard of (name, Encoded, boxes); returns its index rows. The file appears when it is complete."""
    import tensorflow as tf
    partial, rows, offset = file.with_name(f".{file.name}.partial"), [], 0
    with tf.io.TFRecordWriter(str(partial)) as writer:
        for record, (name, encoded, boxes) in enumerate(pages):
            data = example(encoded, name, boxes, classes)
            writer.write(data)
            rows.append({"file_name": name, "height": encoded.height, "width": encoded.width, "shard": file.name,
                         "record": record, "offset": offset, "length": len(data), "crc32": zlib.crc32(data),
                         "fingerprint": encoded.fingerprint.tobytes().hex(),
                         "boxes": [[box.label, *(round(float(v), 3) for v in box[1:])] for box in boxes]})
            offset += RECORD_HEAD + len(data) + RECORD_TAIL
    partial.rename(file)
    return rows


def index(rows: list[dict], classes: list[str]) -> dict:
    """COCO instances of the rows of `write_shard`."""
    images, annotations = [], []
    for number, row in enumerate(rows, 1):
        images.append({"id": number, **{key: value for key, value in row.items() if key != "boxes"}})
        for label, ymin, xmin, ymax, xmax in row["boxes"]:
            width, height = round(xmax - xmin, 3), round(ymax - ymin, 3)
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": classes.index(label) + 1,
                                "bbox": [xmin, ymin, width, height], "area": round(width * height, 3), "iscrowd": 0})
    return {"categories": [{"id": number, "name": name} for number, name in enumerate(classes, 1)],
            "images": images, "annotations": annotations}
