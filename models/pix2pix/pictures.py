"""Reads the pictures of a listing into memory as PNG bytes of one size, so that TensorFlow only decodes; no TF here."""

from __future__ import annotations

import functools
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from gaudi.errors import UserError
from models.ink.files import UnreadableImage, read_gray
from models.pix2pix import embedded
from models.pix2pix.config import PairData
from models.pix2pix.example import Example
from models.pix2pix.prepare import ALIGNED, GENERATED, TARGETED

THREADS = 4


@dataclass(frozen=True)
class Pictures:
    """One example's PNG files: the input per font as it is fed and as plainly printed, and the target."""

    inputs: list[bytes]
    plain: list[bytes]
    target: bytes


def load(examples: list[Example], data: PairData) -> tuple[list[Example], list[Pictures]]:
    """The pictures of all examples, those left out that cannot be read where data.on_corrupt is skip."""
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(lambda example: _or_error(example, data), examples))
    faults = [result for result in results if isinstance(result, UserError)]
    if faults and (data.on_corrupt == "fail" or len(faults) == len(examples)):
        more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
        advice = " (data.on_corrupt: skip leaves them out)" if len(faults) < len(examples) else ""
        raise UserError(f"{len(faults)} of {len(examples)} examples cannot be used: "
                        f"{'; '.join(str(fault) for fault in faults[:5])}{more}{advice}")
    good = [(example, result) for example, result in zip(examples, results) if isinstance(result, Pictures)]
    return [example for example, _ in good], [result for _, result in good]


def _or_error(example, data):
    try:
        return pictures_of(example, data)
    except UserError as error:
        return error


def pictures_of(example: Example, data: PairData) -> Pictures:
    """One example's pictures, whatever the layout."""
    if data.layout == "signatures":
        return embedded_signature(example, data) if not data.root else prepared_signature(example, data)
    if example.half:
        only = png(half_of(example, data))
        return Pictures([only], [], only)
    front, plan = both(example, data)
    first, second = (front, plan) if data.direction == "AtoB" else (plan, front)
    return Pictures([png(first)], [], png(second))


def embedded_signature(example: Example, data: PairData) -> Pictures:
    """Drawn here and now."""
    plain = [_plain_print(example.name, font, data.size) for font in example.fonts]
    fed = [png(embedded.laid_out(example, font, data.size)) for font in example.fonts] if data.align else plain
    return Pictures(fed, plain, png(embedded.handwriting(example, data.size)))


@functools.lru_cache(maxsize=1024)
def _plain_print(name: str, font: str, size: int) -> bytes:
    return png(embedded.printed(name, font, size))


def prepared_signature(example: Example, data: PairData) -> Pictures:
    """From the folders of a prepared data set; UserError where print and handwriting differ in size."""
    root = Path(data.root)
    target, shape = gray_png(root / TARGETED / example.key, data.size)

    def of(kind, font):
        path = root / kind / font / example.key
        picture, its_shape = gray_png(path, data.size)
        if its_shape != shape:
            raise UnreadableImage(path, f"{its_shape[1]}x{its_shape[0]} pixels, but {TARGETED}/{example.key} has "
                                        f"{shape[1]}x{shape[0]}")
        return picture

    plain = [of(GENERATED, font) for font in example.fonts]
    fed = [of(ALIGNED, font) for font in example.fonts] if data.align else plain
    return Pictures(fed, plain, target)


def gray_png(path, size: int) -> tuple[bytes, tuple[int, int]]:
    """A picture as a grey PNG of that size, and the shape it had. Files that are that already are only checked."""
    try:
        data = Path(path).read_bytes()
        with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            ready = opened.mode == "L" and opened.size == (size, size) and not opened.info.get("transparency")
            opened.verify()
    except (OSError, SyntaxError, ValueError):
        ready = False  # read_gray says what is wrong
    if ready:
        return data, (size, size)
    picture = read_gray(path)
    return png(resized(picture, size)), picture.shape


def both(example: Example, data: PairData) -> tuple[np.ndarray, np.ndarray]:
    """A and B of a picture A|B, or of two files, uint8 [S, S, C]; with two files A is the input."""
    if not data.root:
        return tuple(in_channels(half, data.channels) for half in embedded.pair(example, data.size))
    if example.partner:
        first, second = (read_picture(path, data.channels) for path in (example.partner, example.key))
        if first.shape != second.shape:
            raise UnreadableImage(example.partner, f"{first.shape[1]}x{first.shape[0]} pixels, but its partner has "
                                                   f"{second.shape[1]}x{second.shape[0]}")
    else:
        whole = read_picture(example.key, data.channels)
        if whole.shape[1] % 2 or whole.shape[1] < whole.shape[0]:
            raise UnreadableImage(example.key, f"{whole.shape[1]}x{whole.shape[0]} pixels: no A|B picture, whose "
                                               "halves stand side by side and are equally wide")
        first, second = np.split(whole, 2, axis=1)
    return resized(first, data.size), resized(second, data.size)


def half_of(example: Example, data: PairData) -> np.ndarray:
    """The one picture that an unpaired example is, uint8 [S, S, C]."""
    if not data.root:
        return both(example, data)["AB".index(example.half)]
    return resized(read_picture(example.key, data.channels), data.size)


def read_picture(path, channels: int) -> np.ndarray:
    """A file as uint8 [H, W, C]; grey as models.ink reads it (what it refuses is refused), colour on white paper."""
    gray = read_gray(path)
    if channels == 1:
        return gray[..., None]
    with Image.open(path) as picture:
        if picture.mode[0] in "IFL1":
            return in_channels(gray, 3)
        picture = picture.convert("RGBA")
        return np.array(Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB"))


def in_channels(picture: np.ndarray, channels: int) -> np.ndarray:
    """uint8 [H, W], or [H, W, 3] RGB, as [H, W, channels]."""
    if picture.ndim == 3 and picture.shape[2] == 3 and channels == 1:
        return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]
    picture = picture[..., None] if picture.ndim == 2 else picture
    return np.repeat(picture, 3, axis=2) if picture.shape[2] < channels else picture


def resized(picture: np.ndarray, size: int) -> np.ndarray:
    """uint8 [h, w(, C)] stretched to a square of `size`."""
    if picture.shape[:2] == (size, size):
        return picture
    how = cv2.INTER_AREA if picture.shape[0] > size else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, (size, size), interpolation=how)
    return scaled if scaled.ndim == picture.ndim else scaled[..., None]


def png(picture: np.ndarray) -> bytes:
    """uint8 [S, S(, C)] RGB or grey as a PNG file, packed quickly rather than tightly."""
    made = Image.fromarray(picture[..., 0] if picture.shape[2:] == (1,) else picture)
    file = io.BytesIO()
    made.save(file, "PNG", compress_level=1)
    return file.getvalue()
