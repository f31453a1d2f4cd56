"""Watches a contest between generator and discriminator: running means that are saved with the run, and a handicap."""

from __future__ import annotations

import tensorflow as tf

from models.pix2pix.config import Watch

MEMORY = 0.98        # of a running mean, per step
PACE = 0.002         # by which the handicap moves, per step
MOST_HANDICAP = 0.8  # Karras et al. 2020, section 3.1: beyond it the variations leak into the generated pictures


class Health(tf.Module):
    """Running means of a contest. They move only by scalars averaged over all ranks, so all ranks agree."""

    def __init__(self, settings: Watch):
        super().__init__(name="health")
        self.settings = settings
        self.steps = tf.Variable(0.0, trainable=False, name="steps")
        self.accuracy = tf.Variable(0.5, trainable=False, name="accuracy")
        self.gradient_norm = tf.Variable(0.0, trainable=False, name="gradient_norm")
        self.handicap = tf.Variable(0.0, trainable=False, name="handicap")

    def observe(self, scalars) -> None:
        """Traced: take in one step's scalars."""
        self.steps.assign_add(1.0)
        for mean, name in ((self.accuracy, "discriminator_accuracy"), (self.gradient_norm, "generator_gradient_norm")):
            if name in scalars:
                memory = tf.minimum(MEMORY, self.steps / (self.steps + 1.0))
                mean.assign(memory * mean + (1.0 - memory) * scalars[name])
        if self.settings.back_off:
            too_sure = tf.sign(self.accuracy - self.settings.target_accuracy)
            self.handicap.assign(tf.clip_by_value(self.handicap + PACE * too_sure, 0.0, MOST_HANDICAP))

    def verdict(self, epoch: float, ink_share: float | None) -> str:
        """Why training should stop now, or an empty text."""
        settings = self.settings
        if not settings.stop or epoch < settings.patience_epochs:
            return ""
        accuracy, norm = float(self.accuracy), float(self.gradient_norm)
        if norm > settings.gradient_norm:
            return (f"the generator's gradients have a norm of {norm:.3g} (watch.gradient_norm "
                    f"{settings.gradient_norm:g}): lower train.optimizer.learning_rate or set its clip_norm")
        if accuracy > settings.won_accuracy:
            return (f"the discriminator tells {accuracy:.1%} of all patches (watch.won_accuracy "
                    f"{settings.won_accuracy:g}): it has won and teaches nothing; lower loss.discriminator_rate "
                    "or set watch.back_off")
        if ink_share is not None and ink_share < settings.ink_share:
            return (f"the generator draws {ink_share:.1%} of the ink that is real (watch.ink_share "
                    f"{settings.ink_share:g}): it has collapsed; lower the learning rate or raise loss.l1")
        return ""


def handicapped(pictures, dice, handicap):
    """Pictures float [N, S, S, C] for the discriminator; a share `handicap` of them loses a half-size square and tone.

    dice float [N, 8] decide, so that the same example is treated alike as real and as generated, on any rank.
    """
    side = pictures.shape[1]
    wanted = (dice[:, 2] < handicap)[:, None, None, None]
    places = tf.range(side, dtype=tf.float32) / side
    inside = [tf.abs(places[None, :] - dice[:, k, None]) < 0.25 for k in (3, 4)]
    hole = tf.logical_and(inside[0][:, :, None], inside[1][:, None, :])[..., None]
    tone = (dice[:, 5] - 0.5)[:, None, None, None]
    return tf.where(wanted, tf.where(hole, 0.0, pictures + tone), pictures)
