"""Settings of pix2pix and CycleGAN, with units, limits and reasons; no TensorFlow here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gaudi.config import Data, Recipe, number
from gaudi.errors import UserError


def note(default, why):
    """A field that is no number, with its reason."""
    return field(default=default, metadata={"why": why})


@dataclass
class PairData(Data):
    """What stands in `root`, how it is divided, and how examples are varied. Empty root: embedded synthetic data."""

    layout: Literal["signatures", "pairs", "unpaired"] = note(
        "signatures", "signatures: what `gaudi data prepare pix2pix` wrote; pairs: A|B pictures in train/ (val/, "
        "test/), or the folders generated_image/ and targeted_image/; unpaired: trainA/ trainB/ (testA/ testB/)")
    direction: Literal["AtoB", "BtoA"] = note("AtoB", "pairs and unpaired: which half is the input")
    size: int = number(256, least=32, most=512, unit="pixels", why="side of an example")
    channels: int = number(1, least=1, most=3, why="1 grey, 3 colour")
    fonts: list[str] = field(default_factory=list, metadata={"why": "printed fonts to use; empty: all prepared ones"})
    align: bool = note(True, "signatures: lay the print out on the handwriting, character by character")
    limit: int = number(0, least=0, unit="examples", why="use this many of every split, spread evenly; 0 is all")
    # how signatures are divided: by name and by writer at once
    test_names: list[str] = field(default_factory=list, metadata={"why": "never trained on; empty: unseen_names"})
    unseen_names: int = number(2, least=0, unit="names", why="for the test, where test_names is empty")
    validation_names: int = number(1, least=0, unit="names", why="never trained on either: they choose the checkpoint")
    test_share: float = number(0.2, least=0, most=0.5, unit="of writers", why="never trained on, nor is the judge")
    validation_share: float = number(0.1, least=0, most=0.4, unit="of writers, or of pairs without writers")
    split_seed: int = number(0, least=0, why="which names and writers; apart from `seed`, so that seeds share a test")
    # how examples are varied; print and handwriting always alike
    jitter: int = number(0, least=0, most=128, unit="pixels", why="enlarge by this much, cut out at a random place")
    mirror: bool = note(False, "left for right; mirrored handwriting is none, so only for other pictures")
    warp: float = number(0.0, least=0, most=0.3, why="random scale, shear, turn up to this (log, tangent, radians / 2)")
    # the embedded data
    synthetic_writers: int = number(20, least=4, most=200, unit="writers")
    synthetic_names: int = number(12, least=4, most=60, unit="names")
    synthetic_pairs: int = number(64, least=6, unit="pictures", why="layouts pairs and unpaired")


@dataclass
class Network:
    """Generator and discriminator. paper: the AI-Signaturer's; isola: U-Net 256 and 70x70 PatchGAN; hand: ours."""

    name: Literal["hand", "paper", "isola", "resnet"] = "hand"
    channels: int = number(64, least=4, most=128, why="after the first convolution of the generator")
    discriminator_channels: int = number(64, least=4, most=128, why="after the discriminator's first convolution")
    discriminator_shrink: int = number(1, least=1, most=4, why="it sees pictures so many times smaller; not with paper's")
    blocks: int = number(4, least=1, most=12, why="hand, resnet: residual blocks at the lowest resolution")
    dropout: float = number(0.0, least=0, most=0.9, why="on the generator's way up; the paper and Isola use 0.5")
    hands: int = number(0, least=0, most=4096, why="hand: styles, one a training writer and medium; 0: one for all")
    posture: bool = note(True, "hand, layout signatures: learns how each hand stands, to lay a plain print out as it would")
    hand_size: int = number(32, least=2, most=256, why="numbers that describe a style")


@dataclass
class Loss:
    """Weights of the generator's parts; every part is a mean over pixels or patches."""

    adversarial: Literal["bce", "lsgan", "hinge", "none"] = note("bce", "none: L1 only, the baseline without opponent")
    adversarial_weight: float = number(1.0, least=0)
    l1: float = number(100.0, least=0, why="Isola 100, AI-Signaturer 7")
    coarse: float = number(0.0, least=0, why="L1 of 8x8 means: where ink is, free about the pixel")
    feature: float = number(0.0, least=0, why="L1 of the discriminator's features (Wang et al. 2018)")
    cycle: float = number(10.0, least=0, why="CycleGAN: there and back again")
    identity: float = number(0.5, least=0, unit="of cycle", why="CycleGAN: what is handwriting already stays")
    discriminator: float = number(1.0, above=0, why="on the discriminator's sum; Isola halves it")
    discriminator_rate: float = number(1.0, above=0, unit="of the generator's learning rate")
    history: int = number(50, least=0, most=500, unit="pictures", why="CycleGAN: kept for the discriminator")


