"""The share of verification error that cleaning wins back, against values worked out by hand."""

import numpy as np
import pytest

from models.cleaner import check, verifier
from models.cleaner.config import Config
from models.cleaner.splits import Item
from models.verification.pairs import Pairs


def wave(number, side=96):
    """uint8 [side, side]: a stroke of its own for every number."""
    rows, columns = np.mgrid[0:side, 0:side]
    height = side / 2 + side / 5 * np.sin(columns / (4 + 2 * number)) + number * np.cos(columns / 7)
    inside = (columns > 8) & (columns < side - 8)
    return np.where((np.abs(rows - height) < 1.5) & inside, 0, 255).astype(np.uint8)


@pytest.fixture
def signed():
    """Four writers: three equal genuine signatures each, and two forgeries that look like another writer's."""
    items = [Item(f"{writer}-{k}", str(writer), k >= 3, k) for writer in range(4) for k in range(5)]
    images = np.stack([wave(int(item.writer) + 1 if not item.forged else int(item.writer) + 6) for item in items])
    return items, images


def test_share_recovered():
    """EERs by hand. Clean: all genuine at 1, all impostors at 3: 0. Dirty: both at 1 and 3 alike: accepting <= 1 gives
    FAR 1/2 and FRR 1/2. Cleaned: genuine 1 1 1 4, impostors 3 5 5 5: accepting <= 3 gives FAR 1/4 and FRR 1/4.
    Recovered: (1/2 - 1/4) / (1/2 - 0) = 1/2."""
    near = {"clean": [1, 1, 1, 1], "dirty": [1, 1, 3, 3], "cleaned": [1, 1, 1, 4]}
    far = {"clean": [3, 3, 3, 3], "dirty": [1, 1, 3, 3], "cleaned": [3, 5, 5, 5]}
    assert verifier.recovered(near, far) == pytest.approx(0.5)
    assert verifier.recovered(near | {"dirty": near["clean"]}, far | {"dirty": far["clean"]}) is None
    assert verifier.recovered(near | {"dirty": []}, far) is None


def test_pairs_of_two_people_count_as_often_as_both_were_drawn():
    """Writer 0 drawn twice, 1 once, 2 never: own pairs count 2, 1, 0 times; 0 with 1 counts 2 x 1, 1 with 2 never."""
    pairs = Pairs(*(np.zeros(5, int),) * 2, writer=np.array([0, 1, 2, 0, 1]), other=np.array([0, 1, 2, 1, 2]))
    distances = {name: np.arange(5) for name in verifier.NEEDED}
    drawn = verifier._repeated(distances, pairs, np.array([2, 1, 0]))
    assert drawn["clean"].tolist() == [0, 0, 1, 3, 3]


def test_cleaning_perfectly_and_not_at_all(signed):
    items, clean = signed
    dirty = clean[np.random.default_rng(1).permutation(len(clean))]
    perfect = verifier.verification(items, {"clean": clean, "dirty": dirty, "cleaned": clean}, 100)
    assert set(perfect) == {"skilled", "random"}
    for found in perfect.values():
        assert found["clean"]["eer"]["value"] == pytest.approx(0, abs=1e-6) and found["dirty"]["eer"]["value"] > 0.2
        assert found["recovered"]["value"] == pytest.approx(1)
        assert found["recovered"]["low"] <= 1 <= found["recovered"]["high"] + 1e-9
    useless = verifier.verification(items, {"clean": clean, "dirty": dirty, "cleaned": dirty}, 100)
    assert useless["skilled"]["recovered"]["value"] == pytest.approx(0)


def test_nothing_to_verify(signed):
    items, images = signed
    unknown = [Item(item.name, "", False, 0) for item in items]
    assert verifier.verification(unknown, {"clean": images}, 100) == {}
    single = [Item(f"{n}", str(n), False, 0) for n in range(len(items))]
    assert verifier.verification(single, {"clean": images}, 100) == {}


def test_check_names_splits_and_copies(tmp_path):
    import cv2
    for number in range(6):
        cv2.imwrite(str(tmp_path / f"{number}.png"), wave(number))
    (tmp_path / "copy.png").write_bytes((tmp_path / "3.png").read_bytes())
    (tmp_path / "torn.png").write_bytes((tmp_path / "3.png").read_bytes()[:90])
    recipe = Config()
    recipe.data.root, recipe.data.on_corrupt = str(tmp_path), "skip"
    told = "\n".join(check.check(recipe))
    for split in ("train:", "validation:", "test:"):
        assert split in told
    assert "left out:" in told and "torn.png" in told
    assert any("copy.png" in line and "3.png" in line for line in told.splitlines() if line.startswith("note:"))
