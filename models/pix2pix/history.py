"""Generated pictures of earlier steps, shown to CycleGAN's discriminators again (Shrivastava et al. 2017, section 2.3).

The usual pool draws at random which picture to keep, in each process for itself. This one is part of the checkpoint and
equal on all ranks: the last pictures of all ranks, in their order; the examples' own dice decide who gets an old one.
"""

from __future__ import annotations

import tensorflow as tf


class History(tf.Module):
    """The last `size` generated pictures of both domains, uint8 [size, 2, S, S, C], in a ring."""

    def __init__(self, size: int, side: int, channels: int):
        super().__init__(name="history")
        self.size = size
        empty = tf.zeros([size, 2, side, side, channels], tf.uint8)
        self.pictures = tf.Variable(empty, trainable=False, name="pictures")
        self.count = tf.Variable(0, dtype=tf.int64, trainable=False, name="count")

    def exchange(self, fake_b, fake_a, dice, gather):
        """For each example its own pictures or, with probability 1/2, older ones; then the batch enters the history.

        fake_b, fake_a: float [N, S, S, C] in -1..1. dice: float [N, 8] in 0..1. gather: a rank's rows -> all ranks'.
        """
        known = tf.minimum(self.count, self.size)
        slots = tf.cast(dice[:, 7] * tf.cast(known, tf.float32), tf.int64)
        slots = tf.minimum(slots, tf.maximum(known - 1, 0))
        old = tf.cast(tf.gather(self.pictures, slots), tf.float32) / 127.5 - 1.0
        wanted = tf.logical_and(dice[:, 6] < 0.5, known > 0)[:, None, None, None]
        shown = tf.where(wanted, old[:, 0], fake_b), tf.where(wanted, old[:, 1], fake_a)
        with tf.control_dependencies([old]):
            self._keep(gather(tf.stack([fake_b, fake_a], axis=1)))
        return shown

    def _keep(self, fakes) -> None:
        """The rows of a global batch, float [B, 2, S, S, C], take the oldest places."""
        rows = fakes[-self.size:]
        places = (self.count + tf.range(tf.shape(rows)[0], dtype=tf.int64)) % self.size
        bytes_ = tf.cast(tf.clip_by_value(tf.round((rows + 1.0) * 127.5), 0.0, 255.0), tf.uint8)
        self.pictures.scatter_nd_update(places[:, None], bytes_)
        self.count.assign_add(tf.shape(rows, tf.int64)[0])
