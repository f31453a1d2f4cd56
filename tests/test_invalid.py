"""Pictures that are no signature: every family draws, always the same, never the same as another part's."""

import json

import cv2
import numpy as np
import pytest

from gaudi.errors import UserError
from models.invalid.families import NAMES, draw
from models.invalid.synth import command


@pytest.mark.parametrize("family", NAMES)
def test_family(family):
    """Four pictures: reproducible, different from each other and from the test's, bytes of a crop's size, not all paper."""
    first = [draw(family, "train", 0, index) for index in range(4)]
    for index, image in enumerate(first):
        assert image.dtype == np.uint8 and 64 <= image.shape[0] <= 224 and image.shape[1] <= 3 * 224
        assert np.array_equal(image, draw(family, "train", 0, index))
        assert image.shape != draw(family, "test", 0, index).shape or not np.array_equal(image, draw(family, "test", 0, index))
    assert len({image.tobytes() for image in first}) == 4
    assert sum(image.min() < 255 for image in first) >= 3


def test_set_on_disk(tmp_path):
    arguments = ["--out", str(tmp_path / "set"), "--families", "lines", "waves", "--each", "2", "--processes", "1"]
    assert command(arguments) == 0
    files = sorted(path.relative_to(tmp_path / "set").as_posix() for path in (tmp_path / "set").rglob("*.png"))
    assert files == ["lines/00001.png", "lines/00002.png", "waves/00001.png", "waves/00002.png"]
    assert np.array_equal(cv2.imread(str(tmp_path / "set" / "waves/00002.png"), 0), draw("waves", "train", 0, 1))
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert manifest["families"] == ["lines", "waves"] and manifest["each"] == 2
    with pytest.raises(UserError, match="not empty"):
        command(arguments)


@pytest.mark.parametrize("arguments,words", [(["--families", "stmap"], "did you mean stamp"), (["--each", "0"], "allowed: 1 to"),
                                             (["--part", "dev"], "invalid choice"), (["--processes", "0"], "at least 1")])
def test_refused(tmp_path, arguments, words):
    with pytest.raises(UserError, match=words):
        command(["--out", str(tmp_path / "set"), *arguments])
    assert not (tmp_path / "set").exists()
