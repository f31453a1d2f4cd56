"""The judge of the cleaner: distortion by hand, honest intervals, baselines, and test pairs that never change."""

import hashlib
import math

import numpy as np
import pytest

from models import words
from models.cleaner import judge
from models.cleaner.data import printed_fonts
from models.cleaner.frozen import frozen_pairs, soiled
from models.cleaner.grid import grid

PAPER = 255


def blank(side=16):
    return np.full((side, side), PAPER, np.uint8)


def strokes(count=2, side=96):
    """uint8 [count, side, side]: thin waves."""
    rows, columns = np.mgrid[0:side, 0:side]
    wave = [np.abs(rows - side / 2 - side / 5 * np.sin(columns / (5 + n))) < 1.5 for n in range(count)]
    return np.where(np.array(wave), 0, PAPER).astype(np.uint8)


def test_reciprocal_weights():
    """1/distance over 5 x 5: 4 at 1, 4 at sqrt 2, 4 at 2, 8 at sqrt 5, 4 at 2 sqrt 2; their sum is 13.82035."""
    weights = judge.reciprocal_weights()
    total = 4 + 4 / math.sqrt(2) + 4 / 2 + 8 / math.sqrt(5) + 4 / math.sqrt(8)
    assert total == pytest.approx(13.820350, abs=1e-5)
    assert weights.sum() == pytest.approx(1) and weights[2, 2] == 0 and weights[2, 3] == pytest.approx(1 / total)


def test_drd_of_single_wrong_pixels():
    """One block of the truth holds ink (a 3 x 3 square), so sums are divided by 1.

    A false pixel far off: every neighbour is paper, cost 1. The square's middle missed: its eight neighbours are ink,
    cost (4 + 4 / sqrt 2) / 13.82035 = 0.494085. Both: 1.494085. Nothing wrong: 0.
    """
    truth = blank(24)
    truth[2:5, 2:5] = 0
    far, hole = truth.copy(), truth.copy()
    far[20, 20], hole[3, 3] = 0, PAPER
    both = np.minimum(far, PAPER)
    both[3, 3] = PAPER
    assert judge.drd(truth, truth) == 0
    assert judge.drd(far, truth) == pytest.approx(1)
    assert judge.drd(hole, truth) == pytest.approx(0.494085, abs=1e-6)
    assert judge.drd(both, truth) == pytest.approx(1.494085, abs=1e-6)


def test_drd_divides_by_blocks_with_ink_and_paper():
    """The same false pixel with ink in two 8 x 8 blocks: 1 / 2; a block that is all ink does not count."""
    truth = blank(32)
    truth[0, 0] = truth[8, 8] = 0
    truth[24:32, 24:32] = 0
    answer = truth.copy()
    answer[4, 20] = 0
    assert judge.drd(answer, truth) == pytest.approx(0.5)


def test_bootstrap_draws_groups():
    """Group a holds three rows of 1, group b one row of 0: the mean is 3/4; one group may be drawn twice: 0 to 1."""
    figure = judge.Bootstrap(["a", "a", "a", "b"], 1000).mean(np.array([1.0, 1, 1, 0]))
    assert figure == {"value": 0.75, "low": 0.0, "high": 1.0}
    alone = judge.Bootstrap(["a", "a"], 100).mean(np.array([1.0, 2.0]))
    assert alone == {"value": 1.5, "low": 1.5, "high": 1.5}


def test_line_removal_takes_a_line_and_leaves_a_stroke():
    image = strokes(1)[0]
    lined = image.copy()
    lined[80:82, 5:90] = 0
    answer = judge.without_lines(lined)
    assert (answer[78:84] == PAPER).all()
    assert (answer == 0).sum() > 0.7 * (image == 0).sum()


def test_baseline_figures():
    """All white at an ink share of s: ink F 0, PSNR -10 log10 s; doing nothing on a clean image is perfect."""
    clean = strokes(2)
    white = judge.figures_of(np.stack([judge.all_white(image) for image in clean]), clean)
    share = (clean == 0).mean(axis=(1, 2))
    assert white["ink_f"].tolist() == [0, 0] and white["psnr"] == pytest.approx(-10 * np.log10(share), rel=1e-5)
    same = judge.figures_of(np.stack([judge.do_nothing(image) for image in clean]), clean)
    assert same["ink_f"].tolist() == [1, 1] and same["rmse"].tolist() == [0, 0]


def test_frozen_pairs_never_change():
    """Two drawings of the pairs are equal byte by byte, and no two pairs are."""
    fonts = printed_fonts("test")
    first, second = (frozen_pairs(strokes(3), fonts, 2) for _ in range(2))
    assert first[0].shape == (6, 96, 96) and np.array_equal(first[1], np.repeat(strokes(3), 2, axis=0))
    assert hashlib.sha256(first[0].tobytes()).digest() == hashlib.sha256(second[0].tobytes()).digest()
    assert len({image.tobytes() for image in first[0]}) == 6


def test_frozen_dirt_crosses_strokes():
    """In a grey page where pen and print differ, stroke pixels darken where something was drawn over them."""
    image, fonts = strokes(1)[0], printed_fonts("test")
    changed = []
    for number in range(40):
        dirty = soiled(image, fonts, np.random.default_rng(number))
        beside = (dirty <= 127) & (image > 127)
        near = np.zeros_like(beside)
        near[1:-1, 1:-1] = (image[:-2, 1:-1] == 0) | (image[2:, 1:-1] == 0)
        changed.append((beside & near).sum() / near.sum())
    assert np.mean(np.array(changed) > 0.01) > 0.7


def test_fonts_and_words_are_disjoint_from_training():
    train, test = ({path for family in printed_fonts(part) for path in family} for part in ("train", "test"))
    assert train and test and not train & test
    lower = [{word.lower() for word in words.words(part)} for part in ("train", "test")]
    assert not lower[0] & lower[1]


def test_grid_frames_rows():
    picture = grid([strokes(3), strokes(3)], across=2)
    assert picture.shape == (2 * (96 + 2 + 4), 2 * (2 * 98 + 4), 3) and picture.dtype == np.uint8
