"""Settings of the signer classifier, with units, limits and reasons; no TensorFlow here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gaudi.config import Data, Optimizer, Recipe, number
from gaudi.errors import UserError


@dataclass
class SignerData(Data):
    """Who signed what. Root: CEDAR, UTSig's names (C001G01.PNG) or a folder a person; empty means synthetic people."""

    layout: Literal["auto", "cedar", "utsig", "folders"] = "auto"
    height: int = number(96, least=32, most=512, unit="pixels", why="of the frame the network sees")
    width: int = number(192, least=32, most=512, unit="pixels", why="signatures are wide")
    test_each: int = number(5, least=1, unit="images", why="of a known person, the last ones: UTSig's rule is 22 and 5 of 27")
    validation_each: int = number(4, least=1, unit="images", why="of a known person, the last ones before those for the test")
    unknown_people: int = number(10, least=0, unit="people", why="of the test, in no class; CEDAR: its ten test writers")
    development_people: int = number(5, least=0, unit="people", why="unknown as well, to settle thresholds; 0 with the former")
    split_seed: int = number(5, least=0, why="draws those people; CEDAR's test writers are fixed")
    extractor: str = field(default="", metadata={"why": "export folder of the extractor: its embedding as one more unknown score"})
    synthetic_people: int = number(40, least=3, unit="people", why="where root is empty, all kinds together")
    synthetic_each: int = number(24, least=3, unit="images", why="genuine ones of a synthetic person")
    synthetic_forged: int = number(4, least=0, unit="images", why="forged ones of a synthetic person, for the test")
    added_people: int = number(0, least=0, most=10_000, unit="people",
                               why="synthetic ones, classes of their own while training: a background of strangers")
    added_each: int = number(12, least=1, unit="images", why="of each added person")


@dataclass
class Augment:
    """What changes about a training image. The seed's 20 degrees, 5 % zoom, shift and shear, fewer degrees more of the rest.

    No mirror flips: writing runs one way, a mirrored signature is nobody's, and learning it takes strength from the rest.
    """

    turn: float = number(0.12, least=0, most=1, unit="radians", why="the seed turned by 0.35, more than people do")
    slant: float = number(0.15, least=0, most=1, unit="shear")
    scale: float = number(0.1, least=0, most=1, unit="log", why="each axis by itself")
    shift: float = number(0.05, least=0, most=0.5, unit="of the side")
    bend: float = number(0.02, least=0, most=0.1, unit="of the height", why="elastic: standard deviation of 3 x 6 knots")
    thickness: float = number(1.0, least=0, most=3, unit="pixels", why="strokes wider or thinner by up to this")
    patch: float = number(0.2, least=0, most=0.8, unit="of the width", why="largest side of a patch that loses its ink")


@dataclass
class Network:
    """`light`: a small residual body for CPUs. `inception`: InceptionV3 up to a block, as the seed."""

    body: Literal["light", "inception"] = "light"
    channels: list[int] = field(default_factory=lambda: [24, 48, 96, 160], metadata={"why": "light: per level, halving sides"})
    blocks: int = number(1, least=1, most=8, unit="blocks", why="light: residual blocks per level")
    until: str = field(default="mixed10", metadata={"why": "inception: the last block, mixed0 to mixed10 (the whole body)"})
    weights: str = field(default="", metadata={"why": "inception: ImageNet weights without top (.h5), downloaded by you; "
                                               "empty: from nothing"})
    hidden: int = number(1024, least=8, most=8192, unit="features", why="dense layer before the classes")
    dropout: float = number(0.1, least=0, most=0.9, why="before the classes")
    head: Literal["softmax", "cosine"] = field(default="softmax", metadata={
        "why": "cosine: classes are directions, so that distance to them tells strangers (CosFace, Wang et al. 2018)"})
    scale: float = number(16.0, above=0, most=128, why="cosine: of the cosines before the softmax")
    margin: float = number(0.2, least=0, most=1, why="cosine: taken off the true class's cosine, while training")


@dataclass
class Stages:
    """Head first, then the body's top, in one run. `train_from` empty: the body stays frozen."""

    head_epochs: float = number(0.0, least=0, unit="epochs", why="the body rests meanwhile")
    train_from: str = field(default="all", metadata={"why": "all, none, or inception's first block that moves, such as mixed8"})
    body_optimizer: Optimizer = field(default_factory=Optimizer)


@dataclass
class Evaluation:
    """How a trained classifier is judged."""

    bootstrap: int = number(500, least=100, most=10_000, unit="resamples", why="of people, for the 95 % intervals")
    pictures: int = number(32, least=4, most=128, unit="images", why="in each picture")
    softmax_threshold: float = number(0.40, least=0, most=1, why="the seed's: below it nobody known")


@dataclass
class Config(Recipe):
    """The whole recipe of the signer classifier."""

    model: str = "signer"
    data: SignerData = field(default_factory=SignerData)
    augment: Augment = field(default_factory=Augment)
    network: Network = field(default_factory=Network)
    stages: Stages = field(default_factory=Stages)
    evaluation: Evaluation = field(default_factory=Evaluation)

    def splits(self) -> dict[str, int]:
        """Number of examples of train, validation and test, from the listing alone."""
        from models.signer.splits import listing  # it imports this file
        found = listing(self.data)
        return {name: len(getattr(found, name)) for name in ("train", "validation", "test")}

    def check(self) -> None:
        """Contradictions between fields, each with the way out."""
        super().check()
        data, network = self.data, self.network
        if bool(data.unknown_people) != bool(data.development_people):
            raise UserError(f"data: unknown_people {data.unknown_people} and development_people {data.development_people}: "
                            "strangers to test with need others to settle the threshold with; give both, or 0 and 0")
        if network.body == "light":
            step = 2 ** len(network.channels)
            if not network.channels or data.height % step or data.width % step:
                raise UserError(f"data: height {data.height} and width {data.width} must be multiples of {step} for the "
                                f"{len(network.channels)} levels of network.channels")
            if self.stages.train_from not in ("all", "none"):
                raise UserError(f"stages.train_from: {self.stages.train_from!r} is for the body inception; all or none is allowed")
        else:
            self._check_inception()

    def _check_inception(self) -> None:
        blocks = [f"mixed{number}" for number in range(11)]
        if self.network.until not in blocks:
            raise UserError(f"network.until: {self.network.until!r} is no block (allowed: mixed0 to mixed10)")
        usable = blocks[:blocks.index(self.network.until) + 1]
        if self.stages.train_from not in ("all", "none", *usable):
            raise UserError(f"stages.train_from: {self.stages.train_from!r} is not in the body (allowed: all, none, "
                            f"{usable[0]} to {usable[-1]})")
        if min(self.data.height, self.data.width) < 75:
            raise UserError(f"data: height {self.data.height} and width {self.data.width} must be at least 75 for inception")
        if self.network.weights and not Path(self.network.weights).is_file():
            raise UserError(f"network.weights: {self.network.weights}: no such file (Keras' InceptionV3 weights without top, .h5)")
