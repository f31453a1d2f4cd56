"""Draws a pen's path as a grey picture: smooth lines of varying width and darkness, with the grain of ink on paper."""
import cv2
import numpy as np

from models.signatures.hand import Pen
from models.signatures.motion import Path

MARGIN = 2.0        # mm of paper around the ink
FINEST = 7.0        # pixels a line is wide at least while it is drawn
THINNEST = 1.1      # pixels of the result; thinner lines would fade away
WIDEST = 4000       # pixels of the large picture's longer side
TONES = 6           # steps of darkness
_GRAIN = np.random.default_rng(20240229).random((512, 512), dtype=np.float32)   # one sheet of paper for all


def render(path: Path, pen: Pen, height: int | None, width: int | None, random) -> np.ndarray:
    """uint8 [h, w], 255 = paper: as high as `height`, as wide as `width`, or as large as fits into both."""
    low, high = path.xy.min(axis=0) - MARGIN, path.xy.max(axis=0) + MARGIN
    scale = _scale(high - low, height, width)
    columns, rows = (max(8, int(round(side))) for side in (high - low) * scale)
    rows, columns = height if height and not width else rows, width if width and not height else columns
    fine = int(np.clip(np.ceil(FINEST / (pen.width * scale)), 1, max(1, WIDEST // max(rows, columns))))
    line = max(pen.width * scale, THINNEST) * fine
    ink = _draw(path, pen, (path.xy - low) * (scale * fine), line, (rows * fine, columns * fine))
    ink = cv2.resize(ink, (columns, rows), interpolation=cv2.INTER_AREA)
    ink = _grained(cv2.GaussianBlur(ink, (3, 3), 0.45), pen, random)
    return 255 - ink


def _scale(size, height, width) -> float:
    """Pixels a mm."""
    scales = [limit / side for limit, side in ((width, size[0]), (height, size[1])) if limit]
    if not scales or min(height or 8, width or 8) < 8:
        raise ValueError(f"height {height}, width {width}: one of them is needed, at least 8 pixels")
    return min(scales)


def _draw(path: Path, pen: Pen, xy, line: float, shape) -> np.ndarray:
    """Coverage uint8 at the large size. Light pieces first, so that where lines cross the darker one stays."""
    thick = np.maximum(1, np.rint(line * (1.0 + pen.flex * (path.pressure - 1.0)))).astype(int)
    tone = np.clip(np.rint(TONES * (path.pressure - 0.2) / 1.1), 0, TONES).astype(int)
    kind = tone * 4096 + thick
    change = (np.diff(kind) != 0) | (np.diff(path.stroke) != 0)
    starts = np.concatenate([[0], np.flatnonzero(change) + 1])
    ends = np.concatenate([starts[1:], [len(kind)]])
    fade = min(0.75, 0.2 + pen.flex)   # how much lighter than pressed ink the lightest is
    fixed = np.rint(xy * 16).astype(np.int32)
    ink = np.zeros(shape, np.uint8)
    order = np.argsort(kind[starts], kind="stable")
    last = len(kind) - 1
    for begin, end in zip(starts[order].tolist(), ends[order].tolist()):
        reach = end + 1 if end <= last and path.stroke[end] == path.stroke[begin] else end   # up to the next piece
        shade = int(255 * pen.dark * (1.0 - fade * (1.0 - tone[begin] / TONES)))
        cv2.polylines(ink, [fixed[begin:reach]], False, shade, int(thick[begin]), cv2.LINE_8, 4)
    return ink


def _grained(ink: np.ndarray, pen: Pen, random) -> np.ndarray:
    """Uneven ink: fine grain and slow changes, both only where there is ink."""
    rows, columns = ink.shape
    top, left = random.integers(0, 256, 2)
    sheet = np.tile(_GRAIN, (rows // 256 + 2, columns // 256 + 2)) if max(rows, columns) > 256 else _GRAIN
    fine = sheet[top:top + rows, left:left + columns]
    return np.clip(ink * (1.0 + pen.grain * 0.25 - pen.grain * fine * 0.9), 0, 255).astype(np.uint8)
