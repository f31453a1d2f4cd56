"""The detector's losses: focal loss over all anchors, Huber or complete-IoU loss over those that hold an object."""

from __future__ import annotations

import math

import tensorflow as tf

from models.retinanet.config import Loss

CLIP = math.log(1000.0 / 16.0)  # largest log size of a box against its anchor, as the Model Garden decodes


def focal(logits, labels, settings: Loss):
    """Focal loss of every example, float32 [B]: the sum over anchors and classes.

    logits [B, A, K]; labels int32 [B, A]: class from 1, 0 = nothing, -1 = counts neither way.
    FL(p_t) = -alpha_t (1 - p_t)^gamma log(p_t), Eq. (5) of Lin et al. 2017, arXiv 1708.02002.
    """
    from official.vision.losses.focal_loss import FocalLoss
    loss = FocalLoss(settings.alpha, settings.gamma, reduction=tf.keras.losses.Reduction.NONE)
    targets = tf.one_hot(labels - 1, logits.shape[-1])
    counted = tf.cast(labels >= 0, tf.float32)
    return tf.reduce_sum(loss(targets, logits) * counted[..., None], [1, 2])


def boxes(offsets, wanted, labels, anchors, settings: Loss):
    """Box loss of every example, float32 [B]: the sum over anchors that hold an object.

    offsets, wanted [B, A, 4]: dy, dx over the anchor's sides and the logs of both sizes; anchors [A, 4].
    """
    positive = tf.cast(labels > 0, tf.float32)
    if settings.box == "huber":
        huber = tf.keras.losses.Huber(settings.huber_delta, reduction=tf.keras.losses.Reduction.NONE)
        each = huber(wanted, offsets)  # the mean over the four numbers
    else:
        each = 1.0 - complete_iou(decoded(offsets, anchors), decoded(wanted, anchors))
    return tf.reduce_sum(each * positive, 1)


def decoded(offsets, anchors):
    """Boxes [..., A, 4] (ymin, xmin, ymax, xmax) of offsets [..., A, 4] from anchors [A, 4]."""
    size = anchors[:, 2:] - anchors[:, :2]
    middle = anchors[:, :2] + size / 2 + offsets[..., :2] * size
    half = size * tf.exp(tf.minimum(offsets[..., 2:], CLIP)) / 2
    return tf.concat([middle - half, middle + half], -1)


def complete_iou(one, other):
    """IoU less the distance of the middles and the difference of the aspects, [...]; 1 where boxes are equal.

    Eq. (10) and (11) of Zheng et al. 2020, arXiv 1911.08287.
    """
    size, other_size = one[..., 2:] - one[..., :2], other[..., 2:] - other[..., :2]
    shared = tf.maximum(tf.minimum(one[..., 2:], other[..., 2:]) - tf.maximum(one[..., :2], other[..., :2]), 0.0)
    shared = shared[..., 0] * shared[..., 1]
    union = size[..., 0] * size[..., 1] + other_size[..., 0] * other_size[..., 1] - shared
    iou = shared / tf.maximum(union, 1e-6)
    around = tf.maximum(one[..., 2:], other[..., 2:]) - tf.minimum(one[..., :2], other[..., :2])
    apart = tf.reduce_sum(tf.square((one[..., :2] + one[..., 2:] - other[..., :2] - other[..., 2:]) / 2), -1)
    distance = apart / tf.maximum(tf.reduce_sum(tf.square(around), -1), 1e-6)
    angle = tf.atan2(size[..., 1], size[..., 0]) - tf.atan2(other_size[..., 1], other_size[..., 0])
    aspect = 4 / math.pi ** 2 * tf.square(angle)
    weight = tf.stop_gradient(aspect / tf.maximum(1.0 - iou + aspect, 1e-6))
    return iou - distance - weight * aspect


def penalty(variables, strength: float):
    """Half of `strength` times the sum of squared kernels, as the Model Garden's L2 regulariser adds it."""
    kernels = [variable for variable in variables if len(variable.shape) > 1]
    return 0.5 * strength * tf.add_n([tf.reduce_sum(tf.square(tf.cast(kernel, tf.float32))) for kernel in kernels])
