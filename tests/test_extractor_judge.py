"""Judging from made-up embeddings whose answers are known, baselines, pictures' choice, and the table of folds."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from models.extractor import baselines, folds, judge
from models.extractor.listing import Record
from models.extractor.plots import spread_out

SETTINGS = SimpleNamespace(references=[1, 3], draws=4, bootstrap=100)


def people(writers=4, genuine=5, forged=3, noise=0.02, forger=0.5, first=0):
    """Records and unit embeddings: each writer on an axis, genuine near it, forgeries `forger` of the way to another axis."""
    rng = np.random.default_rng(first)
    records, rows = [], []
    for writer in range(first, first + writers):
        for index in range(genuine + forged):
            fake = index >= genuine
            row = rng.normal(0, noise, 16)
            row[writer % 16] += 1 - forger * fake
            row[(writer + 1) % 16] += forger * fake
            records.append(Record(str(writer), fake, f"{writer}/{index}", text="one" if index == 0 else ""))
            rows.append(row / np.linalg.norm(row))
    return records, np.array(rows)


def test_separable_people_are_verified_without_error():
    records, embeddings = people()
    for references in (1, 3):
        kinds = judge.measured(records, embeddings, references, SETTINGS)
        found = judge.verdict(kinds, judge.measured(*people(first=8), references, SETTINGS), SETTINGS)
        for kind in ("skilled", "random"):
            assert found[kind]["eer"] == 0 and found[kind]["auc"] == 1 and found[kind]["far"] == 0 and found[kind]["frr"] < 0.1


def test_counts_of_pairs():
    """4 writers, 5 genuine and 3 forged each: 4 x 10 genuine, 4 x 15 skilled, 6 x 25 random pairs; one text by two: 6."""
    kinds = judge.measured(*people(), 1, SETTINGS)
    assert {kind: len(part) for kind, part in kinds.distances.items()} == {"genuine": 40, "skilled": 60, "random": 150,
                                                                          "same_text": 6}


def test_forgeries_that_are_copies_cannot_be_told():
    """Forgeries drawn as genuine ones are: half of what is decided is wrong, within what 60 pairs scatter."""
    kinds = judge.measured(*people(forger=0.0, noise=0.1), 1, SETTINGS)
    found = judge.verdict(kinds, None, SETTINGS)
    assert 0.35 < found["skilled"]["eer"] < 0.65 and found["random"]["eer"] < 0.02 and "far" not in found["skilled"]
    assert found["skilled"]["eer_low"] <= found["skilled"]["eer"] <= found["skilled"]["eer_high"]


def test_more_references_need_more_signatures():
    records, embeddings = people(genuine=3)
    assert judge.measured(records, embeddings, 3, SETTINGS) is None
    assert judge.measured(records, embeddings, 2, SETTINGS).has("skilled")


def test_the_threshold_comes_from_development_writers():
    """Development forgeries lie nearer than the test's: at that stricter threshold no test forgery passes."""
    test = judge.measured(*people(forger=0.5), 1, SETTINGS)
    development = judge.measured(*people(forger=0.2, first=8), 1, SETTINGS)
    found = judge.verdict(test, development, SETTINGS)["skilled"]
    assert found["far"] == 0 and found["development_threshold"] < np.min(test.distances["skilled"])


def test_calibration_counts_strangers_and_leaves_out_what_pairs_cannot_show():
    """Development 4 writers: 150 random pairs; 20 genuine against 30 known ones: 600 more, 750 in all: FAR 1 % can be shown,
    0.1 % (less than one pair) cannot."""
    records, embeddings = people()
    known = people(writers=3, genuine=10, forged=0, first=10)
    found = judge.calibration({"development": records}, {"development": embeddings, "known": known[1]})
    assert found["random"]["pairs"] == 750 and found["random"]["far_0.10%"]["threshold"] is None
    threshold = found["random"]["far_1.00%"]["threshold"]
    strangers = 1 - embeddings[[one.genuine for one in records]] @ known[1].T
    own = judge.all_pairs(records, 1 - embeddings @ embeddings.T).distances["random"]
    assert np.mean(np.concatenate([own, strangers.ravel()]) <= threshold) <= 0.01


def test_data_without_forgeries_is_judged_by_strangers_alone():
    found = judge.verdict(judge.measured(*people(forged=0), 1, SETTINGS), None, SETTINGS)
    assert set(found) == {"random", "same_text"}


def test_baselines_see_likeness():
    """A wave is more like itself moved by a pixel than like another wave, for every descriptor."""
    columns = np.arange(192)
    ink = np.zeros((3, 96, 192), np.uint8)
    for place, (phase, shift) in enumerate([(0, 0), (0, 1), (2.5, 0)]):
        rows = np.rint(48 + 25 * np.sin(columns / (14 + 4 * phase) + phase)).astype(int) + shift
        for thick in range(3):
            ink[place, rows + thick, columns] = 255
    for name, describe in baselines.DESCRIPTORS.items():
        one, moved, other = describe(ink)
        assert cosine(one, moved) > cosine(one, other), name


def cosine(one, other):
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_no_writer_fills_the_picture_of_hard_pairs():
    assert spread_out([0, 1, 2, 3, 4], ["a", "a", "a", "b", "c"], most=4) == [0, 1, 3, 4]


def judged_run(path, writers, eer):
    row = {"eer": eer, "auc": 1 - eer}
    path.mkdir()
    (path / "metrics.json").write_text(json.dumps({"protocol": {"test_writers": writers},
                                                   "test": {"1 reference": {"skilled": row, "random": row}}}))
    return str(path)


def test_folds_are_averaged(tmp_path, capsys):
    """10 % and 20 %: 15.0 +- 5.0."""
    runs = [judged_run(tmp_path / "a", "1, 2", .1), judged_run(tmp_path / "b", "3, 4", .2)]
    assert folds.main(runs) == 0
    assert "| 1 reference | skilled | 15.0 +- 5.0 | 0.850 +- 0.050 | 2 |" in capsys.readouterr().out


@pytest.mark.parametrize("writers, words", [("2, 3", "writer 2 is in the test of"), (None, "metrics.json")])
def test_folds_that_are_none(tmp_path, capsys, writers, words):
    other = judged_run(tmp_path / "b", writers, .2) if writers else str(tmp_path / "none")
    assert folds.main([judged_run(tmp_path / "a", "1, 2", .1), other]) == 2
    assert words in capsys.readouterr().err
