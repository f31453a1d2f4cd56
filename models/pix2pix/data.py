"""Examples for the pipeline: pictures decoded and varied in TensorFlow, print and handwriting alike."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi.errors import UserError
from gaudi.task import Source
from models.pix2pix import parts as listings
from models.pix2pix.config import Config, PairData
from models.pix2pix.example import Example
from models.pix2pix.pictures import Pictures, load

PAPER = 255.0
DICE = 8  # random numbers an example brings along: for choices that must not depend on the number of ranks


class Loaded:
    """The pictures of one part as host tensors of PNG files."""

    def __init__(self, examples: list[Example], data: PairData):
        self.examples, pictures = load(examples, data)
        fonts = max((len(one.inputs) for one in pictures), default=1)
        with tf.device("CPU"):
            self.inputs = tf.constant([_filled(one.inputs, fonts) for one in pictures])
            self.plain = tf.constant([_filled(one.plain or one.inputs, fonts) for one in pictures])
            self.targets = tf.constant([one.target for one in pictures])
        self.fonts = fonts

    def __len__(self):
        return len(self.examples)


def _filled(files: list[bytes], count: int) -> list[bytes]:
    """The files, repeated where this example has fewer fonts than others."""
    return [files[index % len(files)] for index in range(count)]


class PairSource(Source):
    """Training: one row a signature, its font drawn anew in each epoch. Others: `rows` of (example, font)."""

    def __init__(self, loaded: Loaded, config: Config, digest: str, *, rows=None, hands=None):
        self.loaded, self.data, self.settings = loaded, config.data, config.network
        self.training = rows is None
        self.with_plain = not self.training or config.learns_posture
        self.rows = [(index, 0) for index in range(len(loaded))] if rows is None else rows
        self.size, self.digest = len(self.rows), digest
        with tf.device("CPU"):
            self._rows = tf.constant(np.array(self.rows, np.int32).reshape(-1, 2))
            self._hands = tf.constant(np.array(hands if hands is not None else [-1] * len(loaded), np.int32))

    def example(self, index, seed):
        """printed, signed uint8 [S, S, C]; hand int32; dice float32 [8]; plain uint8 [S, S, C], if posture is learned."""
        row = tf.gather(self._rows, index)
        which, font = row[0], row[1]
        dice = tf.random.stateless_uniform([DICE], tf.random.experimental.stateless_fold_in(seed, 0))
        if self.training:
            font = tf.cast(dice[0] * self.loaded.fonts, tf.int32)
        printed = self.decoded(self.loaded.inputs[which, font])
        pictures = {"printed": printed, "signed": self.decoded(self.loaded.targets[which])}
        if self.with_plain:
            pictures["plain"] = self.decoded(self.loaded.plain[which, font])
        if self.training:
            alike = varied(list(pictures.values()), self.data, tf.random.experimental.stateless_fold_in(seed, 1))
            pictures = dict(zip(pictures, alike))
        return pictures | {"hand": self._hand(which, dice[1]), "dice": dice}

    def decoded(self, file):
        """uint8 [S, S, C] of PNG bytes."""
        return decoded(file, self.data)

    def _hand(self, which, chance):
        """The style: the writer's own where it was trained on, else one drawn."""
        hands = self.settings.hands
        if not hands:
            return tf.constant(0)
        own = self._hands[which]
        return tf.where(own >= 0, own % hands, tf.cast(chance * hands, tf.int32))


class UnpairedSource(Source):
    """Pictures of two domains; which B goes with an A is drawn anew in each epoch."""

    def __init__(self, a: Loaded, b: Loaded, config: Config, digest: str, training: bool):
        self.a, self.b, self.data, self.training = a, b, config.data, training
        self.size, self.digest = max(len(a), len(b)) if training else len(a), digest

    def example(self, index, seed):
        """printed (A) and signed (B), uint8 [S, S, C], which do not belong together; dice float32 [8]."""
        fold = tf.random.experimental.stateless_fold_in
        dice = tf.random.stateless_uniform([DICE], fold(seed, 0))
        font = tf.cast(dice[0] * self.a.fonts, tf.int64)
        other = tf.cast(dice[1] * len(self.b), tf.int64) if self.training else index % len(self.b)
        printed = decoded(self.a.inputs[index % len(self.a), font], self.data)
        signed = decoded(self.b.targets[other], self.data)
        if self.training:
            [printed], [signed] = (varied([one], self.data, fold(seed, k)) for k, one in ((1, printed), (2, signed)))
        return {"printed": printed, "signed": signed, "dice": dice}


