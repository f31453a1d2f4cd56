"""Run under mpirun: each rank prints how far synchronised gradients and statistics are from the whole batch's."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gaudi.cluster import connect, describe  # noqa: E402  the checkout is found first

cluster = connect(describe())

import numpy as np  # noqa: E402  after the ranks have met, as the loop does
import tensorflow as tf  # noqa: E402

from models.retinanet import normalise  # noqa: E402


def network():
    """Two convolutions with normalisation, the same weights each time."""
    tf.keras.utils.set_random_seed(1)
    layers = tf.keras.layers
    return tf.keras.Sequential([tf.keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(fused=False),
                                layers.ReLU(), layers.Conv2D(5, 3), layers.BatchNormalization(fused=False),
                                layers.Flatten(), layers.Dense(1)])


def gradients(net, x, y):
    """Of the mean squared error."""
    @tf.function
    def traced(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((net(x, training=True) - y) ** 2)
        return tape.gradient(loss, net.trainable_variables)
    return traced(x, y)


def farthest(some, others):
    """The largest absolute difference."""
    return max(float(tf.reduce_max(tf.abs(a - b))) for a, b in zip(some, others))


x = np.random.default_rng(0).normal(1, 2, (8, 8, 8, 3)).astype(np.float32)
y = np.arange(8, dtype=np.float32)[:, None]
count = 8 // cluster.size
mine = slice(cluster.rank * count, (cluster.rank + 1) * count)
whole, synchronised, local = network(), network(), network()
expected = gradients(whole, x, y)
normalise.synchronise(synchronised, lambda tensors, label: cluster.mean(tensors, label))
found = cluster.mean(gradients(synchronised, x[mine], y[mine]), "synchronised")
alone = cluster.mean(gradients(local, x[mine], y[mine]), "local")
print(json.dumps({"synchronised": farthest(expected, found), "local": farthest(expected, alone),
                  "moving": farthest(whole.non_trainable_variables, synchronised.non_trainable_variables)}), flush=True)
