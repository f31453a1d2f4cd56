"""Print that is no signature: lines of text, tables, stamps and logos, with fonts and words apart for training and test."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from models import fonts, words
from models.invalid.marks import PAPER, curve, pen

STAMPS = {"train": ("RECEIVED", "PAID", "COPY", "APPROVED", "FILED", "ENTERED"),
          "test": ("CONFIDENTIAL", "DRAFT", "ORIGINAL", "CERTIFIED", "VOID")}


def face(rng: np.random.Generator, part: str) -> str:
    """The file of a printed font of the part "train" or "test"; every family is equally frequent."""
    families = fonts.families_of(part)
    files = fonts.faces(families[rng.integers(len(families))])
    return str(files[rng.integers(len(files))])


def set_text(text: str, font: str, pixels: int, tone: int = 0, spacing: float = 0.3) -> np.ndarray:
    """uint8 [h, w]: lines of print on paper, cut to their box."""
    opened = ImageFont.truetype(font, max(6, pixels), layout_engine=ImageFont.Layout.BASIC)
    gap = int(pixels * spacing)
    box = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), text, font=opened, spacing=gap)
    left, top, right, bottom = (int(side) for side in box)
    picture = Image.new("L", (max(8, right - left + 4), max(8, bottom - top + 4)), PAPER)
    ImageDraw.Draw(picture).multiline_text((2 - left, 2 - top), text, tone, opened, spacing=gap)
    return np.array(picture)


def lay(page: np.ndarray, patch: np.ndarray, left: int, top: int) -> None:
    """Lay a patch on the page in place, the darker stays; what lies outside is cut."""
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(page.shape[0], top + patch.shape[0]), min(page.shape[1], left + patch.shape[1])
    if y1 > y0 and x1 > x0:
        window = page[y0:y1, x0:x1]
        np.minimum(window, patch[y0 - top:y1 - top, x0 - left:x1 - left], out=window)


def line_of(rng, part, phrases: int) -> str:
    """Printed phrases on one line, at times all in capitals."""
    text = " ".join(words.phrase(rng, part) for _ in range(phrases))
    return text.upper() if rng.random() < 0.2 else text


def text(page, rng, part):
    """One to six lines of print, starting anywhere and cut by the page as by a crop; at times underlined."""
    height, width = page.shape
    rows = int(rng.integers(1, 7))
    pixels = int(height / rows * rng.uniform(0.45, 0.85)) if rng.random() < 0.7 else int(height * rng.uniform(0.12, 0.3))
    lines = "\n".join(line_of(rng, part, int(rng.integers(1, 4))) for _ in range(rows))
    patch = set_text(lines, face(rng, part), pixels, int(rng.integers(0, 110)), rng.uniform(0.1, 0.7))
    top = int(rng.uniform(-0.3 * pixels, 0.3 * height))
    lay(page, patch, int(rng.uniform(-0.25, 0.2) * width), top)
    if rng.random() < 0.25:
        thickness, tone = pen(page, rng)
        y = top + pixels * 1.2
        curve(page, np.array([(0.03 * width, y), (rng.uniform(0.4, 0.97) * width, y)]), thickness, tone)


def table(page, rng, part):
    """Ruled rows and columns with print in the cells, or empty."""
    height, width = page.shape
    rows, columns = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    ys, xs = (np.linspace(0.05 * side, 0.95 * side, n + 1) for side, n in ((height, rows), (width, columns)))
    thickness, tone = pen(page, rng)
    for y in ys:
        curve(page, np.array([(xs[0], y), (xs[-1], y)]), thickness, tone)
    for x in xs:
        curve(page, np.array([(x, ys[0]), (x, ys[-1])]), thickness, tone)
    font, filled, pixels = face(rng, part), rng.uniform(0, 1), int((ys[1] - ys[0]) * 0.5)
    for y in ys[:-1]:
        for left, right in zip(xs[:-1], xs[1:]):
            if rng.random() < filled and pixels >= 6:
                lay(page, set_text(words.phrase(rng, part), font, pixels)[:, :int(right - left) - 6], int(left) + 4, int(y) + 3)


def stamp(page, rng, part):
    """A round or framed rubber stamp with words, turned and worn."""
    height, width = page.shape
    thickness, tone = pen(page, rng)
    size = int(height * rng.uniform(0.14, 0.3))
    name = STAMPS[part][rng.integers(len(STAMPS[part]))]
    label = f"{name}\n{words.phrase(rng, part)}" if rng.random() < 0.5 else name
    patch = set_text(label, face(rng, part), size, tone)
    half = np.array(patch.shape[::-1]) / 2 + size * 0.4
    centre = np.array((width / 2, height / 2))
    lay(page, patch, int(centre[0] - patch.shape[1] / 2), int(centre[1] - patch.shape[0] / 2))
    if rng.random() < 0.5:
        half = np.minimum(half * (1.2 if rng.random() < 0.5 else (1.2, 2.2)), (0.48 * width, 0.48 * height))
        for share in (1.0, 0.88)[:rng.integers(1, 3)]:
            cv2.ellipse(page, centre.astype(int).tolist(), (half * share).astype(int).tolist(), 0, 0, 360, tone, thickness, cv2.LINE_AA)
    else:
        corners = centre + half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        curve(page, corners, thickness, tone, closed=True)
    turn = cv2.getRotationMatrix2D(tuple(centre), rng.normal(0, 12), 1.0)
    turned = cv2.warpAffine(page, turn, (width, height), flags=cv2.INTER_LINEAR, borderValue=PAPER)
    grain = cv2.GaussianBlur(rng.random(page.shape, dtype=np.float32), (0, 0), rng.uniform(0.5, 2))
    worn = grain > np.quantile(grain, rng.uniform(0, 0.4))
    page[:] = np.where(worn, turned, PAPER)


def logo(page, rng, part):
    """Filled simple shapes that overlap, with a word or a letter, dark on light or light on dark."""
    height, width = page.shape
    for _ in range(rng.integers(1, 4)):
        corners = int(rng.choice((3, 4, 4, 6, 40)))
        angles = np.arange(corners) * 2 * np.pi / corners + rng.uniform(0, np.pi)
        radius = height * rng.uniform(0.15, 0.45) * np.array((rng.uniform(0.7, 2.0), 1.0))
        centre = np.array((width, height)) * rng.uniform(0.25, 0.75, 2)
        points = (centre + np.stack([np.cos(angles), np.sin(angles)], 1) * radius).astype(np.int32)
        cv2.fillPoly(page, [points], int(rng.integers(0, 170)), cv2.LINE_AA)
    if rng.random() < 0.8:
        name = words.phrase(rng, part).split()[0]
        patch = set_text(name[:1] if rng.random() < 0.3 else name.upper(), face(rng, part), int(height * rng.uniform(0.25, 0.6)))
        left, top = int(rng.uniform(0, 0.5) * width), int(rng.uniform(0.1, 0.6) * height)
        if rng.random() < 0.5:
            lay(page, patch, left, top)
        else:  # letters left white in the shapes
            cut = np.full_like(page, PAPER)
            lay(cut, patch, left, top)
            np.maximum(page, PAPER - cut, out=page)
