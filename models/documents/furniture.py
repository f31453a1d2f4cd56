"""What stands on pages beside running text: logos, letterheads, tables, stamps, signature blocks, notes, scan marks."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw

from models import words
from models.documents import hands
from models.documents.hands import pick
from models.documents.sheet import Sheet, turned

CLOSINGS = {"train": ("Sincerely,", "Yours truly,", "Very truly yours,", "Cordially,", "Signed:", "By:", "Signature:"),
            "test": ("Regards,", "Respectfully,", "Faithfully yours,", "Authorised signature", "For the company:",
                     "Signed by")}
STAMP_WORDS = {"train": ("RECEIVED", "PAID", "COPY", "APPROVED", "FILED", "ENTERED"),
               "test": ("CONFIDENTIAL", "DRAFT", "ORIGINAL", "CERTIFIED", "VOID")}
WRITERS = 400  # different people who sign a part's pages


def text_part(sheet: Sheet) -> str:
    """Validation shares training's fonts and words, the test has its own."""
    return "test" if sheet.part == "test" else "train"


def name_of(rng, part: str) -> str:
    """A printed person."""
    return f"{pick(rng, words.first_names(part))} {pick(rng, words.surnames(part))}"


def signature(sheet: Sheet, x: float, y: float, width: float | None = None) -> None:
    """A signature around x, y (its middle)."""
    rng = sheet.rng
    width = width or float(np.exp(rng.uniform(np.log(105), np.log(380))))
    ink = hands.signature(sheet.part, int(rng.integers(WRITERS)), int(rng.integers(hands.VARIANTS)),
                          width * sheet.unit, rng)
    sheet.mark("signature", ink, x, y, rng.normal(3, 5))


def initials(sheet: Sheet, x: float, y: float) -> None:
    """Initials around x, y."""
    rng = sheet.rng
    ink = hands.initials(sheet.part, int(rng.integers(WRITERS)), int(rng.integers(hands.VARIANTS)),
                         rng.uniform(22, 52) * sheet.unit, rng)
    sheet.mark("initials", ink, x, y)


def date(sheet: Sheet, x: float, y: float) -> None:
    """A handwritten date around x, y."""
    sheet.mark("date", hands.date(sheet.rng.uniform(13, 30) * sheet.unit, sheet.rng), x, y)


