"""The exported detector: signver's call, one page of any size, and batches for TensorFlow Serving."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi.task import Serving
from models.retinanet import detect


class Export(tf.Module):
    """Callable on uint8 [1, H, W, 3]; signatures `serving_default` (uint8 batches) and `encoded` (PNG or JPEG
    bytes)."""

    def __init__(self, task):
        super().__init__()
        self._config, self._detector = task.config, task.detector
        self._weights = task.network.variables
        with tf.device("CPU"):
            self.classes = tf.Variable(task.classes, trainable=False)  # a constant would not be there for who loads it

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8, name="image")])
    def __call__(self, image):
        """Detections of one page, all of exactly num_detections rows: boxes as shares ymin, xmin, ymax, xmax."""
        found = self._page(image[0])
        count = found["num_detections"]
        return {"num_detections": count[None], **{key: value[None, :count] for key, value in found.items()
                                                  if key != "num_detections"}}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")])
    def batch(self, images):
        """Detections of pages of one size; rows behind num_detections are 0."""
        return tf.map_fn(self._page, images, fn_output_signature=self._signature())

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="encoded")])
    def encoded(self, encoded):
        """Detections of PNG, JPEG or BMP files of any sizes; rows behind num_detections are 0."""
        def one(content):
            page = tf.io.decode_image(content, 3, expand_animations=False)
            return self._page(tf.ensure_shape(page, [None, None, 3]))
        return tf.map_fn(one, encoded, fn_output_signature=self._signature())

    def _page(self, page):
        """Detections of one page uint8 [H, W, 3], padded."""
        views, places = detect.views_of(page, self._config)
        size = tf.cast(tf.shape(page)[:2], tf.float32)
        boxes, scores, classes, counts = self._detector.of_views(views[None], places[None], size[None])
        return {"num_detections": counts[0], "detection_boxes": boxes[0] / tf.tile(size, [2]),
                "detection_scores": scores[0], "detection_classes": classes[0]}

    def _signature(self):
        most = self._config.detection.most
        return {"num_detections": tf.TensorSpec([], tf.int32), "detection_boxes": tf.TensorSpec([most, 4], tf.float32),
                "detection_scores": tf.TensorSpec([most], tf.float32), "detection_classes": tf.TensorSpec([most],
                                                                                                          tf.int32)}


def serving(task) -> Serving:
    """The export, checked on a few validation pages against the training side's evaluation."""
    task.class_map.require(task.classes, task.config.data.root)
    export = Export(task)
    source = task.sources()["validation"]
    pages = [source._page(tf.constant(k, tf.int64)).numpy() for k in range(min(3, source.size))]
    pages = np.stack([_colour(page) for page in pages if page.shape == pages[0].shape])
    expected = [_trained(task, page) for page in pages]
    outputs = {key: np.stack([one[key] for one in expected]) for key in expected[0]}
    listed = ", ".join(f"{k} {name}" for k, name in enumerate(task.classes, 1))
    contract = ("detector(uint8 [1, H, W, 3], any H and W, RGB) -> num_detections [1], detection_boxes [1, n, 4] "
                f"(ymin, xmin, ymax, xmax as shares), detection_scores and detection_classes [1, n] ({listed}); "
                "serving_default: the same for batches, padded to a fixed n; encoded: batches of image files")
    return Serving(export, {"images": pages}, outputs, 1e-3, contract,
                   {"serving_default": export.batch, "encoded": export.encoded})


def _colour(page):
    return np.repeat(page, 3, axis=2) if page.shape[2] == 1 else page


def _trained(task, page):
    """What the training side finds on a page, in the export's units."""
    views, places = detect.views_of(tf.constant(page), task.config)
    size = tf.constant(page.shape[:2], tf.float32)
    boxes, scores, classes, counts = task.detector.of_views(views[None], places[None], size[None])
    return {"num_detections": counts[0].numpy(), "detection_boxes": (boxes[0] / tf.tile(size, [2])).numpy(),
            "detection_scores": scores[0].numpy(), "detection_classes": classes[0].numpy()}
