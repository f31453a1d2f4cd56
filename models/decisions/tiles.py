"""Grids of framed pictures with captions: what a batch holds, what was answered, and the mistakes."""

from __future__ import annotations

import cv2
import numpy as np

RIGHT, WRONG = (40, 110, 60), (190, 50, 40)  # RGB
CAPTION, SIDE, FONT = 16, 160, cv2.FONT_HERSHEY_SIMPLEX  # pixels


def tile(ink: np.ndarray, caption: str, right: bool) -> np.ndarray:
    """uint8 [h, SIDE, 3]: ink uint8 [h, w] (255 = ink) black on white in a green or red frame, a caption above."""
    colour = RIGHT if right else WRONG
    height = max(8, round(ink.shape[0] * SIDE / ink.shape[1]))
    how = cv2.INTER_AREA if ink.shape[1] > SIDE else cv2.INTER_LINEAR
    picture = np.full((height + CAPTION, SIDE, 3), 255, np.uint8)
    picture[CAPTION:] = 255 - cv2.resize(ink, (SIDE, height), interpolation=how)[..., None]
    text = caption.encode("ascii", "replace").decode()  # OpenCV's font has no other letters
    cv2.putText(picture, text, (3, CAPTION - 4), FONT, 0.38, colour, 1, cv2.LINE_AA)
    cv2.rectangle(picture, (0, 0), (SIDE - 1, height + CAPTION - 1), colour, 1)
    return picture


def rows_of(tiles: list[np.ndarray], columns: int = 8) -> np.ndarray:
    """uint8 [H, W, 3]: tiles of one size in rows, white where there is none."""
    filled = tiles + [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    return np.vstack([np.hstack(filled[start:start + columns]) for start in range(0, len(filled), columns)])


def grid(images, captions, right, columns: int = 8) -> np.ndarray:
    """uint8 [H, W, 3] of images uint8 [N, h, w], a caption and a frame each."""
    return rows_of([tile(*one) for one in zip(images, captions, right)], columns)
