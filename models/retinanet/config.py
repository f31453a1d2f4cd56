"""Settings of the signature detector, with units, limits and reasons; no TensorFlow here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gaudi.config import Data, Recipe, number
from gaudi.errors import UserError


@dataclass
class DetectorData(Data):
    """Pages; root is a folder that `gaudi data prepare documents` or `gaudi data synth documents` wrote."""

    extra: str = field(default="", metadata={"why": "a second such folder, mixed into training only; its classes that "
                                                    "root does not have are left out"})
    extra_share: float = number(0.5, above=0, most=0.95, unit="of an epoch's pages",
                                why="drawn anew from extra each epoch")
    height: int = number(640, least=64, most=4096, unit="pixels", why="what the network sees; pages keep their aspect")
    width: int = number(640, least=64, most=4096, unit="pixels")
    channels: Literal[1, 3] = field(default=3, metadata={"why": "1 = grey: decodes and trains faster"})
    dark_pages: Literal["invert", "keep"] = field(default="invert", metadata={
        "why": "invert pages that are mostly dark, so that white ink on black is found as well; in the export too"})
    max_boxes: int = number(64, least=1, most=1000, why="most boxes of a page; more are an error")
    verify: bool = field(default=True, metadata={"why": "compare every record with its checksum at start"})
    limit: int = number(0, least=0, unit="pages", why="use this many of every split; 0 is all")
    synthetic: int = number(512, least=1, unit="pages", why="to train on where root is empty")
    synthetic_held_out: int = number(64, least=1, unit="pages", why="for validation, and as many for the test")
    synthetic_side: int = number(1000, least=200, most=4000, unit="pixels")


@dataclass
class Augment:
    """What happens to a training page. Shares are of pages; geometry is drawn anew each time."""

    scale_min: float = number(0.8, above=0.1, most=1.0, why="page drawn this much smaller at least")
    scale_max: float = number(1.2, least=1.0, most=4.0, why="or larger, then a part is seen")
    stretch: float = number(0.1, least=0, most=0.5, unit="log", why="of one side against the other")
    turn: float = number(0.0, least=0, most=10, unit="degrees",
                         why="either way; a box becomes the one around its turned ellipse")
    flip_share: float = number(0.0, least=0, most=1,
                               why="mirrored left to right; documents are not, COCO's photos may be")
    contrast_share: float = number(0.5, least=0, most=1, why="brightness and contrast")
    blur_share: float = number(0.15, least=0, most=1)
    noise_share: float = number(0.2, least=0, most=1)
    stroke_share: float = number(0.2, least=0, most=1, why="strokes one pixel thicker or thinner")
    binary_share: float = number(0.1, least=0, most=1, why="thresholded as a fax is")
    invert_share: float = number(0.0, least=0, most=1, why="white ink on black; needs dark_pages: keep")


@dataclass
class Network:
    """`light` trains from nothing on a CPU; the resnets are the Model Garden's."""

    backbone: Literal["light", "resnet10", "resnet18", "resnet26", "resnet34", "resnet50", "resnet101"] = "resnet50"
    min_level: int = number(3, least=2, most=5, why="finest map has a stride of 2 to this power")
    max_level: int = number(7, least=4, most=8)
    filters: int = number(256, least=8, unit="channels", why="of pyramid and heads")
    head_convs: int = number(4, least=0, most=8)
    channels: list[int] = field(default_factory=lambda: [32, 64, 128, 192],
                                metadata={"why": "light: at strides 4, 8, 16, 32"})
    blocks: list[int] = field(default_factory=lambda: [1, 2, 3, 2], metadata={"why": "light: residual blocks at each"})
    normalisation: Literal["synchronised", "local", "frozen"] = field(default="synchronised", metadata={
        "why": "resnets: batch statistics over all ranks, over this rank, or as loaded; light has no normalisation"})
    norm_momentum: float = number(0.99, least=0, most=1)
    norm_epsilon: float = number(1e-3, above=0)
    init_checkpoint: str = field(default="", metadata={"why": "a Model Garden checkpoint, or a run of this suite"})
    init_modules: Literal["backbone", "all", "transfer"] = field(default="backbone", metadata={
        "why": "what is taken from there; all wants the same classes, transfer a run of any: their scores by name"})
    frozen_backbone: bool = field(default=False, metadata={"why": "fine-tune pyramid and heads only"})


