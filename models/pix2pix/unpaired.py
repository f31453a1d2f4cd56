"""CycleGAN: two generators, two discriminators, no pairs (Zhu et al. 2017)."""

from __future__ import annotations

import tensorflow as tf

from models.pix2pix import losses, network
from models.pix2pix.config import Config
from models.pix2pix.health import Health, handicapped
from models.pix2pix.history import History
from models.pix2pix.paired import compared


class UnpairedContest:
    """A is print, B is handwriting. Each player of the loop is a pair of networks."""

    def __init__(self, config: Config):
        self.config, self.health = config, Health(config.watch)
        data, settings = config.data, config.network
        self.to_b, self.to_a = (network.generator(settings, data.size, data.channels, name)
                                for name in ("to_b", "to_a"))
        self.judge_b, self.judge_a = (network.discriminator(settings, data.size, data.channels, name)
                                      for name in ("judge_b", "judge_a"))
        self.history = History(config.loss.history, data.size, data.channels) if config.loss.history else None

    @property
    def generator(self):
        """The one that is served: A -> B."""
        return self.to_b

    def networks(self) -> dict:
        """By name, for checkpoints; the history belongs to them, or a resumed run would differ."""
        made = {"to_b": self.to_b, "to_a": self.to_a, "judge_b": self.judge_b, "judge_a": self.judge_a}
        return made | ({"history": self.history} if self.history else {})

    def variables(self) -> dict[str, list]:
        """What each player moves."""
        return {"generator": self.to_b.trainable_variables + self.to_a.trainable_variables,
                "discriminator": self.judge_b.trainable_variables + self.judge_a.trainable_variables}

    def write(self, printed, hand=None, training=False):
        """A -> B, float32 [N, S, S, C] in -1..1."""
        return self.to_b(printed, training=training)

    def rewrite(self, printed, hand=None):
        """As `write`: prints are never laid out here."""
        return self.write(printed, hand)

    def losses(self, batch, gather):
        """({player: scalar}, logs); Eq. (3) in Zhu et al. 2017 with the identity loss of section 5.2."""
        a, b, weight, settings = batch["printed"], batch["signed"], batch["weight"], self.config.loss
        fake_b, fake_a = self.to_b(a, training=True), self.to_a(b, training=True)
        back = losses.l1(self.to_a(fake_b, training=True), a) + losses.l1(self.to_b(fake_a, training=True), b)
        parts = {"cycle": settings.cycle * back}
        if settings.identity:
            same = losses.l1(self.to_b(b, training=True), b) + losses.l1(self.to_a(a, training=True), a)
            parts["identity"] = settings.cycle * settings.identity * same
        parts["deceit"] = settings.adversarial_weight * tf.add_n([
            losses.deceit(judge(fake, training=True)[0], settings.adversarial)
            for judge, fake in ((self.judge_b, fake_b), (self.judge_a, fake_a))])
        old_b, old_a = self._seen_before(fake_b, fake_a, batch["dice"], gather)
        contest, right = self._judged(((self.judge_b, b, old_b), (self.judge_a, a, old_a)), batch["dice"])
        scalars = {name: losses.weighted(value, weight) for name, value in parts.items()}
        total = tf.add_n(list(scalars.values()))
        logs = {f"generator_{name}": value for name, value in scalars.items()} | {
            "loss": total, "discriminator_accuracy": losses.weighted(right, weight)}
        return {"generator": total, "discriminator": settings.discriminator * losses.weighted(contest, weight)}, logs

    def _seen_before(self, fake_b, fake_a, dice, gather):
        """What the discriminators get as generated: these, or older ones."""
        fake_b, fake_a = tf.stop_gradient(fake_b), tf.stop_gradient(fake_a)
        return self.history.exchange(fake_b, fake_a, dice, gather) if self.history else (fake_b, fake_a)

    def _judged(self, trials, dice):
        """Sum of both discriminators' losses and mean of their accuracies, float32 [N] each."""
        kind, contests, rights = self.config.loss.adversarial, [], []
        for judge, real, fake in trials:
            for picture, truth in ((real, True), (fake, False)):
                if self.config.watch.back_off:
                    picture = handicapped(picture, dice, self.health.handicap)
                logits = judge(picture, training=True)[0]
                contests.append(losses.contest(logits, truth, kind))
                rights.append(losses.accuracy(logits, truth, kind))
        return tf.add_n(contests), tf.add_n(rights) / float(len(rights))

    def metrics(self, batch):
        """Per example: how well there and back again comes out; with pairs, how near the generated picture is, too."""
        written = self.write(batch["printed"])
        made = {"cycle_l1": losses.l1(self.to_a(written), batch["printed"])}
        return made | (compared(written, batch["signed"]) if self.config.data.layout != "unpaired" else {})
