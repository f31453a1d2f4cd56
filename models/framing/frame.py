"""From a scan of any size to a frame of one size: paper flat, marks cut out and centred, contrast even."""

from __future__ import annotations

import functools

import tensorflow as tf

LARGEST = 512      # pixels; larger pictures are shrunk first, frames are smaller still
PAPER_SIDE = 96    # pixels; the paper is estimated on a picture this small
REACH = 15         # pixels of that small picture; wider than any stroke
NOISE = 0.10       # of the paper's brightness; grain up to here counts as paper
FAINTEST = 0.12    # of the paper's brightness; a picture whose darkest marks are fainter is blank
MARK = 0.4         # of the darkest marks; what is darker belongs to the box that is cut out
OUTLIERS = 0.002   # of the ink on each side that the box may leave out: specks
DARK_SHARE = 0.995  # of pixels; the next darker one sets the contrast


def frame(image, height: int, width: int, margin: float = 0.04):
    """uint8 [height, width, 1], 255 = darkest mark, 0 = paper, of uint8 [H, W, 1] with 255 = paper; H and W may vary.

    The same for a bright and a dark scan, for a pale and a black pen. `margin` is the share of each side left free.
    """
    dark = darkness(smaller(tf.cast(image, tf.float32)))
    top, left, bottom, right, found = box_of(dark)
    cut = tf.cond(found, lambda: dark[top:bottom, left:right], lambda: tf.zeros_like(dark))
    return tf.cast(tf.round(255.0 * placed(cut, height, width, margin)), tf.uint8)


def smaller(image):
    """float32 [h, w, 1] with no side above LARGEST, averaged over areas, of [H, W, 1]."""
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    share = tf.minimum(1.0, LARGEST / tf.reduce_max(size))
    new = tf.maximum(1, tf.cast(tf.round(size * share), tf.int32))
    return tf.cond(share < 1.0, lambda: tf.image.resize(image, new, method="area"), lambda: image)


def darkness(image):
    """float32 [h, w, 1] in 0..1, 0 = paper, 1 = as dark as the marks are; all 0 where there are none."""
    size = tf.shape(image)[:2]
    longest = tf.cast(tf.reduce_max(size), tf.float32)
    small = tf.maximum(1, tf.cast(tf.round(tf.cast(size, tf.float32) * tf.minimum(1.0, PAPER_SIDE / longest)), tf.int32))
    paper = tf.image.resize(image[None], small, method="area")
    paper = tf.nn.max_pool2d(paper, REACH, 1, "SAME")
    paper = -tf.nn.max_pool2d(-paper, REACH, 1, "SAME")  # a closing: marks vanish, shading stays
    paper = tf.nn.avg_pool2d(paper, 5, 1, "SAME")
    paper = tf.image.resize(paper, size)[0]
    dark = tf.clip_by_value((paper - image) / tf.maximum(paper, 1.0), 0.0, 1.0)
    dark = tf.maximum(0.0, dark - NOISE) / (1.0 - NOISE)
    flat = tf.sort(tf.reshape(dark, [-1]))
    count = tf.shape(flat)[0]
    darkest = flat[tf.cast(tf.floor(DARK_SHARE * tf.cast(count - 1, tf.float32)), tf.int32)]
    darkest = tf.maximum(darkest, 0.5 * flat[-1])  # few marks on a large page
    return tf.where(darkest < FAINTEST, tf.zeros_like(dark), tf.minimum(1.0, dark / tf.maximum(darkest, FAINTEST)))


def box_of(dark):
    """Rows top..bottom and columns left..right (int32, ends exclusive) that hold the ink, and whether there is any."""
    ink = tf.cast(dark[..., 0] > MARK, tf.float32)
    top, bottom = ends_of(tf.reduce_sum(ink, axis=1))
    left, right = ends_of(tf.reduce_sum(ink, axis=0))
    return top, left, bottom, right, tf.reduce_sum(ink) > 0


def ends_of(profile):
    """First and one behind the last place [n] -> int32 that leave out at most OUTLIERS of the sum on either side."""
    rising = tf.cumsum(profile)
    least = OUTLIERS * rising[-1]
    first = tf.reduce_sum(tf.cast(rising <= least, tf.int32))
    last = tf.reduce_sum(tf.cast(rising < rising[-1] - least, tf.int32))
    return first, last + 1


def placed(cut, height: int, width: int, margin: float):
    """float32 [height, width, 1]: [h, w, 1] scaled to fit with its aspect kept, in the middle of paper."""
    size = tf.cast(tf.shape(cut)[:2], tf.float32)
    room = tf.constant([height * (1 - 2 * margin), width * (1 - 2 * margin)], tf.float32)
    new = tf.maximum(1, tf.cast(tf.round(size * tf.reduce_min(room / size)), tf.int32))
    new = tf.minimum(new, [height, width])
    scaled = tf.clip_by_value(tf.image.resize(cut, new, antialias=True), 0.0, 1.0)
    before = (tf.constant([height, width]) - new) // 2
    after = tf.constant([height, width]) - new - before
    padding = tf.stack([tf.stack([before[0], after[0]]), tf.stack([before[1], after[1]]), tf.constant([0, 0])])
    return tf.ensure_shape(tf.pad(scaled, padding), [height, width, 1])


def frames(images, height: int, width: int, margin: float = 0.04):
    """uint8 [N, height, width, 1] of uint8 [N, H, W, 1]: what an export does first."""
    return tf.map_fn(lambda image: frame(image, height, width, margin), images, fn_output_signature=tf.TensorSpec(
        [height, width, 1], tf.uint8))


@functools.cache
def make_framer(height: int, width: int, margin: float = 0.04):
    """A function of one uint8 [H, W] array -> uint8 [height, width] array, traced once for all sizes."""
    traced = tf.function(lambda image: frame(image, height, width, margin),
                         input_signature=[tf.TensorSpec([None, None, 1], tf.uint8)])
    return lambda image: traced(tf.constant(image[..., None])).numpy()[..., 0]
