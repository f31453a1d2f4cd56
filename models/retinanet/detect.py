"""From the network's answers to detections, in graph ops: decode, suppress, and put the views of a page together."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.retinanet import pages
from models.retinanet.config import Config

EDGE = 3.0  # canvas pixels; a box that ends so near to a tile's inner edge was cut by it


class Detector:
    """What turns views of pages into detections; holds anchors and settings, no weights."""

    def __init__(self, config: Config, network, anchors: np.ndarray):
        from official.vision.modeling.layers.detection_generator import MultilevelDetectionGenerator
        self.config, self.network, self.anchors = config, network, anchors
        detection = config.detection
        self._generator = MultilevelDetectionGenerator(
            pre_nms_top_k=detection.candidates, pre_nms_score_threshold=detection.score,
            nms_iou_threshold=detection.nms_iou,
            max_num_detections=detection.most, nms_version="batched")

    def of_answers(self, logits, offsets, extents):
        """Detections of canvases from logits [B, A, K] and offsets [B, A, 4]; extents [B, 2]: height and width of
        the page on it.

        Returns boxes [B, most, 4] in canvas pixels, scores [B, most], classes int32 [B, most] from 1, counts int32 [B].
        """
        best = tf.reduce_max(logits, -1)
        count = min(self.config.detection.candidates, len(self.anchors))
        _, rows = tf.math.top_k(best, count)
        logits, offsets = tf.gather(logits, rows, batch_dims=1), tf.gather(offsets, rows, batch_dims=1)
        anchors = tf.gather(tf.constant(self.anchors), rows)
        background = tf.fill(tf.concat([tf.shape(logits)[:2], [1]], 0), -100.0)  # the generator's class 0
        found = self._generator({"0": offsets[:, None]}, {"0": tf.concat([background, logits], -1)[:, None]},
                                {"0": anchors[:, None]}, extents)
        return (found["detection_boxes"], found["detection_scores"], found["detection_classes"],
                found["num_detections"])

    def of_views(self, views, places, sizes):
        """Detections of pages from views [B, T, height, width, C], places [B, T, 4] and page sizes [B, 2] (see
        pages.views).

        Returns boxes [B, most, 4] in page pixels, scores, classes and counts; rows behind a count are 0.
        """
        batch, many = tf.shape(views)[0], views.shape[1]
        flat = tf.reshape(views, tf.concat([[batch * many], tf.shape(views)[2:]], 0))
        flat.set_shape([None, *views.shape[2:]])
        places = tf.reshape(places, [-1, 4])
        extents = self._extents(places, tf.repeat(sizes, many, axis=0))
        logits, offsets = self.network(flat, training=False)
        boxes, scores, classes, counts = self.of_answers(logits, offsets, extents)
        real = tf.sequence_mask(counts, self.config.detection.most)
        if many > 1:
            real = tf.logical_and(real, self._uncut(boxes, places, extents, tf.repeat(sizes, many, axis=0)))
        scale, corner = tf.tile(places[:, :2], [1, 2]), tf.tile(places[:, 2:], [1, 2])
        boxes = boxes / scale[:, None] + corner[:, None]
        boxes = tf.clip_by_value(boxes, 0.0, tf.tile(tf.repeat(sizes, many, axis=0), [1, 2])[:, None])
        scores = tf.where(real, scores, 0.0)
        if many > 1:
            return self._merged(boxes, scores, classes, batch)
        return tf.where(real[..., None], boxes, 0.0), scores, tf.where(real, classes, 0), counts

    def _extents(self, places, sizes):
        """Height and width in canvas pixels of what a view shows, [N, 2]."""
        left = (sizes - places[:, 2:]) * places[:, :2]
        return tf.minimum(left, tf.constant([self.config.data.height, self.config.data.width], tf.float32))

    @staticmethod
    def _uncut(boxes, places, extents, sizes):
        """Which boxes [N, most, 4] do not end at a view's inner edge, bool [N, most]."""
        last = places[:, 2:] + extents / places[:, :2]
        inner_start, inner_end = places[:, 2:] > 0.5, last < sizes - 1.5
        cut_start = tf.logical_and(boxes[..., :2] < EDGE, inner_start[:, None])
        cut_end = tf.logical_and(boxes[..., 2:] > extents[:, None] - EDGE, inner_end[:, None])
        return tf.logical_not(tf.reduce_any(tf.logical_or(cut_start, cut_end), -1))

    def _merged(self, boxes, scores, classes, batch):
        """One non-maximum suppression, class by class, over what all views of a page found."""
        detection, kinds = self.config.detection, self.network.output_shape[0][-1]
        boxes = tf.reshape(boxes, [batch, -1, 1, 4])
        by_class = tf.one_hot(tf.reshape(classes, [batch, -1]) - 1, kinds) * tf.reshape(scores, [batch, -1, 1])
        found = tf.image.combined_non_max_suppression(boxes, by_class, detection.most, detection.most,
                                                      detection.nms_iou,
                                                      detection.score, clip_boxes=False)
        real = tf.sequence_mask(found.valid_detections, detection.most)
        return (found.nmsed_boxes, found.nmsed_scores, tf.where(real, tf.cast(found.nmsed_classes, tf.int32) + 1, 0),
                found.valid_detections)


