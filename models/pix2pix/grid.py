"""Pictures side by side, for people to look at."""

from __future__ import annotations

import numpy as np

GAP = 4  # pixels between pictures


def grid(columns: list[np.ndarray]) -> np.ndarray:
    """Columns of pictures uint8 [N, S, S, C] as one picture uint8 [H, W, 3]: a row for each example."""
    rows = [np.concatenate([framed(column[row]) for column in columns], axis=1) for row in range(len(columns[0]))]
    return np.concatenate(rows, axis=0)


def framed(picture: np.ndarray) -> np.ndarray:
    """uint8 [S, S, C] as RGB with a grey rim."""
    colour = np.repeat(picture, 3, axis=-1) if picture.shape[-1] == 1 else picture
    return np.pad(colour, ((GAP // 2,) * 2, (GAP // 2,) * 2, (0, 0)), constant_values=160)
