"""Names to prints, numbering, alignment, fonts and glyphs; what is wrong with data is named."""

import csv
import json

import cv2
import numpy as np
import pytest
from conftest import refused
from PIL import Image

from gaudi.errors import UserError
from models import fonts as packaged
from models.pix2pix import align, fonts, prepare, prepare_command, printing
from models.pix2pix.fonts import Face

LATIN = ("Caladea", "Roboto")
KINDS = ("KAI", "FANGSONG", "HEI")


@pytest.fixture(scope="module")
def face():
    return fonts.find("Caladea")


def written(text, face, size=200, shift=0):
    """Something to take for handwriting: another print, smaller and moved."""
    picture = printing.print_name(text, face, size - 40)
    return np.pad(picture, ((20 + shift, 20 - shift), (20, 20)), constant_values=255)


@pytest.fixture()
def folder(tmp_path):
    """targeted_image/ with three names, one of them twice."""
    other = fonts.find("Roboto")
    source = tmp_path / "source" / prepare.TARGETED
    source.mkdir(parents=True)
    for name in ("Anna", "Bob", "Bob_2", "Cecil"):
        cv2.imwrite(str(source / f"{name}.png"), written(name.split("_")[0], other))
    return source.parent


def run(*arguments):
    return prepare_command.command([str(argument) for argument in arguments])


