"""Pictures for people: rows of images side by side."""

from __future__ import annotations

import numpy as np

EDGE, GREY = 2, 160


def grid(columns: list[np.ndarray], across: int = 2) -> np.ndarray:
    """uint8 [H, W, 3] of several uint8 [N, S, S]: image n of every column side by side, `across` such in a line."""
    rows = [np.hstack([_framed(column[n]) for column in columns]) for n in range(len(columns[0]))]
    rows += [np.full_like(rows[0], GREY)] * (-len(rows) % across)
    lines = [np.hstack([np.pad(row, EDGE, constant_values=GREY) for row in rows[start:start + across]])
             for start in range(0, len(rows), across)]
    return np.repeat(np.vstack(lines)[:, :, None], 3, axis=2)


def _framed(image):
    return np.pad(image, EDGE // 2, constant_values=GREY)
