"""Metric-learning losses on unit embeddings [B, D] of one global batch, float32; each returns one scalar.

Only genuine signatures are anchors. Positives: other genuine signatures of the anchor's writer. Negatives: forgeries
of that writer, and everything of other writers. Two forgeries of one writer are neither: they may be by different hands.
Squared distances are 2 - 2 cos, in 0..4.
"""

from __future__ import annotations

import tensorflow as tf

LEAST = 1e-12
FAR = 1e9


def total(embeddings, writers, forged, settings, proxies=None):
    """The loss `settings` (config.Loss) names, of embeddings [B, D], int writers [B] and bool forged [B].

    proxies: float32 [number of writers, D], one learned direction each: cosface and arcface need them.
    """
    embeddings = tf.cast(embeddings, tf.float32)
    if settings.name in ("cosface", "arcface"):
        return margin_softmax(embeddings, writers, forged, proxies, settings)
    positive, negative = relations(writers, forged)
    return LOSSES[settings.name](tf.matmul(embeddings, embeddings, transpose_b=True), positive, negative, settings,
                                 same_writer(writers))


def relations(writers, forged):
    """(positive, negative), float32 [B, B]: what row i (an anchor, else all zero) has in column j."""
    genuine = ~forged
    same, anchor = same_writer(writers), genuine[:, None]
    positive = anchor & genuine[None, :] & same & ~tf.eye(tf.shape(writers)[0], dtype=tf.bool)
    negative = anchor & (~same | forged[None, :])
    return tf.cast(positive, tf.float32), tf.cast(negative, tf.float32)


def same_writer(writers):
    """bool [B, B]."""
    return writers[:, None] == writers[None, :]


def squared_distances(cosines):
    """|a - b|^2 of unit vectors."""
    return tf.maximum(2.0 - 2.0 * cosines, 0.0)


def mean_where(values, mask):
    """Mean of values over mask (0 or 1); 0 where the mask is empty."""
    return tf.reduce_sum(values * mask) / tf.maximum(tf.reduce_sum(mask), 1.0)


def contrastive(cosines, positive, negative, settings, _):
    """Hadsell, Chopra & LeCun 2006 (CVPR), Eq. (4): D^2 / 2 of positives, max(0, m - D)^2 / 2 of negatives.

    Each kind is averaged by itself, for negatives are many times more; `margin` is m squared.
    """
    squared = squared_distances(cosines)
    short = tf.maximum(settings.margin ** 0.5 - tf.sqrt(tf.maximum(squared, LEAST)), 0.0) ** 2
    return 0.5 * mean_where(squared, positive) + 0.5 * mean_where(short, negative)


def triplet(cosines, positive, negative, settings, _):
    """Schroff, Kalenichenko & Philbin 2015 (FaceNet, CVPR), Eq. (2): max(0, D(a, p)^2 - D(a, n)^2 + margin).

    mining: all triplets; `hard`: farthest positive and nearest negative (Hermans, Beyer & Leibe 2017, arXiv 1703.07737,
    Eq. (5)); `semi_hard`: for each positive the nearest negative farther than it, else the farthest (FaceNet 3.2).
    """
    squared = squared_distances(cosines)
    if settings.mining == "hard":
        return _hardest(squared, positive, negative, settings.margin)
    if settings.mining == "semi_hard":
        return _semi_hard(squared, positive, negative, settings.margin)
    gaps = tf.maximum(squared[:, :, None] - squared[:, None, :] + settings.margin, 0.0)
    return mean_where(gaps, positive[:, :, None] * negative[:, None, :])


def _hardest(squared, positive, negative, margin):
    farthest = tf.reduce_max(squared * positive, 1)
    nearest = tf.reduce_min(squared + FAR * (1.0 - negative), 1)
    usable = tf.reduce_max(positive, 1) * tf.reduce_max(negative, 1)
    return mean_where(tf.maximum(tf.minimum(farthest - nearest + margin, FAR), 0.0), usable)


def _semi_hard(squared, positive, negative, margin):
    beyond = negative[:, None, :] * tf.cast(squared[:, None, :] > squared[:, :, None], tf.float32)
    nearest_beyond = tf.reduce_min(squared[:, None, :] + FAR * (1.0 - beyond), 2)
    farthest = tf.reduce_max(squared * negative, 1)[:, None]
    chosen = tf.where(tf.reduce_max(beyond, 2) > 0, nearest_beyond, farthest)
    usable = positive * tf.reduce_max(negative, 1)[:, None]
    return mean_where(tf.maximum(squared - chosen + margin, 0.0) * usable, usable)


