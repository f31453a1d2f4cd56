"""The kinds of pages: each function fills a Sheet. Some are kept for the test, so that it holds unseen layouts."""

from __future__ import annotations

from models.documents import furniture
from models.documents.sheet import Sheet


def letter(sheet: Sheet) -> None:
    """Letterhead, date, address, paragraphs, closing and signature."""
    rng, left = sheet.rng, sheet.rng.uniform(60, 160)
    y = furniture.letterhead(sheet, rng.uniform(20, 80))
    sheet.text(rng.uniform(left, 650), y, sheet.phrase())
    for row in range(rng.integers(2, 6)):
        sheet.text(left, y + 40 + row * sheet.size * 1.25, sheet.phrase())
    y = _paragraphs(sheet, left, y + 170, 1000 - 2 * left, sheet.bottom * rng.uniform(0.45, 0.75))
    furniture.signature_block(sheet, rng.choice([left, rng.uniform(400, 600)]), y + 15, rng.random() < 0.92)


def contract(sheet: Sheet) -> None:
    """Numbered clauses over the page, one or two parties at its foot, initials in the margins."""
    rng, left = sheet.rng, sheet.rng.uniform(70, 130)
    y = rng.uniform(40, 90)
    if rng.random() < 0.5:
        sheet.text(rng.uniform(300, 420), y, sheet.phrase().upper(), rng.uniform(20, 30), head=True)
        y += 50
    end, clause = sheet.bottom * rng.uniform(0.55, 0.8), int(rng.integers(1, 30))
    while y < end:
        sheet.text(left, y, f"{clause}. {sheet.phrase().upper()}")
        y = sheet.paragraph(left + 30, y + sheet.size * 1.5, 880 - left, int(rng.integers(2, 6))) + 12
        clause += 1
    for column in range(rng.integers(0, 3)):
        furniture.signature_block(sheet, left + 420 * column, y + 10, rng.random() < 0.85)
    for _ in range(rng.integers(0, 5)):
        margin = rng.choice([rng.uniform(25, 70), rng.uniform(860, 970)])
        furniture.initials(sheet, margin, rng.uniform(0.1, 0.97) * sheet.bottom)


def form(sheet: Sheet) -> None:
    """Labelled fields on lines and in boxes, filled in by hand or print, with places to sign, initial and date."""
    rng = sheet.rng
    y = rng.uniform(25, 60)
    sheet.text(rng.uniform(60, 400), y, sheet.phrase().upper(), rng.uniform(22, 34), head=True)
    y += 60
    while y < sheet.bottom - 200:
        x = 60.0
        for _ in range(rng.integers(1, 4)):
            width = rng.uniform(200, 420)
            if x + width > 960:
                break
            _field(sheet, x, y, width)
            x += width + 20
        y += rng.uniform(34, 60)
    for x in (80, 520)[:rng.integers(1, 3)]:
        sheet.line(x, y + 80, x + 240, y + 80, 1.5)
        sheet.text(x, y + 84, "Signature" if rng.random() < 0.7 else sheet.phrase(), 12)
        if rng.random() < 0.9:
            furniture.signature(sheet, x + rng.uniform(90, 150), y + rng.uniform(45, 75), rng.uniform(110, 260))
        if rng.random() < 0.7:
            sheet.line(x + 260, y + 80, x + 390, y + 80, 1.5)
            sheet.text(x + 260, y + 84, "Date", 12)
            furniture.date(sheet, x + 325, y + 66)


def _field(sheet, x, y, width):
    rng = sheet.rng
    label = sheet.phrase()[:14]
    used = sheet.text(x, y, f"{label}:", sheet.size * 0.8) + 8
    sheet.line(x + used, y + sheet.size, x + width, y + sheet.size)
    kind = rng.random()
    if kind < 0.35:
        furniture.field(sheet, x + used + 4, y + 6)
    elif kind < 0.6:
        sheet.text(x + used + 4, y - 2, sheet.phrase()[:int(max(4, (width - used) / sheet.size * 1.5))])
    elif kind < 0.68:
        furniture.date(sheet, x + used + 60, y + 5)
    elif kind < 0.76:
        furniture.initials(sheet, x + used + 40, y + 2)


