"""Clean signature -> (dirty, clean) pair in graph ops: print, lines, stamps and scan noise over the strokes."""

from __future__ import annotations

import tensorflow as tf

from models.cleaner.bank import Bank
from models.cleaner.config import Dirt

PAPER = 255.0
MIDDLE = 127           # a prepared signature's own threshold
PALEST_PRINT = 120.0  # grey level; print and lines are drawn from 0 to this


class Draws:
    """Uniform random numbers of one example, drawn at once (one op) and handed out in order."""

    def __init__(self, seed, count=96):
        self.values = tf.random.stateless_uniform([count], seed)
        self.count, self.used = count, 0

    def take(self, count: int, low=0.0, high=1.0):
        """float32 [count] in [low, high)."""
        first, self.used = self.used, self.used + count
        if self.used > self.count:
            raise ValueError(f"an example draws more than the {self.count} numbers it has; raise Draws' count")
        return low + (high - low) * self.values[first:self.used]

    def one(self, low=0.0, high=1.0):
        """float32 scalar in [low, high)."""
        return self.take(1, low, high)[0]

    def happens(self, share):
        """bool scalar, true for a share of examples."""
        return self.one() < share

    def sometimes(self, share, low, high):
        """float32 scalar: uniform in [low, high) for a share of the examples, else 0."""
        return tf.where(self.happens(share), self.one(low, high), 0.0)


class DirtMaker:
    """Makes pairs from grey signatures uint8 [size, size]; the banks are held as host tensors."""

    def __init__(self, bank: Bank, settings: Dirt, size: int):
        self.size, self.settings = size, settings
        with tf.device("CPU"):
            self.words, self.boxes = tf.constant(bank.words), tf.constant(bank.word_boxes)
            self.layers, self.noise = tf.constant(bank.layers), tf.constant(bank.noise)

    def pair(self, grey, seed):
        """(dirty, clean) uint8 [size, size] of a prepared signature (ink 0, paper 255); clean holds only 0 and 255."""
        draws, settings = Draws(seed), self.settings
        grey = warped(grey, draws, settings)
        clean = binarised(grey, MIDDLE)
        pen = tf.cast(draws.one(0.0, 255.0 * (1.0 - settings.faintest)), tf.uint8)
        page = tf.minimum(tf.maximum(grey, pen), self.printed_matter(draws))
        page, threshold = self.scanned(page, draws)
        binary = self.speckled(binarised(page, threshold), draws)
        dirty = tf.where(draws.happens(settings.grey_share), page, binary)
        dirty = tf.where(draws.happens(settings.clean_share), clean, dirty)
        return tf.ensure_shape(dirty, [self.size] * 2), tf.ensure_shape(clean, [self.size] * 2)

    def printed_matter(self, draws):
        """uint8 [size, size]: words, lines and stamps on white paper, in parts worn away."""
        page = tf.fill([self.size, self.size], tf.constant(255, tf.uint8))
        for _ in range(2):
            page = tf.minimum(page, self.layer(draws))
        for word in self.placed_words(draws):
            page = tf.minimum(page, word)
        worn = draws.sometimes(self.settings.worn_share, 0.02, 0.35)
        return tf.where(self.window(self.noise, draws) < _level(worn), tf.constant(255, tf.uint8), page)

    def layer(self, draws):
        """uint8 [size, size]: a window of a layer of lines and stamps, or white."""
        window = self.window(self.layers, draws)
        level = tf.where(draws.happens(self.settings.layer_share), draws.one(0.0, PALEST_PRINT), PAPER)
        return tf.maximum(window, tf.cast(level, tf.uint8))

    def placed_words(self, draws):
        """List of uint8 [size, size]: each word patch at its place, in its grey; some are white."""
        count, size = self.settings.words, self.size
        which = tf.cast(draws.take(count) * float(self.words.shape[0]), tf.int32)
        boxes = tf.cast(tf.gather(self.boxes, which), tf.float32)
        places = tf.reshape(draws.take(2 * count), [count, 2])
        corners = tf.cast(places * (size + 0.6 * boxes) - 0.6 * boxes, tf.int32)  # up to 60 % may lie outside
        shown = tf.cast(tf.range(count), tf.float32) < tf.floor(draws.one() ** 1.5 * (count + 1.0))
        levels = tf.cast(tf.where(shown, draws.take(count, 0.0, PALEST_PRINT), PAPER), tf.uint8)
        return [self._place(which[k], corners[k], levels[k]) for k in range(count)]

    def _place(self, which, corner, level):
        patch = self.words.shape[1:]
        start = tf.maximum(-corner, 0)
        before = tf.maximum(corner, 0)
        shown = tf.minimum([patch[0], patch[1]] - start, self.size - before)
        part = tf.slice(self.words, tf.concat([[which], start], 0), tf.concat([[1], shown], 0))[0]
        around = tf.stack([before, self.size - before - shown], axis=1)
        placed = tf.pad(tf.maximum(part, level), around, constant_values=255)
        return tf.ensure_shape(placed, [self.size, self.size])

    def scanned(self, page, draws):
        """A share of the pages as a poor scan gives them: (page uint8 [size, size], its threshold uint8 scalar)."""
        shade, weight = draws.take(2, 0.0, self.settings.shading), draws.one(0.0, 0.33)
        grain, noise = draws.one(0.0, self.settings.grain), self.window(self.noise, draws)
        poor_jpeg, quality = draws.happens(self.settings.jpeg_share), tf.cast(draws.one(15.0, 70.0), tf.int32)

        def poor():
            across = tf.linspace(0.0, 1.0, self.size)
            scan = blurred(tf.cast(page, tf.float32), weight)
            scan *= 1.0 - (shade[0] * across[:, None] + shade[1] * across[None, :])
            scan += (tf.cast(noise, tf.float32) - 127.5) * (grain / 127.5)
            scan = tf.cast(tf.clip_by_value(scan, 0.0, PAPER), tf.uint8)
            scan = tf.cond(poor_jpeg, lambda: _jpeg(scan, quality), lambda: scan)
            return scan, otsu(scan)

        return tf.cond(draws.happens(self.settings.scan_share), poor, lambda: (page, tf.constant(MIDDLE, tf.uint8)))

    def speckled(self, binary, draws):
        """Salt and pepper of any grain on paper and strokes alike."""
        settings = self.settings
        pepper, salt = (draws.sometimes(settings.speck_share, 0.0, settings.specks) for _ in range(2))
        field = self.window(self.noise, draws)
        binary = tf.where(field < _level(pepper), tf.constant(0, tf.uint8), binary)
        return tf.where(255 - field < _level(salt), tf.constant(255, tf.uint8), binary)

    def window(self, bank, draws):
        """uint8 [size, size]: a random window of a random plane of `bank`, uint8 [N, side, side]."""
        planes, side, _ = bank.shape
        corner = tf.cast(draws.take(3) * [planes, side - self.size + 1.0, side - self.size + 1.0], tf.int32)
        return tf.slice(bank, corner, [1, self.size, self.size])[0]


