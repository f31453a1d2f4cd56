"""The signature detector as the runtime sees it: one network, one loss, COCO's figures."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from gaudi.errors import UserError
from gaudi.task import Player
from gaudi.task import Task as Base
from models.retinanet import anchors, data, detect, draw, judge, losses, network, normalise, records, weights
from models.retinanet.config import Config

SHOWN = 8  # pages in a sample grid


class ClassMap(tf.keras.layers.Layer):
    """The names of the classes as numbers, saved with the network: data with other classes are noticed."""

    def __init__(self, classes: list[str]):
        super().__init__(dtype="float32")
        self.marks = self.add_weight("marks", (len(classes),), trainable=False)
        self.marks.assign(self.of(classes))

    @staticmethod
    def of(classes: list[str]) -> np.ndarray:
        """A number below 2^24, which float32 holds exactly, for every name."""
        return np.array([zlib.crc32(name.encode()) % 2 ** 24 for name in classes], np.float32)

    def require(self, classes: list[str], root: str) -> None:
        """UserError where the network was trained with other classes, or with these in another order."""
        if not np.array_equal(self.marks.numpy(), self.of(classes)):
            raise UserError(f"data.root: {root or 'synthetic pages'}: its classes ({', '.join(classes)}) are not those "
                            "of the network's training, or in another order; prepare it with the same --classes")


class Task(Base):
    """Network, anchors and detections; `classes[k]` has the id k + 1."""

    monitor = ("page_precision", "max")

    def __init__(self, config: Config):
        super().__init__(config)
        self.classes = records.classes_of(config.data)
        self.network = network.build(config, len(self.classes))
        self.anchors = anchors.of(config)
        self.detector = detect.Detector(config, self.network, self.anchors)
        self._prepare_weights()
        self.players = [Player("detector", self.network.trainable_variables, config.train.optimizer)]
        self.class_map = ClassMap(self.classes)
        self.checkpointed = {"network": self.network, "classes": self.class_map}

    def start(self):
        """Load the checkpoint that the recipe starts from, and say how much of it fitted."""
        settings, anchor = self.config.network, self.config.anchors
        if not settings.init_checkpoint:
            return
        if settings.init_modules == "transfer":
            said = weights.transfer(self.network, lambda classes: network.build(self.config, classes),
                                    settings.init_checkpoint, ClassMap.of(self.classes),
                                    anchor.scales * len(anchor.aspects))
        else:
            said = weights.start(self.network, settings.init_checkpoint, settings.init_modules)
        print(said, flush=True)

    def _prepare_weights(self):
        """What is frozen, and which statistics normalisation uses."""
        settings = self.config.network
        if settings.normalisation == "frozen":
            normalise.freeze(self.network)
        elif settings.normalisation == "synchronised":
            normalise.synchronise(self.network, lambda tensors, label: self.mean(tensors, label))
        if settings.frozen_backbone:
            self.network.get_layer("backbone").trainable = False

    def sources(self):
        """The splits of the prepared pages."""
        return data.sources(self.config)

    def losses(self, batch, seed):
        """Class and box loss, sums over the global batch divided by its positive anchors."""
        logits, offsets = self.network(tf.cast(batch["image"], tf.float32), training=True)
        settings, labels, weight = self.config.loss, batch["labels"], batch["weight"]
        positives = tf.reduce_sum(tf.cast(labels > 0, tf.float32), 1)
        mine = tf.stack([tf.reduce_sum(weight * positives), tf.reduce_sum(weight)])
        everyone = tf.stop_gradient(self.mean([mine], "positives")[0])
        divisor = tf.maximum(everyone[0], everyone[1])  # a batch without objects is divided by its pages
        class_loss = tf.reduce_sum(weight * losses.focal(logits, labels, settings)) / divisor
        box_loss = tf.reduce_sum(weight * losses.boxes(offsets, batch["offsets"], labels, self.anchors,
                                                       settings)) / divisor
        total = class_loss + settings.box_weight * box_loss
        logs = {"class_loss": class_loss, "box_loss": box_loss, "positive_anchors": everyone[0] / everyone[1]}
        if settings.l2:
            total += losses.penalty(self.network.trainable_variables, settings.l2)
        return {"detector": total}, logs

    def metrics(self, batch):
        """Losses of each page by its own positive anchors, and its own average precision."""
        logits, offsets = self.network(tf.cast(batch["image"], tf.float32), training=False)
        settings, labels = self.config.loss, batch["labels"]
        divisor = tf.maximum(tf.reduce_sum(tf.cast(labels > 0, tf.float32), 1), 1.0)
        class_loss = losses.focal(logits, labels, settings) / divisor
        box_loss = losses.boxes(offsets, batch["offsets"], labels, self.anchors, settings) / divisor
        found = self.detector.of_answers(logits, offsets, self._canvas(tf.shape(logits)[0]))
        boxes, scores, classes, _ = found
        return {"class_loss": class_loss, "box_loss": box_loss, "loss": class_loss + settings.box_weight * box_loss,
                "page_precision": detect.page_precision(boxes, scores, classes, batch["boxes"]),
                "page_precision_50": detect.page_precision(boxes, scores, classes, batch["boxes"], (0.5,))}

    def _canvas(self, batch):
        size = tf.constant([[self.config.data.height, self.config.data.width]], tf.float32)
        return tf.tile(size, [batch, 1])

    def predict(self, batch):
        """Detections in page pixels: boxes [b, most, 4], scores, classes, and which page of the source each is."""
        boxes, scores, classes, _ = self.detector.of_views(batch["views"], batch["places"], batch["size"])
        return {"boxes": boxes, "scores": scores, "classes": classes, "size": batch["size"]}

    def evaluate(self, outputs_of, folder: Path | None) -> dict:
        """COCO's figures on the test pages with intervals, at thresholds from validation, beside a blind baseline."""
        self.class_map.require(self.classes, self.config.data.root)
        sources = self.sources()
        name = "test" if "test" in sources else "validation"
        truth, found = sources[name].boxes, outputs_of(name)
        arguments = self.config.evaluation.bootstrap, self.config.seed
        figures = judge.judge(truth, found["boxes"], found["scores"], found["classes"], self.classes, *arguments)
        held = outputs_of("validation")
        thresholds = {label: judge.best_threshold(sources["validation"].boxes, held["boxes"], held["scores"],
                                                  held["classes"],
                                                  kind)[0] for kind, label in enumerate(self.classes, 1)}
        working = {label: judge.at_threshold(truth, found["boxes"], found["scores"], found["classes"], kind,
                                             thresholds[label])
                   for kind, label in enumerate(self.classes, 1)}
        if folder:
            self._pictures_of(sources[name], found, thresholds, folder)
        return {"judged_on": {"split": name, "pages": sources[name].size, "data": self.config.data.root
                              or "synthetic pages"},
                "detection": figures, "at_threshold": working, "baseline_usual_places": self._baseline(sources, name)}

    def _baseline(self, sources, name):
        """Guesses where training's boxes are, without looking at the page."""
        def sizes(source):
            return np.array([(image["height"], image["width"]) for image in source.images], float)

        guesses = judge.usual_places(sources["train"].boxes, sizes(sources["train"]), len(self.classes))
        scaled = guesses[None, :, 2:] * np.tile(sizes(sources[name]), 2)[:, None]
        count = sources[name].size
        return judge.judge(sources[name].boxes, scaled, np.tile(guesses[:, 1], (count, 1)),
                           np.tile(guesses[:, 0].astype(int), (count, 1)), self.classes, 20, self.config.seed)

    def _pictures_of(self, source, found, thresholds, folder):
        """Pages with most misses first, then those without."""
        least = np.array([np.inf, *thresholds.values()])  # by class id; 0 fills up
        judged = [self._judged_page(source, k, found, least) for k in range(min(source.size, 400))]
        order = sorted(range(len(judged)), key=lambda k: -judged[k][1])
        half = self.config.evaluation.pictures // 2
        for title, rows in (("misses", [k for k in order if judged[k][1]][:half]),
                            ("hits", [k for k in order if not judged[k][1]][:half])):
            if rows:
                pictures = [cv2.resize(judged[k][0](), (640, 640), interpolation=cv2.INTER_AREA) for k in rows]
                cv2.imwrite(str(folder / f"{title}.png"), draw.beside(pictures, 3)[..., ::-1])

    def _judged_page(self, source, k, found, least):
        """How to draw page k with what was found, each class from its own threshold, and missed; the number of misses."""
        kept = found["scores"][k] >= least[found["classes"][k]]
        boxes, scores, classes = (found[key][k][kept] for key in ("boxes", "scores", "classes"))
        blank = np.zeros((1, 1, 3), np.uint8)
        missed = draw.misses(blank, source.boxes[k], boxes, classes)[1]

        def picture():
            image = draw.rgb(source._page(tf.constant(k, tf.int64)).numpy())
            image = draw.found(image, boxes, scores, classes, self.classes, 0)
            return draw.misses(image, source.boxes[k], boxes, classes)[0]

        return picture, missed

    def pictures(self, batch):
        """Validation pages: annotated boxes thick, detections from score 0.3 thin."""
        logits, offsets = self.network(tf.cast(batch["image"][:SHOWN], tf.float32), training=False)
        boxes, scores, classes, _ = self.detector.of_answers(logits, offsets, self._canvas(tf.shape(logits)[0]))
        rows = zip(batch["image"].numpy(), batch["boxes"].numpy(), boxes.numpy(), scores.numpy(), classes.numpy())
        return {"detections": draw.beside([draw.found(draw.truth(draw.rgb(image), known), *rest, self.classes)
                                           for image, known, *rest in rows])}

    def show(self, batch):
        """Augmented training pages: annotated boxes thick, the anchors that count as objects as hairlines."""
        rows = zip(batch["image"].numpy()[:SHOWN], batch["boxes"].numpy(), batch["labels"].numpy())
        return {"batch": draw.beside([draw.truth(draw.matched(draw.rgb(image), self.anchors, labels), known)
                                      for image, known, labels in rows])}