def quadruplet(cosines, positive, negative, settings, same):
    """Chen, Chen, Zhang & Huang 2017 (CVPR), Eq. (5), on the hardest of the batch: a triplet term with margin alpha 1,
    and max(0, D(a, p)^2 - D(n1, n2)^2 + alpha 2) with n1, n2 of two writers that are not the anchor's.
    """
    squared = squared_distances(cosines)
    first = _hardest(squared, positive, negative, settings.margin)
    farthest = tf.reduce_max(squared * positive, 1)
    usable = tf.reduce_max(positive, 1)
    apart = tf.cast(~same, tf.float32)
    # for each anchor: the closest pair of two other writers
    foreign = apart[:, :, None] * apart[:, None, :] * apart[None, :, :]
    between = tf.reduce_min(squared[None] + FAR * (1.0 - foreign), [1, 2])
    usable *= tf.reduce_max(foreign, [1, 2])
    return first + mean_where(tf.maximum(farthest - between + settings.second_margin, 0.0), usable)


def multi_similarity(cosines, positive, negative, settings, _):
    """Wang et al. 2019 (CVPR, arXiv 1904.06627), Eq. (9), with the mining of Eqs. (7) and (8).

    1/alpha log(1 + sum_p e^(-alpha (S_p - lambda))) + 1/beta log(1 + sum_n e^(beta (S_n - lambda))), mean of anchors.
    """
    hardest_negative = tf.reduce_max(cosines - 4.0 * (1.0 - negative), 1, keepdims=True)
    easiest = tf.reduce_min(cosines + 4.0 * (1.0 - positive), 1, keepdims=True)
    kept_positive = positive * tf.cast(cosines < hardest_negative + settings.epsilon, tf.float32)
    kept_negative = negative * tf.cast(cosines > easiest - settings.epsilon, tf.float32)
    away = cosines - settings.base
    pulls = tf.math.log1p(tf.reduce_sum(kept_positive * tf.exp(-settings.alpha * away), 1)) / settings.alpha
    pushes = tf.math.log1p(tf.reduce_sum(kept_negative * tf.exp(settings.beta * away), 1)) / settings.beta
    return mean_where(pulls + pushes, tf.reduce_max(positive, 1))


def supervised_contrastive(cosines, positive, negative, settings, _):
    """Khosla et al. 2020 (NeurIPS, arXiv 2004.11362), Eq. (2): the mean over positives of -log of their softmax.

    The denominator holds positives and negatives of the anchor, not the anchor itself.
    """
    logits = cosines / settings.temperature
    others = positive + negative
    log_sum = tf.reduce_logsumexp(logits - FAR * (1.0 - others), 1, keepdims=True)
    count = tf.reduce_sum(positive, 1)
    each = tf.reduce_sum((log_sum - logits) * positive, 1) / tf.maximum(count, 1.0)
    return mean_where(tf.where(count > 0, each, 0.0), tf.cast(count > 0, tf.float32))


def pair_logistic(cosines, positive, negative, settings, same):
    """Every pair judged by one threshold: logistic loss of scale (S - base), as verification will use the cosine.

    Positives, forgeries and other writers weigh 1 : skilled_weight : 1, however many pairs of each a batch holds.
    """
    logits = settings.scale * (cosines - settings.base)
    wrong_positive, wrong_negative = tf.nn.softplus(-logits), tf.nn.softplus(logits)
    skilled = negative * tf.cast(same, tf.float32)
    parts = [mean_where(wrong_positive, positive), settings.skilled_weight * mean_where(wrong_negative, skilled),
             mean_where(wrong_negative, negative - skilled)]
    return tf.add_n(parts)


LOSSES = {"contrastive": contrastive, "triplet": triplet, "quadruplet": quadruplet, "multi_similarity": multi_similarity,
          "supervised_contrastive": supervised_contrastive, "pair_logistic": pair_logistic}


def margin_softmax(embeddings, writers, forged, proxies, settings):
    """CosFace (Wang et al. 2018, CVPR, Eq. (4)) or ArcFace (Deng et al. 2019, CVPR, Eq. (3)) over one class a writer.

    CosFace: s (cos - m) for the own class; ArcFace: s cos(angle + m). Genuine signatures are classified; a forgery has
    no class of its own: it is pushed from its target's, -log(1 - softmax of that class).
    """
    cosines = tf.matmul(embeddings, tf.math.l2_normalize(proxies, 1), transpose_b=True)
    own = tf.one_hot(writers, tf.shape(proxies)[0])
    genuine = tf.cast(~forged, tf.float32)
    moved = _with_angle(cosines, settings.margin) if settings.name == "arcface" else cosines - settings.margin
    logits = settings.scale * (cosines + own * genuine[:, None] * (moved - cosines))
    right = tf.nn.softmax_cross_entropy_with_logits(own, logits)
    taken = tf.reduce_sum(own * tf.nn.softmax(logits), 1)
    wrong = -tf.math.log(tf.maximum(1.0 - taken, 1e-6))
    return mean_where(right, genuine) + mean_where(wrong, 1.0 - genuine)


def _with_angle(cosines, margin: float):
    """cos(angle + margin), by the addition theorem; past 180 degrees it goes on falling in a straight line."""
    cosines = tf.clip_by_value(cosines, -1.0 + 1e-6, 1.0 - 1e-6)
    turned = cosines * tf.cos(margin) - tf.sqrt(1.0 - cosines ** 2) * tf.sin(margin)
    return tf.where(cosines > -tf.cos(margin), turned, cosines - margin * tf.sin(margin))
