"""Settings of the signature cleaner, with units, limits and reasons; no TensorFlow here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from gaudi.config import Data, Recipe, number
from gaudi.errors import UserError


@dataclass
class CleanerData(Data):
    """Clean signatures; root is a CEDAR folder or any folder of images, empty means synthetic signatures."""

    size: int = number(224, least=32, most=512, unit="pixels", why="side of an example; signver hands over 224")
    forgeries: bool = field(default=True, metadata={"why": "CEDAR's forgeries are strokes to keep as well"})
    validation_writers: int = number(5, least=1, unit="writers", why="CEDAR: of the 45 that are not for testing")
    writer_pattern: str = field(default="", metadata={"why": "plain folder: regular expression whose group 1 is the "
                                                      "writer in a file's name; empty: each file stands alone"})
    validation_share: float = number(0.1, above=0, most=0.4, unit="share", why="plain folder: of its writers")
    test_share: float = number(0.1, above=0, most=0.4, unit="share", why="plain folder: of its writers")
    synthetic_writers: int = number(64, least=1, unit="writers", why="for training; the others come on top")
    synthetic_held_out: int = number(8, least=2, unit="writers", why="for validation, and as many for the test")
    synthetic_each: int = number(12, least=4, unit="images", why="of a synthetic writer: half genuine, half forged")
    limit: int = number(0, least=0, unit="images", why="use this many of every split, spread evenly; 0 is all")


@dataclass
class Dirt:
    """What falls on a training signature. Shares are of examples unless said otherwise; 255 grey levels."""

    words: int = number(5, least=0, most=12, unit="patches", why="0 to this many print patches an example")
    word_bank: int = number(1024, least=1, most=8192, unit="patches", why="19 MB at 224 pixels")
    layer_share: float = number(0.55, least=0, most=1, why="of each of two layers of lines and stamps")
    layer_bank: int = number(384, least=1, most=2048, unit="layers", why="43 MB at 224 pixels")
    worn_share: float = number(0.3, least=0, most=1, why="print with missing pixels, as toner and scans leave it")
    faintest: float = number(0.5, above=0.42, most=1, why="least contrast of the pen; print is as pale at times")
    scan_share: float = number(0.6, least=0, most=1, why="poor scans (all of the next five); the others only collide")
    shading: float = number(0.12, least=0, most=0.5, unit="of white", why="paper darker to one side")
    grain: float = number(45.0, least=0, most=127, unit="grey levels", why="largest grain, to either side")
    jpeg_share: float = number(0.15, least=0, most=1, why="of poor scans; blocks and ringing; costs 0.4 ms an example")
    speck_share: float = number(0.4, least=0, most=1, why="for salt and for pepper, each, after the threshold")
    specks: float = number(0.03, least=0, most=0.5, unit="of pixels", why="largest density of either")
    grey_share: float = number(0.15, least=0, most=1, why="inputs left grey; consumers mostly threshold first")
    clean_share: float = number(0.04, least=0, most=1, why="inputs without dirt: clean strokes must stay")
    shrink: float = number(0.2, least=0, most=1, unit="log", why="per axis; thinner strokes would fall apart")
    widen: float = number(0.1, least=0, most=1, unit="log", why="wider signatures lose their ends")
    heighten: float = number(0.4, least=0, most=1, unit="log", why="signver stretches its crops to a square")
    turn: float = number(0.10, least=0, most=0.5, unit="radians")
    slant: float = number(0.15, least=0, most=0.5, unit="shear")
    shift: float = number(0.15, least=0, most=0.5, unit="of the side")


@dataclass
class Network:
    """`light`: small U-Net that predicts what to remove. `signver`: the 2,106,051-parameter reference autoencoder."""

    name: Literal["light", "signver"] = "light"
    stem: int = number(4, least=2, most=8, unit="pixels", why="light: side of the blocks that become one position")
    channels: list[int] = field(default_factory=lambda: [32, 64, 128], metadata={"why": "light: per level"})
    blocks: list[int] = field(default_factory=lambda: [1, 2, 3], metadata={"why": "light: residual blocks per level"})
    decoder_blocks: int = number(1, least=0, most=8, why="light: residual blocks per level on the way up")
    head: int = number(64, least=1, most=512, unit="channels", why="light: the features each block's pixels come from")
    dropout: float = number(0.0, least=0, most=0.9, why="signver trains its own with 0.2")


@dataclass
class Loss:
    """Weights of the summed parts; each is a mean over pixels, so that 1.0 is comparable with 1.0."""

    bce: float = number(1.0, least=0, why="binary cross-entropy, signver's loss")
    l1: float = number(0.0, least=0, why="absolute difference")
    ssim: float = number(0.0, least=0, why="1 - SSIM, 11-pixel Gaussian window")
    ink_weight: float = number(1.0, least=1, unit="times", why="bce and l1 at ink pixels; 3 % of all")


@dataclass
class Evaluation:
    """How a trained cleaner is judged."""

    pairs: int = number(2, least=1, most=8, unit="pairs", why="frozen dirty versions of every test signature")
    bootstrap: int = number(1000, least=100, unit="resamples", why="of writers, for the 95 % intervals")
    pictures: int = number(12, least=1, most=64, unit="rows", why="in each picture")


@dataclass
class Config(Recipe):
    """The whole recipe of the cleaner."""

    model: str = "cleaner"
    data: CleanerData = field(default_factory=CleanerData)
    dirt: Dirt = field(default_factory=Dirt)
    network: Network = field(default_factory=Network)
    loss: Loss = field(default_factory=Loss)
    evaluation: Evaluation = field(default_factory=Evaluation)

    def splits(self) -> dict[str, int]:
        """Number of examples of train, validation and test, from the listing alone."""
        from models.cleaner.splits import listing  # it imports this file
        counts = {name: len(part) for name, part in listing(self).items()}
        return counts | {"test": counts["test"] * self.evaluation.pairs}

    def check(self) -> None:
        """Contradictions between fields, each with the way out."""
        super().check()
        channels, blocks = self.network.channels, self.network.blocks
        if not channels or len(blocks) != len(channels) or min(blocks + channels) < 1:
            raise UserError(f"network: channels {channels} and blocks {blocks} must be whole numbers "
                            "from 1, one number of blocks per level")
        step = smallest_step(self.network)
        if self.data.size % step:
            near = max(step, self.data.size // step * step)
            raise UserError(f"data.size: {self.data.size} must be a multiple of {step} for this network, "
                            f"such as {near}")
        if self.loss.bce + self.loss.l1 + self.loss.ssim == 0:
            raise UserError("loss: bce, l1 and ssim are all 0; at least one must be above 0")
        _check_pattern(self.data.writer_pattern)


def smallest_step(network: Network) -> int:
    """The number that the image's side must be a multiple of, in pixels."""
    return 8 if network.name == "signver" else network.stem * 2 ** (len(network.channels) - 1)


def _check_pattern(pattern: str) -> None:
    if not pattern:
        return
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise UserError(f"data.writer_pattern: {pattern!r} is no regular expression ({error})") from None
    if groups < 1:
        raise UserError(f"data.writer_pattern: {pattern!r} needs a group, such as 'original_([0-9]+)_'")
