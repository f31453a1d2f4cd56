"""What a model tells the runtime: a single-replica view with no rank, no strategy and no 1/replicas in it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import numpy as np

from gaudi.config import Optimizer, Recipe


@dataclass
class Player:
    """One loss and the variables it moves; pix2pix has two, most models one."""

    name: str
    variables: list
    optimizer: Optimizer


@dataclass
class Serving:
    """What is exported, and how its answers are checked.

    model: a Keras model (saved so that Keras loads it), or a tf.Module that holds its networks' variables; a network held as
        an attribute would be saved layer by layer, which takes longer and makes a graph twice as large.
    inputs: name -> array for one call of the `serving_default` signature.
    outputs: what the trained network answers to `inputs`, output name -> array.
    tolerance: largest allowed absolute difference between `outputs` and the reloaded model's answers.
    contract: one line for the model card: shapes, ranges and units of input and output.
    """

    model: Any
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    tolerance: float
    contract: str
    signatures: dict[str, Any] = field(default_factory=dict)


class Source:
    """Examples by index. `example` is traced inside tf.data: only graph ops, static shapes, randomness from `seed`."""

    size: int = 0
    digest: str = ""

    def example(self, index, seed):
        """The example `index` (int64 scalar) as a dict of tensors, augmented by `seed` (int32 [2]) alone."""
        raise NotImplementedError

    def epoch(self, epoch: int, seed: int, global_batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices int64 and weights float32, both [steps, global_batch], of one shuffled epoch.

        Every example appears exactly once with weight above 0; the last batch is filled with others at weight 0,
        and its real ones weigh more, so that the mean of weight times loss is the mean over the real ones.
        """
        order = np.random.default_rng((seed, epoch)).permutation(self.size)
        return padded(order, global_batch)

    def ordered(self, global_batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices and weights (1 or 0), both [steps, global_batch], of one pass in order."""
        indices, weights = padded(np.arange(self.size), global_batch)
        return indices, (weights > 0).astype(np.float32)


def padded(order: np.ndarray, global_batch: int) -> tuple[np.ndarray, np.ndarray]:
    """`order` cut into rows of `global_batch`; the last row is filled from the start of `order` at weight 0."""
    steps = -(-len(order) // global_batch)
    filled = np.resize(order, steps * global_batch).astype(np.int64)
    real = np.arange(steps * global_batch) < len(order)
    weights = real.reshape(steps, global_batch).astype(np.float32)
    return filled.reshape(steps, global_batch), weights * (global_batch / weights.sum(axis=1, keepdims=True))


class Task:
    """A model as the loop sees it. `models/<name>/task.py` subclasses it; its __init__ builds the networks."""

    players: list[Player]
    checkpointed: dict[str, Any]
    monitor: tuple[str, str] = ("loss", "min")
    predicted_at_once = 0  # examples a rank is asked to `predict`; 0: its share of a training batch
    fitted: dict[str, np.ndarray] = {}  # what `fit` gave, before `evaluate` and `serving` are called

    def __init__(self, config: Recipe):
        self.config = config
        # The loop puts the cluster's own here: rows of all ranks, and element-wise means over ranks, both with gradients.
        self.gather: Callable = lambda tensor: tensor
        self.mean: Callable = lambda tensors, label="mean": list(tensors)

    def sources(self) -> dict[str, Source]:
        """The data: `train`, `validation` and, where judged on its own data, `test`."""
        raise NotImplementedError

    def start(self) -> None:
        """On rank 0, before the first step of a new run: load weights to start from, where the recipe names some."""

    def losses(self, batch, seed):
        """Traced: ({player: scalar loss}, {name: scalar to log}); `seed` int32 [2] differs per step and rank."""
        raise NotImplementedError

    def metrics(self, batch):
        """Traced: {name: float32 [b]} of one batch, dropout off; the loop averages it over all real examples."""
        raise NotImplementedError

    def observe(self, scalars) -> None:
        """Traced: one step's scalars, means over all ranks; may move variables of `checkpointed`, alike on all ranks."""

    def watch(self, record: dict) -> str:
        """After an evaluation, its log record: why training should end now, the same on all ranks, or an empty text."""
        return ""

    def pictures(self, batch) -> dict[str, np.ndarray]:
        """A few uint8 [H, W, 3] pictures of what the network makes of a batch, by name."""
        return {}

    def show(self, batch) -> dict[str, np.ndarray]:
        """Eager: uint8 [H, W, 3] pictures of a batch as the network is fed it, by name."""
        raise NotImplementedError

    def predict(self, batch):
        """Traced: {name: [b, ...]}: what `evaluate` needs of each example."""
        raise NotImplementedError

    def fit(self, outputs_of: Callable[[str], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """What the trained network's answers to its own data settle: thresholds, class means, a forest, as named arrays.

        Asked for once a checkpoint, before it is judged or exported; both find the answer in `fitted`.
        """
        return {}

    def evaluate(self, outputs_of: Callable[[str], dict[str, np.ndarray]], folder: Path | None) -> dict:
        """Judge the trained model: figures for metrics.json, pictures into `folder` (None: write nothing).

        outputs_of(source name) runs `predict` over a source, divided among the ranks, and gives all rows in order.
        """
        raise NotImplementedError

    def serving(self) -> Serving:
        """What is exported."""
        return importlib.import_module(f"models.{self.config.model}.serving").serving(self)


def build(config: Recipe) -> Task:
    """The Task of the recipe's model. The device must be open.

    Its dropout layers get generators of their own, whose state the step sets: a resumed run draws the same masks.
    """
    from tensorflow.keras.backend import experimental
    experimental.enable_tf_random_generator()
    return importlib.import_module(f"models.{config.model}.task").Task(config)
