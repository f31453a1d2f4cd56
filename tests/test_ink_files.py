"""Reading images: every kind a user has, every way a file can be broken."""
import os
import subprocess
import sys
import zlib

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from gaudi.errors import UserError
from models.ink.files import UnreadableImage, list_images, read_gray, read_many, shown

RAMP = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (16, 1))


def save(path, picture, **options):
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(path, **options)
    return path


def cut(path, keep: float):
    data = path.read_bytes()
    path.write_bytes(data[:int(len(data) * keep)])
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_grey_files_come_back_exactly(tmp_path, suffix):
    assert np.array_equal(read_gray(save(tmp_path / f"a.{suffix}", RAMP)), RAMP)


def test_jpeg_comes_back_closely(tmp_path):
    assert np.abs(read_gray(save(tmp_path / "a.jpg", RAMP, quality=95)).astype(int) - RAMP).max() <= 6


def test_transparent_pixels_are_paper(tmp_path):
    ink = np.zeros((16, 16, 4), np.uint8)   # black everywhere, opaque only in the left half, half-way in one column
    ink[:, :8, 3], ink[:, 8, 3] = 255, 128
    gray = read_gray(save(tmp_path / "a.png", ink))
    assert gray[0, 0] == 0 and gray[0, 15] == 255 and gray[0, 8] == 127


def test_transparent_palette_entry_is_paper(tmp_path):
    picture = Image.fromarray((RAMP > 128).astype(np.uint8), "P")
    picture.putpalette([0, 0, 0] + [10, 20, 30] * 255)
    gray = read_gray(save(tmp_path / "a.png", picture, transparency=0))
    assert gray[0, 0] == 255 and gray[0, 31] == round(.299 * 10 + .587 * 20 + .114 * 30)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_scale_to_eight(tmp_path, suffix):
    assert np.array_equal(read_gray(save(tmp_path / f"a.{suffix}", RAMP.astype(np.uint16) * 257)), RAMP)


def test_sixteen_bit_tiff_whose_zero_is_white(tmp_path):
    path = save(tmp_path / "a.tif", RAMP.astype(np.uint16) * 257, tiffinfo={262: 0})
    if Image.open(path).tag_v2[262] != 0:   # Pillow writes its own value: patch the entry (tag 262, SHORT, one value)
        data = bytearray(path.read_bytes())
        entry = data.index((262).to_bytes(2, "little") + (3).to_bytes(2, "little"))
        data[entry + 8:entry + 10] = b"\0\0"
        path.write_bytes(data)
    assert np.array_equal(read_gray(path), 255 - RAMP)


def test_float_tiff_of_zero_to_one(tmp_path):
    gray = read_gray(save(tmp_path / "a.tif", (RAMP / 255).astype(np.float32)))
    assert np.array_equal(gray, RAMP)


def test_float_tiff_with_nan_is_refused(tmp_path):
    values = (RAMP / 255).astype(np.float32)
    values[3, 3] = np.nan
    with pytest.raises(UnreadableImage, match="unknown range"):
        read_gray(save(tmp_path / "a.tif", values))


def test_one_bit_and_cmyk(tmp_path):
    assert set(np.unique(read_gray(save(tmp_path / "a.tif", Image.fromarray(RAMP > 128))))) == {0, 255}
    cmyk = Image.new("CMYK", (16, 16), (0, 0, 0, 255))
    cmyk.paste((0, 0, 0, 0), (0, 0, 8, 16))
    gray = read_gray(save(tmp_path / "a.jpg", cmyk))
    assert gray[8, 2] > 250 and gray[8, 13] < 5


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_exif_orientation_is_honoured(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6   # the camera was turned: show it rotated by 90 degrees clockwise
    gray = read_gray(save(tmp_path / f"a.{suffix}", RAMP, exif=exif))
    assert gray.shape == (32, 16) and gray[0].mean() < 20 and gray[-1].mean() > 235


def test_first_page_of_a_tiff(tmp_path):
    first, second = Image.fromarray(RAMP), Image.fromarray(255 - RAMP)
    path = save(tmp_path / "a.tif", first, save_all=True, append_images=[second])
    assert np.array_equal(read_gray(path), RAMP)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
@pytest.mark.parametrize("keep", [.3, .6, .97])
def test_truncated_files_are_found(tmp_path, suffix, keep):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    path = cut(save(tmp_path / f"half.{suffix}", noise), keep)
    with pytest.raises(UnreadableImage, match=f"half.{suffix}: .*(truncated|damaged)"):
        read_gray(path)


def test_a_png_without_its_last_bytes_is_found(tmp_path):
    """The pixels are all there; only the closing chunk (12 bytes) is gone, as after a broken download."""
    path = save(tmp_path / "a.png", RAMP)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(UnreadableImage):
        read_gray(path)


def test_a_flipped_bit_in_a_png_is_found(tmp_path):
    path = save(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UnreadableImage, match="damaged"):
        read_gray(path)


@pytest.mark.parametrize("content, reason", [(b"", "0 bytes"), (b"hello, world\n" * 9, "no PNG, JPEG, TIFF or BMP"),
                                             (b"\x89PNG\r\n\x1a\n", "damaged|no PNG")])
def test_files_that_are_no_images(tmp_path, content, reason):
    path = tmp_path / "text.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableImage, match=f"text.png: .*({reason})"):
        read_gray(path)


def test_missing_file_and_folder_called_png(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UnreadableImage, match="no such file"):
        read_gray(tmp_path / "none.png")
    with pytest.raises(UnreadableImage, match="cannot be opened"):
        read_gray(tmp_path / "folder.png")


def test_one_pixel_is_too_small(tmp_path):
    with pytest.raises(UnreadableImage, match="1x1 pixels, at least 8x8"):
        read_gray(save(tmp_path / "dot.png", np.zeros((1, 1), np.uint8)))


@pytest.mark.parametrize("side", [9_000, 30_000])
def test_huge_pictures_are_refused_before_they_are_unpacked(tmp_path, side):
    """A PNG of some hundred bytes that claims side x side pixels."""
    def chunk(name, body):
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")
    header = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999))
                     + chunk(b"IEND", b""))
    with pytest.raises(UnreadableImage, match="80,000,000"):
        read_gray(path)


