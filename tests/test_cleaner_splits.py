"""Which images train, validate and test: no writer in two places, whatever the folder looks like."""

import cv2
import numpy as np
import pytest

from gaudi.errors import UserError
from models.cleaner import signatures as data, splits
from models.cleaner.config import CleanerData, Config
from models.signatures import cedar


def config(**values):
    recipe = Config()
    recipe.data = CleanerData(**values)
    return recipe


def drawn(number=0):
    """uint8 [60, 100]: a scan of some waves on grey paper."""
    rows, columns = np.mgrid[0:60, 0:100]
    return np.where(np.abs(rows - 30 - 15 * np.sin(columns / (6 + number))) < 2, 40, 230).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Twelve images of six people: ann-1.png, ann-2.png, ..."""
    for number, person in enumerate(("ann", "bob", "cid", "dee", "eve", "fay")):
        for index in (1, 2):
            cv2.imwrite(str(tmp_path / f"{person}-{index}.png"), drawn(number))
    return tmp_path


def disjoint(parts):
    owners = {}
    for name, items in parts.items():
        for item in items:
            assert owners.setdefault(item.writer or item.name, name) == name
    return True


def test_cedar_keeps_the_ten_test_writers_apart(real_data):
    parts = splits.listing(config(root=str(real_data / "cedar")))
    assert {name: len(items) for name, items in parts.items()} == {"train": 1920, "validation": 240, "test": 480}
    assert {int(item.writer) for item in parts["test"]} == set(cedar.TEST_WRITERS) and disjoint(parts)


def test_genuine_only(real_data):
    parts = splits.listing(config(root=str(real_data / "cedar"), forgeries=False))
    assert [len(parts[name]) for name in splits.SPLITS] == [960, 120, 240]
    assert not any(item.forged for items in parts.values() for item in items)


def test_folder_by_file(folder):
    parts = splits.listing(config(root=str(folder)))
    assert [len(parts[name]) for name in splits.SPLITS] == [10, 1, 1] and disjoint(parts)
    assert parts == splits.listing(config(root=str(folder)))


def test_folder_by_writer(folder):
    parts = splits.listing(config(root=str(folder), writer_pattern="([a-z]+)-"))
    assert disjoint(parts) and [len(parts[name]) for name in splits.SPLITS] == [8, 2, 2]
    with pytest.raises(UserError, match="finds no writer in this name"):
        splits.listing(config(root=str(folder), writer_pattern="x([0-9]+)"))


def test_too_few_images(tmp_path):
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), drawn())
    with pytest.raises(UserError, match="2 images; training, validation and test need at least one each"):
        splits.listing(config(root=str(tmp_path)))


def test_synthetic_sets_are_apart_and_half_forged():
    parts = splits.listing(config(synthetic_writers=3, synthetic_held_out=2, synthetic_each=5))
    assert [len(parts[name]) for name in splits.SPLITS] == [15, 10, 10]
    first = [(item.forged, item.index) for item in parts["test"][:5]]
    assert first == [(False, 0), (False, 1), (False, 2), (True, 0), (True, 1)]
    assert len(set(splits.SYNTHETIC_SETS.values())) == 3


def test_limit_is_spread_evenly():
    parts = splits.listing(config(synthetic_writers=10, synthetic_each=12, limit=20))
    assert len(parts["train"]) == 20 and len({item.writer for item in parts["train"]}) == 10
    assert splits.spread([1, 2, 3], 7) == [1, 2, 3]


def test_more_than_memory_holds(monkeypatch):
    monkeypatch.setattr(splits, "MOST_IMAGES", 100)
    with pytest.raises(UserError, match="at most 100 are held in memory"):
        splits.listing(config())


def test_splits_count_frozen_pairs_not_signatures():
    recipe = config(synthetic_writers=2, synthetic_held_out=2, synthetic_each=4)
    recipe.evaluation.pairs = 3
    assert recipe.splits() == {"train": 8, "validation": 8, "test": 24}


def test_digest_sees_a_changed_file(folder):
    parts = splits.listing(config(root=str(folder)))
    before = splits.digest(parts["train"])
    with open(parts["train"][0].path, "ab") as file:
        file.write(b"more")
    assert splits.digest(parts["train"]) != before


def test_loading_prepares_paper_white_and_ink_black(folder):
    settings = CleanerData(root=str(folder), size=96)
    loaded = data.load(splits.listing(config(root=str(folder)))["train"], "train", settings)
    assert loaded.images.shape == (10, 96, 96) and loaded.images.dtype == np.uint8
    assert loaded.images.min() == 0 and (loaded.images == 255).mean() > 0.5


def test_unusable_files_are_named_or_left_out(folder):
    (folder / "bob-1.png").write_bytes((folder / "bob-1.png").read_bytes()[:70])
    (folder / "eve-2.png").write_text("not an image")
    cv2.imwrite(str(folder / "fay-1.png"), np.full((60, 100), 240, np.uint8))
    settings = CleanerData(root=str(folder), size=64)
    items = [item for part in splits.listing(config(root=str(folder))).values() for item in part]
    with pytest.raises(UserError) as error:
        data.load(items, "train", settings)
    for name in ("bob-1.png", "eve-2.png", "fay-1.png"):
        assert name in str(error.value)
    settings.on_corrupt = "skip"
    assert len(data.load(items, "train", settings).items) == 9


def test_contradictions_are_refused():
    recipe = config(size=100)
    with pytest.raises(UserError, match="multiple of 16 for this network, such as 96"):
        recipe.check()
    recipe = config(writer_pattern="[0-9]+")
    with pytest.raises(UserError, match="needs a group"):
        recipe.check()
    recipe = Config()
    recipe.loss.bce = 0.0
    with pytest.raises(UserError, match="at least one must be above 0"):
        recipe.check()
    recipe = Config()
    recipe.network.blocks = [1, 1]
    with pytest.raises(UserError, match="one number of blocks per level"):
        recipe.check()
