"""Turns any scan of a signature into an even crop: flat white paper, specks and scanner edges gone, ink centred.

Every file passes the same steps, so that brightness of the paper or of the scanner tells nothing about the signature.
"""
import cv2
import numpy as np

from gaudi.errors import UserError

PAPER = 255
PAPER_SIDE = 96        # pixels; the paper is estimated on a picture this small
LEAST_CLEARED = 0.06   # of the paper's brightness; noise up to here is white even on a clean scan
LEAST_CONTRAST = 20    # grey levels between ink and flattened paper; thin pencil lines have about 28
DARK_PAGE = 64         # grey level; no scan of paper is as dark as that
MOST_INK = 0.5         # of the area; more is no page
EDGE_BAND = 0.04       # of a side; the strip where scanners leave lines
EDGE_LINE = 0.25       # of a side; parts in the strip that together are this long are such a line
EDGE_LINE_JOINED = 0.7   # of a side; the same when the line touches the signature
SPECK = 0.5            # of a dot one stroke wide; smaller parts are dust
NEAR = 0.35            # of the signature's longer side; small parts farther off do not belong to it


class NoInk(UserError):
    """There is no signature to work on: blank, all dark, or nothing but dust."""


def flatten_paper(image: np.ndarray) -> np.ndarray:
    """Divides uint8 [H, W] by its paper's brightness and clears its noise: paper becomes 255, ink stays dark."""
    bright = paper_brightness(image)
    ratio = image.astype(np.float32) / np.maximum(bright, 1.0)
    white = 1.0 - max(LEAST_CLEARED, 4.0 * _noise(ratio))
    return np.rint(np.minimum(ratio * (PAPER / white), PAPER)).astype(np.uint8)


def paper_brightness(image: np.ndarray) -> np.ndarray:
    """The brightness pixels of uint8 [H, W] would have without ink, float32 [H, W]: a closing wider than strokes."""
    height, width = image.shape
    shrink = max(1.0, max(height, width) / PAPER_SIDE)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8), borderType=cv2.BORDER_REPLICATE)
    smooth = cv2.GaussianBlur(closed.astype(np.float32), (0, 0), 5.0, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)


def _noise(ratio: np.ndarray) -> float:
    """Standard deviation of the paper by its brighter half, which holds no ink (median deviation of a half normal)."""
    sample = ratio[::3, ::3]  # enough to judge by, and medians are slow
    middle = np.median(sample)
    above = sample[sample > middle]
    return float(1.4826 * np.median(above - middle)) if above.size else 0.0


def otsu_threshold(image: np.ndarray) -> int:
    """The grey level t (0..255) that best parts uint8 pixels into <= t and > t.

    Maximises the variance between both parts, Eq. (18) in N. Otsu, "A threshold selection method from gray-level
    histograms", IEEE Trans. SMC 9 (1979): (mu_T w(t) - mu(t))^2 / (w(t) (1 - w(t))).
    """
    share = np.bincount(image.ravel(), minlength=256) / image.size
    below = np.cumsum(share)
    mean = np.cumsum(share * np.arange(256))
    spread = below * (1.0 - below)
    between = np.where(spread > 1e-12, (mean[-1] * below - mean) ** 2 / np.maximum(spread, 1e-12), 0.0)
    return int(np.argmax(between))


def ink_mask(flat: np.ndarray, name: str = "image") -> np.ndarray:
    """Which pixels of a flattened uint8 [H, W] are ink, bool [H, W], without dust and scanner lines; else NoInk."""
    clear = _without_scanner_lines(flat)  # first, for they are blacker than ink and would draw Otsu's threshold down
    mask = clear <= otsu_threshold(clear)
    ink, paper = (float(clear[part].mean()) if part.any() else PAPER for part in (mask, ~mask))
    if paper - ink < LEAST_CONTRAST:
        raise NoInk(f"{name}: no ink in it (blank, or all of one shade)")
    if mask.mean() > MOST_INK:
        raise NoInk(f"{name}: {mask.mean():.0%} of it is dark, a page with ink has at most {MOST_INK:.0%}")
    kept = _without_dust(mask)
    if not kept.any():
        raise NoInk(f"{name}: nothing but specks in it")
    return kept


