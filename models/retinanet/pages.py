"""A page as the network is fed it, in graph ops: the same for training's evaluation and for the export."""

from __future__ import annotations

import tensorflow as tf

PAPER = 255.0
DARK = 110.0         # a page whose mean grey is below is taken for white ink on black
TILE = 0.6           # side of a tile, share of the page's; neighbours overlap by a third
LARGEST = 8000       # pixels; of a longer side only every second, third ... row and column is looked at


def upright(page, dark_pages: str):
    """uint8 [H, W, C] with dark ink on bright paper; a mostly dark page is inverted where the recipe says so."""
    if dark_pages == "keep":
        return page
    rows, columns = tf.maximum(tf.shape(page)[0] // 64, 1), tf.maximum(tf.shape(page)[1] // 64, 1)
    mean = tf.reduce_mean(tf.cast(page[::rows, ::columns], tf.float32))
    return tf.ensure_shape(tf.where(mean < DARK, 255 - page, page), page.shape)


def to_channels(page, channels: int):
    """uint8 [H, W, 1 or 3] -> [H, W, channels]; grey by ITU-R BT.601's weights."""
    if page.shape[2] == channels:
        return page
    return tf.image.rgb_to_grayscale(page) if channels == 1 else tf.repeat(page, 3, axis=2)


def resized(image, height, width):
    """uint8 [h, w, C] -> float32 [height, width, C]: means of areas when shrinking, which keeps thin strokes; else
    bilinear."""
    size = tf.stack([height, width])
    shrinks = tf.logical_and(height <= tf.shape(image)[0], width <= tf.shape(image)[1])
    return tf.cond(shrinks, lambda: tf.image.resize(image[None], size, method="area")[0],
                   lambda: tf.image.resize(tf.cast(image, tf.float32), size, method="bilinear"))


def fitted(image, height: int, width: int):
    """A page or part of one, uint8 [h, w, C], fitted into the upper left of uint8 [height, width, C], and the scale
    [2].

    The scale is canvas pixels per page pixel (y, x); both are the same but for rounding to whole pixels.
    """
    rows, columns = tf.cast(tf.shape(image)[0], tf.float32), tf.cast(tf.shape(image)[1], tf.float32)
    scale = tf.minimum(height / rows, width / columns)
    new_rows = tf.clip_by_value(tf.cast(tf.round(rows * scale), tf.int32), 1, height)
    new_columns = tf.clip_by_value(tf.cast(tf.round(columns * scale), tf.int32), 1, width)
    canvas = placed(resized(image, new_rows, new_columns), 0, 0, height, width)
    return to_bytes(canvas), tf.stack([tf.cast(new_rows, tf.float32) / rows, tf.cast(new_columns,
                                                                                     tf.float32) / columns])


def placed(image, top, left, height: int, width: int):
    """float32 [h, w, C] on paper of [height, width, C]."""
    rows, columns = tf.shape(image)[0], tf.shape(image)[1]
    padding = [[top, height - rows - top], [left, width - columns - left], [0, 0]]
    canvas = tf.pad(image, padding, constant_values=PAPER)
    canvas.set_shape([height, width, image.shape[2]])
    return canvas


def to_bytes(image):
    """float32 0..255 -> uint8."""
    return tf.cast(tf.round(tf.clip_by_value(image, 0.0, 255.0)), tf.uint8)


def windows(tiles: str):
    """The parts of a page that are looked at, shares (y0, x0, y1, x1); the first is all of it."""
    whole = [(0.0, 0.0, 1.0, 1.0)]
    if tiles == "none":
        return whole
    edges = ((0.0, TILE), (1.0 - TILE, 1.0))
    return whole + [(y0, x0, y1, x1) for y0, y1 in edges for x0, x1 in edges]


def views(page, settings, tiles: str):
    """What the network looks at of a page uint8 [H, W, 1 or 3].

    Returns uint8 [T, height, width, C] and float32 [T, 4]: scale y, x (canvas pixels per page pixel) and the view's
    upper left corner y, x in page pixels.
    """
    step = tf.maximum((tf.reduce_max(tf.shape(page)[:2]) + LARGEST - 1) // LARGEST, 1)
    thinned = tf.ensure_shape(page[::step, ::step], [None, None, page.shape[2]])
    page = upright(to_channels(thinned, settings.channels), settings.dark_pages)
    step = tf.cast(step, tf.float32)
    size = tf.cast(tf.shape(page)[:2], tf.float32)
    images, places = [], []
    for y0, x0, y1, x1 in windows(tiles):
        top, left = tf.cast(y0 * size[0], tf.int32), tf.cast(x0 * size[1], tf.int32)
        bottom = tf.maximum(tf.cast(tf.math.ceil(y1 * size[0]), tf.int32), top + 1)
        right = tf.maximum(tf.cast(tf.math.ceil(x1 * size[1]), tf.int32), left + 1)
        image, scale = fitted(page[top:bottom, left:right], settings.height, settings.width)
        images.append(image)
        places.append(tf.concat([scale / step, tf.cast(tf.stack([top, left]), tf.float32) * step], 0))
    return tf.stack(images), tf.stack(places)
