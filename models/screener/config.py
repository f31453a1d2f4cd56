"""Settings of the screener, with units, limits and reasons; no TensorFlow here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gaudi.config import Data, Recipe, near, number
from gaudi.errors import UserError
from models.invalid.families import NAMES


@dataclass
class ScreenerData(Data):
    """Signatures and what is none. Root holds valid/ and invalid/FAMILY/; empty means synthetic pictures."""

    height: int = number(64, least=16, most=512, unit="pixels", why="of the frame the networks see")
    width: int = number(128, least=16, most=512, unit="pixels", why="signatures are wide")
    writer_pattern: str = field(default=r"(?:original|forgeries)_(\d+)_\d+", metadata={
        "why": "valid/: group 1 is the writer in a file's stem; where it does not match, each file stands alone"})
    validation_share: float = number(0.15, above=0, most=0.4, unit="share", why="root: of writers and of invalid files")
    test_share: float = number(0.15, above=0, most=0.4, unit="share", why="root: of writers and of invalid files")
    development_families: list[str] = field(default_factory=lambda: ["circles", "logo"], metadata={
        "why": "not trained on; they settle the fusion and the thresholds"})
    held_out_families: list[str] = field(default_factory=lambda: ["scribble", "stamp", "photograph"], metadata={
        "why": "seen by nothing before the test"})
    synthetic_writers: int = number(40, least=2, unit="writers", why="for training, where root is empty")
    synthetic_held_out: int = number(10, least=2, unit="writers", why="for validation, and as many for the test")
    synthetic_each: int = number(6, least=2, unit="images", why="of a synthetic writer: half genuine, half forged")
    invalid_each: int = number(40, least=2, unit="images", why="of each family, for training, where root is empty")
    judged_each: int = number(20, least=2, unit="images", why="of each family, for validation and for the test")
    real_signatures: list[str] = field(default_factory=list, metadata={
        "why": "folders of real signatures (any layout), for judging only"})
    real_pages: str = field(default="", metadata={
        "why": "folder of pages with YOLO boxes of signatures: cuts away from the boxes are real non-signatures, for judging only"})
    real_most: int = number(600, least=1, most=20_000, unit="images", why="of each real folder, spread evenly")


@dataclass
class Augment:
    """What changes about a training picture, signature or not. No mirror flips: writing runs one way."""

    turn: float = number(0.2, least=0, most=1, unit="radians")
    slant: float = number(0.2, least=0, most=1, unit="shear")
    scale: float = number(0.15, least=0, most=1, unit="log", why="each axis by itself")
    shift: float = number(0.08, least=0, most=0.5, unit="of the side")
    thickness: float = number(1.0, least=0, most=3, unit="pixels", why="strokes wider or thinner by up to this")
    noise: float = number(0.15, least=0, most=1, why="multiplicative: standard deviation at the darkest pixel")


@dataclass
class Network:
    """The two networks; the notebook's sizes are in configs/screener_notebook.yaml."""

    channels: list[int] = field(default_factory=lambda: [16, 32, 64, 96], metadata={"why": "autoencoder, halving sides"})
    latent: int = number(64, least=2, most=1024, unit="features", why="the code the forest judges")
    classifier: list[int] = field(default_factory=lambda: [16, 32, 64, 96], metadata={"why": "classifier, halving sides"})
    dropout: float = number(0.2, least=0, most=0.9, why="classifier, before the last layer")
    encoder_dropout: float = number(0.0, least=0, most=0.9, why="after each pooling; the notebook has 0.2")


@dataclass
class Loss:
    """The notebook's weights of the reconstruction."""

    bce: float = number(0.7, least=0, why="binary cross-entropy")
    ssim: float = number(0.3, least=0, why="1 - SSIM, 11-pixel Gaussian window")


@dataclass
class Forest:
    """Isolation forest on the codes of training signatures (Liu, Ting and Zhou 2008)."""

    trees: int = number(200, least=1, most=2000)
    samples: int = number(256, least=2, most=100_000, unit="codes", why="per tree; the paper's number")


@dataclass
class Evaluation:
    """How a trained screener is judged."""

    bootstrap: int = number(500, least=100, most=10_000, unit="resamples", why="of writers and pages, for the 95 % intervals")
    pictures: int = number(32, least=4, most=128, unit="images", why="in each picture")


@dataclass
class Config(Recipe):
    """The whole recipe of the screener."""

    model: str = "screener"
    data: ScreenerData = field(default_factory=ScreenerData)
    augment: Augment = field(default_factory=Augment)
    network: Network = field(default_factory=Network)
    loss: Loss = field(default_factory=Loss)
    forest: Forest = field(default_factory=Forest)
    evaluation: Evaluation = field(default_factory=Evaluation)

    def splits(self) -> dict[str, int]:
        """Number of examples of train, validation and test, from the listing alone."""
        from models.screener.splits import listing  # it imports this file
        return {name: len(part) for name, part in listing(self).items()}

    def check(self) -> None:
        """Contradictions between fields, each with the way out."""
        super().check()
        self._check_families()
        for name in ("channels", "classifier"):
            values = getattr(self.network, name)
            step = 2 ** len(values)
            if not values or min(values) < 1:
                raise UserError(f"network.{name}: {values} must be whole numbers from 1")
            if self.data.height % step or self.data.width % step:
                raise UserError(f"data: height {self.data.height} and width {self.data.width} must be multiples of {step} "
                                f"for the {len(values)} levels of network.{name}")
        if self.loss.bce + self.loss.ssim == 0:
            raise UserError("loss: bce and ssim are both 0; at least one must be above 0")
        try:
            if re.compile(self.data.writer_pattern).groups < 1:
                raise UserError(f"data.writer_pattern: {self.data.writer_pattern!r} needs a group, such as 'original_([0-9]+)_'")
        except re.error as error:
            raise UserError(f"data.writer_pattern: {self.data.writer_pattern!r} is no regular expression ({error})") from None

    def _check_families(self) -> None:
        development, held_out = self.data.development_families, self.data.held_out_families
        both = sorted(set(development) & set(held_out))
        if both:
            raise UserError(f"data: the family {both[0]} is in development_families and in held_out_families")
        if self.data.root:
            return  # its folders name the families
        for name in development + held_out:
            if name not in NAMES:
                raise UserError(f"data: no family {name!r}{near(name, NAMES)}; known are {', '.join(NAMES)}")
        if set(NAMES) <= set(development + held_out):
            raise UserError("data: all families are in development_families or held_out_families; none is left to train on")
