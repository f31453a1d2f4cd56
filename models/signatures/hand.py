"""What stays the same in a person's signatures: name, letterforms, proportions, speed, pen, flourishes."""
from dataclasses import dataclass

import numpy as np

from models import words
from models.signatures.letters import LETTERS

FLOURISHES = ("exit", "underline", "return", "oval", "overline", "dots", "lead")


@dataclass(frozen=True)
class Pen:
    """What writes: line `width` in mm, `dark` 0..1, `flex` 0..1 how far pressure shows, `grain` 0..1 unevenness."""

    width: float
    dark: float
    flex: float
    grain: float


PENS = {"ballpoint": Pen(0.40, 0.66, 0.45, 0.35), "gel": Pen(0.50, 0.88, 0.20, 0.10),
        "felt": Pen(0.70, 0.92, 0.30, 0.06), "fountain": Pen(0.50, 0.80, 0.70, 0.15),
        "pencil": Pen(0.38, 0.52, 0.45, 0.50), "marker": Pen(0.85, 0.85, 0.12, 0.06)}
_PEN_SHARES = (0.50, 0.22, 0.07, 0.12, 0.06, 0.03)


@dataclass(frozen=True)
class Hand:
    """A writer's habits. Lengths in x-heights unless said otherwise; angles as tangents."""

    text: str               # what is written; empty for a drawn sign without letters
    forms: dict             # letter: its strokes in this hand, each float [points, 2]
    x_height: float         # mm
    capital: float          # size of first letters, 1 = school proportion
    width: float            # of letters
    gap: float              # between letters
    word_gap: float
    slant: float
    slope: float            # of the line written on
    arch: float             # how far that line bends, part of its length
    shrink: float           # size of a word's last letter against its first
    joined: float           # chance that a letter is joined to the next
    haste: float            # how far corners are cut
    waves_from: int         # letters from this one on are only waves
    wave_height: float
    flourishes: tuple[str, ...]
    flourish_size: float
    taper: float            # mm over which strokes set on and lift off
    flow: float             # 0..1 how much speed lightens the stroke
    pen: Pen
    unsteady: float         # 1 = usual variation from one signature to the next
    sign_seed: int          # of a sign's and the flourishes' own shapes


def draw_hand(random: np.random.Generator, text: str | None = None) -> Hand:
    """A new writer's habits; `text` fixes the name."""
    haste = float(np.clip(random.gamma(2.0, 0.06), 0.01, 0.35))
    waves_from = int(random.integers(2, 6)) if random.random() < 0.35 else 99
    sign = text is None and random.random() < 0.12
    name = "" if sign else (text or _name(random))
    return Hand(
        text=name, forms=_forms(random), x_height=_x_height(random, name), capital=random.uniform(1.0, 1.9),
        width=random.uniform(0.75, 1.45), gap=random.uniform(-0.15, 0.25), word_gap=random.uniform(0.15, 1.1),
        slant=random.normal(0.36, 0.26), slope=random.normal(0.06, 0.09), arch=random.normal(0.0, 0.012),
        shrink=random.uniform(0.7, 1.1), joined=float(random.choice([1.0, 0.9, 0.6, 0.15], p=[.5, .25, .15, .1])),
        haste=haste, waves_from=waves_from, wave_height=random.uniform(0.25, 0.7),
        flourishes=_flourishes(random, sign), flourish_size=random.uniform(0.6, 1.5), taper=random.uniform(0.3, 2.0),
        flow=random.uniform(0.3, 0.9), pen=draw_pen(random), unsteady=random.uniform(0.6, 1.4),
        sign_seed=int(random.integers(2 ** 31)))


def _x_height(random, name: str) -> float:
    """In mm: small in long names, so that most signatures are 35 to 80 mm wide; signs are as large as short names."""
    return float(np.clip(random.uniform(38.0, 75.0) / (0.9 * max(4, len(name)) + 1.5), 3.0, 8.5))


def draw_pen(random: np.random.Generator) -> Pen:
    """One of the kinds of pen, each copy a little different."""
    pen = list(PENS.values())[random.choice(len(PENS), p=_PEN_SHARES)]
    return Pen(pen.width * random.uniform(0.85, 1.2), min(0.97, pen.dark * random.uniform(0.85, 1.15)),
               pen.flex * random.uniform(0.6, 1.4), pen.grain * random.uniform(0.6, 1.4))


def _name(random) -> str:
    """First name and surname, shortened in one of the usual ways."""
    part = words.PARTS[int(random.random() < 0.33)]
    first, last = (names[random.integers(len(names))] for names in (words.first_names(part), words.surnames(part)))
    middle = "ABCDEFGHJKLMNPRSTW"[random.integers(18)]
    ways = (f"{first} {last}", f"{first[0]}. {last}", f"{first} {middle}. {last}", f"{first[0]}.{middle}. {last}", last,
            first, f"{first[0]}{last[0]}", f"{first} {last[0]}.", f"{first[0]} {last}")
    return ways[random.choice(len(ways), p=(.30, .17, .08, .04, .15, .10, .05, .05, .06))]


def _flourishes(random, sign: bool) -> tuple[str, ...]:
    count = random.choice(3, p=(.35, .5, .15) if not sign else (.5, .4, .1))
    chosen = random.choice(len(FLOURISHES), count, replace=False, p=(.30, .28, .14, .07, .08, .05, .08))
    return tuple(FLOURISHES[index] for index in sorted(chosen))


def _forms(random) -> dict[str, list[np.ndarray]]:
    """School letters bent to a hand: longer or shorter ascenders and descenders, wider loops, moved points."""
    tall, deep = random.uniform(0.75, 1.35), random.uniform(0.7, 1.5)
    loop, bend = random.uniform(0.6, 1.6), random.uniform(0.03, 0.10)
    forms = {}
    for letter, strokes in LETTERS.items():
        forms[letter] = [_own_form(stroke, tall, deep, loop, bend, random) for stroke in strokes]
    return forms


def _own_form(stroke, tall, deep, loop, bend, random) -> np.ndarray:
    points = stroke + random.normal(0.0, bend * min(1.0, np.ptp(stroke) + 0.1), stroke.shape)
    high, low = points[:, 1] > 1.1, points[:, 1] < -0.15
    middle = points[:, 0].mean()
    points[high | low, 0] = middle + (points[high | low, 0] - middle) * loop
    points[high, 1] = 1.1 + (points[high, 1] - 1.1) * tall
    points[low, 1] *= deep
    return points
