"""Ties the folder together: who plays against whom, what is measured, what is drawn."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from gaudi import task
from gaudi.task import Player
from models.pix2pix import data as sources
from models.pix2pix import judging
from models.pix2pix.config import Config
from models.pix2pix.grid import grid
from models.pix2pix.paired import PairedContest
from models.pix2pix.unpaired import UnpairedContest

SHOWN = 8  # rows of a sample picture


class Task(task.Task):
    """pix2pix or CycleGAN, as the recipe's `method` says."""

    def __init__(self, config: Config):
        super().__init__(config)
        self.contest = (UnpairedContest if config.method == "cyclegan" else PairedContest)(config)
        self.players = [Player(name, variables, self._optimizer(name))
                        for name, variables in self.contest.variables().items()]
        self.checkpointed = self.contest.networks() | {"health": self.contest.health}
        self.monitor = (config.monitor, "min" if config.monitor in ("l1", "cycle_l1") else "max")
        self._sources: dict | None = None

    def _optimizer(self, name: str):
        optimizer = self.config.train.optimizer
        rate = self.config.loss.discriminator_rate if name == "discriminator" else 1.0
        return dataclasses.replace(optimizer, learning_rate=optimizer.learning_rate * rate)

    def sources(self):
        """train, validation and test; read once."""
        self._sources = self._sources or sources.sources(self.config)
        return self._sources

    def losses(self, batch, seed):
        """Both players' losses of one batch."""
        return self.contest.losses(as_float(batch), self.gather)

    def observe(self, scalars) -> None:
        """Traced: the contest's running means move by the scalars of all ranks."""
        self.contest.health.observe(scalars)

    def watch(self, record: dict) -> str:
        """Why the contest should end, after an evaluation, or an empty text."""
        share = record.get("validation_ink_share") if self.config.data.layout == "signatures" else None
        return self.contest.health.verdict(record["epoch"], share)

    def metrics(self, batch):
        """How near the generated pictures are to the real ones, per example."""
        return self.contest.metrics(as_float(batch))

    def pictures(self, batch) -> dict[str, np.ndarray]:
        """Input, generated and real picture of a few examples, one row each."""
        few = {name: value[:SHOWN] for name, value in batch.items()}
        shown = "plain" if "plain" in few else "printed"
        written = to_bytes(self.contest.write(as_float(few)[shown], few.get("hand")))
        return {"input-generated-real": grid([few[shown].numpy(), written.numpy(), few["signed"].numpy()])}

    def show(self, batch) -> dict[str, np.ndarray]:
        """Input and target of a batch, one row each."""
        return {"input-target": grid([batch["printed"].numpy()[:SHOWN], batch["signed"].numpy()[:SHOWN]])}

    def predict(self, batch):
        """written uint8 [N, S, S, C] from the plain print, and measures of both ways of feeding it."""
        return judging.predicted(self.contest, as_float(batch), self.config)

    def evaluate(self, outputs_of, folder) -> dict:
        """EVALUATION of a trained generator: content, style, distance; on unseen names and writers, per font."""
        outputs = outputs_of("test")
        return judging.judged(self, outputs, folder) if folder is not None else {}


def as_float(batch: dict) -> dict:
    """The pictures of a batch as float32 in -1 (ink) .. 1 (paper), the rest as it is."""
    return {name: tf.cast(value, tf.float32) / 127.5 - 1.0 if name in ("printed", "signed", "plain") else value
            for name, value in batch.items()}


def to_bytes(pictures):
    """float [N, S, S, C] in -1..1 as uint8."""
    return tf.cast(tf.clip_by_value(tf.round((tf.cast(pictures, tf.float32) + 1.0) * 127.5), 0.0, 255.0), tf.uint8)
