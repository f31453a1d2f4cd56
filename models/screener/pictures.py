"""Grids of framed pictures with captions: what a batch holds, reconstructions, and the mistakes."""

from __future__ import annotations

import cv2
import numpy as np

YES, NO = (40, 110, 60), (190, 50, 40)  # RGB: signature, anything else
CAPTION, SIDE, FONT = 16, 160, cv2.FONT_HERSHEY_SIMPLEX


def tile(ink: np.ndarray, caption: str, signed: bool) -> np.ndarray:
    """uint8 [h, SIDE, 3]: ink uint8 [h, w] (255 = ink) black on white in a coloured frame, a caption above."""
    colour = YES if signed else NO
    height = max(8, round(ink.shape[0] * SIDE / ink.shape[1]))
    paper = 255 - cv2.resize(ink, (SIDE, height), interpolation=cv2.INTER_AREA if ink.shape[1] > SIDE else cv2.INTER_LINEAR)
    picture = np.full((height + CAPTION, SIDE, 3), 255, np.uint8)
    picture[CAPTION:] = paper[..., None]
    cv2.putText(picture, caption, (3, CAPTION - 4), FONT, 0.38, colour, 1, cv2.LINE_AA)
    cv2.rectangle(picture, (0, 0), (SIDE - 1, height + CAPTION - 1), colour, 1)
    return picture


def rows_of(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    """uint8 [H, W, 3]: tiles of one size in rows, white where there is none."""
    blank = np.full_like(tiles[0], 255)
    filled = tiles + [blank] * (-len(tiles) % columns)
    return np.vstack([np.hstack(filled[start:start + columns]) for start in range(0, len(filled), columns)])


def grid(images, captions, signed, columns: int = 8) -> np.ndarray:
    """uint8 [H, W, 3] of images uint8 [N, h, w], a caption and a frame each."""
    return rows_of([tile(*one) for one in zip(images, captions, signed)], columns)


def pairs(images, made, answers, signed, columns: int = 8) -> np.ndarray:
    """Every picture above its reconstruction."""
    tiles = [np.vstack([tile(image, f"answer {answer:.2f}", sign), tile(again, "reconstruction", sign)])
             for image, again, answer, sign in zip(images, made, answers, signed)]
    return rows_of(tiles, columns)