def note(sheet: Sheet, x: float, y: float) -> None:
    """Handwriting that is no signature: words, at times ringed or struck through, or ticks."""
    rng = sheet.rng
    ink = hands.note(text_part(sheet), rng.uniform(14, 30) * sheet.unit, rng)
    kind = rng.random()
    if kind < 0.25:  # ringed
        pad = int(10 * sheet.unit)
        ink = np.pad(ink, pad)
        centre = ink.shape[1] // 2, ink.shape[0] // 2
        cv2.ellipse(ink, centre, (centre[0] - 3, centre[1] - 3), rng.uniform(-4, 4), rng.uniform(0, 40), 380, 230,
                    max(1, round(2 * sheet.unit)), cv2.LINE_AA)
    elif kind < 0.35:  # struck through
        cv2.line(ink, (0, ink.shape[0] // 2), (ink.shape[1], int(ink.shape[0] * rng.uniform(0.3, 0.7))), 230,
                 max(1, round(2 * sheet.unit)), cv2.LINE_AA)
    sheet.mark(None, ink, x, y)


def field(sheet: Sheet, x: float, y: float) -> None:
    """A form's field filled in by hand: a name, words, or an amount; none of them to be found."""
    rng = sheet.rng
    part = text_part(sheet)
    texts = (pick(rng, words.words(part)), f"{rng.integers(10, 99999)}", name_of(rng, part))
    ink = hands.written(pick(rng, texts), rng.uniform(14, 24) * sheet.unit, rng)
    sheet.mark(None, ink, x + ink.shape[1] / sheet.unit / 2, y)


def signature_block(sheet: Sheet, x: float, y: float, signed: bool) -> float:
    """A closing, room to sign, a line or a printed name; returns the y below it."""
    rng, part = sheet.rng, text_part(sheet)
    room = rng.uniform(45, 110)
    if rng.random() < 0.75:
        sheet.text(x, y, pick(rng, CLOSINGS[part]))
        y += sheet.size * 1.3
    if signed:
        signature(sheet, x + rng.uniform(60, 180), y + room * rng.uniform(0.35, 0.75))
    y += room
    length = rng.uniform(180, 330)
    if rng.random() < 0.55:
        sheet.line(x, y, x + length, y, rng.uniform(1, 2.5))
        y += 4
    if rng.random() < 0.8:
        sheet.text(x, y, name_of(rng, part))
        y += sheet.size * 1.25
        if rng.random() < 0.6:
            sheet.text(x, y, pick(rng, words.words(part)))
            y += sheet.size * 1.25
    if rng.random() < 0.35:
        sheet.text(x, y + 6, "Date:")
        sheet.line(x + 55, y + 6 + sheet.size, x + 210, y + 6 + sheet.size)
        if signed and rng.random() < 0.8:
            date(sheet, x + 130, y + 4)
        y += sheet.size * 1.6
    return y


def letterhead(sheet: Sheet, y: float) -> float:
    """Logo, name, address; returns the y below."""
    rng = sheet.rng
    if rng.random() < 0.7:
        logo(sheet, rng.uniform(60, 850), y + 40, rng.uniform(25, 55))
    name = sheet.phrase().title()
    x = rng.uniform(150, 500)
    sheet.text(x, y, name, rng.uniform(22, 44), head=True)
    y += 55
    for _ in range(rng.integers(0, 3)):
        sheet.text(x, y, f"{sheet.phrase()} {sheet.phrase()}", 12)
        y += 16
    if rng.random() < 0.4:
        sheet.line(60, y + 6, 940, y + 6, rng.uniform(1, 4))
    return y + 30


def logo(sheet: Sheet, x: float, y: float, radius: float) -> None:
    """Overlapping simple shapes with letters or none."""
    rng, draw, u = sheet.rng, sheet.draw, sheet.unit
    for _ in range(rng.integers(1, 4)):
        cx, cy = (x + rng.uniform(-0.4, 0.4) * radius) * u, (y + rng.uniform(-0.4, 0.4) * radius) * u
        r = radius * rng.uniform(0.4, 1) * u
        tone, kind = int(rng.integers(0, 160)), rng.integers(4)
        fill = tone if rng.random() < 0.5 else None
        if kind == 0:
            draw.ellipse([cx - r, cy - r, cx + r, cy + r], fill, tone, max(1, round(3 * u)))
        elif kind == 1:
            draw.rectangle([cx - r, cy - r * 0.7, cx + r, cy + r * 0.7], fill, tone, max(1, round(3 * u)))
        else:
            draw.regular_polygon((cx, cy, max(3, r)), int(rng.integers(3, 9)), rng.uniform(0, 90), fill, tone)


def table(sheet: Sheet, x: float, y: float, width: float, rows: int) -> float:
    """A ruled or open table of printed pieces; returns the y below."""
    rng = sheet.rng
    columns = int(rng.integers(2, 6))
    edges = x + width * np.concatenate([[0], np.sort(rng.uniform(0.1, 0.9, columns - 1)), [1]])
    step, ruled = sheet.size * rng.uniform(1.5, 2.4), rng.random() < 0.7
    for row in range(rows + 1):
        if ruled:
            sheet.line(x, y + row * step, x + width, y + row * step)
        for left, right in zip(edges[:-1], edges[1:]):
            if row < rows and right - left > 60 and rng.random() < 0.8:
                fits = max(3, int((right - left) / sheet.size * 1.6))
                sheet.text(left + 5, y + row * step + 3, sheet.phrase()[:fits], sheet.size * 0.85)
    if ruled and rng.random() < 0.7:
        for edge in edges:
            sheet.line(edge, y, edge, y + rows * step)
    return y + rows * step + 15


def stamp(sheet: Sheet, x: float, y: float) -> None:
    """A round or framed rubber stamp, turned, worn."""
    rng, part = sheet.rng, text_part(sheet)
    word = pick(rng, STAMP_WORDS[part])
    size = rng.uniform(20, 38)
    font = sheet.font(size, head=True)
    wide = int(font.length(word) + 24 * sheet.unit)
    high = int(size * sheet.unit * (2.0 if rng.random() < 0.5 else 3.2))
    round_one = rng.random() < 0.4
    high = wide if round_one else high
    picture = Image.new("L", (wide, high), 0)
    draw = ImageDraw.Draw(picture)
    shape = draw.ellipse if round_one else draw.rectangle
    shape([2, 2, wide - 3, high - 3], None, 255, max(2, round(3 * sheet.unit)))
    text = np.full((high, wide), 255, np.uint8)
    font.line(text, 12 * sheet.unit, high / 2 - size * sheet.unit * 0.6, word, 0)
    worn = np.maximum(np.asarray(picture), 255 - text) * (rng.random((high, wide)) > rng.uniform(0, 0.35))
    sheet.mark(None, turned(worn.astype(np.uint8), rng.normal(0, 15)), x, y, 0.0)


def redactions(sheet: Sheet, x: float, y: float, width: float, count: int) -> None:
    """Bars over words and lines of the text block that starts at x, y."""
    rng, step = sheet.rng, sheet.size * 1.28
    for _ in range(count):
        bar = rng.uniform(0.06, 0.6) * width
        rows = 1 if rng.random() < 0.8 else int(rng.integers(2, 6))
        left, top = x + rng.uniform(0, 1) * (width - bar), y + step * rng.integers(0, 8)
        sheet.cover(left, top, bar, step * rows * rng.uniform(0.85, 1.1))


def scan_marks(sheet: Sheet) -> None:
    """What copying leaves: page numbers, punch holes, black edges, numbers stamped along the side."""
    rng, u, bottom = sheet.rng, sheet.unit, sheet.bottom
    if rng.random() < 0.3:
        sheet.text(rng.uniform(450, 900), bottom - 30, str(rng.integers(1, 99)))
    if rng.random() < 0.25:
        sheet.text(rng.uniform(600, 800), bottom - rng.uniform(30, 70), f"{rng.integers(10**7, 10**9)}",
                   rng.uniform(18, 28))
    if rng.random() < 0.25:
        for share in rng.uniform(0.1, 0.9, 2):
            x, y, r = rng.uniform(12, 40) * u, share * bottom * u, rng.uniform(8, 14) * u
            sheet.draw.ellipse([x - r, y - r, x + r, y + r], fill=int(rng.integers(0, 60)))
    if rng.random() < 0.25:
        side, depth = rng.integers(4), rng.uniform(4, 28) * u
        w, h = sheet.width, sheet.height
        edges = ([0, 0, depth, h], [w - depth, 0, w, h], [0, 0, w, depth], [0, h - depth, w, h])
        sheet.draw.rectangle(edges[side], fill=int(rng.integers(0, 40)))