def cheque(sheet: Sheet) -> None:
    """One to three cheques or coupons with a signature in their corners."""
    rng = sheet.rng
    height = rng.uniform(270, 330)
    for number in range(int(rng.integers(1, max(2, sheet.bottom // 340)))):
        x, y, width = rng.uniform(30, 120), 30 + number * (height + rng.uniform(10, 25)), rng.uniform(720, 850)
        sheet.draw.rectangle([v * sheet.unit for v in (x, y, x + width, y + height)], None, 60, 2)
        sheet.text(x + 20, y + 15, sheet.phrase(), 20, head=True)
        furniture.logo(sheet, x + width - 70, y + 45, 25)
        for row, share in enumerate((0.35, 0.5, 0.62)):
            sheet.text(x + 20, y + height * share - 14, sheet.phrase()[:12], 12)
            sheet.line(x + 120, y + height * share, x + width - 40 - 120 * (row == 0), y + height * share)
            furniture.field(sheet, x + 140, y + height * share - 10)
        furniture.date(sheet, x + width - 150, y + height * 0.22)
        sheet.line(x + width * 0.55, y + height * 0.84, x + width - 30, y + height * 0.84)
        if rng.random() < 0.9:
            furniture.signature(sheet, x + width * 0.75, y + height * rng.uniform(0.7, 0.82), rng.uniform(120, 270))
        sheet.text(x + 30, y + height - 30, f"{rng.integers(10**8, 10**9)} {rng.integers(10**8, 10**9)}", 18)


def report(sheet: Sheet) -> None:
    """Text and tables, most often nobody signs."""
    rng, y = sheet.rng, sheet.rng.uniform(40, 90)
    sheet.text(rng.uniform(80, 400), y, sheet.phrase(), rng.uniform(22, 36), head=True)
    y += 60
    while y < sheet.bottom * 0.85:
        if rng.random() < 0.5:
            y = furniture.table(sheet, rng.uniform(60, 120), y, rng.uniform(500, 820), int(rng.integers(3, 10)))
        else:
            y = sheet.paragraph(80, y, 840, int(rng.integers(3, 9))) + 20
    if rng.random() < 0.3:
        furniture.initials(sheet, rng.uniform(700, 950), sheet.bottom - 50)


def sparse(sheet: Sheet) -> None:
    """Nearly nothing on it: a blank page, a note, or a signature alone."""
    rng = sheet.rng
    if rng.random() < 0.4:
        sheet.paragraph(rng.uniform(80, 300), rng.uniform(50, 400), 500, int(rng.integers(1, 4)))
    if rng.random() < 0.3:
        furniture.signature_block(sheet, rng.uniform(80, 600), rng.uniform(0.2, 0.7) * sheet.bottom, True)


def memo(sheet: Sheet) -> None:
    """Test only: TO, FROM, SUBJECT, text, initials beside the sender's name or a signature below."""
    rng, y = sheet.rng, sheet.rng.uniform(50, 120)
    sheet.text(rng.uniform(80, 600), y, "MEMORANDUM", rng.uniform(24, 34), head=True)
    y += 60
    for label in ("TO:", "FROM:", "DATE:", "SUBJECT:"):
        sheet.text(90, y, label)
        used = sheet.text(230, y, sheet.phrase())
        if label == "FROM:" and rng.random() < 0.5:
            furniture.initials(sheet, 230 + used + 40, y + 8)
        y += sheet.size * 2
    sheet.line(80, y, 920, y, 2)
    y = _paragraphs(sheet, 90, y + 25, 820, sheet.bottom * rng.uniform(0.5, 0.75))
    if rng.random() < 0.6:
        furniture.signature_block(sheet, rng.uniform(90, 560), y + 10, True)


def columns(sheet: Sheet) -> None:
    """Test only: an agreement in two columns with both parties' blocks under them."""
    rng = sheet.rng
    sheet.text(rng.uniform(250, 450), 45, sheet.phrase().upper(), 26, head=True)
    ends = []
    for x in (60, 520):
        y = _paragraphs(sheet, x, 110, 410, sheet.bottom * rng.uniform(0.5, 0.68))
        ends.append(furniture.signature_block(sheet, x, y + 20, rng.random() < 0.9))
    for x, y in zip((60, 520), ends):
        if rng.random() < 0.6:
            furniture.date(sheet, x + 150, y + 30)
    if rng.random() < 0.5:
        furniture.initials(sheet, rng.uniform(880, 960), sheet.bottom - 45)


def order(sheet: Sheet) -> None:
    """Test only: a purchase order: parties, a long table, totals, an authorised signature in a box."""
    rng = sheet.rng
    y = furniture.letterhead(sheet, 30)
    y = furniture.table(sheet, 60, y, 880, int(rng.integers(2, 4)))
    y = furniture.table(sheet, 60, y + 20, 880, int(rng.integers(6, 14)))
    top, left = min(y + 20, sheet.bottom - 190), rng.uniform(60, 560)
    sheet.draw.rectangle([v * sheet.unit for v in (left, top, left + 380, top + 130)], None, 0, 2)
    sheet.text(left + 8, top + 6, furniture.CLOSINGS["test"][3], 13)
    if rng.random() < 0.9:
        furniture.signature(sheet, left + rng.uniform(120, 240), top + rng.uniform(60, 100), rng.uniform(130, 300))
    if rng.random() < 0.6:
        furniture.date(sheet, left + 300, top + 110)


def _paragraphs(sheet, x, y, width, end):
    """Paragraphs down to `end`, at times with a table among them or redactions over them."""
    rng = sheet.rng
    while y < end:
        start = y
        if rng.random() < 0.1:
            y = furniture.table(sheet, x, y, width * rng.uniform(0.6, 1), int(rng.integers(2, 6)))
        else:
            y = sheet.paragraph(x, y, width, int(rng.integers(2, 9)))
        if rng.random() < 0.12:
            furniture.redactions(sheet, x, start, width, int(rng.integers(1, 5)))
        y += sheet.size * rng.uniform(0.6, 1.6)
    return y


TRAIN = (letter, contract, form, cheque, report, sparse)
SHARES = (0.34, 0.22, 0.2, 0.08, 0.1, 0.06)
TEST = (memo, columns, order, sparse)
TEST_SHARES = (0.38, 0.26, 0.28, 0.08)