def test_pairs_are_numbered_and_the_manifest_keeps_the_names(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(folder, "--out", out, "--fonts", *LATIN, "--size", 64, "--processes", 1) == 0
    rows = list(csv.DictReader(open(out / prepare.MANIFEST, encoding="utf-8")))
    assert [(row["number"], row["name"], row["file"]) for row in rows] == [
        ("1", "Anna", "Anna.png"), ("2", "Bob", "Bob.png"), ("3", "Bob", "Bob_2.png"), ("4", "Cecil", "Cecil.png")]
    for kind in (prepare.GENERATED, prepare.ALIGNED):
        for font in LATIN:
            files = sorted(path.name for path in (out / kind / font).iterdir())
            assert files == ["1.png", "2.png", "3.png", "4.png"]
    picture = cv2.imread(str(out / prepare.TARGETED / "1.png"), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (64, 64) and picture.max() == 255 and picture.min() < 100
    facts = json.loads((out / "manifest.json").read_text())
    assert all(facts["agreement"][font]["aligned"] > facts["agreement"][font]["plain"] for font in LATIN)
    assert "laid out on it" in capsys.readouterr().out


def test_labels_csv_gives_name_writer_and_medium(folder, tmp_path):
    (folder / "labels.csv").write_text("file,name,writer,medium\ntargeted_image/Anna.png,Anna,7,pen\n")
    [one] = prepare.signatures_in(folder)
    assert (one.name, one.writer, one.medium, one.file) == ("Anna", "7", "pen", "targeted_image/Anna.png")


@pytest.mark.parametrize("text, part", [
    ("file,nom\nx,y\n", "no column name"), ("file,name\n", "holds no row"),
    ("file,name\ngone.png,Anna\n", "gone.png: no such file"),
    ("file,name\ntargeted_image/Anna.png,\n", "labels.csv:2: the name is empty"),
    ("file,name\n,Anna\n", "labels.csv:2: the file is empty")])
def test_bad_labels_are_named(folder, text, part):
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=part):
        prepare.signatures_in(folder)


def test_command_refuses_in_one_line_and_leaves_nothing(folder, tmp_path):
    (folder / prepare.TARGETED / "Dora.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    options = "--fonts", "Caladea", "--size", 64, "--processes", 1
    line = refused("data", "prepare", "pix2pix", folder, "--out", out, *options)
    assert "Dora.png" in line and "no PNG" in line
    assert not out.exists() and not list(tmp_path.glob(".out*"))


def test_unreadable_signatures_can_be_left_out(folder, tmp_path, capsys):
    (folder / prepare.TARGETED / "Dora.png").write_bytes(b"")
    Image.new("L", (80, 80), 255).save(folder / prepare.TARGETED / "Emil.png")
    out = tmp_path / "out"
    assert run(folder, "--out", out, "--fonts", "Caladea", "--size", 64, "--on-corrupt", "skip", "--processes", 1) == 0
    said = capsys.readouterr().out
    assert "Dora.png: an empty file" in said and "Emil.png: no ink" in said
    assert "4 of 6 signatures" in said


def test_alpha_and_16_bit_become_grey_on_white(tmp_path, face):
    ink = 255 - written("Ada", face)
    source = tmp_path / "in"
    source.mkdir()
    Image.merge("LA", [Image.new("L", ink.shape[::-1], 0), Image.fromarray(ink)]).save(source / "Ada.png")
    Image.fromarray((255 - ink).astype(np.uint16) * 257).save(source / "Ada_2.png")
    out = tmp_path / "out"
    assert run(source, "--out", out, "--fonts", "Roboto", "--size", 64, "--processes", 1) == 0
    one, two = (cv2.imread(str(out / prepare.TARGETED / f"{n}.png"), 0).astype(int) for n in (1, 2))
    assert one[0, 0] == 255 and np.abs(one - two).max() <= 2


def test_a_missing_font_or_glyph_is_named(face):
    with pytest.raises(UserError, match="'Calaaadea': no such file or installed family; did you mean caladea"):
        fonts.find("Calaaadea")
    with pytest.raises(UserError, match="/nowhere/x.ttf: no such font file"):
        fonts.find("/nowhere/x.ttf")
    with pytest.raises(UserError, match="Caladea .* has no glyph for 鑫 磊"):
        printing.glyphs("鑫 A磊鑫", face)
    signed = [prepare.Signed(None, "Bo鑫"), prepare.Signed(None, "Bo")]
    with pytest.raises(UserError, match="font Caladea has no glyph for 鑫 of Bo鑫"):
        prepare.renderable(signed, [face], "fail")
    assert [one.name for one, _ in prepare.renderable(signed, [face], "skip")] == ["Bo"]


def test_a_font_that_is_no_font(tmp_path):
    path = tmp_path / "broken.ttf"
    path.write_bytes(b"no font at all")
    with pytest.raises(UserError, match="broken.ttf: cannot be read as a font"):
        fonts.find(str(path))


@pytest.mark.parametrize("name, part", [
    ("", "empty"), ("  \t", "empty"), ("x" * 30, "at most 24"), ("A\u200bB", "cannot be printed")])
def test_names_that_cannot_be_signed(name, part):
    with pytest.raises(UserError, match=part):
        printing.checked_name(name)


def test_decomposed_letters_are_composed():
    assert printing.checked_name(" Jose\u0301  Vogel ") == "José Vogel"


def test_a_print_is_centred_and_as_large_as_fits(face):
    ink = printing.print_name("Hanna", face, 128) < 250
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    margin = printing.MARGIN * 128
    assert abs(columns[0] - margin) <= 1.6 and abs(127 - columns[-1] - margin) <= 1.6
    assert abs((rows[0] + rows[-1]) / 2 - 63.5) <= 1.0


def test_alignment_recovers_position_scale_and_slant(face):
    """The handwriting is the print itself under known maps: each letter's map must come back.

    Letter k goes to scale 0.8 of the plain layout, moved by (5, -7), then everything is slanted by 0.25: the linear
    part is s [[1, -0.25], [0, 1]] * 0.8, with s the plain scale.
    """
    line = printing.glyphs("HANB", face)
    plain = printing.plain_layout(line, 256)
    shrink = np.array([[0.8, 0, 0.2 * 127.5 + 5], [0, 0.8, 0.2 * 127.5 - 7]])
    wanted = [align.after(align.shear_matrix(0.25, 256), align.after(shrink, one)) for one in plain]
    hand = printing.compose(line, wanted, 256)
    for got, right in zip(align.lay_out(line, hand), wanted):
        np.testing.assert_allclose(got[:, :2], right[:, :2], atol=0.05 * right[0, 0])
        corner = np.array([60.0, 60.0, 1.0])
        assert np.abs(got @ corner - right @ corner).max() < 2.5
    laid = printing.compose(line, align.lay_out(line, hand), 256)
    assert align.agreement(laid, hand, 1) > 0.98 > 0.6 > align.agreement(printing.compose(line, plain, 256), hand, 1)


def test_cuts_fall_between_characters():
    """Three blocks of 20 inked columns, 10 free ones between: cuts lie in the gaps (30..39, 60..69)."""
    columns = np.zeros(100)
    for begin in (10, 40, 70):
        columns[begin:begin + 20] = 5.0
    first, one, two, last = align.cuts_between(columns, [30, 20, 26])
    assert (first, last) == (10, 90) and 30 <= one < 40 and 60 <= two < 70


def test_agreement_golden():
    """A line of 9 rows against itself moved by 3: all within 3 pixels -> 1; moved by 20: nothing -> 0."""
    one = np.full((64, 64), 255, np.uint8)
    one[20:29] = 0
    assert align.agreement(one, np.roll(one, 3, axis=0), 3) == pytest.approx(1.0)
    assert align.agreement(one, np.roll(one, 20, axis=0), 3) == pytest.approx(0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_chinese_names_in_the_three_kinds(kind):
    try:
        found = fonts.find(kind)
    except UserError as error:
        pytest.skip(f"{error}")
    assert found.label == kind
    picture = printing.print_name("郭鑫", found, 128)
    assert 0.03 < (picture < 128).mean() < 0.5


def test_packaged_families_are_found_by_name():
    for family in LATIN:
        assert fonts.find(f"X={family.upper()}") == Face("X", packaged.families()[family])
