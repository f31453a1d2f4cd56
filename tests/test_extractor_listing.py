"""Layouts, splits and the faults in them: each is refused by one line that names the file or the writer."""

import shutil

import pytest
from conftest import must, refused
from extractor_folders import signed_folder

from gaudi import config
from gaudi.errors import UserError
from models.extractor import ready, splits
from models.extractor.listing import list_records, writers_of


ALONE = ("data.added_writers=0", "batch.added=0")


def recipe(*overrides):
    return config.load("extractor", ["data.validation_writers=2", "batch.writers=2", "batch.genuine=2", "batch.forged=1",
                                     "train.global_batch=6", *ALONE, *overrides])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return signed_folder(tmp_path_factory.mktemp("signed"))


def told(records):
    return {(one.writer, one.forged): sum((other.writer, other.forged) == (one.writer, one.forged) for other in records)
            for one in records}


def test_every_layout_tells_the_same(folder, tmp_path):
    expected = {(str(writer), kind): 3 if kind else 4 for writer in range(1, 7) for kind in (False, True)}
    assert told(list_records(folder)) == expected
    flat = signed_folder(tmp_path / "flat", name="{kind}_{writer}_{index}.png")
    assert told(list_records(flat, "{kind}_{writer}_{index}.png")) == expected
    rows = [f"{path.relative_to(folder)},{path.parts[-3]},{path.parts[-2]}" for path in folder.rglob("*.png")]
    table = shutil.copytree(folder, tmp_path / "table")
    (table / "list.csv").write_text("\n".join(["path,writer,kind", *rows]))
    assert told(list_records(table)) == expected
    (table / "list.csv").write_text("\n".join(["file,who,what", *rows]))
    assert told(list_records(table, "list.csv:file,who,what")) == expected


def test_cedar_is_found_by_its_folders(tmp_path):
    signed_folder(tmp_path, name="full_{kind}/x_{writer}_{index}.png")
    (tmp_path / "full_genuine").rename(tmp_path / "full_org")
    (tmp_path / "full_forged").rename(tmp_path / "full_forg")
    for path in tmp_path.rglob("*.png"):
        path.rename(path.with_name(path.name.replace("x", "original" if path.parent.name == "full_org" else "forgeries")))
    records = list_records(tmp_path)
    assert writers_of(records) == ["1", "2", "3", "4", "5", "6"] and len(records) == 42


def test_joined_columns_and_text(real_data):
    records = list_records(real_data / "chinese_signatures", "labels.csv:file,writer+name")
    assert len(records) == 1800 and len(writers_of(records)) == 900 and not any(one.forged for one in records)


@pytest.mark.parametrize("pattern, words", [("{writer}/{sort}/*", "{sort}"), ("nothing", "writers"),
                                            ("{writer}/{kind}", "do not fit"), ("missing.csv:a,b", "missing.csv")])
def test_patterns_that_cannot_be(folder, pattern, words):
    with pytest.raises(UserError, match=words.replace("{", r"\{")):
        list_records(folder, pattern)


def lone(root):
    for path in sorted((root / "3" / "genuine").iterdir())[1:]:
        path.unlink()


def forged_only(root):
    shutil.rmtree(root / "4" / "genuine")


def strange_kind(root):
    (root / "2" / "forged").rename(root / "2" / "copied")


@pytest.mark.parametrize("spoil, words", [(lone, "writer 3 has one genuine"), (forged_only, "writer 4 has forgeries"),
                                          (strange_kind, "copied")])
def test_listing_faults_name_the_writer(folder, tmp_path, spoil, words):
    root = shutil.copytree(folder, tmp_path / "spoilt")
    spoil(root)
    with pytest.raises(UserError, match=words):
        list_records(root)


def copied(root):
    shutil.copy(root / "1" / "genuine" / "0.png", root / "5" / "genuine" / "9.png")


def blank(root):
    import cv2
    import numpy as np
    cv2.imwrite(str(root / "2" / "genuine" / "1.png"), np.full((60, 120), 255, np.uint8))