def test_listing_is_sorted_and_leaves_out_what_systems_make(tmp_path):
    for name in ("b.PNG", "ä/ü ß.jpg", "a.tif", "notes.txt", "._a.png", "__MACOSX/c.png", ".hidden/d.png", "z.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "ä" / "up").symlink_to(tmp_path)   # a loop must not hang the listing
    assert [str(p.relative_to(tmp_path)) for p in list_images(tmp_path)] == ["a.tif", "b.PNG", "z.jpeg", "ä/ü ß.jpg"]


def test_listing_errors_name_the_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name, reason in (("empty", "no image"), ("file", "a folder of images is expected"), ("gone", "no such folder")):
        with pytest.raises(UserError, match=f"{name}: .*{reason}"):
            list_images(tmp_path / name)


def test_odd_names_are_read_and_shown_on_one_line(tmp_path):
    raw = os.path.join(os.fsencode(tmp_path), b"new\nline \xff.png")
    with open(raw, "wb") as file:
        Image.fromarray(RAMP).save(file, format="PNG")
    (path,) = list_images(tmp_path)
    assert np.array_equal(read_gray(path), RAMP)
    assert shown(path).endswith("new\\nline \\xff.png")


def folder_with_faults(tmp_path, faults: int):
    for index in range(10):
        save(tmp_path / f"{index}.png", np.full((16, 16), index, np.uint8))
    for index in range(faults):
        (tmp_path / f"{index}.png").write_bytes(b"")
    return list_images(tmp_path)


def test_many_keep_their_order_and_skip_on_request(tmp_path):
    readings = read_many(folder_with_faults(tmp_path, 2), on_corrupt="skip", threads=4)
    assert [image[0, 0] for image in readings.images] == list(range(2, 10))
    assert [path.name for path in readings.paths] == [f"{index}.png" for index in range(2, 10)]
    assert [error.path.name for error in readings.skipped] == ["0.png", "1.png"]


def test_many_name_all_faults_and_count_those_beyond_five(tmp_path):
    with pytest.raises(UserError) as caught:
        read_many(folder_with_faults(tmp_path, 7))
    message = str(caught.value)
    assert message.startswith("7 of 10 images cannot be read") and "\n" not in message
    assert all(f"{index}.png" in message for index in range(5)) and "and 2 more" in message


def test_skipping_everything_is_an_error(tmp_path):
    with pytest.raises(UserError, match="10 of 10 images cannot be read"):
        read_many(folder_with_faults(tmp_path, 10), on_corrupt="skip")


def test_opening_an_image_imports_nothing(tmp_path):
    """Imports in a pool of threads, beside a main thread that imports, deadlocked: what images need is there before them."""
    for suffix in ("png", "jpg", "tif", "bmp"):
        Image.new("L", (20, 20), 255).save(tmp_path / f"a.{suffix}")
    program = """
import sys
from pathlib import Path
from models.annotations import images
from models.annotations.pages import Page
from models.ink.files import read_gray
import models.ink.files

class Refuse:
    def find_spec(self, name, path=None, target=None):
        raise AssertionError(f"imports {name}")

sys.meta_path.insert(0, Refuse())
for file in sorted(Path(sys.argv[1]).iterdir()):
    assert read_gray(file).shape == (20, 20)
    images.encode(Page(file, [], None))
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
