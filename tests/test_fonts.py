"""Printed letters and words: parts kept apart, every face usable, ink where it belongs."""
import numpy as np
import pytest
from PIL import ImageFont

from models import words
from models.fonts import TEST, TRAIN, faces, families, families_of, render_word


def test_families_of_training_and_test_are_disjoint_and_there():
    assert not set(TRAIN) & set(TEST)
    assert len(families_of("train")) >= 4 and len(families_of("test")) >= 4
    assert set(families_of("train")) | set(families_of("test")) == set(families())


def test_no_face_belongs_to_two_families():
    owners = [path for family in families() for path in faces(family)]
    assert len(owners) == len(set(owners)) and all(families()[family] in faces(family) for family in families())


def test_no_font_file_is_of_a_family_of_the_other_part():
    """By the names written inside the files, not by ours: no type designer's family is on both sides."""
    inside = {part: {ImageFont.truetype(str(path), 12).getname()[0].split()[0] for family in families_of(part)
                     for path in faces(family)} for part in ("train", "test")}
    assert not inside["train"] & inside["test"]


@pytest.mark.parametrize("family", list(families()))
def test_every_face_prints_every_character_we_use(family):
    """A character that a face lacks comes out as its box for missing ones: all letters would look the same."""
    for face in faces(family):
        pictures = [render_word(character, face, 20) for character in "Hamburgefonstiv0123456789.,:"]
        assert len({(picture.shape, picture.tobytes()) for picture in pictures}) >= 20
        assert all(picture.max() > 100 for picture in pictures)


def test_a_word_is_cropped_to_its_ink_and_grows_with_size():
    small, large = render_word("Signature", "Roboto", 12), render_word("Signature", "Roboto", 48)
    assert small.dtype == np.uint8 and 3.3 < large.shape[1] / small.shape[1] < 4.7
    assert large[0].any() and large[-1].any() and large[:, :2].any() and large[:, -2:].any()
    assert np.array_equal(render_word("Signature", "Roboto", 12), small)


def test_nothing_to_print_is_an_error():
    with pytest.raises(ValueError, match="nothing to print"):
        render_word("  ", "Roboto", 12)
    with pytest.raises(ValueError, match="no font family 'Comic'"):
        faces("Comic")


def test_words_of_both_parts_are_many_and_disjoint():
    train, test = ({word.lower() for word in words.words(part)} for part in words.PARTS)
    assert len(train) >= 400 and len(test) >= 200 and not train & test
    assert not set(words.first_names("train")) & set(words.first_names("test"))
    assert not set(words.surnames("train")) & set(words.surnames("test"))


def test_phrases_use_their_own_part_only():
    train, test = ({word.lower().strip(".:,") for word in words.words(part)} for part in words.PARTS)
    random = np.random.default_rng(0)
    for part, foreign in (("train", test), ("test", train)):
        pieces = {piece.lower().strip(".:,") for _ in range(2000) for piece in words.phrase(random, part).split()}
        shared = {month.lower() for month in words.MONTHS.split()}   # there are only twelve of them
        assert not (pieces & foreign) - shared and len(pieces) > 300


def test_phrases_repeat_with_the_seed():
    first, second = ([words.phrase(np.random.default_rng(seed), "test") for seed in range(50)] for _ in range(2))
    assert first == second and len(set(first)) > 40
