"""Reads image files of any common kind into grey arrays, and names every file that cannot be read."""
import io
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterable, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from gaudi.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
SMALLEST_SIDE = 8          # pixels; below that no stroke has an inside and an outside
LARGEST_AREA = 80_000_000  # pixels; an A3 page at 600 dpi has 70 million, and Pillow itself warns from 89 million on
NAMED_AT_MOST = 5          # unreadable files listed by name in one message

# What Pillow's decoders are seen to raise on damaged files; anything else is a fault of ours and must surface.
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, OverflowError, EOFError,
                   struct.error, zlib.error, Image.DecompressionBombError)

# Pillow imports its formats when it opens the first image. In a pool of threads, beside a main thread that imports as well,
# that ended in a deadlock of Python's import locks; so they are imported here, once and in one thread.
Image.init()


class UnreadableImage(UserError):
    """One file is no usable image; `path` and `reason` say which and why."""

    def __init__(self, path, reason: str):
        super().__init__(f"{shown(path)}: {reason}")
        self.path, self.reason = Path(path), reason


class Readings(NamedTuple):
    """What read_many found: `images[i]` uint8 [H, W] was read from `paths[i]`; `skipped` holds the rest, in order."""

    images: list[np.ndarray]
    paths: list[Path]
    skipped: list[UnreadableImage]


def shown(path) -> str:
    """A path as one printable line, whatever bytes its name holds."""
    text = os.fsencode(os.fspath(path)).decode("utf-8", "backslashreplace")
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def list_images(root) -> list[Path]:
    """Every image file below a folder, sorted by path; hidden files and folders are left out, links are followed."""
    root = Path(root)
    if not root.exists():
        raise UserError(f"{shown(root)}: no such folder (images are expected in it)")
    if not root.is_dir():
        raise UserError(f"{shown(root)}: a file, but a folder of images is expected")
    found = sorted((path for path in _walk(root) if path.suffix.lower() in SUFFIXES), key=lambda path: path.parts)
    if not found:
        raise UserError(f"{shown(root)}: no image in this folder (looked for {' '.join(SUFFIXES)})")
    return found


def _walk(root: Path) -> Iterable[Path]:
    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not _hidden(name)]
        yield from (Path(folder, name) for name in names if not _hidden(name))


def _hidden(name: str) -> bool:
    """Names that systems make, not people: .DS_Store, ._scan.png, __MACOSX."""
    return name.startswith(".") or name == "__MACOSX"


def read_gray(path) -> np.ndarray:
    """The file's first page as uint8 [H, W], 255 = paper; transparency counts as white. Raises UnreadableImage."""
    data = _bytes(path)
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.UnidentifiedImageError:
        raise UnreadableImage(path, "its content is no PNG, JPEG, TIFF or BMP image") from None
    except Image.DecompressionBombError:
        raise UnreadableImage(path, f"more than {LARGEST_AREA:,} pixels, the most allowed") from None
    except _DECODER_ERRORS as error:
        raise UnreadableImage(path, f"damaged image ({_one_line(error)})") from None
    _check_size(path, *picture.size)
    try:
        if picture.format == "PNG":
            Image.open(io.BytesIO(data), formats=("PNG",)).verify()  # the only check of the pixel data's sums
        gray = _gray(picture)
    except _DECODER_ERRORS as error:
        raise UnreadableImage(path, f"damaged or truncated image ({_one_line(error)})") from None
    if gray is None:
        raise UnreadableImage(path, f"pixel values of an unknown range (mode {picture.mode}; 8 or 16 bit is allowed)")
    return gray


def read_many(paths, on_corrupt: str = "fail", threads: int | None = None) -> Readings:
    """Reads files in parallel, in the given order.

    on_corrupt "fail" raises one UserError that names the unreadable files; "skip" leaves them out and returns them.
    """
    if on_corrupt not in ("fail", "skip"):
        raise UserError(f"on_corrupt: {on_corrupt!r} is unknown (allowed: fail, skip)")
    paths = [Path(path) for path in paths]
    with ThreadPoolExecutor(threads or len(os.sched_getaffinity(0))) as pool:
        results = list(pool.map(_read_or_error, paths))
    skipped = [result for result in results if isinstance(result, UnreadableImage)]
    if skipped and (on_corrupt == "fail" or len(skipped) == len(paths)):
        raise UserError(_complaint(skipped, len(paths)))
    kept = [(image, path) for image, path in zip(results, paths) if not isinstance(image, UnreadableImage)]
    return Readings([image for image, _ in kept], [path for _, path in kept], skipped)


def _read_or_error(path: Path) -> np.ndarray | UnreadableImage:
    try:
        return read_gray(path)
    except UnreadableImage as error:
        return error


def _complaint(errors: list[UnreadableImage], total: int) -> str:
    named = "; ".join(str(error) for error in errors[:NAMED_AT_MOST])
    more = f"; and {len(errors) - NAMED_AT_MOST} more" if len(errors) > NAMED_AT_MOST else ""
    advice = " (on_corrupt: skip leaves them out)" if len(errors) < total else ""
    return f"{len(errors)} of {total} images cannot be read: {named}{more}{advice}"


def _bytes(path) -> bytes:
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise UnreadableImage(path, "no such file") from None
    except OSError as error:
        raise UnreadableImage(path, f"cannot be opened ({error.strerror})") from None
    if not data:
        raise UnreadableImage(path, "an empty file (0 bytes)")
    return data


def _check_size(path, width: int, height: int):
    if min(width, height) < SMALLEST_SIDE:
        raise UnreadableImage(path, f"{width}x{height} pixels, at least {SMALLEST_SIDE}x{SMALLEST_SIDE} are needed")
    if width * height > LARGEST_AREA:
        raise UnreadableImage(path, f"{width}x{height} pixels, at most {LARGEST_AREA:,} in all are allowed")


def _gray(picture: Image.Image) -> np.ndarray | None:
    """The decoded picture as uint8 [H, W], turned upright; None where the range of its values is unknown."""
    picture.load()
    white_is_zero = picture.format == "TIFF" and picture.tag_v2.get(262) == 0
    picture = ImageOps.exif_transpose(picture)
    if picture.mode[0] in "IF":  # 16 and 32 bit integers, floats
        return _eight_bit(np.asarray(picture), inverted=white_is_zero)
    if picture.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    if picture.mode == "CMYK":
        picture = picture.convert("RGB")
    return np.array(picture.convert("L"))


def _eight_bit(values: np.ndarray, inverted: bool) -> np.ndarray | None:
    """Scales 0..65535 integers, or 0..1 and 0..255 floats, to uint8; None for any other range."""
    floats, values = values.dtype.kind == "f", values.astype(np.float64)
    lowest, highest = values.min(), values.max()
    if not (np.isfinite(values).all() and lowest >= 0 and highest <= (255 if floats else 65535)):
        return None
    top = (1.0 if highest <= 1 else 255.0) if floats else 65535.0
    scaled = np.rint(values * (255.0 / top)).astype(np.uint8)
    # Pillow turns 8-bit scans round whose zero is white, but leaves 16-bit ones as they are.
    return 255 - scaled if inverted and not floats else scaled


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
