"""One training step and one validation pass: losses, averaged gradients, updates."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi import schedule
from gaudi.cluster import Cluster
from gaudi.config import Optimizer
from gaudi.schedule import Plan
from gaudi.task import Task


def make_optimizer(settings: Optimizer):
    """The Keras optimizer of the settings; the legacy family is the one that Habana's bridge is built for."""
    legacy = tf.keras.optimizers.legacy
    if settings.name == "sgd":
        return legacy.SGD(learning_rate=0.0, momentum=settings.momentum)
    return legacy.Adam(learning_rate=0.0, beta_1=settings.beta_1, beta_2=settings.beta_2, epsilon=settings.epsilon)


def generators_of(networks) -> list:
    """The random generators of dropout and noise layers: set from the step's seed, they need no place in a checkpoint."""
    layers = [layer for network in networks if isinstance(network, tf.keras.Model)
              for layer in network._flatten_layers(include_self=False)]
    owned = [getattr(layer, "_random_generator", None) for layer in layers]
    return [random._generator for random in owned if random is not None and random._generator is not None]


def decays(variable) -> bool:
    """Weight decay is for kernels, not for biases and normalisation scales."""
    return len(variable.shape) > 1


class TrainStep:
    """Applies one global batch to every player; calling it returns scalars that are means over all ranks."""

    def __init__(self, task: Task, cluster: Cluster, plan: Plan):
        self.task, self.cluster, self.plan = task, cluster, plan
        self.train = task.config.train
        self.optimizers = {player.name: make_optimizer(player.optimizer) for player in task.players}
        for player in task.players:
            optimizer = self.optimizers[player.name]
            optimizer.iterations  # creates the counter before the slots
            optimizer._create_all_weights(player.variables)
        self._generators = generators_of(task.checkpointed.values())
        self._step = tf.function(self._traced, autograph=False)  # AutoGraph would read the source again, edited or not

    def variables(self) -> list:
        """Everything that must be equal on all ranks."""
        networks = [variable for network in self.task.checkpointed.values() for variable in network.variables]
        return networks + [variable for optimizer in self.optimizers.values() for variable in optimizer.variables()]

    def learning_rates(self, step: int) -> dict[str, float]:
        """Each player's learning rate for the step after `step` steps."""
        train = self.train
        share = schedule.factor(train.schedule, self.plan.epoch(step), train.epochs)
        return {player.name: share * schedule.peak_learning_rate(player.optimizer, train.global_batch)
                for player in self.task.players}

    def __call__(self, batch, step: int) -> dict:
        """Train on this rank's part of the global batch after `step` steps."""
        for name, rate in self.learning_rates(step).items():
            self.optimizers[name].learning_rate.assign(rate)
        seed = np.array([self.task.config.seed, step * self.cluster.size + self.cluster.rank], np.int32)
        return self._step(batch, tf.constant(seed))

    def _traced(self, batch, seed):
        players = self.task.players
        for position, generator in enumerate(self._generators):
            generator.reset_from_key_counter(key=tf.cast(seed[1], tf.int64),
                                             counter=tf.stack([tf.cast(seed[0], tf.int64), position]))
        with tf.GradientTape(persistent=len(players) > 1) as tape:
            losses, logs = self.task.losses(batch, seed)
        gradients = [tape.gradient(losses[player.name], player.variables) for player in players]
        flat = [gradient for own in gradients for gradient in own]
        flat = self.cluster.mean(flat, "gradient", self.train.gradient_compression)
        norms = {}
        for player, own in zip(players, gradients):
            # finite losses can have gradients that are not: the norm tells before the weights are saved
            norms[self._of(player, "gradient_norm")] = tf.linalg.global_norm(flat[:len(own)])
            self._update(player, flat[:len(own)])
            flat = flat[len(own):]
        scalars = {self._of(player, "loss"): losses[player.name] for player in players} | logs
        means = self.cluster.mean([tf.stack([tf.cast(value, tf.float32) for value in scalars.values()])], "logs")[0]
        named = dict(zip(scalars, tf.unstack(means, len(scalars)))) | norms
        self.task.observe(named)
        return named

    def _of(self, player, name: str) -> str:
        """A player's figure by name; the only player needs no name."""
        return f"{player.name}_{name}" if len(self.task.players) > 1 else name

    def _update(self, player, gradients):
        optimizer, settings = self.optimizers[player.name], player.optimizer
        if settings.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, settings.clip_norm)
        if settings.weight_decay:  # decoupled (Loshchilov & Hutter 2019, arXiv 1711.05101, Algorithm 2)
            shrink = 1.0 - optimizer.learning_rate * settings.weight_decay
            for variable in filter(decays, player.variables):
                variable.assign(variable * tf.cast(shrink, variable.dtype))
        optimizer.apply_gradients(zip(gradients, player.variables), experimental_aggregate_gradients=False)


class Validation:
    """The task's metrics over a source, each example counted once whatever the ranks."""

    def __init__(self, task: Task, cluster: Cluster):
        self.cluster = cluster
        self._sums = tf.function(lambda batch: self._traced(task, batch), autograph=False)

    @staticmethod
    def _traced(task, batch):
        metrics = task.metrics(batch)
        weight = tf.cast(batch["weight"], tf.float32)
        # a repeated example of weight 0 may hold anything, even NaN: keep it out instead of multiplying it by 0
        sums = {name: tf.reduce_sum(tf.where(weight > 0, tf.cast(value, tf.float32), 0.0))
                for name, value in metrics.items()}
        return sums | {"weight": tf.reduce_sum(weight)}

    def __call__(self, batches) -> dict[str, float]:
        """Mean of every metric over all real examples of all ranks."""
        totals: dict[str, float] = {}
        for batch in batches:
            for name, value in self._sums(batch).items():
                totals[name] = totals.get(name, 0.0) + float(value)
        names = sorted(totals)
        rows = self.cluster.all_objects([totals[name] for name in names])
        summed = dict(zip(names, np.sum(rows, axis=0)))
        count = summed.pop("weight")
        return {name: float(value / count) for name, value in summed.items()}