def black(root):
    import cv2
    import numpy as np
    cv2.imwrite(str(root / "2" / "forged" / "1.png"), np.zeros((60, 120), np.uint8))


@pytest.mark.parametrize("spoil, words", [(copied, ("5/genuine/9.png", "1/genuine/0.png", "same picture")),
                                          (blank, ("2/genuine/1.png", "no ink")), (black, ("2/forged/1.png", "black"))])
def test_unusable_pictures_end_with_exit_2(folder, tmp_path, spoil, words):
    root = shutil.copytree(folder, tmp_path / "spoilt")
    spoil(root)
    line = refused("data", "check", "extractor", "--tiny", f"data.root={root}", "batch.writers=2", "train.global_batch=8", *ALONE)
    assert all(word in line for word in words), line


def test_a_good_folder_passes_the_check(folder):
    out = must("data", "check", "extractor", "--tiny", f"data.root={folder}", "batch.writers=2", "train.global_batch=8", *ALONE).out
    assert "train: 2 writers" in out and "validation: 2 writers" in out and "prepared images: AUC" in out


@pytest.mark.parametrize("overrides, words", [
    (["batch.writers=3", "train.global_batch=9"], "batch.writers: 3"),
    (["batch.genuine=5", "train.global_batch=12"], "batch.genuine: 5 of each writer"),
    (["data.test_writers=1 9"], "9 is not in the data"), (["data.test_writers=1 1"], "named twice"),
    (["data.validation_writers=3"], "leave 1 to train on"), (["data.fold=0"], "at most 3 are possible")])
def test_splits_that_cannot_be(folder, overrides, words):
    with pytest.raises(UserError, match=words):
        splits.parts(recipe(f"data.root={folder}", *overrides))


@pytest.mark.parametrize("overrides, words", [
    (["batch.writers=1"], "batch.writers: 1"), (["train.global_batch=7"], "2 x .2 . 1. = 6"),
    (["batch.added=1"], "data.added_writers"), (["network.initial=nowhere"], "nowhere"), (["network.height=100"], "16"),
    (["loss.name=cosface", "guise.share=0.5"], "guise.share: 0.5")])
def test_recipes_that_contradict_themselves(overrides, words):
    with pytest.raises(UserError, match=words):
        recipe(*overrides)


def test_no_writer_is_on_two_sides(folder):
    split = splits.parts(recipe(f"data.root={folder}"))
    sides = [set(writers_of(records)) for records in split.values()]
    assert len(set.union(*sides)) == sum(map(len, sides)) == 6
    moved = split["train"] + split["test"][:1]
    with pytest.raises(UserError, match="in two parts"):
        splits.check_disjoint(split | {"train": moved})


def test_folds_cover_everybody_once():
    writers = [str(number) for number in range(55)]
    parts = [splits.fold(writers, 5, which) for which in range(5)]
    assert sorted(sum(parts, []), key=int) == writers and {len(part) for part in parts} == {11}


def test_folds_and_seeds_share_prepared_images(folder, tmp_path):
    def loaded(fold, cache):
        return ready.load(recipe(f"data.root={folder}", "data.folds=3", f"data.fold={fold}", f"seed={fold}",
                                 f"data.cache={cache}"), list().append)
    for fold in range(3):
        fresh, cached = loaded(fold, ""), loaded(fold, tmp_path)
        for name, part in fresh.items():
            assert cached[name].records == part.records and cached[name].digest == part.digest
            assert (cached[name].facts == part.facts).all()
    assert len(list(tmp_path.iterdir())) == 1


def test_cedars_ten_test_writers(real_data):
    split = splits.parts(config.load("extractor", [f"data.root={real_data / 'cedar'}", *ALONE]))
    assert writers_of(split["test"]) == "2 5 6 15 19 22 30 34 48 51".split()
    assert [len(split[name]) for name in ("train", "validation", "test")] == [35 * 48, 10 * 48, 10 * 48]
