"""How a hand follows a plan: variation from one signature to the next, path, speed, pressure, hesitation, tremor."""
from dataclasses import dataclass

import cv2
import numpy as np

from models.signatures.hand import Hand
from models.signatures.plan import Plan

STEP = 0.15        # mm between samples of the path
PER_SEGMENT = 12   # Bezier points between two control points


@dataclass(frozen=True)
class Manner:
    """What differs between writing one's own name and drawing another's."""

    haste: float = 1.0          # of the hand's own; a copyist cuts no corners
    letters: float = 0.085      # sd of each letter's size
    places: float = 0.08        # sd of each letter's distance, x-heights
    points: float = 0.050       # sd of each control point, x-heights
    slant: float = 0.06         # sd of the slant's tangent
    scale: float = 0.06         # sd of the whole's size
    tremor: float = 0.006       # mm
    stops: float = 0.0          # mean number of places where the pen rests
    lifts: float = 0.0          # mean number of strokes broken and taken up again
    taper: float = 1.0          # of the hand's own; a copyist sets on and lifts off bluntly
    flow: float = 1.0           # of the hand's own; slow writing presses evenly


@dataclass(frozen=True)
class Path:
    """Samples along the pen's way: xy [N, 2] in mm (y down), stroke [N], pressure [N] around 1."""

    xy: np.ndarray
    stroke: np.ndarray
    pressure: np.ndarray


def vary(plan: Plan, hand: Hand, manner: Manner, random) -> np.ndarray:
    """The control points [N, 2] of one execution, in x-heights, upright."""
    much = hand.unsteady
    size, shift = _per_letter(len(plan.origin), manner, much, random)
    origin = np.concatenate([plan.origin, [[0.0, 0.0]]])[plan.letter]   # flourishes (-1) take the last row
    points = origin + (plan.points - origin) * size[plan.letter] + shift[plan.letter]
    flourish = plan.letter < 0
    points[flourish] += _smooth_noise(flourish.sum(), random) * (4.0 * much * manner.places)
    points += random.normal(0.0, much * manner.points, points.shape)
    waves, phase = random.uniform(.5, 2) * 2 * np.pi / (np.ptp(points[:, 0]) + 1.0), random.uniform(0, 2 * np.pi)
    points[:, 1] += much * manner.places * 1.5 * np.sin(points[:, 0] * waves + phase)
    return points * random.normal([1.0, 1.0], 0.6 * much * manner.scale)


def _per_letter(count: int, manner: Manner, much: float, random):
    """Size [count + 1, 2] and shift [count + 1, 2] of every letter; the last row, for flourishes, follows the mean."""
    spread = much * manner.letters
    size = 1.0 + random.normal(0.0, spread, (count, 2)) + random.normal(0.0, spread / 2, 2)
    shift = np.stack([np.cumsum(random.normal(0.0, much * manner.places, count)),
                      random.normal(0.0, 0.6 * much * manner.places, count)], axis=1)
    return tuple(np.concatenate([each, each.mean(axis=0, keepdims=True)]) for each in (size, shift))


def _smooth_noise(count: int, random) -> np.ndarray:
    """A slow random walk about 0, [count, 2]."""
    walk = np.cumsum(random.normal(0.0, 0.3, (count, 2)), axis=0)
    return walk - walk.mean(axis=0) if count else walk


def move(points: np.ndarray, stroke: np.ndarray, hand: Hand, manner: Manner, random) -> Path:
    """Writes control points [N, 2] (x-heights, upright): slanted, on a sloping line, with haste and pressure."""
    much = hand.unsteady
    slant = hand.slant + random.normal(0, much * manner.slant)
    slope = hand.slope + random.normal(0, 0.6 * much * manner.slant)
    size = hand.x_height * (1.0 + random.normal(0, much * manner.scale))
    curves = _bezier(points, stroke)
    strokes = [_even(curve * size) for curve in curves]
    blur = hand.haste * manner.haste * random.lognormal(0, 0.15 * much) * size
    paths = [_shaken(_cut_corners(path, blur), manner, random) for path in strokes]
    paths = _lift(paths, manner, random)
    pressed = [_pressure(path, hand, manner, random) for path in paths]
    xy = _onto_line(np.concatenate(paths), slant, slope, hand.arch)
    return Path(xy, np.repeat(np.arange(len(paths)), [len(path) for path in paths]), np.concatenate(pressed))


def _bernstein(count: int) -> np.ndarray:
    t = np.linspace(0.0, 1.0, count, endpoint=False)[:, None]
    return np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t ** 2 * (1 - t), t ** 3], axis=1)


_BASIS = _bernstein(PER_SEGMENT)   # [samples, 4]


