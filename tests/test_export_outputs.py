"""What an export answers is compared in a clean process, numbers and text alike."""

import numpy as np
import pytest
import tensorflow as tf

from gaudi.export import ExportDiffers, compare, farthest, save
from gaudi.task import Serving


class Namer(tf.Module):
    """Twice the number, and its name."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="number")])
    def __call__(self, number):
        return {"twice": 2.0 * number, "name": tf.where(number > 0, "élan", "none")}


def served(names):
    module, number = Namer(), np.array([1.0, -1.0], np.float32)
    return Serving(model=module, inputs={"number": number}, outputs={"twice": 2 * number, "name": np.array(names, object)},
                   tolerance=1e-6, contract="", signatures={"serving_default": module.__call__})


def test_text_and_numbers_in_a_clean_process(tmp_path):
    right = served(["élan".encode(), b"none"])
    save(right, tmp_path / "1")
    assert compare(right, tmp_path / "1") == {"max_difference": 0.0, "allowed": 1e-6, "values": 4}
    with pytest.raises(ExportDiffers, match="inf"):
        compare(served([b"elan", b"none"]), tmp_path / "1")


def test_farthest():
    assert farthest(np.array([1.0, 2.5]), np.array([1.0, 2.0])) == 0.5
    assert farthest(np.array([True, False]), np.array([True, True])) == 1.0
    assert farthest(np.zeros(0), np.zeros(0)) == 0.0
    assert farthest(np.array([b"a"]), np.array([b"a"], object)) == 0.0
    assert farthest(np.array([b"a"]), np.array([b"ab"], object)) == float("inf")
