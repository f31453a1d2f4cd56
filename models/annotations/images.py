"""Page images: bytes as they go into a record, their size, and a fingerprint that near-duplicates share."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageOps

from models.annotations.pages import Page
from models.ink.files import LARGEST_AREA, UnreadableImage, read_gray

KEPT = {"JPEG": ("L", "RGB"), "PNG": ("1", "L", "RGB", "P")}  # what TensorFlow decodes as Pillow does
HASH_SIDE = 16   # the fingerprint has 16 x 16 bits
NEAR_BITS = 40   # of 256; on Tobacco800 the pairs below are one letter or form twice, other pages differ in 60 and more

_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, OverflowError, EOFError,
                   Image.DecompressionBombError)


@dataclass
class Encoded:
    """One page ready for a record: PNG or JPEG bytes, pixel size, fingerprint uint8 [32]."""

    data: bytes
    format: str
    height: int
    width: int
    fingerprint: np.ndarray


def encode(page: Page, largest_side: int = 0) -> Encoded:
    """Read a page's image; keep its bytes where TensorFlow reads them as they are, else write them as PNG.

    largest_side: shrink pages whose longer side is above this many pixels (0 = never). Raises UnreadableImage.
    """
    data = page.encoded if page.encoded is not None else _bytes(page.image)
    picture, upright = _opened(page, data)
    format_name = picture.format
    keep = upright and page.frame == 0 and picture.mode in KEPT.get(format_name, ())
    pixels = _pixels(page, picture)
    height, width = pixels.shape[:2]
    fingerprint_of = fingerprint(pixels)
    if largest_side and max(height, width) > largest_side:
        scale = largest_side / max(height, width)
        pixels = cv2.resize(pixels, (max(1, round(width * scale)), max(1, round(height * scale))),
                            interpolation=cv2.INTER_AREA)
        keep = False
    if not keep:
        data, format_name = _png(pixels), "PNG"
    return Encoded(data, format_name.lower(), *pixels.shape[:2], fingerprint_of)


def _bytes(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UnreadableImage(path, "no such file") from None
    except OSError as error:
        raise UnreadableImage(path, f"cannot be opened ({error.strerror})") from None


def _opened(page, data):
    """The page's picture, not yet decoded, and whether it lies upright as stored."""
    try:
        picture = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "TIFF", "BMP"))
        if page.frame:
            picture.seek(page.frame)
    except Image.UnidentifiedImageError:
        raise UnreadableImage(page.name, "its content is no PNG, JPEG, TIFF or BMP image") from None
    except EOFError:
        raise UnreadableImage(page.name, f"has no page {page.frame + 1}") from None
    except Image.DecompressionBombError:
        raise UnreadableImage(page.name, f"more than {LARGEST_AREA:,} pixels, the most allowed") from None
    except _DECODER_ERRORS as error:
        raise UnreadableImage(page.name, f"damaged image ({' '.join(str(error).split())})") from None
    if picture.width * picture.height > LARGEST_AREA:
        raise UnreadableImage(page.name, f"{picture.width}x{picture.height} pixels, at most {LARGEST_AREA:,} in all")
    return picture, picture.getexif().get(0x0112, 1) == 1


def _pixels(page, picture):
    """The picture upright as uint8 [H, W] or [H, W, 3]."""
    if picture.mode not in ("1", "L", "RGB", "P", "CMYK", "YCbCr") and page.encoded is None and page.frame == 0:
        return read_gray(page.image)  # 16 bits, floats, transparency: flattened to grey on white
    try:
        upright = ImageOps.exif_transpose(picture)
        grey = upright.mode in ("1", "L") or (upright.mode == "P" and _grey_palette(upright))
        return np.array(upright.convert("L" if grey else "RGB"))
    except _DECODER_ERRORS as error:
        raise UnreadableImage(page.name, f"damaged or truncated image ({' '.join(str(error).split())})") from None


def _grey_palette(picture):
    colours = np.array(picture.getpalette()).reshape(-1, 3)
    return bool((colours.min(axis=1) == colours.max(axis=1)).all())


def _png(pixels):
    order = pixels if pixels.ndim == 2 else pixels[..., ::-1]
    return cv2.imencode(".png", order, [cv2.IMWRITE_PNG_COMPRESSION, 6])[1].tobytes()


def fingerprint(pixels: np.ndarray) -> np.ndarray:
    """uint8 [32]: the signs of 16 x 16 low frequencies of where the ink lies, after Zauner's pHash (2010), chapter 3.2.

    Text pages all look alike as grey thumbnails; the cosine transform of a 64 x 64 ink map, its mean left out, tells
    layouts apart and survives scaling, noise and recompression.
    """
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:HASH_SIDE, :HASH_SIDE].ravel()
    low[0] = 0.0
    return np.packbits(low > np.median(low))


def distances(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Number of differing bits, [N], between fingerprint uint8 [32] and fingerprints uint8 [N, 32]."""
    return _BITS[np.bitwise_xor(others, one)].sum(axis=1)


_BITS = np.array([bin(value).count("1") for value in range(256)], np.int64)


def groups(fingerprints: np.ndarray, near: int = NEAR_BITS) -> np.ndarray:
    """A group number for each of the fingerprints [N, 32]: chains of near-duplicates share one, int64 [N]."""
    parent = np.arange(len(fingerprints))

    def root(index):
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for index in range(1, len(fingerprints)):
        for other in np.flatnonzero(distances(fingerprints[index], fingerprints[:index]) <= near):
            parent[root(index)] = root(int(other))
    return np.array([root(index) for index in range(len(fingerprints))], np.int64)