def _level(share):
    """uint8: the level below which a share of a noise field's values lies."""
    return tf.cast(share * 256.0, tf.uint8)


def warped(grey, draws, settings: Dirt):
    """uint8 [size, size]: the signature scaled per axis, turned, slanted a little and shifted; never mirrored."""
    size = grey.shape[0]
    scale = tf.exp(draws.take(2) * [settings.widen + settings.shrink, settings.heighten + settings.shrink]
                   - settings.shrink)  # along x and y
    turn, slant = draws.one(-settings.turn, settings.turn), draws.one(-settings.slant, settings.slant)
    shift = draws.take(2, -settings.shift, settings.shift) * size
    a, b = 1.0 / scale[0], (slant - turn) / scale[0]
    c, d = turn / scale[1], 1.0 / scale[1]
    centre = (size - 1) / 2
    row = tf.stack([a, b, centre - a * (centre + shift[0]) - b * (centre + shift[1]),
                    c, d, centre - c * (centre + shift[0]) - d * (centre + shift[1]), 0.0, 0.0])
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=grey[None, :, :, None], transforms=row[None], output_shape=[size, size], fill_value=PAPER,
        interpolation="BILINEAR", fill_mode="CONSTANT")
    return tf.ensure_shape(moved[0, :, :, 0], [size, size])


def blurred(page, weight):
    """float32 [H, W]: each pixel keeps 1 - 2 weight and takes `weight` from either neighbour, along both axes."""
    padded = tf.pad(page, [[1, 1], [1, 1]], "SYMMETRIC")
    rows = padded[1:-1] * (1.0 - 2.0 * weight) + (padded[:-2] + padded[2:]) * weight
    return rows[:, 1:-1] * (1.0 - 2.0 * weight) + (rows[:, :-2] + rows[:, 2:]) * weight


def binarised(grey, threshold):
    """uint8: 0 where grey <= threshold (ink), else 255."""
    return tf.where(grey > threshold, tf.constant(255, tf.uint8), tf.constant(0, tf.uint8))


def otsu(grey):
    """uint8 scalar: the threshold that parts `grey` (uint8 [H, W]) into two classes of greatest between-class variance.

    Otsu 1979, Eq. (14): (mu_T w(k) - mu(k))^2 / (w(k) (1 - w(k))); a value <= threshold belongs to the dark class.
    """
    sample = tf.cast(grey[::2, ::4], tf.int32)  # bincount is slow, and 6,000 pixels give the same histogram
    counts = tf.math.bincount(tf.reshape(sample, [-1]), minlength=256, maxlength=256, dtype=tf.float32)
    share = counts / tf.reduce_sum(counts)
    weight = tf.cumsum(share)
    mean = tf.cumsum(share * tf.range(256, dtype=tf.float32))
    between = tf.math.divide_no_nan(tf.square(mean[-1] * weight - mean), weight * (1.0 - weight))
    return tf.cast(tf.argmax(between[:-1], output_type=tf.int32), tf.uint8)


def _jpeg(page, quality):
    return tf.ensure_shape(tf.image.adjust_jpeg_quality(page[:, :, None], quality)[:, :, 0], page.shape)
