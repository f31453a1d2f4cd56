"""Ties the signer together: head and body as players, in stages; thresholds fitted after training; data and judge."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi import task
from models.signer import losses, network, splits, strangers
from models.signer.data import make_sources


class Clock(tf.Module):
    """Counts steps, so that the body's rest survives a restart."""

    def __init__(self):
        super().__init__(name="clock")
        self.steps = tf.Variable(0.0, trainable=False)  # a float: 2^24 steps, and broadcast like any weight


class Task(task.Task):
    """Player `head` learns from the start, player `body` after stages.head_epochs; batches hold uint8 images and classes."""

    monitor = ("loss", "min")

    def __init__(self, config):
        super().__init__(config)
        self.listing = splits.listing(config.data)
        self.known = self.listing.known
        self.checkpointed = network.build(config.network, config.data.height, config.data.width, len(self.listing.classes))
        self.body, self.head, self.rows = (self.checkpointed[name] for name in ("body", "head", "classes"))
        self.clock = self.checkpointed["clock"] = Clock()
        own = self.head.trainable_variables + self.rows.trainable_variables
        self.players = [task.Player("head", own, config.train.optimizer)]
        moving = network.moving_from(self.body, config.stages.train_from)
        if moving:
            self.players.append(task.Player("body", moving, config.stages.body_optimizer))
        # Where blocks are fine-tuned, batch statistics stay as they are. An inception trained whole and from nothing needs
        # its own: each card's batch in training, and rank 0's moving means are saved. The light body has none.
        self._body_learns = config.stages.train_from == "all" and not config.network.weights
        self._sources, self._rest = None, 0.0

    def sources(self):
        """See data.py; made once, they hold the images."""
        if self._sources is None:
            self._sources = make_sources(self.config)
            train = self.config.train
            steps = -(-self._sources["train"].size // train.global_batch)
            self._rest = float(round(self.config.stages.head_epochs * steps))
        return self._sources

    def losses(self, batch, seed):
        """The weighted mean cross-entropy for both players; 0 for the body while it rests."""
        settings = self.config.network
        logits, _ = self._logits(batch, training=True)
        if settings.head == "cosine":
            logits = losses.with_margin(logits, batch["person"], settings.margin, settings.scale)
        loss = tf.reduce_mean(losses.classification(logits, batch["person"]) * batch["weight"])
        right = tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32) == batch["person"], tf.float32)
        logs = {"accuracy": tf.reduce_mean(right * batch["weight"])}
        if len(self.players) == 1:
            return {"head": loss}, logs
        awake = tf.cast(self.clock.steps >= self._rest, tf.float32)
        return {"head": loss, "body": awake * loss}, logs | {"loss": loss}

    def observe(self, scalars):
        """One step more."""
        self.clock.steps.assign_add(1.0)

    def _logits(self, batch, training):
        """Logits [b, classes] and the embedding [b, hidden], float32."""
        features = self.body(unit(batch["image"]), training=training and self._body_learns)
        embedding = self.head(features, training=training)
        return tf.cast(self.rows(embedding, training=training), tf.float32), tf.cast(embedding, tf.float32)

    def metrics(self, batch):
        """Cross-entropy and accuracy, [b]."""
        logits, _ = self._logits(batch, training=False)
        right = tf.argmax(logits, axis=1, output_type=tf.int32) == batch["person"]
        return {"loss": losses.classification(logits, batch["person"]), "accuracy": tf.cast(right, tf.float32)}

    def predict(self, batch):
        """`logits` [b, classes] and `embedding` [b, hidden]."""
        logits, embedding = self._logits(batch, training=False)
        return {"logits": logits, "embedding": embedding}

    def fit(self, outputs_of):
        """Mean embedding of every known person; the stranger score that decides and every score's threshold."""
        sources, people = self.sources(), outputs_of("people")
        means = strangers.class_means(people["embedding"], sources["people"].labels, self.known)
        known = strangers.scores(outputs_of("validation"), means)
        others = strangers.scores(outputs_of("development"), means) if "development" in sources else None
        return {"means": means, **strangers.settle(known, others, self.config.evaluation.softmax_threshold)}

    def evaluate(self, outputs_of, folder):
        """Who signed, and whether anybody known did; see judge.py."""
        from models.signer import judge
        return judge.judge(self, outputs_of, folder)

    def pictures(self, batch):
        """Signatures of the batch with the network's answer, framed green where it is right."""
        from models.decisions.tiles import grid
        logits, _ = self._logits(batch, training=False)
        answer, truth = np.argmax(logits.numpy(), axis=1), batch["person"].numpy()
        share = strangers.probabilities(logits.numpy()).max(axis=1)
        names = self.listing.classes
        captions = [f"{names[t]}: {names[a]} {100 * s:.0f}%" for t, a, s in zip(truth, answer, share)]
        return {"answers": grid(batch["image"].numpy()[:32, ..., 0], captions[:32], (answer == truth)[:32])}

    def show(self, batch):
        """The batch as the network is fed it."""
        from models.decisions.tiles import grid
        people = batch["person"].numpy()
        return {"batch": grid(batch["image"].numpy()[..., 0], [self.listing.classes[p] for p in people], [True] * len(people))}


def unit(pixels):
    """uint8 to float32 in 0..1, 1 = ink."""
    return tf.cast(pixels, tf.float32) / 255.0
