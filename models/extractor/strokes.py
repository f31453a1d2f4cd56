"""What the extractor knows of strokes before it learns: their directions by place, their shapes, and how they bend.

Fixed filters and a few statistics of the training signatures (words, means), settled once by `settle`; no labels and no
gradient descent. Ink is float32 [B, h, w] in 0..1, 1 = ink; every description has unit norm.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

EPSILON = 1e-6
SHARP, BROAD = 16, 8    # directions over the whole circle: which side of a stroke an edge is on counts
BLUR = 1.0              # pixels
BATCH = 16              # images described at a time where nothing is learned; more leave the processor's cache


class Directions(layers.Layer):
    """Ink to (float32 [B, h/2, w/2, SHARP], float32 [B, h/2, w/2, BROAD]): edges' strength times how well a direction fits them.

    The fit is the cosine between gradient and direction to the power of 16, or of 4 where neighbours shall share; means
    over 2 x 2 pixels. (Every second pixel alone would be cheaper still, but costs half a point of EER.)
    """

    def build(self, shape):
        """Fixed filters, as matrices (faster than convolving one channel): blur and slope along either side."""
        (self._smooth_rows, self._slope_rows), (self._smooth_columns, self._slope_columns) = map(_filters, shape[1:3])

    def call(self, ink):
        """(sharp, broad)."""
        ink = tf.cast(ink, tf.float32)
        right = tf.matmul(tf.einsum("ij,bjw->biw", self._smooth_rows, ink), self._slope_columns, transpose_b=True)
        down = tf.matmul(tf.einsum("ij,bjw->biw", self._slope_rows, ink), self._smooth_columns, transpose_b=True)
        strength = tf.sqrt(tf.square(right) + tf.square(down) + 1e-12)
        slope = tf.stack([right / strength, down / strength], -1)
        return both_ways(slope, strength, SHARP, lambda along: tf.square(tf.square(tf.square(tf.square(along))))), \
            both_ways(slope, strength, BROAD, lambda along: tf.square(tf.square(along)))


def _filters(side: int):
    """Two banded matrices float32 [side, side]: blurred ink (edges see paper beyond the frame), and its slope."""
    offsets = np.arange(-3, 4)
    bell = np.exp(-offsets ** 2 / (2 * BLUR ** 2))
    bell /= bell.sum()
    kernels = np.convolve(bell, [1, 2, 1]) / 4, np.convolve(bell, [-1, 0, 1]) / 2
    return [sum(np.eye(side, k=offset) * weight for offset, weight in zip(range(-4, 5), kernel)).astype(np.float32)
            for kernel in kernels]


def both_ways(slope, strength, directions: int, fit):
    """float32 [B, h/2, w/2, directions]: strength [B, h, w] by an even `fit` of unit slopes [B, h, w, 2] to each direction.

    A direction and its opposite fit with one absolute value, and the sign tells whose it is: half the work.
    """
    angles = 2 * np.pi * np.arange(directions // 2) / directions
    along = tf.tensordot(slope, np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32), 1)
    amount = strength[..., None] * fit(along)
    whole, turned = (0.5 * tf.nn.avg_pool2d(maps, 2, 2, "VALID") for maps in (amount, amount * tf.sign(along)))
    return tf.concat([whole + turned, whole - turned], -1)


class Places(layers.Layer):
    """Sharp directions to float32 [B, h/8 * w/8 * SHARP]: where strokes run in which direction.

    After Dalal & Triggs 2005 (CVPR), with what signatures ask for: cells that overlap widely (letters stand a little
    elsewhere each time), square roots, and cells with little ink raised.
    """

    POOL, STRIDE = 2, 4       # of the directions' places, each two pixels apart
    SPREAD = 13 / 96          # of the height: standard deviation of a cell
    FAINT = 0.01              # amount of ink below which a cell is no longer raised

    def build(self, shape):
        """The cells' overlapping windows."""
        self._rows, self._columns = (self._windows(side, self.SPREAD * shape[1]) for side in shape[1:3])

    def _windows(self, side, spread):
        """float32 [side / STRIDE, side / POOL]: Gaussian windows over pooled places."""
        cells = (np.arange(side // self.STRIDE) + 0.5) * self.STRIDE
        places = (np.arange(side // self.POOL) + 0.5) * self.POOL
        return np.exp(-(cells[:, None] - places) ** 2 / (2 * spread ** 2)).astype(np.float32) * self.POOL / spread

    def call(self, sharp):
        """float32 [B, cells * SHARP]."""
        pooled = tf.nn.avg_pool2d(sharp, self.POOL, self.POOL, "VALID")
        cells = tf.einsum("ij,bjwd->biwd", self._rows, pooled)
        cells = tf.einsum("kw,biwd->bikd", self._columns, cells)
        raised = tf.sqrt(cells + 1e-12) / tf.sqrt(tf.sqrt(tf.reduce_sum(cells, -1, keepdims=True)) + self.FAINT)
        return unit(tf.reshape(raised, [-1, int(np.prod(raised.shape[1:]))]))


class Patches(layers.Layer):
    """Broad directions to float32 [B, h/4, w/4, 16 * BROAD]: the strokes around every fourth pixel, in 4 x 4 cells.

    The descriptor of SIFT (Lowe 2004, IJCV 60, section 6) on a grid, with square roots of shares (Arandjelovic & Zisserman
    2012, CVPR). Cells are a sixteenth of the height apart, so that one patch holds a letter or half of one.
    """

    CELLS = 4

    def build(self, shape):
        """Where the cells lie: an odd number of places apart."""
        self._apart = max(1, shape[1] // 16) | 1
        spread = self._apart / 2.2
        bell = np.exp(-np.arange(-4, 5) ** 2 / (2 * spread ** 2))
        bell = np.repeat((bell / bell.sum())[:, None], BROAD, 1)[..., None].astype(np.float32)
        self._down, self._across = bell[:, None], bell[None]
        self._offsets = (np.arange(self.CELLS) - (self.CELLS - 1) / 2) * self._apart

    def call(self, broad):
        """float32 [B, h/4, w/4, 16 * BROAD], rows of unit norm where there is ink."""
        rows, columns = broad.shape[1:3]
        margin = 2 * int(np.ceil(self._offsets[-1] / 2)) + 2
        for bell in (self._down, self._across):  # one after the other: a square window costs thrice as much
            broad = tf.nn.depthwise_conv2d(broad, bell, [1, 1, 1, 1], "SAME")
        around = quarters(tf.pad(broad, [[0, 0], [margin, margin], [margin, margin], [0, 0]]))
        sigma = self.CELLS / 2 * self._apart
        parts = []
        for down in self._offsets:
            for right in self._offsets:
                top, left = (int(margin + offset + 0.5) for offset in (down, right))
                weight = np.exp(-(down ** 2 + right ** 2) / (2 * sigma ** 2))
                quarter = around[top % 2][left % 2]
                parts.append(weight * quarter[:, top // 2:(top + rows) // 2, left // 2:(left + columns) // 2])
        joined = tf.concat(parts, -1)
        return tf.sqrt(joined / (tf.reduce_sum(joined, -1, keepdims=True) + EPSILON))


class Words(layers.Layer):
    """(patches, ink) to float32 [B, WORDS * (AXES + 2)]: by how much a signature's patches differ from the words near them.

    VLAD (Jegou et al. 2010, CVPR) with soft assignment (NetVLAD, Arandjelovic et al. 2016, CVPR, Eq. (1)). A word is a shape
    at a place: patches are cut to AXES principal components and told their place. Words are settled, not learned.
    """

    WORDS, AXES = 64, 64
    PLACE = 2.0               # weight of a distance of one height against that of shapes
    SOFTNESS = 4.0            # alpha of the soft assignment
    INK = 12 / 255            # mean ink of 4 x 4 pixels from which a patch counts
    EVEN = 0.25               # power of a word's number of patches that weighs it

    def build(self, shapes):
        """Settled values, at first random; and the places of patches, in heights from the middle."""
        (_, rows, columns, size), _ = shapes
        fixed = {"trainable": False, "initializer": tf.keras.initializers.RandomNormal(0.0, 0.1, seed=3)}
        self.axes = self.add_weight(name="axes", shape=[size, self.AXES], **fixed)
        self.middle = self.add_weight(name="middle", shape=[size], trainable=False, initializer="zeros")
        self.words = self.add_weight(name="words", shape=[self.WORDS, self.AXES + 2], **fixed)
        down, right = np.mgrid[0:rows, 0:columns].astype(np.float32)
        places = np.stack([(right + 0.5 - columns / 2) / rows, (down + 0.5 - rows / 2) / rows], -1)
        self.places = (self.PLACE * places).reshape(1, -1, 2).astype(np.float32)

    def shapes(self, patches):
        """float32 [B, places, AXES + 2]: patches on the principal axes, and their places."""
        flat = tf.reshape(patches, [-1, self.places.shape[1], patches.shape[-1]])
        cut = tf.matmul(flat - self.middle, self.axes)
        return tf.concat([cut, tf.tile(tf.constant(self.places), [tf.shape(cut)[0], 1, 1])], -1)

    def counts(self, ink):
        """float32 [B, places]: 1 where a patch stands on ink."""
        share = tf.nn.avg_pool2d(tf.cast(ink, tf.float32)[..., None], 4, 4, "VALID")
        return tf.cast(tf.reshape(share, [-1, self.places.shape[1]]) > self.INK, tf.float32)

    def call(self, inputs):
        """float32 [B, WORDS * (AXES + 2)]."""
        patches, ink = inputs
        shapes = self.shapes(patches)
        near = 2.0 * tf.matmul(shapes, self.words, transpose_b=True) - tf.reduce_sum(tf.square(self.words), 1)
        share = tf.nn.softmax(self.SOFTNESS * near) * self.counts(ink)[..., None]
        number = tf.reduce_sum(share, 1)[..., None]
        rest = tf.matmul(share, shapes, transpose_a=True) - number * self.words
        length = tf.sqrt(tf.reduce_sum(tf.square(rest), -1, keepdims=True) + EPSILON ** 2)
        weighed = rest / (length + 1e-3) * (number + EPSILON) ** self.EVEN
        return unit(tf.reshape(weighed, [-1, self.WORDS * (self.AXES + 2)]))


class Bends(layers.Layer):
    """Sharp directions to float32 [B, SHARP * SHARP]: which direction follows which, a little further along a stroke.

    As the hinge feature (Bulacu & Schomaker 2007, TPAMI 29, section 3.1.2), which tells hands apart by how their strokes
    bend, wherever they stand; here on directions at two points of an edge instead of two legs of a contour.
    """

    STEP = 4 / 96             # of the height, along the edge
    FAINT = 0.06              # sum of directions below which there is no edge

    def build(self, shape):
        """How far to look for every direction, in whole places."""
        angles = 2 * np.pi * np.arange(SHARP) / SHARP + np.pi / 2
        self._steps = np.rint(max(1.0, self.STEP * shape[1]) * np.stack([np.sin(angles), np.cos(angles)], 1)).astype(int)

    def call(self, sharp):
        """float32 [B, SHARP * SHARP]: rows for the first direction, columns for the next one."""
        height, width = sharp.shape[1:3]
        spots = height * width
        total = tf.reduce_sum(sharp, -1, keepdims=True)
        shares = tf.where(total > self.FAINT, sharp / (total + EPSILON), 0.0)
        margin = int(abs(self._steps).max())
        around = tf.pad(shares, [[0, 0], [margin, margin], [margin, margin], [0, 0]])
        pairs = []
        for direction, (down, right) in enumerate(margin + self._steps):
            beyond = around[:, down:down + height, right:right + width]
            pairs.append(tf.matmul(tf.reshape(sharp[..., direction], [-1, 1, spots]), tf.reshape(beyond, [-1, spots, SHARP])))
        joined = tf.reshape(tf.concat(pairs, 1), [-1, SHARP * SHARP])
        return unit(tf.sqrt(joined / (tf.reduce_sum(joined, -1, keepdims=True) + EPSILON) + 1e-9))


class Centred(layers.Layer):
    """A description less the training signatures' mean, of norm `length`."""

    def __init__(self, length: float, **options):
        super().__init__(**options)
        self.length = length

    def build(self, shape):
        """The mean, at first zero."""
        self.mean = self.add_weight(name="mean", shape=[shape[-1]], trainable=False, initializer="zeros")

    def call(self, description):
        """float32 [B, D]."""
        return self.length * unit(description - self.mean)

    def get_config(self):
        """With the length."""
        return {**super().get_config(), "length": self.length}


def quarters(maps):
    """[2][2] maps [B, h/2, w/2, C] of maps [B, h, w, C]: every second row and column, from the first or the second on.

    One pass for all uses: on a CPU a strided slice for each use took longer than the products it feeds.
    """
    parts = tf.split(tf.nn.space_to_depth(maps, 2), 4, -1)
    return [parts[:2], parts[2:]]


def unit(rows):
    """Rows of unit norm; a blank stays zero."""
    return tf.math.l2_normalize(rows, -1, EPSILON ** 2)


WEIGHTS = {"places": 0.5, "words": 1.0, "bends": 0.6}  # of squared distances; chosen on writers outside every test


def description(ink):
    """Keras tensor float32 [B, D] of ink [B, h, w]: places, words and bends side by side."""
    sharp, broad = Directions(name="directions", dtype="float32")(ink)
    patches = Patches(name="patches", dtype="float32")(broad)
    parts = {"places": Places(name="places", dtype="float32")(sharp),
             "words": Words(name="words", dtype="float32")([patches, ink]),
             "bends": Bends(name="bends", dtype="float32")(sharp)}
    centred = [Centred(WEIGHTS[name] ** 0.5, name=f"{name}_centred", dtype="float32")(part) for name, part in parts.items()]
    return layers.Concatenate(name="strokes", dtype="float32")(centred)


WHITENING = 0.5   # 0: as they are; 1: every direction of the training signatures' spread counts alike
PATCHES = 40      # of a signature, to find words among
MOST = 40_000     # patches that words are found among


def settle(model: tf.keras.Model, ink: np.ndarray, whitening: float = WHITENING) -> None:
    """Settle words, means and projection of a `model` that describes strokes, from ink uint8 [N, h, w] of training signatures."""
    _settle_words(model, ink)
    centred = []
    for name, rows in read(model, WEIGHTS, ink).items():
        layer = model.get_layer(f"{name}_centred")
        layer.mean.assign(rows.mean(0))
        centred.append(layer(rows).numpy())
    project(model.get_layer("projection"), np.concatenate(centred, 1), whitening)


def read(model, names, ink: np.ndarray) -> dict[str, np.ndarray]:
    """What each of the layers `names` says of ink uint8 [N, h, w], float32 [N, D]."""
    reader = tf.function(tf.keras.Model(model.input, {name: model.get_layer(name).output for name in names}))
    parts = [reader(tf.constant(ink[start:start + BATCH], tf.float32) / 255.0) for start in range(0, len(ink), BATCH)]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _settle_words(model, ink: np.ndarray) -> None:
    """Principal axes (each divided by the root of its deviation) and k-means of patches on ink."""
    from sklearn.cluster import MiniBatchKMeans
    words, random = model.get_layer("words"), np.random.default_rng(0)
    chosen = ink[np.unique(np.linspace(0, len(ink) - 1, min(len(ink), MOST // PATCHES)).astype(int))]
    reader = tf.function(tf.keras.Model(model.input, model.get_layer("patches").output))
    found, places = [], []
    for start in range(0, len(chosen), BATCH):
        batch = tf.constant(chosen[start:start + BATCH], tf.float32) / 255.0
        patches, counts = reader(batch).numpy(), words.counts(batch).numpy()
        for one, counted in zip(patches.reshape(len(batch), -1, patches.shape[-1]), counts):
            spots = random.permutation(np.flatnonzero(counted))[:PATCHES]
            found.append(one[spots])
            places.append(words.places[0, spots])
    rows, places = np.concatenate(found), np.concatenate(places)
    if len(rows) < words.WORDS:
        return  # hardly any ink: random words do as well
    values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
    order = np.argsort(values)[::-1][:words.AXES]
    axes = vectors[:, order] / np.maximum(values[order], 1e-9) ** 0.25
    words.middle.assign(rows.mean(0))
    words.axes.assign(axes)
    shapes = np.concatenate([(rows - rows.mean(0)) @ axes, places], 1).astype(np.float32)
    clusters = MiniBatchKMeans(words.WORDS, batch_size=4096, n_init=1, max_iter=30, random_state=0).fit(shapes)
    words.words.assign(clusters.cluster_centers_)


def project(layer, rows: np.ndarray, whitening: float) -> None:
    """Set the dense `layer` to the principal components of rows [N, D], each divided by its deviation to the power of `whitening`."""
    from scipy.linalg import eigh
    mean, width = rows.mean(0), min(layer.units, len(rows) - 1)
    values, vectors = eigh((rows - mean) @ (rows - mean).T, subset_by_index=[len(rows) - width, len(rows) - 1])
    values, vectors = np.maximum(values[::-1], 1e-6), vectors[:, ::-1]
    kernel = (rows - mean).T @ vectors / np.sqrt(values) ** (1 + whitening)
    kernel /= np.linalg.norm((rows - mean) @ kernel, axis=1).mean()
    kernel = np.pad(kernel, [(0, 0), (0, layer.units - kernel.shape[1])]).astype(np.float32)
    layer.set_weights([kernel, (-mean @ kernel).astype(np.float32)])
