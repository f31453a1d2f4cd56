"""Batch statistics over all ranks, or none of them trained: what Keras does only under tf.distribute."""

from __future__ import annotations

import tensorflow as tf

BatchNormalization = tf.keras.layers.BatchNormalization


def layers_of(network) -> list:
    """Every batch normalisation in a network, however deep."""
    return [layer for layer in network._flatten_layers() if isinstance(layer, BatchNormalization)]


def synchronise(network, mean_of_ranks) -> None:
    """Have every batch normalisation of `network` use the mean and variance of the whole global batch.

    mean_of_ranks(list of tensors, label): their element-wise means over ranks, with gradients. Ranks hold equally many
    examples, so the mean of the ranks' means is the batch's; the variance is E[x^2] - E[x]^2 of it, in float32.
    """
    for position, layer in enumerate(layers_of(network)):
        layer._calculate_mean_and_var = _moments(mean_of_ranks, f"norm.{position}")


def _moments(mean_of_ranks, label):
    calls = []

    def moments(x, axes, keep_dims, mask=None):
        if mask is not None:
            raise ValueError("masked batches have no synchronised statistics")
        values = tf.cast(x, tf.float32)
        local = tf.stack([tf.reduce_mean(values, axes), tf.reduce_mean(tf.square(values), axes)])
        calls.append(None)
        both, = mean_of_ranks([local], f"{label}.{len(calls)}")
        mean, variance = both[0], tf.maximum(both[1] - tf.square(both[0]), 0.0)
        if keep_dims:
            shape = [1] * (len(x.shape) - 1) + [x.shape[-1]]
            mean, variance = tf.reshape(mean, shape), tf.reshape(variance, shape)
        return tf.cast(mean, x.dtype), tf.cast(variance, x.dtype)

    return moments


def freeze(network) -> None:
    """Have every batch normalisation use the statistics it was loaded with, and train none of them."""
    for layer in layers_of(network):
        layer.trainable = False
