"""Offline distortions: reproducible, on white paper, with a manifest that says what was made of what."""

import json
import random

import cv2
import numpy as np
import pytest

from gaudi.errors import UserError
from models.distortions.recipes import NAMES, distorted
from models.distortions.synth import command


def picture():
    image = np.full((80, 160), 255, np.uint8)
    cv2.ellipse(image, (80, 40), (60, 25), 10, 0, 320, 0, 3, cv2.LINE_AA)
    return image


@pytest.mark.parametrize("name", NAMES)
def test_distortion(name):
    """Reproducible, another for another seed (but for the blurs of one size), ink kept, the caller's generators left alone."""
    random.seed(4)
    expected = random.random()
    random.seed(4)
    first, again, other = (distorted(picture(), name, seed) for seed in (1, 1, 2))
    assert random.random() == expected
    assert first.dtype == np.uint8 and first.shape == (80, 160)
    assert np.array_equal(first, again) and not np.array_equal(first, picture())
    assert np.array_equal(first, other) <= (name in ("median_blur", "gaussian_blur"))
    assert 0.3 < (255.0 - first).sum() / (255.0 - picture()).sum() < 3


def test_set_with_manifest(tmp_path, capsys):
    (tmp_path / "in" / "a").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "in" / "a" / "original_3_1.png"), picture())
    arguments = ["--source", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--distortions", "elastic", "noise"]
    assert command(arguments) == 0 and "2 pictures" in capsys.readouterr().out
    rows = json.loads((tmp_path / "out" / "manifest.json").read_text())["pictures"]
    assert [row["file"] for row in rows] == ["a/original_3_1--elastic.png", "a/original_3_1--noise.png"]
    for row in rows:
        made = cv2.imread(str(tmp_path / "out" / row["file"]), 0)
        assert np.array_equal(made, distorted(picture(), row["distortion"], row["seed"]))
    with pytest.raises(UserError, match="not empty"):
        command(arguments)


def test_refused(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match="did you mean elastic"):
        command(["--source", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--distortions", "elastik"])
    cv2.imwrite(str(tmp_path / "in" / "a.png"), picture())
    (tmp_path / "in" / "b.png").write_bytes(b"")
    with pytest.raises(UserError, match="b.png: an empty file"):
        command(["--source", str(tmp_path / "in"), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists() and len(list(tmp_path.iterdir())) == 1
