"""Ties the cleaner together: its network, loss, metrics, data and judge, as the training loop sees them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi import task
from models.cleaner import judge, losses, network
from models.cleaner.data import make_sources
from models.cleaner.grid import grid


class Task(task.Task):
    """One player, the cleaning network; batches hold dirty and clean uint8 [b, S, S, 1]."""

    monitor = ("ink_f", "max")

    def __init__(self, config):
        super().__init__(config)
        self.network = network.build(config.network, config.data.size)
        self._logits = tf.keras.Model(self.network.input, self.network.get_layer("logits").output)
        self.players = [task.Player("cleaner", self.network.trainable_variables, config.train.optimizer)]
        self.checkpointed = {"network": self.network}
        self._sources = None

    def sources(self):
        """`train`, `validation` and `test`; made once, they hold the images."""
        if self._sources is None:
            self._sources = make_sources(self.config)
        return self._sources

    def losses(self, batch, seed):
        """The weighted mean loss, and the share of each of its parts."""
        values, parts = losses.total(self._logits(images(batch["dirty"]), training=True), unit(batch["clean"]),
                                     self.config.loss)
        weighted = {name: tf.reduce_mean(value * batch["weight"]) for name, value in parts.items()}
        return {"cleaner": tf.reduce_mean(values * batch["weight"])}, weighted if len(weighted) > 1 else {}

    def metrics(self, batch):
        """PSNR (dB), SSIM, RMSE and ink F-measure of each example, float32 [b]."""
        return self._metrics(self._clean(batch), batch)

    def predict(self, batch):
        """`cleaned` uint8 [b, S, S], and the metrics of the unrounded answer."""
        cleaned = self._clean(batch)
        return {"cleaned": tf.cast(tf.round(cleaned * 255.0), tf.uint8)} | self._metrics(cleaned, batch)

    def _metrics(self, cleaned, batch):
        return {name: metric(cleaned, unit(batch["clean"])[..., 0]) for name, metric in losses.METRICS.items()}

    def _clean(self, batch):
        """float32 [b, S, S]: the mean over the three output channels, which the reference network may let differ."""
        return tf.reduce_mean(self.network(images(batch["dirty"]), training=False), axis=-1)

    def pictures(self, batch):
        """The first examples as rows of dirty | cleaned | clean."""
        few = {name: value[:self.config.evaluation.pictures] for name, value in batch.items()}
        cleaned = np.rint(self._clean(few).numpy() * 255.0).astype(np.uint8)
        return {"pairs": grid([few["dirty"].numpy()[..., 0], cleaned, few["clean"].numpy()[..., 0]])}

    def show(self, batch):
        """The first examples as rows of dirty | clean."""
        few = [batch[name].numpy()[:4 * self.config.evaluation.pictures, :, :, 0] for name in ("dirty", "clean")]
        return {"pairs": grid(few, across=4)}

    def evaluate(self, outputs_of, folder):
        """Figures on the frozen test pairs beside the baselines', and the verification EER; see judge.py."""
        outputs = outputs_of("test")
        return judge.judge(self.sources()["test"], outputs, self.config, folder)


def unit(pixels):
    """uint8 to float32 in 0..1."""
    return tf.cast(pixels, tf.float32) / 255.0


def images(dirty):
    """What the network takes: float32 [b, S, S, 3] in 0..1 of uint8 [b, S, S, 1]; done on the device."""
    return tf.repeat(unit(dirty), 3, axis=-1)