def _bezier(points: np.ndarray, stroke: np.ndarray) -> list[np.ndarray]:
    """Cubic Bezier curves through each stroke's points (tangents as in a Catmull-Rom spline), one [n, 2] a stroke."""
    same_next = np.append(stroke[1:] == stroke[:-1], False)
    same_before = np.insert(same_next[:-1], 0, False)
    index = np.arange(len(points))
    tangent = (points[np.where(same_next, index + 1, index)] - points[np.where(same_before, index - 1, index)]) / 6.0
    begin = np.flatnonzero(same_next)
    control = np.stack([points[begin], points[begin] + tangent[begin], points[begin + 1] - tangent[begin + 1],
                        points[begin + 1]], axis=1)
    curve = np.einsum("tk,skc->stc", _BASIS, control).reshape(-1, 2)
    owner = np.repeat(stroke[begin], PER_SEGMENT)
    return np.split(curve, np.flatnonzero(np.diff(owner)) + 1)


def _even(curve: np.ndarray) -> np.ndarray:
    """The same way, sampled every STEP mm, [n, 2]."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    at = np.linspace(0.0, length[-1], max(3, int(length[-1] / STEP) + 1))
    return np.stack([np.interp(at, length, curve[:, 0]), np.interp(at, length, curve[:, 1])], axis=1)


def _cut_corners(path: np.ndarray, blur: float) -> np.ndarray:
    """What haste does: a Gaussian of `blur` mm along the way; the ends stay."""
    sigma = min(blur / STEP, len(path) / 8.0)
    if sigma < 0.3:
        return path
    smooth = _blur(path, sigma)
    weight = np.minimum(1.0, np.minimum(np.arange(len(path)), np.arange(len(path))[::-1]) / (2.0 * sigma))[:, None]
    return path + weight * (smooth - path)


def _blur(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian along the first axis of [n] or [n, 2]."""
    wide = values.astype(np.float32).reshape(len(values), 1, -1)
    return cv2.GaussianBlur(wide, (1, 2 * int(2.5 * sigma) + 1), 0.1, sigmaY=sigma,
                            borderType=cv2.BORDER_REPLICATE).reshape(values.shape)


def _shaken(path: np.ndarray, manner: Manner, random) -> np.ndarray:
    """Tremor across the way, waves of about 0.8 to 2 mm, swelling and ebbing."""
    noise = random.normal(0.0, 1.0, path.shape)
    fine = _blur(noise, random.uniform(1.5, 3.0)) * 2.2
    swell = 0.4 + np.abs(_blur(random.normal(0.0, 4.0, len(path)), 20.0))[:, None]
    ramp = np.minimum(1.0, np.arange(len(path)) / 8.0)[:, None]
    return path + manner.tremor * fine * swell * ramp


def _lift(paths: list[np.ndarray], manner: Manner, random) -> list[np.ndarray]:
    """Breaks some long strokes and takes them up again a little beside."""
    for _ in range(random.poisson(manner.lifts)):
        long = [number for number, path in enumerate(paths) if len(path) > 40]
        if not long:
            return paths
        number = long[random.integers(len(long))]
        cut = random.integers(15, len(paths[number]) - 15)
        head, tail = paths[number][:cut], paths[number][cut + random.integers(-3, 3):]  # overlapping, or with a gap
        aside = random.normal(0.0, 0.12, 2) * np.exp(-np.arange(len(tail)) / 10.0)[:, None]
        paths = paths[:number] + [head, tail + aside] + paths[number + 1:]
    return paths


def _pressure(path: np.ndarray, hand: Hand, manner: Manner, random) -> np.ndarray:
    """Pressure [n]: lighter when fast; slow in bends (speed = curvature ^ -1/3, Lacquaniti et al. 1983) and at ends."""
    step = np.gradient(path, axis=0)
    heading = np.unwrap(np.arctan2(step[:, 1], step[:, 0]))
    bend = np.abs(_blur(np.gradient(heading), 2.0)) / STEP
    speed = _blur((bend + 0.15) ** (-1.0 / 3.0), 4.0)
    along = np.arange(len(path)) * STEP
    speed *= np.minimum(1.0, 0.35 + np.minimum(along, along[::-1]) / 3.0)
    flow = hand.flow * manner.flow
    pressure = 1.0 + flow * (0.9 - np.minimum(speed, 1.9)) * 0.6 - 0.10 * flow * np.sign(_blur(step[:, 1], 3.0))
    pressure += _blur(random.normal(0.0, 0.5, len(path)), 6.0)
    taper = max(0.1, hand.taper * manner.taper)
    pressure *= np.minimum(1.0, 0.55 + along / taper) * np.minimum(1.0, 0.35 + along[::-1] / taper)
    for stop in random.integers(0, len(path), random.poisson(manner.stops * len(path) / 1200.0)):
        pressure += random.uniform(0.3, 0.9) * np.exp(-0.5 * ((np.arange(len(path)) - stop) / 1.8) ** 2)
    return np.clip(pressure, 0.15, 2.2)


def _onto_line(xy: np.ndarray, slant: float, slope: float, arch: float) -> np.ndarray:
    """Upright mm with y up -> slanted, on a line that slopes and bends, y down."""
    x, y = xy[:, 0] + slant * xy[:, 1], xy[:, 1]
    length = max(1.0, np.ptp(x))
    y = y + slope * x + arch * length * (1.0 - ((x - x.mean()) / (0.5 * length)) ** 2)
    return np.stack([x, -y], axis=1)
