"""The exported model: print in, signature out, as float in -1..1 or as uint8, in the first hand or in a chosen one."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi.task import Serving


TOLERANCE = 1e-3  # of 2; an eighth of a grey level: strokes' edges are steep, so rounding shows there
USED = ("posture", "generator", "to_b")  # of a contest's networks; the others are for training


class Signer(tf.Module):
    """Callable with printed float32 [N, S, S, C] in -1 (ink) .. 1 (paper); the same shape and range out."""

    def __init__(self, write, networks: dict, hands: int, shape):
        super().__init__()
        self.weights, self._write = {name: one.variables for name, one in networks.items()}, write
        picture, bytes_ = (tf.TensorSpec([None, *shape], kind, "printed") for kind in (tf.float32, tf.uint8))
        hand = tf.TensorSpec([None], tf.int32, "hand")
        self.__call__ = tf.function(self._sign, input_signature=[picture])
        self.from_bytes = tf.function(self._sign_bytes, input_signature=[bytes_])
        self.in_hand = tf.function(self._sign_in_hand, input_signature=[picture, hand])
        self.number_of_hands = tf.Variable(hands, trainable=False, dtype=tf.int32)  # for who loads it

    def _sign(self, printed):
        return {"output": self._write(printed, tf.zeros([tf.shape(printed)[0]], tf.int32))}

    def _sign_bytes(self, printed):
        signed = self._sign(tf.cast(printed, tf.float32) / 127.5 - 1.0)["output"]
        return {"output": tf.cast(tf.clip_by_value(tf.round((signed + 1.0) * 127.5), 0.0, 255.0), tf.uint8)}

    def _sign_in_hand(self, printed, hand):
        return {"output": self._write(printed, hand)}


def serving(task) -> Serving:
    """serving_default (float), uint8, and hand where the network has learned several."""
    data, hands = task.config.data, task.config.network.hands
    shape = (data.size, data.size, data.channels)
    used = {name: one for name, one in task.contest.networks().items() if name in USED}
    signer = Signer(task.contest.write, used, hands, shape)
    signatures = {"serving_default": signer.__call__, "uint8": signer.from_bytes}
    if hands:
        signatures["hand"] = signer.in_hand
    printed = np.random.default_rng(0).uniform(-1, 1, (2, *shape)).astype(np.float32)
    outputs = {"output": task.contest.write(tf.constant(printed), tf.zeros([2], tf.int32)).numpy()}
    styles = f"signature hand: also hand int32 [N] in 0..{hands - 1}" if hands else "one style"
    contract = (f"printed [N, {data.size}, {data.size}, {data.channels}] float32 in -1 (ink) .. 1 (paper) -> output, "
                f"the same shape and range; signature uint8: 0..255 both ways; {styles}")
    return Serving(signer, {"printed": printed}, outputs, TOLERANCE, contract, signatures)
