"""Who is known and who is not, in all three layouts; what is refused, and how it is named."""

import shutil

import cv2
import numpy as np
import pytest
from conftest import picture

from gaudi import config
from gaudi.errors import UserError
from models.signatures.cedar import TEST_WRITERS
from models.signer import data as signer_data
from models.signer import splits
from models.signer.check import check


def recipe(*overrides, tiny=True):
    return config.load("signer", [*overrides], tiny=tiny)


@pytest.fixture
def folders(tmp_path):
    """Five people with four signatures each, the first with a forgery."""
    for person in "abcde":
        for number in range(1, 5):
            picture(tmp_path / person / f"s{number}.png", ord(person) * 10 + number)
    picture(tmp_path / "a" / "forged" / "x.png", 1)
    return tmp_path


def test_cedar_protocol(real_data):
    """40 known people with 15, 4 and 5 of their 24; 5 for thresholds; the ten test writers unknown; forgeries of the known."""
    found = splits.listing(recipe(f"data.root={real_data / 'cedar'}", tiny=False).data)
    assert found.known == len(found.classes) == 40
    assert [len(part) for part in (found.train, found.validation, found.test)] == [600, 160, 200]
    assert {image.person for image in found.unknown} == {str(writer) for writer in TEST_WRITERS} and len(found.unknown) == 240
    assert len({image.person for image in found.development}) == 5 and len(found.forged) == 40 * 24
    groups = [{image.person for image in part} for part in (found.test, found.unknown, found.development)]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]


def test_utsig_rule(tmp_path):
    """C001G01.PNG: of 27 genuine ones the last 5 are for the test (22/5); other letters are not the person's hand."""
    for person in (1, 2, 115):
        for number in range(1, 28):
            picture(tmp_path / f"C{person:03d}G{number:02d}.PNG", person + number)
        picture(tmp_path / f"C{person:03d}F01.PNG", person)
    found = splits.listing(recipe(f"data.root={tmp_path}", "data.unknown_people=0", "data.development_people=0", tiny=False).data)
    assert found.classes == ["001", "002", "115"] and not found.unknown and len(found.forged) == 3
    assert [image.index for image in found.test[:5]] == [23, 24, 25, 26, 27]
    assert [len(part) for part in (found.train, found.validation, found.test)] == [3 * 18, 3 * 4, 3 * 5]


def test_folders(folders):
    found = splits.listing(recipe(f"data.root={folders}").data)
    assert found.known == 3 and len(found.train) == 6 and len(found.validation) == len(found.test) == 3
    everyone = [image.name for part in (found.train, found.validation, found.test, found.development, found.unknown) for image in part]
    assert len(everyone) == len(set(everyone)) == 20
    assert {image.name for image in splits.list_all(recipe(f"data.root={folders}").data) if image.forged} == {"a/forged/x.png"}


def test_added_people_are_classes_of_training_alone():
    found = splits.listing(recipe("data.added_people=2", "data.added_each=3").data)
    assert len(found.classes) == found.known + 2 and found.classes[found.known:] == ["added 1", "added 2"]
    assert sum(found.label(image) >= found.known for image in found.train) == 6
    assert all(0 <= found.label(image) < found.known for image in found.validation + found.test)
    assert all(found.label(image) == splits.STRANGER for image in found.development + found.unknown)


def test_person_with_one_image_is_named(folders):
    for path in list((folders / "c").iterdir())[1:]:
        path.unlink()
    with pytest.raises(UserError, match="c has 1 genuine signature, at least 3 are needed"):
        splits.listing(recipe(f"data.root={folders}", "data.unknown_people=0", "data.development_people=0").data)


def test_loose_image_and_strange_name(folders, tmp_path):
    picture(folders / "loose.png", 3)
    with pytest.raises(UserError, match="loose.png: lies in no person's folder"):
        splits.listing(recipe(f"data.root={folders}").data)
    with pytest.raises(UserError, match="does not say person and number"):
        splits.listing(recipe(f"data.root={folders}", "data.layout=utsig").data)


def test_too_few_people(folders):
    for person in "bcd":
        shutil.rmtree(folders / person)
    with pytest.raises(UserError, match="at least 2 must be left"):
        splits.listing(recipe(f"data.root={folders}").data)


@pytest.mark.parametrize("overrides,words", [
    (["data.development_people=0"], "give both, or 0 and 0"), (["data.height=34"], "multiples of 4"),
    (["stages.train_from=mixed8"], "is for the body inception"),
    (["network.body=inception", "network.until=mixed11"], "no block"),
    (["network.body=inception", "data.height=80", "data.width=80", "network.until=mixed2", "stages.train_from=mixed8"], "not in the body"),
    (["network.body=inception"], "at least 75"),
    (["network.body=inception", "data.height=80", "data.width=80", "network.weights=/nowhere.h5"], "/nowhere.h5: no such file"),
])
def test_contradictions_are_refused(overrides, words):
    with pytest.raises(UserError, match=words):
        recipe(*overrides)


def test_unusable_files(folders):
    """A zero-byte file is named; left out, it may not take a person's last validation image with it; blank paper counts too."""
    found = splits.listing(recipe(f"data.root={folders}").data)
    person, last = found.validation[0].person, found.validation[0].path
    last.write_bytes(b"")
    with pytest.raises(UserError, match=f"{last.name}: an empty file"):
        signer_data.make_sources(recipe(f"data.root={folders}"))
    with pytest.raises(UserError, match=f"{last.name}: an empty file"):
        list(check(recipe(f"data.root={folders}")))
    skipping = recipe(f"data.root={folders}", "data.on_corrupt=skip")
    with pytest.raises(UserError, match=f"{person} has no usable signature for validation"):
        signer_data.make_sources(skipping)
    cv2.imwrite(str(last), np.full((60, 120), 255, np.uint8))
    with pytest.raises(UserError, match="no ink in it"):
        signer_data.make_sources(recipe(f"data.root={folders}"))