@dataclass
class Anchors:
    """Boxes that predictions start from; aspect is width over height."""

    size: float = number(4.0, above=0, unit="strides", why="side of a square anchor")
    scales: int = number(3, least=1, most=6, why="sizes an octave")
    aspects: list[float] = field(default_factory=lambda: [0.5, 1.0, 2.0])
    match: float = number(0.5, above=0, most=1, unit="IoU", why="from here on an anchor is positive")
    ignore: float = number(0.5, above=0, most=1, unit="IoU", why="from here to match it counts neither way")


@dataclass
class Loss:
    """Focal loss for classes, Huber on offsets or complete IoU for boxes; sums over a batch divided by positive
    anchors."""

    alpha: float = number(0.25, above=0, most=1, why="weight of positives")
    gamma: float = number(1.5, least=0, why="how far easy anchors are played down")
    box: Literal["huber", "ciou"] = "huber"
    huber_delta: float = number(0.1, above=0)
    box_weight: float = number(50.0, above=0, why="50 fits Huber at delta 0.1; 2 fits ciou")
    l2: float = number(1e-4, least=0, why="half of it times the squared kernels, as the Model Garden adds it")


@dataclass
class Detection:
    """From raw answers to detections."""

    nms_iou: float = number(0.5, above=0, most=1)
    score: float = number(0.05, above=0, most=1, why="lower ones are dropped before non-maximum suppression")
    candidates: int = number(5000, least=10, most=20000, why="best anchors of a page that suppression looks at")
    most: int = number(100, least=1, most=1000, why="detections of a page")
    tiles: Literal["none", "2x2"] = field(default="none", metadata={
        "why": "2x2: also look at four overlapping parts: finds small initials on large scans, at five times the work"})


@dataclass
class Evaluation:
    """How a trained detector is judged."""

    bootstrap: int = number(200, least=20, unit="resamples", why="of pages, for the 95 % intervals")
    pictures: int = number(12, least=1, most=60, unit="pages")


@dataclass
class Config(Recipe):
    """The whole recipe of the detector."""

    model: str = "retinanet"
    data: DetectorData = field(default_factory=DetectorData)
    augment: Augment = field(default_factory=Augment)
    network: Network = field(default_factory=Network)
    anchors: Anchors = field(default_factory=Anchors)
    loss: Loss = field(default_factory=Loss)
    detection: Detection = field(default_factory=Detection)
    evaluation: Evaluation = field(default_factory=Evaluation)

    def splits(self) -> dict[str, int]:
        """Pages of train (an epoch's, extra ones included), validation and test, from the indexes alone."""
        from models.retinanet.records import split_sizes  # it imports this file
        return split_sizes(self.data)

    def check(self) -> None:
        """Contradictions between fields, each with the way out."""
        super().check()
        coarsest = 2 ** self.network.max_level
        for side in ("height", "width"):
            value = getattr(self.data, side)
            if value % coarsest:
                fits = max(coarsest, value // coarsest * coarsest)
                raise UserError(f"data.{side}: {value} must be a multiple of {coarsest} (2 to the power of "
                                f"network.max_level), such as {fits}")
        if self.network.max_level < self.network.min_level:
            raise UserError("network.max_level: must be at least network.min_level")
        _check_light(self.network, self.data)
        if self.anchors.ignore > self.anchors.match:
            raise UserError("anchors.ignore: must not be above anchors.match")
        if self.augment.invert_share and self.data.dark_pages == "invert":
            raise UserError("augment.invert_share: dark pages are inverted back (data.dark_pages); set that to keep")
        if not self.anchors.aspects or min(self.anchors.aspects) <= 0:
            raise UserError("anchors.aspects: must be a list of numbers above 0")


def _check_light(network: Network, data: DetectorData) -> None:
    if network.backbone != "light":
        if data.channels != 3:
            raise UserError(f"data.channels: {network.backbone} takes 3; only the light network takes 1")
        return
    if len(network.channels) != 4 or len(network.blocks) != 4:
        raise UserError("network.channels, network.blocks: the light network has 4 stages, give 4 numbers each")
    if network.min_level > 5:
        raise UserError("network.min_level: the light network's coarsest stage is level 5")
    if network.init_checkpoint and network.init_modules == "backbone":
        raise UserError("network.init_checkpoint: there is no Model Garden backbone for the light network; "
                        "init_modules: all or transfer continues from another run of this suite")
