"""Grids of signatures: what a batch holds, what lies near what, and the pairs a threshold gets wrong."""

from __future__ import annotations

import cv2
import numpy as np

GENUINE, FORGED, STRANGER = (40, 110, 60), (190, 50, 40), (60, 80, 170)  # RGB frames
CAPTION = 16   # pixels
FONT = cv2.FONT_HERSHEY_SIMPLEX


def tile(ink: np.ndarray, caption: str, colour, side: int = 144) -> np.ndarray:
    """uint8 [h, side, 3]: ink (uint8, 255 = ink) black on white in a coloured frame, a caption above."""
    height = max(8, round(ink.shape[0] * side / ink.shape[1]))
    paper = 255 - cv2.resize(ink, (side, height), interpolation=cv2.INTER_AREA)
    picture = np.full((height + CAPTION, side, 3), 255, np.uint8)
    picture[CAPTION:] = paper[..., None]
    cv2.putText(picture, caption, (3, CAPTION - 4), FONT, 0.38, colour, 1, cv2.LINE_AA)
    cv2.rectangle(picture, (0, 0), (side - 1, height + CAPTION - 1), colour, 1)
    return picture


def rows_of(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    """uint8 [H, W, 3]: tiles of one size in rows, white where there is none."""
    blank = np.full_like(tiles[0], 255)
    filled = tiles + [blank] * (-len(tiles) % columns)
    return np.vstack([np.hstack(filled[start:start + columns]) for start in range(0, len(filled), columns)])


def grid(ink: np.ndarray, writers, forged, most: int = 64) -> np.ndarray:
    """A batch as the network is fed it: ink uint8 [b, h, w], writer and kind above each."""
    return rows_of([tile(one, f"{writer} {'forged' if fake else 'genuine'}", FORGED if fake else GENUINE)
                    for one, writer, fake in list(zip(ink, writers, forged))[:most]], 8)


def nearest(ink: np.ndarray, embeddings: np.ndarray, writers, forged, rows: int = 8, near: int = 5) -> np.ndarray:
    """Genuine signatures, each followed by its nearest others of the batch and their cosines."""
    cosines = embeddings @ embeddings.T
    anchors = [position for position in range(len(ink)) if not forged[position]]
    tiles: list[np.ndarray] = []
    for anchor in anchors[::max(1, len(anchors) // rows)][:rows]:
        tiles.append(tile(ink[anchor], f"writer {writers[anchor]}", (0, 0, 0)))
        order = [position for position in np.argsort(-cosines[anchor]) if position != anchor][:near]
        for other in order:
            same = writers[other] == writers[anchor]
            colour = (FORGED if forged[other] else GENUINE) if same else STRANGER
            kind = ("forged" if forged[other] else "genuine") if same else f"writer {writers[other]}"
            tiles.append(tile(ink[other], f"{cosines[anchor, other]:.2f} {kind}", colour))
        tiles += [np.full_like(tiles[0], 255)] * (near - len(order))
    return rows_of(tiles, near + 1)


def pairs(ink, found: list[tuple[int, int, float]], labels: list[str], colours) -> np.ndarray:
    """Pairs (i, j, cosine) of ink uint8 [N, h, w] side by side, two pairs a row."""
    tiles: list[np.ndarray] = []
    for (one, other, cosine), label, colour in zip(found, labels, colours):
        tiles += [tile(ink[one], label, colour, 220), tile(ink[other], f"cosine {cosine:.3f}", colour, 220)]
    return rows_of(tiles, 4)