def page_precision(boxes, scores, classes, truth, thresholds=tuple(np.arange(0.5, 1.0, 0.05).round(2))):
    """Average precision of each page by itself, float32 [B], a mean over IoU thresholds; cheap enough for every epoch.

    boxes [B, D, 4] sorted by score, scores, classes [B, D]; truth [B, M, 5]: class (0 = filling) and box, in one unit.
    A page without boxes scores 1 less its best detection's score. It is no COCO AP, which pools all pages.
    """
    overlap = _overlaps(boxes, truth[..., 1:])
    same = tf.logical_and(classes[..., None] == tf.cast(truth[:, None, :, 0], tf.int32), truth[:, None, :, 0] > 0)
    overlap = tf.where(same, overlap, 0.0)
    best, which = tf.reduce_max(overlap, -1), tf.argmax(overlap, -1, output_type=tf.int32)
    wanted = tf.reduce_sum(tf.cast(truth[..., 0] > 0, tf.float32), -1)
    real = scores > 0
    ranks = tf.cumsum(tf.cast(real, tf.float32), axis=1)
    total = 0.0
    for threshold in thresholds:
        hit = tf.logical_and(best >= threshold, real)
        taken = tf.one_hot(which, tf.shape(truth)[1]) * tf.cast(hit, tf.float32)[..., None]
        first = tf.reduce_sum(taken * tf.cast(tf.cumsum(taken, axis=1, exclusive=True) < 0.5, tf.float32), -1)
        precision = tf.cumsum(first, axis=1) / tf.maximum(ranks, 1.0)
        total += tf.reduce_sum(first * precision, 1) / tf.maximum(wanted, 1.0)
    return tf.where(wanted > 0, total / len(thresholds), 1.0 - tf.reduce_max(scores, 1))


def _overlaps(one, other):
    """Intersection over union of boxes [B, D, 4] with boxes [B, M, 4], [B, D, M]."""
    low = tf.maximum(one[:, :, None, :2], other[:, None, :, :2])
    high = tf.minimum(one[:, :, None, 2:], other[:, None, :, 2:])
    shared = tf.reduce_prod(tf.maximum(high - low, 0.0), -1)
    area, other_area = (tf.reduce_prod(box[..., 2:] - box[..., :2], -1) for box in (one, other))
    return shared / tf.maximum(area[:, :, None] + other_area[:, None] - shared, 1e-6)


def views_of(page, config: Config):
    """`pages.views` with the recipe's settings."""
    return pages.views(page, config.data, config.detection.tiles)
