"""The signer's loss, per example, in float32."""

from __future__ import annotations

import tensorflow as tf


def classification(logits, people):
    """[b]: cross-entropy of logits [b, C] and classes int32 [b]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(people, tf.cast(logits, tf.float32))


def with_margin(logits, people, margin: float, scale: float):
    """Logits [b, C] whose true class lost scale x margin: CosFace, Wang et al. 2018 (arXiv 1801.09414), Eq. (4)."""
    return logits - scale * margin * tf.one_hot(people, logits.shape[-1])
