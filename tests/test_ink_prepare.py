"""Preparing scans: paper and scanner must leave no trace, ink must."""
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.ink.files import read_gray, read_many
from models.ink.prepare import (NoInk, crop_to_ink, fit_to_canvas, flatten_paper, ink_mask, otsu_threshold, prepare,
                                stroke_width)
from models.signatures.cedar import list_signatures

CEDAR = Path(os.environ.get("GAUDI_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "cedar"
needs_cedar = pytest.mark.skipif(not CEDAR.is_dir(), reason=f"no CEDAR signatures in {CEDAR} (GAUDI_TEST_DATA)")


def scan(paper=239, noise=2.0, ink=90, height=170, width=300, slope=0.0, seed=0):
    """A loop and a line on noisy paper whose brightness falls by `slope` from left to right."""
    drawing = np.zeros((height, width), np.uint8)
    cv2.ellipse(drawing, (120, 80), (50, 30), 20, 0, 330, 255, 3, cv2.LINE_AA)
    cv2.line(drawing, (90, 120), (230, 70), 255, 3, cv2.LINE_AA)
    sheet = paper - slope * np.arange(width) / width + np.random.default_rng(seed).normal(0, noise, (height, width))
    mixed = sheet + (ink - sheet) * (drawing / 255.0)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def test_paper_becomes_white_whatever_it_was():
    for picture in (scan(239, 2.0), scan(254, 0.5), scan(180, 4.0), scan(240, 2.0, slope=70)):
        flat = flatten_paper(picture)
        assert np.median(flat) == 255 and (flat == 255).mean() > 0.9 and flat.min() < 160


def test_the_same_signature_on_two_papers_prepares_alike():
    dull, bright = prepare(scan(239, 2.0), 112, 208), prepare(scan(254, 0.7, ink=120, seed=1), 112, 208)
    assert np.abs(dull.astype(int) - bright).mean() < 3.0   # of 255: rims of the strokes may differ by a pixel's part
    assert np.median(dull) == np.median(bright) == 255


@needs_cedar
def test_paper_of_genuine_and_forged_scans_cannot_be_told_apart():
    """Raw medians part the two kinds wholly (239 and 254); flattened ones are all 255."""
    chosen = [signature for signature in list_signatures(CEDAR) if signature.index == 1]
    images = read_many([signature.path for signature in chosen]).images
    genuine = np.array([signature.genuine for signature in chosen])
    raw = np.array([np.median(image) for image in images])
    assert raw[genuine].max() < raw[~genuine].min()
    assert {np.median(flatten_paper(image)) for image in images} == {255.0}
    assert {prepare(image, 112, 208).max() for image in images} == {255}


def test_otsu_by_hand():
    """Half the pixels 10, half 200: w = 1/2 and mu_T = 105 for every t in 10..199; the first of the equals is 10."""
    assert otsu_threshold(np.array([[10, 10], [200, 200]], np.uint8)) == 10


def test_otsu_equals_opencv():
    random = np.random.default_rng(5)
    noise = [random.normal(random.integers(20, 235), 30, (40, 50)) for _ in range(60)]
    pictures = [np.clip(values, 0, 255).astype(np.uint8) for values in noise]
    pictures += [scan(seed=seed, ink=ink) for seed, ink in enumerate((40, 120, 200))]
    for picture in pictures:
        expected, _ = cv2.threshold(picture, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        assert otsu_threshold(picture) == int(expected)


def test_stroke_width_of_a_long_bar():
    """A bar of 5 x 100: area 500, inside without its outline 3 x 98, so 2 * 500 / (500 - 294) = 4.85."""
    bar = np.zeros((40, 140), bool)
    bar[10:15, 20:120] = True
    assert stroke_width(bar) == pytest.approx(2 * 500 / 206)


def ink_box(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1], rows[-1]


def test_specks_do_not_move_the_crop():
    clean = flatten_paper(scan())
    dusty = clean.copy()
    dusty[3, 3] = dusty[160:162, 290] = 0            # dust: one and two pixels
    dusty[164:169, 4:9] = 0                          # a blot, large, but far below and left of the signature
    assert ink_box(ink_mask(dusty)) == ink_box(ink_mask(clean))
    assert np.array_equal(crop_to_ink(dusty), crop_to_ink(clean))


def test_the_dot_of_an_i_is_kept():
    picture = flatten_paper(scan())
    picture[38:42, 100:104] = 60
    assert ink_mask(picture)[39, 101]


@pytest.mark.parametrize("turn", range(4))
def test_scanner_lines_are_dropped_at_every_edge(turn):
    """A slanted black bar near the edge and a thin one at it; the signature's own box must stay as it was."""
    clean = np.ascontiguousarray(np.rot90(flatten_paper(scan()), turn))
    barred = clean.copy()
    height = barred.shape[0]
    cv2.line(barred, (3, 0), (5, height), 0, 2)
    barred[:, 0] = 0
    assert ink_box(ink_mask(np.ascontiguousarray(barred))) == ink_box(ink_mask(clean))


def test_a_scanner_line_that_cuts_the_signature_is_dropped():
    picture = flatten_paper(scan())[:, 75:]          # the loop now touches the left edge
    picture[:, 2:4] = 0
    mask = ink_mask(picture)
    assert mask[:, :4].sum() == 0 and mask.sum() > 300


@pytest.mark.parametrize("picture, reason", [
    (np.full((60, 90), 255, np.uint8), "no ink"), (np.full((60, 90), 128, np.uint8), "no ink"),
    (np.zeros((60, 90), np.uint8), "most of it is black"), (255 - scan(254, 0), "most of it is black"),
    (np.random.default_rng(0).normal(230, 4, (90, 90)).astype(np.uint8), "no ink|specks")])
def test_images_without_a_signature_are_named(picture, reason):
    with pytest.raises(NoInk, match=f"page 7: .*({reason})"):
        prepare(picture, 112, 208, name="page 7")


@pytest.mark.parametrize("shape", [(50, 400), (400, 50), (10, 12), (112, 208)])
def test_canvas_keeps_the_aspect_and_centres(shape):
    canvas = fit_to_canvas(np.zeros(shape, np.uint8), 112, 208, margin=0.05)
    left, top, right, bottom = ink_box(canvas < 128)
    assert canvas.shape == (112, 208)
    assert abs((left + right) - 207) <= 1 and abs((top + bottom) - 111) <= 1
    assert (right - left + 1) / (bottom - top + 1) == pytest.approx(shape[1] / shape[0], rel=0.15)
    assert (right - left + 1) <= 208 * 0.9 + 1 and (bottom - top + 1) <= 112 * 0.9 + 1


def test_binary_ink_is_black_and_grey_ink_is_not():
    assert prepare(scan(), 170, 300).min() == 0
    assert prepare(scan(), 170, 300, binary=False).min() > 50


@needs_cedar
def test_every_step_leaves_a_real_scan_upright_and_whole():
    picture = read_gray(CEDAR / "full_org" / "original_3_1.png")
    ready = prepare(picture, 112, 208)
    assert ready.shape == (112, 208) and ready.dtype == np.uint8
    left, top, right, bottom = ink_box(ready < 128)
    assert right - left > 195 or bottom - top > 100   # one side is filled
