"""What the extractor knows of strokes before it learns, against values worked out by hand or by plain loops."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from models.extractor import network, strokes
from models.extractor.align import aligned
from models.extractor.config import Network
from models.ink.prepare import fit_to_canvas
from models.signatures.writer import SignatureWriter

TINY = Network(height=32, width=64, channels=[8, 16], blocks=1, parts=8, embedding=32, strokes=True)


def drawn(draw, height=96, width=192):
    picture = np.zeros((height, width), np.uint8)
    draw(picture)
    return picture


def line(*ends, thickness=3):
    return drawn(lambda picture: cv2.line(picture, *ends, 255, thickness))


def said(layer, *pictures):
    """What a layer of directions makes of pictures uint8 [h, w]."""
    sharp, broad = strokes.Directions(dtype="float32")(tf.constant(np.stack(pictures), tf.float32) / 255.0)
    return layer(broad if isinstance(layer, strokes.Patches) else sharp).numpy()


@pytest.fixture(scope="module")
def people():
    """uint8 [24, 32, 64]: six signatures each of four synthetic writers, in the network's frame."""
    images = [fit_to_canvas(SignatureWriter(seed).genuine(number, 100), 224, 224) for seed in range(4) for number in range(6)]
    return np.stack([np.round(255 * aligned(tf.constant(image[None]), TINY)[0].numpy()) for image in images]).astype(np.uint8)