@dataclass
class Watch:
    """When a contest has gone wrong. Accuracies and norms are running means, saved in checkpoints."""

    stop: bool = note(True, "end the training and say why; the best checkpoint stays")
    back_off: bool = note(False, "vary what the discriminator sees, the more the surer it is")
    target_accuracy: float = number(0.8, above=0.5, most=1, why="back_off: more than this and it is handicapped more")
    won_accuracy: float = number(0.995, above=0.5, most=1, why="the discriminator has won and teaches nothing any more")
    gradient_norm: float = number(1e4, above=0, why="of the generator; far above anything sound")
    ink_share: float = number(0.1, least=0, most=1, why="less of the real ink than this: the generator draws blanks")
    patience_epochs: float = number(3.0, above=0, unit="epochs", why="before the first verdict, too")


@dataclass
class Evaluation:
    """How a trained generator is judged."""

    judge_epochs: int = number(14, least=1, most=200, unit="epochs", why="of the recogniser, on real handwriting only")
    judge_size: int = number(64, least=32, most=128, unit="pixels", why="side of what the recogniser sees")
    judge_seeds: int = number(1, least=1, most=5, why="recognisers, whose figures are averaged")
    bootstrap: int = number(1000, least=100, unit="resamples", why="of writers, for the 95 % intervals")
    pictures: int = number(8, least=1, most=32, unit="rows", why="in each picture")


@dataclass
class Config(Recipe):
    """The whole recipe."""

    model: str = "pix2pix"
    method: Literal["pix2pix", "cyclegan"] = "pix2pix"
    monitor: Literal["ink_f", "ssim", "l1", "cycle_l1"] = note(
        "ink_f", "what the best checkpoint is chosen by; ssim prefers blank paper to strokes that are a pixel off")
    data: PairData = field(default_factory=PairData)
    network: Network = field(default_factory=Network)
    loss: Loss = field(default_factory=Loss)
    watch: Watch = field(default_factory=Watch)
    evaluation: Evaluation = field(default_factory=Evaluation)

    def splits(self) -> dict[str, int]:
        """Number of examples of train, validation and test, from the listing alone."""
        from models.pix2pix.parts import counts  # it imports this file
        return counts(self)

    @property
    def learns_posture(self) -> bool:
        """Whether a network lays plain prints out before the generator redraws them."""
        return self.network.posture and self.network.name == "hand" and self.data.layout == "signatures"

    def check(self) -> None:
        """Contradictions between fields, each with the way out."""
        super().check()
        step = SIDES[self.network.name]
        if self.data.size % step:
            raise UserError(f"data.size: {self.data.size} must be a multiple of {step} for network.name "
                            f"{self.network.name}, such as {max(step, self.data.size // step * step)}")
        if self.data.channels == 2:
            raise UserError("data.channels: 2 must be 1 (grey) or 3 (colour)")
        can_have_hands = (self.network.name, self.data.layout, self.method) == ("hand", "signatures", "pix2pix")
        if self.network.hands and not can_have_hands:
            raise UserError("network.hands: styles of writers need network.name hand, data.layout signatures and "
                            "method pix2pix; set network.hands to 0")
        self._check_method()

    def _check_method(self) -> None:
        paired = self.data.layout != "unpaired"
        if self.method == "pix2pix" and not paired:
            raise UserError("data.layout: unpaired pictures need method cyclegan (pix2pix learns from pairs)")
        if not paired and self.monitor != "cycle_l1":
            raise UserError(f"monitor: {self.monitor} needs pairs; with data.layout unpaired it must be cycle_l1")
        if self.method == "pix2pix" and self.monitor == "cycle_l1":
            raise UserError("monitor: cycle_l1 is of method cyclegan; pix2pix has ink_f, ssim, l1")
        if self.method == "cyclegan" and self.loss.adversarial == "none":
            raise UserError("loss.adversarial: none leaves cyclegan nothing to learn from; take lsgan or bce")


SIDES = {"paper": 64, "isola": 32, "hand": 8, "resnet": 4}  # the side must be a multiple of this, in pixels
