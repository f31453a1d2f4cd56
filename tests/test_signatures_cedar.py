"""CEDAR folders: who wrote what, splits without a common writer, and the faults of such folders."""
import os
from pathlib import Path

import pytest

from gaudi.errors import UserError
from models.signatures.cedar import (TEST_WRITERS, Signature, check_disjoint, choose_writers, folds, list_signatures,
                                     split, writers_of)

CEDAR = Path(os.environ.get("GAUDI_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "cedar"


@pytest.fixture
def folder(tmp_path):
    """Four writers, three genuine and two forged signatures each; the files' content is not looked at."""
    root = tmp_path / "download" / "signatures"
    for kind, name, count in (("full_org", "original", 3), ("full_forg", "forgeries", 2)):
        (root / kind).mkdir(parents=True)
        (root / kind / "Thumbs.db").write_bytes(b"x")
        for writer in (1, 2, 10, 11):
            for index in range(1, count + 1):
                (root / kind / f"{name}_{writer}_{index}.png").write_bytes(b"x")
    return root


def test_listing_sorts_by_number_not_by_name(folder):
    found = list_signatures(folder)
    assert len(found) == 4 * 5 and writers_of(found) == [1, 2, 10, 11]
    assert [(s.genuine, s.index) for s in found[:5]] == [(True, 1), (True, 2), (True, 3), (False, 1), (False, 2)]
    assert found[0].path.name == "original_1_1.png" and found[3].path.name == "forgeries_1_1.png"


def test_the_folder_above_will_do(folder):
    assert list_signatures(folder.parent) == list_signatures(folder)


def test_genuine_only_needs_no_forgeries(folder):
    for path in (folder / "full_forg").iterdir():
        path.unlink()
    (folder / "full_forg").rmdir()
    assert len(list_signatures(folder, forgeries=False)) == 12
    with pytest.raises(UserError, match="full_forg: no such folder"):
        list_signatures(folder)


def test_faults_are_named(folder, tmp_path):
    with pytest.raises(UserError, match="nowhere: no such folder"):
        list_signatures(tmp_path / "nowhere")
    with pytest.raises(UserError, match="full_org: no full_org/ in it"):
        list_signatures(folder / "full_org")
    (folder / "full_org" / "original_2_01.png").write_bytes(b"x")
    with pytest.raises(UserError, match="same writer and index"):
        list_signatures(folder)
    (folder / "full_org" / "original_2_01.png").rename(folder / "full_org" / "copy of 2.png")
    with pytest.raises(UserError, match="copy of 2.png: the name does not say writer"):
        list_signatures(folder)


def test_split_is_disjoint_and_complete(folder):
    found = list_signatures(folder)
    parts = split(found, test=[10], validation=[2])
    assert [writers_of(part) for part in (parts.development, parts.validation, parts.test)] == [[1, 11], [2], [10]]
    assert sorted(parts.development + parts.validation + parts.test) == found


def test_split_refuses_overlap_unknown_writers_and_an_empty_rest(folder):
    found = list_signatures(folder)
    with pytest.raises(UserError, match="writers 10 are in the test part and in the validation part"):
        split(found, test=[10], validation=[10, 2])
    with pytest.raises(UserError, match="writers 99 are asked for"):
        split(found, test=[99])
    with pytest.raises(UserError, match="no writer is left"):
        split(found, test=[1, 2], validation=[10, 11])


def test_check_disjoint_names_writer_and_parts():
    mine, theirs = Signature(7, False, 1, Path("a")), Signature(7, True, 1, Path("b"))
    with pytest.raises(UserError, match="writer 7 is in two parts of the data: train and test"):
        check_disjoint(train=[mine], test=[theirs])


def test_folds_cover_every_writer_once():
    groups = folds(range(1, 56), 5, seed=3)
    assert [len(group) for group in groups] == [11] * 5
    assert sorted(sum(groups, [])) == list(range(1, 56)) and groups == folds(range(1, 56), 5, seed=3)
    with pytest.raises(UserError, match="6 folds asked for"):
        folds([1, 2, 3], 6)


def test_chosen_writers_repeat_with_the_seed():
    assert choose_writers(range(20), 5, 1) == choose_writers(range(20), 5, 1) != choose_writers(range(20), 5, 2)
    with pytest.raises(UserError, match="21 writers asked for"):
        choose_writers(range(20), 21, 1)


@pytest.mark.skipif(not CEDAR.is_dir(), reason=f"the CEDAR signatures are not in {CEDAR} (GAUDI_TEST_DATA)")
def test_the_real_download():
    found = list_signatures(CEDAR)
    assert len(found) == 55 * 48 and len(split(found).test) == len(TEST_WRITERS) * 48
