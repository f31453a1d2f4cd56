"""Prepared pages as examples: records read in any order inside tf.data, a view of the page, anchors labelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from gaudi.errors import UserError
from gaudi.task import Source, padded
from models.annotations import shards
from models.retinanet import anchors, augment, pages, records
from models.retinanet.config import Config

NEGATIVE, IGNORED = 0, -1  # anchor labels; 1 and up are classes


class Pages(Source):
    """One split. `training` examples are augmented and carry anchor labels, the others whole pages and their
    geometry."""

    def __init__(self, config: Config, parts: list[records.Part], training: bool):
        self.config, self.training = config, training
        self._own = len(parts[0].images)
        images = [image | {"folder": part.folder} for part in parts for image in part.images]
        self.size, self.digest = len(images), "+".join(part.digest for part in parts)
        self.boxes = [rows for part in parts for rows in part.boxes]
        self.images = images
        with tf.device("CPU"):
            self._files = tf.constant([str(image["folder"] / image["shard"]) for image in images])
            self._offsets = tf.constant([image["offset"] for image in images], tf.int64)
            self._rows = tf.constant(self._padded_boxes(parts), tf.float32)
            self._anchors = anchors.of(config)

    def _padded_boxes(self, parts):
        """float32 [N, M, 5]; rows of class 0 are filling."""
        most = self.config.data.max_boxes
        filled = np.zeros((self.size, most, 5), np.float32)
        for k, rows in enumerate(self.boxes):
            if len(rows) > most:
                raise UserError(f"data.max_boxes: {self.images[k]['file_name']} has {len(rows)} boxes, "
                                f"at most {most} fit; raise it")
            filled[k, :len(rows)] = rows
        return filled

    def epoch(self, epoch, seed, global_batch):
        """Own pages all once, and a fresh sample of the extra ones."""
        if self._own == self.size:
            return super().epoch(epoch, seed, global_batch)
        random = np.random.default_rng((seed, epoch))
        there = self.size - self._own
        count = records.extra_pages(self._own, there, self.config.data.extra_share)
        extra = self._own + random.permutation(there)[:count]
        return padded(random.permutation(np.concatenate([np.arange(self._own), extra])), global_batch)

    def example(self, index, seed):
        """Training: image, labels, offsets. Else: views, places, and for the metrics boxes and classes, all of
        static shape."""
        page = self._page(index)
        rows = self._rows[index]
        real = rows[:, 0] > 0
        data = self.config.data
        if self.training:
            page = pages.upright(page, data.dark_pages)
            image, boxes, seen = augment.view(page, rows[:, 1:], seed, self.config.augment, data.height, data.width)
            keep = tf.logical_and(seen, real)
            labels, offsets = self._labelled(tf.boolean_mask(boxes, keep), tf.boolean_mask(rows[:, 0], keep))
            kept = tf.where(keep[:, None], tf.concat([rows[:, :1], boxes], 1), 0.0)
            return {"image": image, "labels": labels, "offsets": offsets, "boxes": kept}
        views, places = pages.views(page, data, self.config.detection.tiles)
        scale = tf.tile(places[0, :2], [2])
        fitted = tf.where(real[:, None], rows[:, 1:] * scale, 0.0)
        labels, offsets = self._labelled(tf.boolean_mask(fitted, real), tf.boolean_mask(rows[:, 0], real))
        return {"image": views[0], "labels": labels, "offsets": offsets, "boxes": tf.concat([rows[:, :1], fitted], 1),
                "views": views, "places": places, "size": tf.cast(tf.shape(page)[:2], tf.float32), "index": index}

    def _page(self, index):
        """The page uint8 [H, W, channels], read from its place in its shard (TensorFlow checks the record's
        checksum)."""
        record = read_record(self._files[index], self._offsets[index])
        wanted = {"image/encoded": tf.io.FixedLenFeature([], tf.string)}
        encoded = tf.io.parse_single_example(record, wanted)
        page = tf.io.decode_image(encoded["image/encoded"], self.config.data.channels, expand_animations=False)
        return tf.ensure_shape(page, [None, None, self.config.data.channels])

    def _labelled(self, boxes, classes):
        """Labels int32 [A] and box offsets float32 [A, 4] of every anchor for boxes [n, 4] of classes [n]."""
        return label(self._anchors, boxes, classes, self.config.anchors)


def read_record(file, offset):
    """The payload of the TFRecord that starts at byte `offset` of `file`; 0.3 ms."""
    start = tf.reshape(offset, [1])
    dataset = tf.raw_ops.TFRecordDatasetV2(filenames=tf.reshape(file, [1]), compression_type="", buffer_size=0,
                                           byte_offsets=start)
    first = tf.raw_ops.TakeDataset(input_dataset=dataset, count=tf.constant(1, tf.int64), output_types=[tf.string],
                                   output_shapes=[[]])
    return tf.raw_ops.DatasetToSingleElement(dataset=first, output_types=[tf.string], output_shapes=[[]])[0]


def label(anchor_boxes: np.ndarray, boxes, classes, settings):
    """Labels int32 [A] (class from 1, NEGATIVE, IGNORED) and box offsets float32 [A, 4], by the Model Garden's labeler.

    Every box keeps at least its best anchor, even below the threshold.
    """
    from official.vision.ops.anchor import AnchorLabeler
    labeler = AnchorLabeler(match_threshold=settings.match, unmatched_threshold=settings.ignore)
    every = {"all": tf.constant(anchor_boxes)[None]}
    found, offsets, _, class_weights, _ = labeler.label_anchors(every, boxes, tf.cast(classes, tf.int32)[:, None])
    labels = tf.reshape(tf.cast(found["all"], tf.int32), [-1])
    labels = tf.where(tf.reshape(class_weights, [-1]) > 0, tf.maximum(labels, NEGATIVE), IGNORED)
    count = len(anchor_boxes)
    return tf.ensure_shape(labels, [count]), tf.ensure_shape(tf.reshape(offsets["all"], [-1, 4]), [count, 4])


def sources(config: Config) -> dict[str, Source]:
    """The splits that the data has; training's may hold extra pages."""
    data = config.data
    folder, classes = records.folder_of(data), records.classes_of(data)
    found = {}
    for name in records.split_sizes(data):
        parts = [records.read_part(folder, name, classes, data.limit)]
        if name == "train" and data.extra:
            parts.append(records.read_part(Path(data.extra), "train", classes))
        found[name] = Pages(config, parts, training=name == "train")
        for part in parts if data.verify else ():
            shards.verify(shards.open_folder(part.folder).split(name))
    if "validation" not in found:
        raise UserError(f"{folder}: has no validation pages; prepare with --validation 0.1")
    return found
