"""The extractor as the runtime sees it: one network, one loss over the batches of all ranks, judged by verification."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from gaudi.errors import UserError
from gaudi.task import Player, Task as Base
from models.extractor import data, losses, network, pictures, rates, ready, splits, strokes
from models.extractor.config import Config
from models.extractor.listing import writers_of


MOST_PROJECTED = 4000  # training signatures whose spread is measured


class Task(Base):
    """Metric learning: embeddings of the global batch are gathered, so that N ranks train as one."""

    monitor = ("eer_skilled", "min")

    def __init__(self, config: Config):
        super().__init__(config)
        self.network = network.build(config.network)
        self.checkpointed = {"network": self.network}
        self.proxies, moved = None, list(self.network.trainable_variables)
        if config.loss.name in ("cosface", "arcface"):
            self.proxies = network.Proxies(config.loss.classes, config.network.embedding)
            self.checkpointed["proxies"] = self.proxies
            moved += list(self.proxies.trainable_variables)
        self.players = [Player("network", moved, config.train.optimizer)]
        self.prepared, self.writers = {}, 0
        self.predicted_at_once = strokes.BATCH if config.network.describes_strokes else 0
        start_from(config.network.initial, self.network)
        self.average, self.judged = None, self.network
        if config.network.average:
            self.average = network.Average(self.network, network.build(config.network), config.network.average)
            self.checkpointed["average"], self.judged = self.average, self.average.model

    def start(self):
        """Words and projection of strokes are settled by the real training signatures."""
        settings = self.config.network
        if not settings.describes_strokes or settings.initial:
            return
        if not self.prepared:
            self.sources()
        train = self.prepared["train"]
        real = [k for k, record in enumerate(train.records) if not splits.is_added(record)] or range(len(train.records))
        chosen = np.unique(np.linspace(0, len(real) - 1, min(len(real), MOST_PROJECTED)).round().astype(int))
        strokes.settle(self.network, data.aligned_ink(train, self.config, [real[k] for k in chosen]))
        self.judged.set_weights(self.network.get_weights())

    def sources(self):
        """train, validation; development and test in plain order, for judging; `other` is another data set."""
        config = self.config
        quiet = self.prepared or not tf.executing_eagerly()
        self.prepared = ready.load(config, say=lambda line: None if quiet else print(line, flush=True))
        self.writers = len(writers_of(self.prepared["train"].records))
        if self.proxies is not None and self.writers > config.loss.classes:
            raise UserError(f"loss.classes: {config.loss.classes} is less than the {self.writers} writers to train on")
        found = data.sources(self.prepared, config)
        if config.evaluation.cross_root:
            self.prepared["other"] = ready.load_other(config.evaluation.cross_root, config.evaluation.cross_pattern, config)
            found["other"] = data.Signatures(self.prepared["other"], config)
        return found

    def losses(self, batch, seed):
        embeddings, writers, forged = self._gathered(batch, training=True)
        proxies = None if self.proxies is None else self.proxies.directions[:self.writers]
        loss = losses.total(embeddings, writers, forged, self.config.loss, proxies)
        return {"network": loss}, cosine_means(embeddings, writers, forged)

    def observe(self, scalars):
        if self.average is not None:
            self.average.follow(self.network)

    def _gathered(self, batch, training):
        """Embeddings [B, D], writers int32 [B] and forged bool [B] of all ranks; one collective carries all three."""
        model = self.network if training else self.judged
        embeddings = tf.cast(model(as_ink(batch), training=training), tf.float32)
        told = tf.stack([tf.cast(batch["writer"], tf.float32), tf.cast(batch["forged"], tf.float32),
                         tf.cast(batch["weight"] > 0, tf.float32)], 1)
        whole = self.gather(tf.concat([embeddings, told], 1))
        # a filling example (weight 0) becomes a forgery by a writer of its own: nobody's positive, nobody's forgery
        real = whole[:, -1] > 0
        writers = tf.where(real, tf.cast(tf.round(whole[:, -3]), tf.int32), -1 - tf.range(tf.shape(whole)[0]))
        return whole[:, :-3], writers, (whole[:, -2] > 0.5) | ~real

    def metrics(self, batch):
        """Equal error rates within the global batch, the same for each of its examples."""
        embeddings, writers, forged = self._gathered(batch, training=False)
        known = tf.reshape(writers >= 0, [-1, 1])
        positive, negative = losses.relations(writers, forged)
        negative *= tf.cast(tf.transpose(known), tf.float32)
        skilled = negative * tf.cast(losses.same_writer(writers), tf.float32)
        cosines = tf.matmul(embeddings, embeddings, transpose_b=True)
        found = {"eer_skilled": rates.batch_eer(cosines, positive, skilled),
                 "eer_random": rates.batch_eer(cosines, positive, negative - skilled)}
        return {name: tf.repeat(value, tf.shape(batch["writer"])[0]) for name, value in found.items()}

    def predict(self, batch):
        return {"embedding": self.judged(as_ink(batch), training=False)}

    def pictures(self, batch):
        embeddings = self.judged(as_ink(batch), training=False).numpy()
        return {"nearest": pictures.nearest(batch["ink"].numpy(), embeddings, batch["writer"].numpy(), batch["forged"].numpy())}

    def show(self, batch):
        names = writers_of(self.prepared["train"].records)
        writers = [names[number % len(names)] + (" in a guise" if number >= len(names) else "")
                   for number in batch["writer"].numpy()]
        return {"batch": pictures.grid(batch["ink"].numpy(), writers, batch["forged"].numpy())}

    def evaluate(self, outputs_of, folder: Path | None):
        from models.extractor import judge
        return judge.judge(self, outputs_of, folder)


def as_ink(batch):
    """float32 [b, height, width] in 0..1, 1 = ink."""
    return tf.cast(batch["ink"], tf.float32) / 255.0


def cosine_means(embeddings, writers, forged) -> dict:
    """Mean cosine of genuine pairs, of genuine with forged, and of strangers: what a threshold has to part."""
    positive, negative = losses.relations(writers, forged)
    skilled = negative * tf.cast(losses.same_writer(writers), tf.float32)
    cosines = tf.matmul(embeddings, embeddings, transpose_b=True)
    return {"cosine_genuine": losses.mean_where(cosines, positive), "cosine_skilled": losses.mean_where(cosines, skilled),
            "cosine_random": losses.mean_where(cosines, negative - skilled)}


def start_from(run: str, model) -> None:
    """Give `model` the weights of the run folder's best checkpoint; a recipe read back after that run is gone is left be."""
    folder = Path(run) / "checkpoints"
    if not run or not folder.is_dir():
        return
    from gaudi.checkpoint import BEST, Checkpoints
    try:
        Checkpoints(folder, {"network": model}, keep=2).restore(BEST, say=lambda line: None)
    except UserError as error:
        raise UserError(f"network.initial: {run}: its network is another than this recipe's ({error})") from error
