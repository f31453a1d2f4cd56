"""The judge: a small network that names real handwriting. It never sees a generated picture, nor a print."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from models.pix2pix.config import Evaluation

FEATURES = 64
BATCH = 32


@dataclass
class Recogniser:
    """Names pictures and describes their style."""

    model: tf.keras.Model
    names: list[str]
    size: int

    def read(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Names as indices int [N], and features float [N, FEATURES], of pictures uint8 [N, s, s]."""
        logits, features = self.model.predict(inked(pictures), batch_size=128, verbose=0)
        return logits.argmax(axis=1), features

    def accuracy(self, pictures, names: list[str]) -> np.ndarray:
        """Which pictures are read as what they spell, bool [N]."""
        return np.array([self.names[guess] for guess in self.read(pictures)[0]]) == np.array(names)


def inked(pictures: np.ndarray) -> np.ndarray:
    """uint8 [N, s, s] as ink float32 [N, s, s, 1], 0 paper .. 1 ink."""
    return (1.0 - pictures.astype(np.float32) / 255.0)[..., None]


def train(pictures: np.ndarray, names: list[str], settings: Evaluation, seed: int) -> Recogniser:
    """A recogniser of real handwriting uint8 [N, s, s]; the same data and seed give the same one."""
    known = sorted(set(names))
    size = pictures.shape[1]
    labels = np.array([known.index(name) for name in names], np.int32)
    start = [seed * 1000]

    def fresh():
        start[0] += 1
        return tf.keras.initializers.HeNormal(seed=start[0])

    model = network(size, len(known), fresh)
    optimizer = tf.keras.optimizers.legacy.Adam()
    images, random = inked(pictures), np.random.default_rng([seed, 7])
    steps = max(1, -(-len(images) // BATCH)) * settings.judge_epochs
    order = np.concatenate([random.permutation(len(images)) for _ in range(settings.judge_epochs + 1)])
    step = tf.function(lambda batch, truth: _step(model, optimizer, batch, truth))
    for number in range(steps):
        share = number / steps
        optimizer.learning_rate.assign(2e-3 * min(1.0, (number + 1) / 30) * 0.5 * (1 + np.cos(np.pi * share)))
        rows = np.resize(order[number * BATCH:(number + 1) * BATCH], BATCH)
        step(tf.constant(varied(images[rows], random)), tf.constant(labels[rows]))
    return Recogniser(model, known, size)


def network(size: int, classes: int, fresh) -> tf.keras.Model:
    """Four convolutions and halvings -> [logits [N, classes], features [N, FEATURES]]."""
    layers = tf.keras.layers
    x = image = layers.Input([size, size, 1])
    for width in (16, 32, 64, 96):
        x = layers.Conv2D(width, 3, padding="same", kernel_initializer=fresh(), dtype="float32")(x)
        x = layers.MaxPool2D(dtype="float32")(layers.ReLU(dtype="float32")(x))
    x = layers.Flatten(dtype="float32")(x)
    features = layers.Dense(FEATURES, "relu", kernel_initializer=fresh(), dtype="float32")(x)
    logits = layers.Dense(classes, kernel_initializer=fresh(), dtype="float32")(features)
    return tf.keras.Model(image, [logits, features])


def _step(model, optimizer, batch, truth):
    with tf.GradientTape() as tape:
        logits, _ = model(batch, training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(truth, logits))
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))


def varied(images: np.ndarray, random) -> np.ndarray:
    """Ink float32 [N, s, s, 1] scaled, slanted, turned and moved a little: other writers do all of these."""
    count, size = len(images), images.shape[1]
    wide, high = np.exp(random.uniform(-0.15, 0.15, (2, count)))
    slant, turn = random.uniform(-0.2, 0.2, (2, count))
    turn = turn / 2
    a, b = wide * np.cos(turn), high * np.sin(turn) + slant
    c, d = -wide * np.sin(turn), high * np.cos(turn)
    middle = (size - 1) / 2
    move = random.uniform(-0.06, 0.06, (2, count)) * size
    transforms = np.stack([a, b, middle * (1 - a - b) + move[0], c, d, middle * (1 - c - d) + move[1],
                           np.zeros(count), np.zeros(count)], axis=1).astype(np.float32)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images, transforms=transforms, output_shape=[size, size], interpolation="BILINEAR", fill_mode="CONSTANT",
        fill_value=0.0).numpy()