def decoded(file, data: PairData):
    """uint8 [S, S, C] of PNG bytes; grey files become RGB where colour is wanted."""
    picture = tf.io.decode_png(file, channels=data.channels)
    return tf.ensure_shape(picture, [data.size, data.size, data.channels])


def varied(pictures: list, data: PairData, seed) -> list:
    """The pictures uint8 [S, S, C] jittered, mirrored and warped, all alike."""
    if not (data.jitter or data.mirror or data.warp):
        return pictures
    together = tf.cast(tf.concat(pictures, axis=-1), tf.float32)
    numbers = tf.random.stateless_uniform([10], seed, -1.0, 1.0)
    if data.jitter:
        together = jittered(together, data, numbers[:2])
    if data.mirror:
        together = tf.where(numbers[2] < 0, together[:, ::-1], together)
    if data.warp:
        together = warped(together, data, numbers[3:9])
    together = tf.cast(tf.clip_by_value(tf.round(together), 0.0, PAPER), tf.uint8)
    return tf.split(together, len(pictures), axis=-1)


def jittered(picture, data: PairData, numbers):
    """float [S, S, C] enlarged by `jitter` pixels and cut back at a random place (Isola et al. 2017, appendix 6.2)."""
    large = tf.image.resize(picture, [data.size + data.jitter] * 2)
    corner = tf.cast((numbers + 1.0) / 2.0 * (data.jitter + 1.0), tf.int32)
    cut = tf.slice(large, tf.concat([corner, [0]], 0), [data.size, data.size, picture.shape[-1]])
    return tf.ensure_shape(cut, picture.shape)


def warped(picture, data: PairData, numbers):
    """float [S, S, C] scaled per axis, sheared, turned and shifted at random; paper where nothing was."""
    middle = (data.size - 1) / 2
    wide, high = tf.exp(data.warp * numbers[0]), tf.exp(data.warp * numbers[1])
    shear, turn = data.warp * numbers[2], 0.5 * data.warp * numbers[3]
    a, b = tf.cos(turn) * wide, tf.sin(turn) * high + shear
    c, d = -tf.sin(turn) * wide, tf.cos(turn) * high
    shift = 0.3 * data.warp * data.size * numbers[4:6]
    transform = tf.stack([a, b, middle - a * middle - b * middle + shift[0],
                          c, d, middle - c * middle - d * middle + shift[1], 0.0, 0.0])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=picture[None], transforms=transform[None], output_shape=[data.size, data.size], interpolation="BILINEAR",
        fill_mode="CONSTANT", fill_value=PAPER)[0]


def sources(config: Config) -> dict[str, Source]:
    """train, validation and test of the recipe's data."""
    parts = listings.listing(config)
    digest = listings.digest(parts)
    if config.data.layout == "unpaired":
        domains = {name: [Loaded(getattr(parts, f"{name}{side}"), config.data) for side in ("", "_b")]
                   for name in ("train", "validation", "test")}
        return {name: UnpairedSource(a, b, config, digest, name == "train") for name, (a, b) in domains.items()}
    train, validation, test = (Loaded(rows, config.data) for rows in (parts.train, parts.validation, parts.test))
    in_turn = [(index, index % font_count(one)) for index, one in enumerate(validation.examples)]
    in_all = [(index, font) for index, one in enumerate(test.examples) for font in range(font_count(one))]
    return {"train": train_source(train, parts, config, digest),
            "validation": PairSource(validation, config, digest, rows=in_turn),
            "test": PairSource(test, config, digest, rows=in_all)}


def font_count(one: Example) -> int:
    """Fonts of an example; other pictures have one input."""
    return max(1, len(one.fonts))


def train_source(train: Loaded, parts, config: Config, digest: str) -> Source:
    """Pairs; for CycleGAN the same pictures torn apart."""
    if config.method == "cyclegan":
        return UnpairedSource(train, train, config, digest, training=True)
    known = {hand: index for index, hand in enumerate(parts.hands)}
    if config.network.hands > len(known):
        raise UserError(f"network.hands: {config.network.hands} styles, but the training part has {len(known)} writers "
                        f"(each medium counts); set network.hands to at most {len(known)}")
    return PairSource(train, config, digest, hands=[known[one.writer, one.medium] for one in train.examples])
