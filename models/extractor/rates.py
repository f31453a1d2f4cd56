"""Error rates of one batch inside the graph, to watch a training by; verdicts are judge.py's."""

from __future__ import annotations

import tensorflow as tf

STEPS = 400  # thresholds between -1 and 1


def batch_eer(cosines, positive, negative):
    """Scalar: where the share of positives below a threshold meets that of negatives above it; 0.5 where one is missing.

    cosines, positive and negative (0 or 1) are float32 [B, B].
    """
    thresholds = tf.linspace(-1.0, 1.0, STEPS + 1)
    rejected = _share_below(cosines, positive, thresholds)
    accepted = 1.0 - _share_below(cosines, negative, thresholds)
    meeting = tf.argmin(tf.abs(rejected - accepted))
    found = (rejected[meeting] + accepted[meeting]) / 2.0
    judged = (tf.reduce_sum(positive) > 0) & (tf.reduce_sum(negative) > 0)
    return tf.where(judged, found, 0.5)


def _share_below(cosines, mask, thresholds):
    """float32 [T]: the masked share of cosines below each threshold."""
    places = tf.cast(tf.searchsorted(thresholds, tf.reshape(cosines, [-1]), side="right"), tf.int32)
    counts = tf.math.unsorted_segment_sum(tf.reshape(mask, [-1]), places, STEPS + 2)
    below = tf.cumsum(counts)[:STEPS + 1]
    return below / tf.maximum(tf.reduce_sum(mask), 1.0)
