"""Settings of the signature extractor, with units, limits and reasons; no TensorFlow here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gaudi.config import Data, Recipe, number
from gaudi.errors import UserError


@dataclass
class ExtractorData(Data):
    """Who wrote what. Root is a folder of signatures in a declared layout; empty means synthetic signatures."""

    pattern: str = field(default="auto", metadata={"why": "auto, cedar, a path such as {writer}/{kind}/*, or a table "
                                                   "such as labels.csv:file,writer+name,kind"})
    size: int = number(224, least=64, most=512, unit="pixels", why="side of a prepared image; signver hands over 224")
    test_writers: str = field(default="", metadata={"why": "names, spaces or commas between; empty: CEDAR's ten or a share"})
    test_share: float = number(0.2, above=0, most=0.5, unit="share", why="of the writers, where none are named")
    fold: int = number(-1, least=-1, most=99, why="test on this fold of all writers instead; -1: the named writers")
    folds: int = number(5, least=2, most=100)
    validation_writers: int = number(5, least=2, unit="writers", why="held out of training: monitor and thresholds")
    cache: str = field(default="", metadata={"why": "folder for prepared images; empty: prepare them at every start"})
    leak_limit: float = number(0.55, least=0.5, most=1, unit="AUC", why="of the leak probe; 1 lets everything pass")
    synthetic_writers: int = number(32, least=4, unit="writers", why="where root is empty")
    synthetic_each: int = number(16, least=4, unit="images", why="of a synthetic writer: half genuine, half forged")
    added_writers: int = number(0, least=0, most=100_000, unit="writers", why="synthetic ones, besides root's, to train on")


@dataclass
class Batch:
    """What one global batch holds, over all ranks: writers x (genuine + forged) images."""

    writers: int = number(8, least=2, unit="writers", why="one writer alone has no negatives but forgeries")
    genuine: int = number(4, least=2, unit="images", why="of each writer; two make the first pair")
    forged: int = number(4, least=0, unit="images", why="of each writer; a writer without forgeries gives genuine ones")
    added: int = number(0, least=0, unit="writers", why="of `writers`, how many are from data.added_writers")


@dataclass
class Augment:
    """What changes about a training image: only what one hand changes from one signature to the next.

    Mirror flips, large turns and shears are left out on purpose: they make another signature of it.
    """

    turn: float = number(0.06, least=0, most=0.5, unit="radians")
    slant: float = number(0.08, least=0, most=0.5, unit="shear")
    scale: float = number(0.06, least=0, most=0.5, unit="log", why="both axes together")
    stretch: float = number(0.06, least=0, most=0.5, unit="log", why="one axis against the other")
    shift: float = number(0.03, least=0, most=0.3, unit="of the side")
    bend: float = number(0.012, least=0, most=0.1, unit="of the width", why="elastic: standard deviation of 4 x 7 knots")
    thickness: float = number(0.5, least=0, most=2, unit="pixels", why="strokes wider or thinner by up to this")
    dropout: float = number(0.2, least=0, most=1, unit="share", why="of images that lose a patch of ink")
    patch: float = number(0.15, above=0, most=0.5, unit="of the width", why="largest side of that patch")


@dataclass
class Guise:
    """One strong change for all images of a writer in a batch, genuine and forged alike: it makes another writer of him.

    So the variation within a hand, and how forgeries miss it, stay real, and forty writers become any number. Only in
    training. What must not happen to one image alone (a mirrored signature is another) may happen to all of them.
    """

    share: float = number(0.0, least=0, most=1, why="of writers in a batch; the others stay who they are")
    mirror: float = number(0.5, least=0, most=1, unit="share", why="of them, left for right")
    turn: float = number(0.25, least=0, most=0.8, unit="radians")
    slant: float = number(0.35, least=0, most=1, unit="shear")
    scale: float = number(0.1, least=0, most=0.5, unit="log", why="both axes together")
    stretch: float = number(0.3, least=0, most=1, unit="log", why="one axis against the other")
    bend: float = number(0.025, least=0, most=0.2, unit="of the width", why="elastic: standard deviation of 4 x 7 knots")
    thickness: float = number(0.7, least=0, most=2, unit="pixels")


@dataclass
class Network:
    """Which network, of aligned ink.

    strokes: fixed descriptions of strokes and one projection; light: a small residual network; signver: the reference, a
    small ResNet50 with skips, about 9 M parameters.
    """

    name: Literal["strokes", "light", "signver"] = "light"
    embedding: int = number(256, least=8, most=2048, unit="features", why="signver's matcher stores 256")
    height: int = number(96, least=32, most=256, unit="pixels", why="of the aligned signature")
    width: int = number(192, least=32, most=512, unit="pixels", why="of the aligned signature")
    align: Literal["moments", "box"] = "moments"
    extent: float = number(2.2, above=0.5, most=6, unit="deviations", why="moments: half a side holds this many")
    aspect: Literal["keep", "stretch"] = "keep"
    level: float = number(0.0, least=0, most=1, unit="share", why="moments: of a line's slope that turning takes away")
    channels: list[int] = field(default_factory=lambda: [24, 32, 64, 128], metadata={"why": "light: per level, halving sides"})
    blocks: int = number(2, least=1, most=8, unit="blocks", why="light: residual blocks per level after the first")
    strokes: bool = field(default=False, metadata={"why": "light, signver: what strokes.py knows of strokes, projected, beside "
                                                   "what is learned; training starts from it alone"})
    depths: list[int] = field(default_factory=lambda: [3, 4, 6, 3], metadata={"why": "signver: blocks per level, ResNet-50's"})
    parts: int = number(24, least=1, most=256, unit="channels", why="light: of each place, before all places are joined")
    dropout: float = number(0.2, least=0, most=0.9, why="light: of the joined places; signver: before the last layer")
    average: float = number(0.995, least=0, most=0.99999, why="decay a step of the averaged weights that are judged; 0: off")
    initial: str = field(default="", metadata={"why": "run folder whose network this one starts from (pretraining)"})

    @property
    def describes_strokes(self) -> bool:
        """Whether words and a projection are settled before training starts."""
        return self.strokes or self.name == "strokes"


@dataclass
class Loss:
    """Which loss, and its numbers; papers and equations are in losses.py."""

    name: Literal["contrastive", "triplet", "quadruplet", "multi_similarity", "supervised_contrastive", "cosface",
                  "arcface", "pair_logistic"] = "multi_similarity"
    mining: Literal["all", "hard", "semi_hard"] = "hard"
    margin: float = number(0.3, above=0, most=2, why="contrastive, triplet, quadruplet: squared distance; *face: cosine, angle")
    second_margin: float = number(0.15, above=0, most=2, why="quadruplet: Eq. (5)'s alpha 2")
    temperature: float = number(0.1, above=0, most=10, why="supervised_contrastive")
    scale: float = number(16.0, above=0, most=256, why="cosface, arcface, pair_logistic: of the cosine")
    alpha: float = number(2.0, above=0, most=100, why="multi_similarity: weight of positives")
    beta: float = number(20.0, above=0, most=500, why="multi_similarity: weight of negatives")
    base: float = number(0.7, least=-1, most=1, why="multi_similarity: the cosine that parts positives and negatives")
    epsilon: float = number(0.1, least=0, most=2, why="multi_similarity: Eq. (11)'s mining margin")
    classes: int = number(64, least=2, most=1_000_000, unit="writers", why="cosface, arcface: at least those to train on")
    skilled_weight: float = number(1.0, above=0, most=100, why="pair_logistic: of forgeries against other writers")


@dataclass
class Evaluation:
    """How a trained extractor is judged."""

    references: list[int] = field(default_factory=lambda: [1, 3, 5], metadata={"unit": "signatures"})
    draws: int = number(20, least=1, most=200, unit="draws", why="of 3 and 5 references a writer")
    bootstrap: int = number(1000, least=100, most=10_000, unit="resamples", why="of writers, for the 95 % intervals")
    cross_root: str = field(default="", metadata={"why": "another data set, judged without tuning"})
    cross_pattern: str = "auto"


@dataclass
class Config(Recipe):
    """The whole recipe of the extractor."""

    model: str = "extractor"
    data: ExtractorData = field(default_factory=ExtractorData)
    batch: Batch = field(default_factory=Batch)
    augment: Augment = field(default_factory=Augment)
    guise: Guise = field(default_factory=Guise)
    network: Network = field(default_factory=Network)
    loss: Loss = field(default_factory=Loss)
    evaluation: Evaluation = field(default_factory=Evaluation)

    def splits(self) -> dict[str, int]:
        """Number of examples of train, validation and test, from the listing alone."""
        from models.extractor.splits import split_sizes  # it imports this file
        return split_sizes(self)

    def check(self) -> None:
        """Contradictions between fields, each with the way out."""
        super().check()
        batch, network = self.batch, self.network
        images = batch.writers * (batch.genuine + batch.forged)
        if self.train.global_batch != images:
            raise UserError(f"train.global_batch: {self.train.global_batch} must be batch.writers x (batch.genuine + "
                            f"batch.forged) = {batch.writers} x ({batch.genuine} + {batch.forged}) = {images}")
        if batch.added > batch.writers or bool(batch.added) > bool(self.data.added_writers):
            raise UserError(f"batch.added: {batch.added} must be at most batch.writers ({batch.writers}), and "
                            f"data.added_writers ({self.data.added_writers}) must be above 0 for it")
        if self.data.fold >= self.data.folds:
            raise UserError(f"data.fold: {self.data.fold} must be below data.folds ({self.data.folds}); -1 is no fold")
        if (network.name == "light" or network.describes_strokes) and (network.height % 16 or network.width % 16):
            raise UserError(f"network: height {network.height} and width {network.width} must be multiples of 16")
        if self.loss.name in ("cosface", "arcface") and self.loss.margin >= 1:
            raise UserError(f"loss.margin: {self.loss.margin} must be below 1 for {self.loss.name}")
        if self.loss.name in ("cosface", "arcface") and self.guise.share:
            raise UserError(f"guise.share: {self.guise.share} makes writers without number; {self.loss.name} has a direction "
                            "for each, so it must be 0")
        if network.initial and not (Path(network.initial) / "checkpoints").is_dir():
            raise UserError(f"network.initial: {network.initial} is no run folder with checkpoints/")
