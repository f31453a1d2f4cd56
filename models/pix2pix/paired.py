"""pix2pix: one generator against one discriminator that sees the input beside the picture (Isola et al. 2017)."""

from __future__ import annotations

import tensorflow as tf

from models.pix2pix import losses, network
from models.pix2pix.config import Config
from models.pix2pix.health import Health, handicapped
from models.pix2pix.posture import Posture


class PairedContest:
    """Networks and losses of pix2pix. Both players' losses come from one forward pass."""

    def __init__(self, config: Config):
        self.config, self.health = config, Health(config.watch)
        data, settings = config.data, config.network
        self.generator = network.generator(settings, data.size, data.channels)
        self.alone = config.loss.adversarial == "none"
        self.posture = Posture(settings.hands, name="posture") if config.learns_posture else None
        if self.posture:
            self.posture([tf.zeros([1, data.size, data.size, data.channels]), tf.zeros([1], tf.int32)])
        self.discriminator = None if self.alone else network.discriminator(settings, data.size, 2 * data.channels)

    def networks(self) -> dict:
        """By name, for checkpoints."""
        all_of_them = {"generator": self.generator, "posture": self.posture, "discriminator": self.discriminator}
        return {name: one for name, one in all_of_them.items() if one is not None}

    def variables(self) -> dict[str, list]:
        """What each player moves; a hand's posture is the generator's."""
        moved = {name: list(one.trainable_variables) for name, one in self.networks().items()}
        moved["generator"] += moved.pop("posture", [])
        return moved

    def write(self, printed, hand):
        """The signature for a plain print, float32 [N, S, S, C] in -1..1."""
        return self.redraw(self.posture([printed, hand]) if self.posture else printed, hand)

    def redraw(self, printed, hand, training=False):
        """The generator's picture of a print that stands as it should."""
        return self.generator([printed, hand] if self.config.network.hands else printed, training=training)

    def rewrite(self, printed, hand):
        """The signature for a print as the recipe feeds it: laid out on its handwriting, or plain."""
        return self.redraw(printed, hand) if self.config.data.align else self.write(printed, hand)

    def losses(self, batch, gather):
        """({player: scalar}, logs) of one batch of float pictures."""
        printed, signed, weight, settings = batch["printed"], batch["signed"], batch["weight"], self.config.loss
        hand, parts = batch.get("hand"), {}
        if self.posture:
            parts["posture"] = self.posture.distance(batch["plain"], signed, hand)
            if not self.config.data.align:
                printed = tf.stop_gradient(self.posture([printed, hand]))
        written = self.redraw(printed, hand, training=True)
        parts["l1"] = settings.l1 * losses.l1(written, signed)
        if settings.coarse:
            parts["coarse"] = settings.coarse * losses.coarse(written, signed)
        if self.alone:
            return self._alone(parts, weight)
        real, *real_features = self._judged(printed, signed, batch["dice"])
        fake, *fake_features = self._judged(printed, written, batch["dice"])
        parts["deceit"] = settings.adversarial_weight * losses.deceit(fake, settings.adversarial)
        if settings.feature:
            parts["feature"] = settings.feature * losses.feature_distance(real_features, fake_features)
        trials = (real, True, settings.adversarial), (fake, False, settings.adversarial)
        contest, right = ([measure(*trial) for trial in trials] for measure in (losses.contest, losses.accuracy))
        scalars = {name: losses.weighted(value, weight) for name, value in parts.items()}
        total = tf.add_n(list(scalars.values()))
        real_loss, fake_loss = (losses.weighted(value, weight) for value in contest)
        logs = {f"generator_{name}": value for name, value in scalars.items()} | {
            "loss": total, "discriminator_real": real_loss, "discriminator_fake": fake_loss,
            "discriminator_accuracy": losses.weighted(0.5 * (right[0] + right[1]), weight)}
        return {"generator": total, "discriminator": settings.discriminator * (real_loss + fake_loss)}, logs

    def _judged(self, printed, picture, dice):
        pair = tf.concat([printed, picture], axis=-1)
        if self.config.watch.back_off:
            pair = handicapped(pair, dice, self.health.handicap)
        return self.discriminator(pair, training=True)

    def _alone(self, parts, weight):
        scalars = {name: losses.weighted(value, weight) for name, value in parts.items()}
        logs = {f"generator_{name}": value for name, value in scalars.items()}
        return {"generator": tf.add_n(list(scalars.values()))}, logs

    def metrics(self, batch):
        """Per example: how near the generated picture is to the real one."""
        written = self.rewrite(batch["printed"], batch.get("hand"))
        return compared(written, batch["signed"])


def compared(written, signed) -> dict:
    """l1 (of 2), ssim, ink_f and ink_share, float32 [N] each, of pictures in -1..1."""
    return {"l1": losses.l1(written, signed), "ssim": losses.ssim(written, signed),
            "ink_f": losses.ink_f(written, signed), "ink_share": losses.ink_share(written, signed)}
