"""The two cleaning networks: size, shapes, independence of the batch, and that stock Keras loads them."""

import numpy as np
import pytest
import tensorflow as tf

from models.cleaner import network
from models.cleaner.config import Network

SMALL = Network(channels=[8, 16], blocks=[1, 1], head=16)


def test_reference_has_signvers_size():
    """Convolutions have 9 x in x out + out parameters: 3-64-64-128-128-256-256 gives 1,145,408, the transposed
    256-256-128-64 958,912, the last one 64-3 1,731: 2,106,051 together."""
    model = network.build(Network(name="signver", dropout=0.2), 224)
    assert model.count_params() == network.SIGNVER_PARAMETERS == 1_145_408 + 958_912 + 1_731
    assert model.output_shape == (None, 224, 224, 3)


def test_light_is_no_larger_than_the_reference():
    model = network.build(Network(), 224)
    assert model.count_params() <= network.SIGNVER_PARAMETERS and model.output_shape == (None, 224, 224, 3)


@pytest.mark.parametrize("settings", [SMALL, Network(name="signver")], ids=["light", "signver"])
def test_answers_are_images_and_independent_of_the_batch(settings):
    model = network.build(settings, 32)
    batch = np.random.default_rng(0).random((3, 32, 32, 3)).astype(np.float32)
    together = model(batch).numpy()
    assert together.shape == batch.shape and 0 <= together.min() and together.max() <= 1
    alone = np.concatenate([model(batch[n:n + 1]).numpy() for n in range(3)])
    assert np.allclose(alone, together, atol=1e-6)
    logits = tf.keras.Model(model.input, model.get_layer("logits").output)(batch)
    assert logits.dtype == tf.float32 and np.allclose(tf.sigmoid(logits), together, atol=1e-6)


def test_light_starts_by_copying():
    """The change starts at 0 and the copy at logit 2 (r + g + b) - 3: paper gives 3, ink -3."""
    model = network.build(SMALL, 32)
    paper, ink = (model(np.full((1, 32, 32, 3), value, np.float32)).numpy() for value in (1, 0))
    assert np.allclose(paper, 1 / (1 + np.exp(-3)), atol=1e-5) and np.allclose(ink, 1 / (1 + np.exp(3)), atol=1e-5)


def test_only_stock_layers():
    for settings in (Network(), Network(name="signver", dropout=0.2)):
        for layer in network.build(settings, 64).layers:
            assert type(layer).__module__.startswith("keras."), layer
            assert "Norm" not in type(layer).__name__ and "Lambda" not in type(layer).__name__, layer


def test_mixed_precision_answers_in_float32():
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = network.build(SMALL, 32)
        assert model.output.dtype == tf.float32 and model.get_layer("logits").output.dtype == tf.float32
        assert all(variable.dtype == tf.float32 for variable in model.trainable_variables)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
