"""Pictures of pages with boxes: what was annotated, what was found, what was missed, which anchors were matched."""

from __future__ import annotations

import cv2
import numpy as np

COLOURS = ((214, 39, 40), (31, 119, 180), (44, 160, 44), (148, 103, 189), (255, 127, 14), (23, 190, 207))
MISSED = (255, 0, 0)


def colour_of(kind: int) -> tuple[int, int, int]:
    """RGB of a class id."""
    return COLOURS[(kind - 1) % len(COLOURS)]


def rgb(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 1 or 3] as a fresh [H, W, 3], paled a little so that boxes stand out."""
    image = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    return cv2.convertScaleAbs(image, alpha=0.75, beta=64)


def truth(image: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Annotated boxes [M, 5] (class 0 = filling) as thick frames."""
    for kind, *box in rows:
        if kind > 0:
            _frame(image, box, colour_of(int(kind)), 3)
    return image


def found(image: np.ndarray, boxes, scores, classes, names, least: float = 0.3) -> np.ndarray:
    """Detections from score `least` as thin frames with class and score."""
    for box, score, kind in zip(boxes, scores, classes):
        if score >= least:
            _frame(image, box, colour_of(int(kind)), 2)
            _label(image, box, f"{names[int(kind) - 1]} {score:.2f}", colour_of(int(kind)))
    return image


def matched(image: np.ndarray, anchors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Anchors that count as objects, as hairlines in their class's colour."""
    for k in np.flatnonzero(labels > 0):
        _frame(image, anchors[k], colour_of(int(labels[k])), 1)
    return image


def misses(image: np.ndarray, rows: np.ndarray, boxes, classes) -> tuple[np.ndarray, int]:
    """Annotated boxes `rows` [M, 5] that no detection hits (IoU 0.5, right class) as red frames; also how many."""
    from models.retinanet.anchors import overlaps
    count = 0
    for kind, *box in rows:
        same = classes == kind
        if kind > 0 and not (same.any() and overlaps(np.array(box), boxes[same]).max() >= 0.5):
            _frame(image, box, MISSED, 5)
            count += 1
    return image, count


def beside(images: list[np.ndarray], columns: int = 4) -> np.ndarray:
    """Pictures of one size in rows, fewer than `columns` in one."""
    columns = min(columns, len(images))
    while len(images) % columns:
        images = [*images, np.full_like(images[0], 255)]
    return np.vstack([np.hstack(images[k:k + columns]) for k in range(0, len(images), columns)])


def _frame(image, box, colour, thickness):
    ymin, xmin, ymax, xmax = (int(round(float(value))) for value in box)
    cv2.rectangle(image, (xmin, ymin), (xmax, ymax), colour, thickness)


def _label(image, box, text, colour):
    where = int(box[1]), max(12, int(box[0]) - 4)
    cv2.putText(image, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
