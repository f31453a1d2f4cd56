"""Who is in which part: families held out, writers and files apart, and what is wrong with a folder."""

import cv2
import numpy as np
import pytest

from gaudi import config
from gaudi.errors import UserError
from models.invalid.families import NAMES, draw
from models.screener import cuts, splits
from models.screener.check import check


def recipe(*overrides):
    return config.load("screener", [*overrides], tiny=True)


@pytest.fixture
def root(tmp_path):
    """Six writers with two signatures each, and two families of six pictures."""
    for writer in range(1, 7):
        for number in (1, 2):
            write(tmp_path / "valid" / f"original_{writer}_{number}.png", writer * 10 + number)
    for family in ("stamp", "lines"):
        for number in range(6):
            write(tmp_path / "invalid" / family / f"{number}.png", 100 + number)
    return tmp_path


def write(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), draw("waves", "train", 7, seed))


def families(part):
    return {picture.family for picture in part} - {splits.SIGNATURE}


def test_families_are_held_out():
    parts = splits.listing(recipe())
    assert families(parts["train"]) == set(NAMES) - {"circles", "logo", "scribble", "stamp", "photograph"}
    assert families(parts["validation"]) == families(parts["train"]) | {"circles", "logo"}
    assert families(parts["test"]) == set(NAMES)
    assert {name: len(part) for name, part in parts.items()} == recipe().splits()


def test_folder_is_divided_by_writer_and_file(root):
    parts = splits.listing(recipe(f"data.root={root}"))
    writers = [{picture.group for picture in part if picture.is_signature} for part in parts.values()]
    assert sum(map(len, writers)) == 6 == len(set.union(*writers)) and all(writers)
    assert families(parts["train"]) == families(parts["validation"]) == {"lines"}
    assert families(parts["test"]) == {"lines", "stamp"}
    names = [picture.name for part in parts.values() for picture in part]
    assert len(names) == len(set(names)) == 12 + 12


@pytest.mark.parametrize("overrides,words", [
    (["data.held_out_families=[stamp]", "data.development_families=[stamp]"], "stamp is in development_families and in held_out"),
    (["data.held_out_families=[stmap]"], "did you mean stamp?"),
    ([f"data.held_out_families=[{', '.join(NAMES)}]", "data.development_families=[]"], "none is left to train on"),
    (["data.height=30"], "multiples of 4"), (["data.writer_pattern=x"], "needs a group"), (["loss.bce=0", "loss.ssim=0"], "both 0"),
])
def test_contradictions_are_refused(overrides, words):
    with pytest.raises(UserError, match=words.replace("?", r"\?")):
        recipe(*overrides)


def test_folders_that_do_not_do(root, tmp_path):
    with pytest.raises(UserError, match="no folder valid/"):
        splits.listing(recipe(f"data.root={root / 'valid'}"))
    with pytest.raises(UserError, match="no family is left for train"):
        splits.listing(recipe(f"data.root={root}", "data.held_out_families=[stamp, lines]", "data.development_families=[]"))
    for path in list((root / "valid").iterdir())[2:]:
        path.unlink()
    with pytest.raises(UserError, match="writers in .*valid: training, validation and test need"):
        splits.listing(recipe(f"data.root={root}"))


def test_check_tells_copies_and_broken_files(root):
    (root / "invalid" / "lines" / "3.png").write_bytes(b"")
    with pytest.raises(UserError, match="3.png: an empty file"):
        list(check(recipe(f"data.root={root}")))
    lines = list(check(recipe(f"data.root={root}", "data.on_corrupt=skip")))
    assert any("3.png: an empty file" in line for line in lines)
    assert any(line.startswith("note:") and "the same picture" in line for line in lines)  # stamp/N is lines/N


def test_cuts_stay_away_from_boxes():
    boxes = [(0.4, 0.1, 0.6, 0.9)]
    for seed in range(30):
        found = cuts.away_from(boxes, seed)
        assert len(found) == cuts.EACH and found == cuts.away_from(boxes, seed)
        for top, left, bottom, right in found:
            assert 0 <= top < bottom <= 1 and 0 <= left < right <= 1
            assert bottom <= 0.4 - cuts.FREE or top >= 0.6 + cuts.FREE or right <= 0.1 - cuts.FREE or left >= 0.9 + cuts.FREE


def test_cuts_of_pages(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    page = np.full((100, 80), 255, np.uint8)
    page[40:60, 20:60] = 0
    cv2.imwrite(str(tmp_path / "images" / "1.png"), page)
    (tmp_path / "labels" / "1.txt").write_text("0 0.5 0.5 0.5 0.2\n")
    signed, others = cuts.cuts_of(tmp_path)
    assert len(signed) == 1 and len(others) == cuts.EACH
    assert cuts.cut_out(page, signed[0].box).shape == (20, 40) and not cuts.cut_out(page, signed[0].box).any()
    assert all((cuts.cut_out(page, cut.box) == 255).all() for cut in others)


def test_real_folders(root):
    found = splits.real(recipe(f"data.real_signatures=[{root / 'valid'}]", "data.real_most=5").data)
    assert list(found) == ["valid"] and len(found["valid"]) == 5 and all(picture.is_signature for picture in found["valid"])


def test_distorted_copies_stay_with_their_writer(root):
    """What `gaudi data synth distortions` makes of original_3_1.png is writer 3's."""
    write(root / "valid" / "original_3_1--elastic.png", 5)
    parts = splits.listing(recipe(f"data.root={root}"))
    owners = {name for name, part in parts.items() for picture in part if picture.is_signature and picture.group == "3"}
    assert len(owners) == 1 and sum(picture.group == "3" for part in parts.values() for picture in part) == 3
