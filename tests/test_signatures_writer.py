"""The synthetic writer: the same picture wherever it is drawn, a stable hand, forgeries that differ in motion."""
import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.ink.prepare import prepare
from models.signatures.letters import LETTERS
from models.signatures.motion import Manner, move, vary
from models.signatures.synth import make_writer, synthetic_set
from models.signatures.writer import SignatureWriter, _mistaken
from models.verification.rates import auc

ROOT = Path(__file__).parents[1]


def digest(*images):
    return hashlib.sha256(b"".join(image.tobytes() for image in images)).hexdigest()


@pytest.mark.parametrize("kind", ["genuine", "forgery"])
def test_picture_k_does_not_depend_on_order(kind):
    first, second = SignatureWriter(7), SignatureWriter(7)
    forward = [getattr(first, kind)(k) for k in range(4)]
    second.forgery(9), second.genuine(9)
    backward = [getattr(second, kind)(k) for k in (3, 2, 1, 0)][::-1]
    assert all(np.array_equal(one, other) for one, other in zip(forward, backward))


def test_another_process_draws_the_same():
    script = ("import hashlib; from models.signatures import SignatureWriter; w = SignatureWriter(11);"
              "print(hashlib.sha256(w.genuine(2).tobytes() + w.forgery(1).tobytes()).hexdigest())")
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    writer = SignatureWriter(11)
    assert out.stdout.strip() == digest(writer.genuine(2), writer.forgery(1))


@pytest.mark.parametrize("height, width", [(40, None), (300, None), (None, 224), (None, 900), (100, 224), (64, 64)])
def test_sizes(height, width):
    for seed in range(4):
        image = SignatureWriter(seed).genuine(0, height, width)
        assert image.dtype == np.uint8 and image.min() < 200
        assert height is None or image.shape[0] <= height
        assert width is None or image.shape[1] <= width
        assert image.shape[0] == height or image.shape[1] == width


def test_paper_is_white_and_no_stroke_is_cut():
    for seed in range(12):
        image = SignatureWriter(seed).genuine(1)
        edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        assert (edge == 255).all() and np.median(image) == 255
        assert 0.01 < (image < 200).mean() < 0.35


def test_bad_numbers_are_refused():
    with pytest.raises(ValueError, match="seed is -1"):
        SignatureWriter(-1)
    with pytest.raises(ValueError, match="signature -1 is asked for"):
        SignatureWriter(1).genuine(-1)
    with pytest.raises(ValueError, match="at least 8 pixels"):
        SignatureWriter(1).genuine(0, 4)


@pytest.mark.parametrize("text", ["Ada Lovelace", "J.-P. Q", "x", "Zoë Ångström", "anna 2"])
def test_any_name_can_be_signed(text):
    """Characters without a letterform are waves."""
    writer = SignatureWriter(3, text)
    assert writer.hand.text == text and len(writer.plan.origin) == len(text.replace(" ", ""))
    assert writer.genuine(0).min() < 200


def test_every_letter_has_a_form():
    assert set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-") == set(LETTERS)
    for strokes in LETTERS.values():
        assert all(len(stroke) >= 2 and -1.5 < stroke[:, 1].min() and stroke[:, 1].max() < 2.5 for stroke in strokes)


def test_writers_are_diverse():
    """Sixty people: many shapes of box, many inks, hardly a name twice."""
    writers = [SignatureWriter(seed) for seed in range(60)]
    shapes = np.array([writer.genuine(0).shape for writer in writers])
    aspect = shapes[:, 1] / shapes[:, 0]
    assert aspect.min() < 1.3 and aspect.max() > 4
    assert len({writer.hand.text for writer in writers if writer.hand.text}) > 45
    assert 1 <= sum(not writer.hand.text for writer in writers) <= 20   # signs without letters


def test_a_writer_is_more_like_himself_than_like_others():
    """Overlap of blurred ink on a common canvas; a crude measure, and yet the hand must show."""
    own, others, images = [], [], [[blurred(SignatureWriter(seed).genuine(k)) for k in range(3)] for seed in range(16)]
    for place, mine in enumerate(images):
        own += [overlap(mine[0], mine[1]), overlap(mine[0], mine[2]), overlap(mine[1], mine[2])]
        others += [overlap(mine[0], theirs[0]) for theirs in images[place + 1:]]
        assert digest(mine[0]) != digest(mine[1])
    assert auc(-np.array(own), -np.array(others)) > 0.93


def blurred(image):
    return cv2.GaussianBlur(255 - prepare(image, 48, 96), (0, 0), 2.5).astype(float).ravel()


def overlap(one, other):
    return one @ other / np.sqrt((one @ one) * (other @ other))


def test_ink_does_not_tell_forgeries_from_genuine():
    """Brightness, darkness, image size and share of ink: each alone near chance over 60 writers with one of each."""
    pictures = [(SignatureWriter(seed).genuine(0), SignatureWriter(seed).forgery(0)) for seed in range(60)]
    for measure in (np.mean, np.min, lambda image: image[image < 250].mean(), lambda image: image.shape[1],
                    lambda image: (image < 128).mean()):
        genuine, forged = (np.array([measure(pair[kind]) for pair in pictures], float) for kind in (0, 1))
        assert 0.35 < auc(genuine, forged) < 0.65


def test_strangers_shake_more():
    """Mean bend of the pen's way beyond what a smooth curve has: larger in almost all forgeries."""
    def roughness(path):
        second = np.diff(path.xy, 2, axis=0)[path.stroke[2:] == path.stroke[:-2]]
        return np.median(np.hypot(*second.T))
    shakier = 0
    for seed in range(20):
        writer, random = SignatureWriter(seed), np.random.default_rng(seed)
        hand, plan, manner = _mistaken(writer.hand, writer.plan, np.random.default_rng([seed, 3, 0]))
        own = move(vary(writer.plan, writer.hand, Manner(), random), writer.plan.stroke, writer.hand, Manner(), random)
        theirs = move(vary(plan, hand, manner, random), plan.stroke, hand, manner, random)
        shakier += roughness(theirs) > roughness(own)
    assert shakier >= 18


def test_sets_in_memory():
    drawn = synthetic_set(3, 2, 1, seed=5, width=112)
    assert [(one.writer, one.index, one.kind) for one in drawn] == [
        (writer, index, kind) for writer in (1, 2, 3)
        for index, kind in ((1, "genuine"), (2, "genuine"), (1, "forged"))]
    assert np.array_equal(drawn[4].image, make_writer(5, 2).genuine(1, width=112))
    assert all(one.image.shape[1] == 112 for one in drawn)
    assert digest(*(one.image for one in drawn)) != digest(*(one.image for one in synthetic_set(3, 2, 1, 6, width=112)))
