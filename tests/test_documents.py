"""Synthetic pages: repeatable whatever the number of processes, boxes that hold ink, parts that share nothing."""

import cv2
import numpy as np
import pytest
from conftest import must, refused

from models import fonts
from models.annotations import shards
from models.documents import hands, page
from models.documents.typeface import Typeface


@pytest.fixture(scope="module")
def pages():
    return [page.make(5, "train", number) for number in range(24)]


def test_a_page_depends_on_its_number_alone(pages):
    again, boxes, two_tones = page.make(5, "train", 7)
    assert (again == pages[7][0]).all() and boxes == pages[7][1] and two_tones == pages[7][2]
    assert not (page.make(6, "train", 7)[0] == again).all()


def test_boxes_hold_ink_and_are_tight(pages):
    """Every box of handwriting lies on the page, holds dark pixels, and its outermost rows and columns are not bare.

    Strokes at the rim of a box are thin, so that a quarter of the boxes may lose a side to the scanner; not more.
    """
    sides = bare = 0
    for image, boxes, _ in pages:
        paper = np.median(image[::9, ::9])
        for box in boxes:
            ymin, xmin, ymax, xmax = map(int, box[1:])
            assert 0 <= ymin < ymax <= 1000 and 0 <= xmin < xmax <= 1000
            dark = image[ymin:ymax, xmin:xmax] < page.FAINT * paper
            if box.label != "redaction":
                assert dark.any()
                edges = dark[:3].any(), dark[-3:].any(), dark[:, :3].any(), dark[:, -3:].any()
                sides, bare = sides + 4, bare + edges.count(False)
    assert sides > 100 and bare < sides / 10


def test_all_classes_and_pages_without_any(pages):
    found = [box.label for _, boxes, _ in pages for box in boxes]
    assert set(found) == set(page.CLASSES)
    more = [page.make(5, "train", number)[1] for number in range(24, 60)]
    assert any(not boxes for boxes in more)


def test_redactions_do_not_overlap(pages):
    from models.annotations.audit import overlap
    for _, boxes, _ in pages:
        bars = [box for box in boxes if box.label == "redaction"]
        assert all(overlap(a, b) < 0.1 for k, a in enumerate(bars) for b in bars[:k])


def test_writers_are_parted():
    firsts = sorted(hands.FIRST_WRITER.values())
    from models.documents.furniture import WRITERS
    assert all(b - a >= WRITERS for a, b in zip(firsts, firsts[1:]))


def test_letters_stand_where_freetype_puts_them():
    """A line of cached letters covers what Pillow prints, give or take rounding of the pen to whole pixels."""
    from PIL import Image, ImageDraw, ImageFont
    path = str(fonts.faces(fonts.families_of("train")[0])[0])
    ours, theirs = np.full((40, 300), 255, np.uint8), Image.new("L", (300, 40), 255)
    Typeface(path, 20).line(ours, 5, 5, "Signed in good faith", 0)
    face = ImageFont.truetype(path, 20, layout_engine=ImageFont.Layout.BASIC)
    ImageDraw.Draw(theirs).text((5, 5), "Signed in good faith", 0, face)
    blurred = [cv2.GaussianBlur(np.asarray(image), (0, 0), 2).astype(float) for image in (ours, theirs)]
    assert np.corrcoef(blurred[0].ravel(), blurred[1].ravel())[0, 1] > 0.95


def test_handwriting_keeps_its_height():
    for text in ("12/3/94", "Anna Meyer", "5"):
        ink = hands.written(text, 30, np.random.default_rng(3))
        assert 20 <= ink.shape[0] <= 75 and ink.max() == 255


def test_a_set_is_the_same_with_one_process_and_two(tmp_path):
    arguments = ["--train", 6, "--validation", 2, "--test", 2, "--height", 400, "--width", 300, "--seed", 4]
    for count in (1, 2):
        must("data", "synth", "documents", "--out", tmp_path / str(count), "--processes", count, *arguments)
    one, two = (shards.open_folder(tmp_path / name) for name in "12")
    assert one.sizes() == {"train": 6, "validation": 2, "test": 2} and one.classes == list(page.CLASSES)
    for file in sorted(one.folder.glob("*.tfrecord")):
        assert file.read_bytes() == (two.folder / file.name).read_bytes()
    for name in one.sizes():
        shards.verify(one.split(name))
        assert {(image["height"], image["width"]) for image in one.split(name).images} == {(400, 300)}
    assert "exists already" in refused("data", "synth", "documents", "--out", tmp_path / "1")
    assert "--train 0: must be 1 to" in refused("data", "synth", "documents", "--out", tmp_path / "3", "--train", 0)