def test_edges_of_an_upright_stroke_face_left_and_right():
    sharp, broad = strokes.Directions(dtype="float32")(tf.constant(line((96, 20), (96, 70)), tf.float32)[None] / 255.0)
    told = sharp.numpy()[0, 15:30].sum((0, 1))
    assert sorted(np.argsort(told)[-2:]) == [0, strokes.SHARP // 2]
    assert told[0] == pytest.approx(told[strokes.SHARP // 2], rel=1e-3) and told[4] < 1e-3 * told[0]
    assert broad.shape == (1, 48, 96, strokes.BROAD)
    # pi / 4 off, a direction gets cos(pi / 4)^4 = 1/4 of the strength
    assert broad.numpy()[0, 22, :, 1].sum() == pytest.approx(broad.numpy()[0, 22, :, 0].sum() / 4, rel=1e-3)


def test_places_tell_direction_and_place():
    """A bar turned is another description, a bar moved by a few pixels nearly the same, a bar moved far another."""
    bar = {name: line((80 + shift, 48 - 20 * slope), (110 + shift, 48 + 20 * slope))
           for name, slope, shift in (("itself", 1, 0), ("turned", -1, 0), ("near", 1, 3), ("far", 1, 60))}
    rows = said(strokes.Places(dtype="float32"), *bar.values(), np.zeros((96, 192), np.uint8))
    assert rows.shape == (5, 12 * 24 * 16) and np.isfinite(rows).all()
    likeness = rows @ rows[0]
    assert likeness[0] == pytest.approx(1, abs=1e-5) and likeness[2] > 0.98
    assert likeness[1] < 0.9 * likeness[2] and likeness[3] < 0.7 * likeness[2]


def test_a_patch_moves_with_its_stroke():
    """Ink moved by four pixels gives the same patches, one place further; each is of unit norm where ink is near."""
    first, second = said(strokes.Patches(dtype="float32"), line((80, 30), (100, 60)), line((84, 34), (104, 64)))
    assert first.shape == (24, 48, 16 * strokes.BROAD)
    np.testing.assert_allclose(second[5:20, 10:40], first[4:19, 9:39], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(first[11, 22]), 1, rtol=1e-3)
    assert np.abs(first[0, 0]).max() == 0


def test_a_patch_holds_its_cells_in_reading_order():
    """A stroke's end that lies right below the middle of a patch fills cells of the lower rows and of both middle columns."""
    patch = said(strokes.Patches(dtype="float32"), line((97, 52), (97, 70)))[0, 11, 24]  # its middle: row 45.5, column 97.5
    cells = (patch.reshape(4, 4, strokes.BROAD) ** 2).sum(-1)
    assert cells[:2].sum() < 0.05 * cells.sum() and cells[2:, 1:3].sum() > 0.8 * cells.sum()
    assert cells[3, 1] == pytest.approx(cells[3, 2], rel=0.2)


def test_words_by_plain_loops():
    """VLAD as the docstring says, patch by patch: soft shares, rests, a word's norm and its number to the power of a quarter."""
    random, words = np.random.default_rng(2), strokes.Words(dtype="float32")
    patches = random.random((1, 3, 5, 16 * strokes.BROAD)).astype(np.float32)
    ink = np.zeros((1, 12, 20), np.float32)
    ink[0, :8, :12] = 1
    got = words([tf.constant(patches), tf.constant(ink)]).numpy()[0].reshape(words.WORDS, -1)
    axes, middle, centres = (one.numpy() for one in (words.axes, words.middle, words.words))
    rests, numbers = np.zeros_like(centres), np.zeros(len(centres))
    for row in range(2):
        for column in range(3):
            place = 2.0 * np.array([(column + .5 - 2.5) / 3, (row + .5 - 1.5) / 3])
            shape = np.concatenate([(patches[0, row, column] - middle) @ axes, place])
            near = np.exp(-4.0 * ((shape - centres) ** 2).sum(1))
            share = near / near.sum()
            rests += share[:, None] * (shape - centres)
            numbers += share
    lengths = np.linalg.norm(rests, axis=1, keepdims=True)
    wanted = rests / (lengths + 1e-3) * (numbers[:, None] + 1e-6) ** .25
    np.testing.assert_allclose(got, wanted / np.linalg.norm(wanted), atol=1e-5)


def test_bends_tell_straight_from_round_strokes_wherever_they_stand():
    """Along a straight stroke a direction follows itself; along a small circle the next ones do; place does not matter."""
    straight, moved, ring = said(strokes.Bends(dtype="float32"), line((96, 20), (96, 70)), line((40, 24), (40, 74)),
                                 drawn(lambda picture: cv2.circle(picture, (96, 48), 8, 255, 3)))
    np.testing.assert_allclose(moved, straight, atol=2e-2)
    turns = (np.arange(strokes.SHARP) - np.arange(strokes.SHARP)[:, None] + strokes.SHARP // 2) % strokes.SHARP - strokes.SHARP // 2

    def turning(row):
        """Mean turn in sixteenths of a circle, without sign, over all pairs: neighbours and the stroke's other edge share."""
        return (row ** 2 * np.abs(turns).ravel()).sum() / (row ** 2).sum()

    assert turning(straight) < 1.2 and turning(ring) > turning(straight) + 0.5


def test_a_blank_is_described_by_finite_numbers(people):
    model = network.build(TINY)
    strokes.settle(model, people)
    blank = model(tf.zeros([2, 32, 64])).numpy()
    assert np.isfinite(blank).all()
    np.testing.assert_allclose(np.linalg.norm(blank, axis=1), 1, rtol=1e-5)


def test_a_projection_keeps_the_spread_and_evens_it():
    """With as many directions as rows have: without whitening cosines are those of the centred rows, with all of it even."""
    rows = np.random.default_rng(0).normal(size=(12, 40)).astype(np.float32)
    layer = tf.keras.layers.Dense(32)
    layer.build([None, 40])

    def cosines(found):
        found = found / np.linalg.norm(found, axis=1, keepdims=True)
        return found @ found.T

    strokes.project(layer, rows, whitening=0.0)
    np.testing.assert_allclose(cosines(layer(rows).numpy()), cosines(rows - rows.mean(0)), atol=1e-4)
    strokes.project(layer, rows, whitening=1.0)
    np.testing.assert_allclose(cosines(layer(rows).numpy()), np.full((12, 12), -1 / 11) + np.eye(12) * 12 / 11, atol=1e-4)


def test_settling_starts_training_from_strokes_alone(people):
    """What is learned starts at nothing; settled values are the same every time, and are no player's to move."""
    one, two = network.build(TINY), network.build(TINY)
    for model in (one, two):
        strokes.settle(model, people)
    ink = tf.constant(people, tf.float32) / 255.0
    np.testing.assert_array_equal(one(ink).numpy(), two(ink).numpy())
    projected = strokes.read(one, ["projection"], people)["projection"]
    np.testing.assert_allclose(one(ink).numpy(), projected / np.linalg.norm(projected, axis=1, keepdims=True), atol=1e-5)
    moved = {variable.name.split("/")[0] for variable in one.trainable_variables}
    assert not moved & {"projection", "words", "places_centred"} and "embedding" in moved
    cosines = one(ink).numpy() @ one(ink).numpy().T
    same = np.kron(np.eye(4), np.ones((6, 6))).astype(bool)
    assert cosines[same & ~np.eye(24, dtype=bool)].mean() > cosines[~same].mean() + 0.1


def test_strokes_alone_are_a_network(people):
    """One projection is all that learns; before its first step it is the same embedding as that beside convolutions."""
    alone, beside = network.build(Network(name="strokes", height=32, width=64, embedding=32)), network.build(TINY)
    for model in (alone, beside):
        strokes.settle(model, people)
    assert [variable.name.split("/")[0] for variable in alone.trainable_variables] == ["projection"] * 2
    ink = tf.constant(people, tf.float32) / 255.0
    np.testing.assert_allclose(alone(ink).numpy(), beside(ink).numpy(), atol=1e-5)
