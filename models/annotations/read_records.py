"""Reads ready TFRecords in the layout of TensorFlow's object detection tools (SignVerOD's download has such)."""

from __future__ import annotations

from pathlib import Path

from gaudi.errors import UserError
from models.annotations.pages import Box, Page, split_of

CORNERS = ("ymin", "xmin", "ymax", "xmax")
SIGNVEROD = {1: "signature", 2: "initials", 3: "redaction", 4: "date"}


def read(files: list[Path], root: Path, classes: list[str] | None = None) -> list[Page]:
    """The pages of all record files, images included. A split is told by a file's name (train, test, val ...).

    `classes` names label 1, 2, ... where the records hold no class texts.
    """
    names = dict(enumerate(classes, 1)) if classes else SIGNVEROD
    return [page for file in files for page in _read_file(file, names)]


def _read_file(file, names):
    import tensorflow as tf  # only this reader needs it
    split = split_of(*file.name.replace("-", "_").replace(".", "_").split("_"))
    pages = []
    try:
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            place = f"{file}: record {len(pages)}"
            pages.append(_page(_features(tf.train.Example, record, place), place, file, len(pages), split, names))
    except tf.errors.DataLossError as error:
        raise UserError(f"{file}: record {len(pages)} is corrupt or cut off; download the file again") from error
    return pages


def _features(message, record, place):
    from google.protobuf.message import DecodeError
    try:
        return message.FromString(record).features.feature
    except DecodeError as error:
        raise UserError(f"{place}: not a tf.train.Example ({error})") from error


def _page(feature, place, file, position, split, names):
    encoded = feature["image/encoded"].bytes_list.value
    if not encoded:
        raise UserError(f"{place}: has no image/encoded")
    corners = [list(feature[f"image/object/bbox/{key}"].float_list.value) for key in CORNERS]
    if len({len(column) for column in corners}) != 1:
        counts = ", ".join(f"{len(column)} {key}" for column, key in zip(corners, CORNERS))
        raise UserError(f"{place}: {counts}: they must be as many")
    labels = _labels(feature, len(corners[0]), names, place)
    name = feature["image/filename"].bytes_list.value or feature["image/source_id"].bytes_list.value
    name = name[0].decode("utf-8", "replace") if name and name[0] else f"{position:06d}"
    return Page(Path(file.stem) / name, [Box(label, *box) for label, box in zip(labels, zip(*corners))], None, 0, split,
                bytes(encoded[0]))


def _labels(feature, count, names, place):
    texts = [text.decode("utf-8", "replace") for text in feature["image/object/class/text"].bytes_list.value]
    if len(texts) == count:
        return texts
    numbers = list(feature["image/object/class/label"].int64_list.value)
    if len(numbers) != count:
        raise UserError(f"{place}: {count} boxes but {len(numbers)} labels")
    unknown = sorted(set(numbers) - set(names))
    if unknown:
        raise UserError(f"{place}: label {unknown[0]} has no name; known are {names}; give --classes")
    return [names[number] for number in numbers]