def _without_scanner_lines(flat: np.ndarray) -> np.ndarray:
    """Whitens the dark lines that scanners leave along the edges of uint8 [H, W], whole or broken, even askew."""
    lines = np.zeros(flat.shape, bool)
    mask = flat <= otsu_threshold(flat)
    for turn in range(4):
        _mark_left_line(np.rot90(mask, turn), np.rot90(lines, turn))  # views: marks in place
    if not lines.any():
        return flat
    rim = cv2.dilate(lines.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return np.where(rim, np.uint8(PAPER), flat)


def _mark_left_line(mask: np.ndarray, lines: np.ndarray):
    """Marks in bool [H, W] the line in the strip at the left of `mask`: a straight one that may touch ink, or parts."""
    band = max(3, round(EDGE_BAND * mask.shape[1]))
    strip = mask[:, :band]
    if not strip.any():
        return
    inside = _parts_inside(mask[:, :band + 1])
    thick = cv2.dilate(strip.astype(np.uint8), np.ones((1, 5), np.uint8), borderValue=0)
    straight = np.flatnonzero(thick.mean(axis=0) > EDGE_LINE_JOINED)
    if len(straight):
        lines[:, :straight[-1] + 1] |= strip[:, :straight[-1] + 1]
    if len(straight) or inside.any(axis=1).mean() > EDGE_LINE:
        lines[:, :band] |= inside


def _parts_inside(strip: np.ndarray) -> np.ndarray:
    """The connected parts of bool [H, band + 1] that do not reach its last column, bool [H, band]."""
    _, labels = cv2.connectedComponents(strip.astype(np.uint8), connectivity=8)
    reaching = np.unique(labels[:, -1])
    return strip[:, :-1] & ~np.isin(labels[:, :-1], reaching[reaching > 0])


def _without_dust(mask: np.ndarray) -> np.ndarray:
    """Drops specks, small parts far from the signature's large ones, and dark bits of the edges."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    left, top = stats[1:, cv2.CC_STAT_LEFT], stats[1:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[1:, cv2.CC_STAT_WIDTH], top + stats[1:, cv2.CC_STAT_HEIGHT]
    area, dot = stats[1:, cv2.CC_STAT_AREA], stroke_width(mask) ** 2
    keep = (area >= max(2.0, SPECK * dot)) & ~_edge_bits(left, top, right, bottom, mask.shape)
    large = keep & (area >= 4.0 * dot)
    if large.any():
        keep &= large | _near(left, top, right, bottom, large)
    return np.concatenate([[False], keep])[labels]


def _edge_bits(left, top, right, bottom, shape) -> np.ndarray:
    """Which parts touch an edge and lie wholly in the strip along it."""
    band_x, band_y = (max(3, round(EDGE_BAND * side)) for side in (shape[1], shape[0]))
    return (((left == 0) & (right <= band_x)) | ((right == shape[1]) & (left >= shape[1] - band_x))
            | ((top == 0) & (bottom <= band_y)) | ((bottom == shape[0]) & (top >= shape[0] - band_y)))


def stroke_width(mask: np.ndarray) -> float:
    """Mean width of the strokes in pixels: area over half the outline, at least 1."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0)
    outline = int(mask.sum()) - int(inner.sum())
    return max(1.0, 2.0 * float(mask.sum()) / max(1, outline))


def _near(left, top, right, bottom, large) -> np.ndarray:
    box = left[large].min(), top[large].min(), right[large].max(), bottom[large].max()
    reach = NEAR * max(box[2] - box[0], box[3] - box[1])
    gap_x = np.maximum(np.maximum(box[0] - right, left - box[2]), 0)
    gap_y = np.maximum(np.maximum(box[1] - bottom, top - box[3]), 0)
    return np.maximum(gap_x, gap_y) <= reach


def crop_to_ink(image: np.ndarray, mask: np.ndarray | None = None, margin: int = 2, name: str = "image") -> np.ndarray:
    """The part of a flattened uint8 [H, W] around its ink plus `margin` pixels; what is not ink or its rim is white."""
    mask = ink_mask(image, name) if mask is None else mask
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise NoInk(f"{name}: no ink in it")
    rim = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    clean = np.where(rim, image, np.uint8(PAPER))
    inside = clean[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    return np.pad(inside, margin, constant_values=PAPER)


def fit_to_canvas(image: np.ndarray, height: int, width: int, margin: float = 0.0) -> np.ndarray:
    """Scales uint8 [H, W] to fit, aspect kept, centred on white [height, width]; `margin` 0..0.4 of each side."""
    if not 0.0 <= margin <= 0.4:
        raise ValueError(f"margin is {margin}, 0 to 0.4 of a side is allowed")
    scale = min(height * (1 - 2 * margin) / image.shape[0], width * (1 - 2 * margin) / image.shape[1])
    rows, columns = (min(limit, max(1, round(side * scale))) for side, limit in zip(image.shape, (height, width)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    canvas = np.full((height, width), PAPER, np.uint8)
    top, left = (height - rows) // 2, (width - columns) // 2
    canvas[top:top + rows, left:left + columns] = cv2.resize(image, (columns, rows), interpolation=how)
    return canvas


def prepare(image: np.ndarray, height: int, width: int, binary: bool = True, margin: float = 0.0,
            name: str = "image") -> np.ndarray:
    """All steps: a scan uint8 [H, W] -> uint8 [height, width]; `binary` makes ink 0 and paper 255 (rims stay smooth).

    Raises NoInk, naming `name`, when there is nothing to centre. Without `binary` the darkness of the pen remains,
    and in CEDAR that alone tells forgeries from genuine signatures.
    """
    if np.median(image) < DARK_PAGE:
        raise NoInk(f"{name}: most of it is black, paper has to be bright (white ink on black? invert it)")
    flat = flatten_paper(image)
    mask = ink_mask(flat, name)
    if binary:
        flat = np.where(mask, np.uint8(0), np.uint8(PAPER))
    return fit_to_canvas(crop_to_ink(flat, mask, name=name), height, width, margin)
