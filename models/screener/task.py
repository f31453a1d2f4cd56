"""Ties the screener together: two players, the forest and fusion fitted after training, data and judge."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi import task
from models.decisions.tiles import grid
from models.screener import forest, fusion, losses, network, pictures
from models.screener.data import make_sources


class Task(task.Task):
    """`autoencoder` learns signatures alone, `classifier` learns all pictures; batches hold uint8 images and labels."""

    monitor = ("loss", "min")

    def __init__(self, config):
        super().__init__(config)
        self.checkpointed = network.build(config.network, config.data.height, config.data.width)
        self.encoder, self.decoder, self.classifier = (self.checkpointed[name] for name in ("encoder", "decoder", "classifier"))
        own = self.encoder.trainable_variables + self.decoder.trainable_variables
        self.players = [task.Player("autoencoder", own, config.train.optimizer),
                        task.Player("classifier", self.classifier.trainable_variables, config.train.optimizer)]
        self._sources, self._share = None, 1.0

    def sources(self):
        """See data.py; made once, they hold the images."""
        if self._sources is None:
            self._sources = make_sources(self.config)
            signed = [picture.is_signature for picture in self._sources["train"].pictures]
            self._share = sum(signed) / len(signed)
        return self._sources

    def losses(self, batch, seed):
        """Weighted means: of the reconstruction over signatures, of the classification over all pictures."""
        reconstruction, classification = self._parts(batch, training=True)
        found = {"autoencoder": tf.reduce_mean(reconstruction * batch["weight"]),
                 "classifier": tf.reduce_mean(classification * batch["weight"])}
        return found, {"loss": found["autoencoder"] + found["classifier"]}

    def _parts(self, batch, training):
        """Both losses [b]; the share of signatures in the data (not in the batch) makes the first a mean over signatures."""
        images = unit(batch["image"])
        logits = tf.cast(self.decoder(self.encoder(images, training=training), training=training), tf.float32)
        signed = batch["signature"] / self._share
        reconstruction = signed * losses.reconstruction(logits, images, self.config.loss)
        return reconstruction, losses.classification(self._classify(images, training), batch["signature"])

    def _classify(self, images, training):
        return tf.cast(self.classifier(images, training=training), tf.float32)[:, 0]

    def metrics(self, batch):
        """loss (both players'), each alone, and the classifier's accuracy, [b]."""
        reconstruction, classification = self._parts(batch, training=False)
        right = tf.equal(self._classify(unit(batch["image"]), False) > 0.0, batch["signature"] > 0.5)
        return {"loss": reconstruction + classification, "autoencoder_loss": reconstruction, "classifier_loss": classification,
                "accuracy": tf.cast(right, tf.float32)}

    def scores(self, images):
        """Of uint8 [b, h, w, 1]: code [b, D], error [b] (unexplained share), logit [b], ink density [b]."""
        images = unit(images)
        code = tf.cast(self.encoder(images, training=False), tf.float32)
        logits = tf.cast(self.decoder(code, training=False), tf.float32)
        return {"code": code, "error": losses.unexplained(logits, images), "logit": self._classify(images, False),
                "density": losses.density(images)}

    def predict(self, batch):
        """The scores of every picture."""
        return self.scores(batch["image"])

    def fit(self, outputs_of):
        """The forest on the codes of training signatures, then fusion and thresholds on the development pictures."""
        codes = outputs_of("codes")
        settings = self.config.forest
        made = forest.fit(codes["code"], settings.trees, settings.samples, self.config.seed)
        made["density_middle"] = np.median(np.log(codes["density"] + 1e-4))
        found = outputs_of("validation")
        made["error_limit"] = codes["error"].mean() + 2 * codes["error"].std()  # the notebook's rule
        signed = np.array([picture.is_signature for picture in self.sources()["validation"].pictures])
        return made | fusion.fit(self.goodness(found, made), signed)

    @staticmethod
    def goodness(outputs, fitted) -> np.ndarray:
        """float64 [N, 3] of what `predict` gave: see fusion.py."""
        anomaly = forest.score_samples(tf.constant(outputs["code"]), fitted).numpy()
        return fusion.goodness(outputs["error"], anomaly, outputs["logit"])

    def evaluate(self, outputs_of, folder):
        """Each part, the fusion and the baseline on seen, development and held-out families and on real pictures."""
        from models.screener import judge
        return judge.judge(self, outputs_of, folder)

    def pictures(self, batch):
        """The first pictures of each kind above what the autoencoder makes of them, with the classifier's answer."""
        images, labels = batch["image"].numpy(), batch["signature"].numpy()
        chosen = np.concatenate([np.flatnonzero(labels > 0.5)[:8], np.flatnonzero(labels < 0.5)[:8]])
        floats = unit(tf.constant(images[chosen]))
        made = tf.sigmoid(self.decoder(self.encoder(floats, training=False), training=False)).numpy()
        answers = tf.sigmoid(self._classify(floats, False)).numpy()
        return {"reconstructions": pictures.pairs(images[chosen][..., 0], np.rint(255 * made[..., 0]).astype(np.uint8), answers,
                                                  labels[chosen] > 0.5)}

    def show(self, batch):
        """The batch as the networks are fed it, signatures framed in green."""
        images, labels = batch["image"].numpy()[..., 0], batch["signature"].numpy() > 0.5
        return {"batch": grid(images, ["signature" if label else "other" for label in labels], labels)}


def unit(pixels):
    """uint8 to float32 in 0..1, 1 = ink."""
    return tf.cast(pixels, tf.float32) / 255.0
