"""One synthetic page from its number alone: layout, print, handwriting, scan."""

from __future__ import annotations

import cv2
import numpy as np

from models.annotations.pages import SPLITS, Box
from models.documents import furniture, layouts, scan
from models.documents.sheet import Sheet

CLASSES = ("signature", "initials", "redaction", "date")
LEAST_LEFT = 0.25  # of a mark's dark pixels that must have outlived the scan, else it is no example
FAINT = 0.93       # of the paper's brightness; darker is ink


def make(seed: int, part: str, number: int, height=1000, width=1000) -> tuple[np.ndarray, list[Box], bool]:
    """Page `number` of a part: uint8 [height, width], boxes in pixels, and whether it has only two tones.

    It depends on (seed, part, number) and the size alone. Parts share no writer; the test shares no font, word or
    layout with training (but blank pages).
    """
    rng = np.random.default_rng((seed, SPLITS.index(part), number))
    sheet = Sheet(height, width, part, rng)
    kinds, shares = (layouts.TEST, layouts.TEST_SHARES) if part == "test" else (layouts.TRAIN, layouts.SHARES)
    kinds[rng.choice(len(kinds), p=shares)](sheet)
    _distract(sheet)
    furniture.scan_marks(sheet)
    page, boxes, dark = sheet.finished(float(np.clip(rng.normal(0, 0.8), -3, 3)))
    page, two_tones = scan.scanned(page, rng)
    return page, [box for box, pixels in zip(boxes, dark) if _visible(page, box, pixels)], two_tones


def _visible(page, box, pixels):
    """Whether the scan has left enough of the ink: a threshold takes faint pencil wholly away."""
    inside = page[int(box.ymin):int(box.ymax), int(box.xmin):int(box.xmax)]
    return np.count_nonzero(inside < FAINT * np.median(page[::9, ::9])) >= LEAST_LEFT * pixels


def _distract(sheet: Sheet) -> None:
    """Stamps and handwriting that is no signature, and now and then more of what is to be found."""
    rng = sheet.rng
    for _ in range(rng.poisson(0.5)):
        y = rng.choice([rng.uniform(20, 110), rng.uniform(120, sheet.bottom - 40)])
        furniture.note(sheet, rng.uniform(100, 900), y)
    for _ in range(rng.poisson(0.35)):
        furniture.stamp(sheet, rng.uniform(120, 880), rng.uniform(60, sheet.bottom - 60))
    if rng.random() < 0.15:
        furniture.date(sheet, rng.uniform(150, 850), rng.uniform(30, sheet.bottom - 40))
    if rng.random() < 0.15:
        furniture.initials(sheet, rng.uniform(40, 960), rng.uniform(30, sheet.bottom - 30))
    if rng.random() < 0.12:
        top = rng.uniform(80, sheet.bottom - 250)
        furniture.redactions(sheet, rng.uniform(60, 200), top, 700, int(rng.integers(1, 5)))


def encode(page: np.ndarray, two_tones: bool) -> tuple[bytes, str]:
    """The page as small and fast as its kind allows: PNG for two tones, JPEG for grain."""
    if two_tones:
        return cv2.imencode(".png", page, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].tobytes(), "png"
    return cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes(), "jpeg"
