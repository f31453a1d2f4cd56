"""Finds what is wrong with annotated pages, box by box, and repairs what has one sensible repair."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from models.annotations.pages import Box, Page

SAME = 0.95        # intersection over union from which two boxes of one label are one box drawn twice
SMALLEST = 2.0     # pixels; nothing handwritten is smaller
SIZE_SLACK = 0.02  # annotated and real aspect may differ by this share (rounded sizes after scaling)

EXPLAINED = {
    "unreadable": "the image is missing or damaged",
    "size": "the image has another shape than the one that was annotated: the boxes would land elsewhere",
    "outside": "reached over the page's edge and was cut to it",
    "off page": "lay wholly outside the page and was left out",
    "inverted": "its corners were swapped and were put in order",
    "empty": f"less than {SMALLEST:g} pixels wide or high and was left out",
    "duplicate": "drawn twice and kept once",
    "unknown label": "its label is not among the classes",
    "near-duplicate": "another split holds nearly the same page",
}
FATAL = ("unreadable", "size", "unknown label")


class Finding(NamedTuple):
    """One fault: its kind (a key of EXPLAINED), the page's name, details."""

    kind: str
    page: str
    detail: str

    def __str__(self):
        return f"{self.page}: {self.kind}: {self.detail}"


def repaired(page: Page, height: int, width: int, classes=None) -> tuple[list[Box], list[Finding]]:
    """The page's boxes in pixels of its real size, repaired, and what was found.

    classes: the allowed labels; None allows all.
    """
    findings = []
    scale = _scale(page, height, width, findings)
    kept: list[Box] = []
    for box in page.boxes:
        if classes is not None and box.label not in classes:
            findings.append(Finding("unknown label", page.name, f"{box.label!r}; known are {', '.join(classes)}"))
            continue
        box = _repaired_box(box, scale, height, width, page.name, findings)
        if box is None:
            continue
        if any(other.label == box.label and overlap(box, other) >= SAME for other in kept):
            findings.append(Finding("duplicate", page.name, _shown(box)))
            continue
        kept.append(box)
    return kept, findings


def _scale(page, height, width, findings):
    """Factors (y, x) from annotated units to pixels of the image as it is."""
    if page.annotated is None:
        return height, width
    rows, columns = page.annotated
    ratio = (rows / columns) / (height / width)
    if abs(ratio - 1) > SIZE_SLACK:
        findings.append(Finding("size", page.name, f"annotated as {columns}x{rows}, the image is {width}x{height}"))
    return height / rows, width / columns


def _repaired_box(box, scale, height, width, name, findings):
    """The box in pixels, in order and inside the page; None where nothing of it remains."""
    ymin, xmin, ymax, xmax = box.ymin * scale[0], box.xmin * scale[1], box.ymax * scale[0], box.xmax * scale[1]
    found = Box(box.label, ymin, xmin, ymax, xmax)
    if ymax < ymin or xmax < xmin:
        findings.append(Finding("inverted", name, _shown(found)))
        ymin, ymax, xmin, xmax = min(ymin, ymax), max(ymin, ymax), min(xmin, xmax), max(xmin, xmax)
    if ymax <= 0 or xmax <= 0 or ymin >= height or xmin >= width:
        findings.append(Finding("off page", name, f"{_shown(found)} on {width}x{height}"))
        return None
    inside = Box(box.label, max(0.0, ymin), max(0.0, xmin), min(float(height), ymax), min(float(width), xmax))
    if max(inside.ymin - ymin, inside.xmin - xmin, ymax - inside.ymax, xmax - inside.xmax) > 1.0:
        findings.append(Finding("outside", name, f"{_shown(found)} on {width}x{height}"))
    if inside.ymax - inside.ymin < SMALLEST or inside.xmax - inside.xmin < SMALLEST:
        findings.append(Finding("empty", name, _shown(found)))
        return None
    return inside


def _shown(box):
    return f"{box.label} x {box.xmin:.0f}..{box.xmax:.0f}, y {box.ymin:.0f}..{box.ymax:.0f}"


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes in one unit, 0..1."""
    height = min(one.ymax, other.ymax) - max(one.ymin, other.ymin)
    width = min(one.xmax, other.xmax) - max(one.xmin, other.xmin)
    if height <= 0 or width <= 0:
        return 0.0
    area = sum((box.ymax - box.ymin) * (box.xmax - box.xmin) for box in (one, other))
    return height * width / (area - height * width)


def summary(findings: list[Finding], named: int = 3) -> list[str]:
    """One line a kind of finding: how many, what it means, the first few by name."""
    lines = []
    for kind, count in Counter(finding.kind for finding in findings).most_common():
        first = [f"{finding.page} ({finding.detail})" for finding in findings if finding.kind == kind][:named]
        more = f" and {count - named} more" if count > named else ""
        lines.append(f"{kind}: {count}: {EXPLAINED[kind]}: {'; '.join(first)}{more}")
    return lines
