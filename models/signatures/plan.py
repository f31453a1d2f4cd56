"""The plan of a signature: the points its strokes pass, laid out along a line, before any hand moves."""
from dataclasses import dataclass

import numpy as np

from models.signatures.hand import Hand


@dataclass(frozen=True)
class Plan:
    """Control points [N, 2] in x-heights; `stroke` and `letter` [N]: what each belongs to (flourishes: letter -1)."""

    points: np.ndarray
    stroke: np.ndarray
    letter: np.ndarray
    origin: np.ndarray   # [letters, 2] where each letter starts on the line


class _Sheet:
    """Collects strokes in the order they are written."""

    def __init__(self):
        self.strokes: list[list[tuple[np.ndarray, int]]] = []
        self.origins: list[tuple[float, float]] = []

    def start(self, points, letter: int):
        self.strokes.append([(np.asarray(points, float), letter)])

    def extend(self, points, letter: int):
        self.strokes[-1].append((np.asarray(points, float), letter))

    def bounds(self):
        points = np.concatenate([points for stroke in self.strokes for points, _ in stroke])
        return (*points.min(axis=0), *points.max(axis=0))

    def plan(self) -> Plan:
        parts = [(points, number, letter) for number, stroke in enumerate(self.strokes) for points, letter in stroke]
        repeat = [len(points) for points, _, _ in parts]
        return Plan(np.concatenate([points for points, _, _ in parts]),
                    np.repeat([number for _, number, _ in parts], repeat),
                    np.repeat([letter for _, _, letter in parts], repeat), np.array(self.origins).reshape(-1, 2))


def make_plan(hand: Hand) -> Plan:
    """The plan a writer always means to follow: the same for the same hand."""
    random = np.random.default_rng(hand.sign_seed)
    sheet = _Sheet()
    if hand.text:
        _write_text(sheet, hand, random)
    else:
        _draw_sign(sheet, random)
    for flourish in hand.flourishes:
        _FLOURISHES[flourish](sheet, hand.flourish_size, random)
    return sheet.plan()


def _write_text(sheet: _Sheet, hand: Hand, random):
    x, count = 0.0, 0
    for word in hand.text.split():
        x, count = _write_word(sheet, hand, word, x, count, random)
        x += hand.word_gap


def _write_word(sheet: _Sheet, hand: Hand, word: str, x: float, count: int, random):
    """Writes one word from x on, dots and crosses last; returns where it ends and how many letters stand so far."""
    later, free = [], True
    for place, character in enumerate(word):
        size = hand.shrink ** (place / max(1, len(word) - 1))
        size *= hand.capital if character.isupper() else 1.0
        first, *others = _shape(hand, character, place, random)
        joins = not free and character not in ".-" and not character.isupper() and random.random() < hand.joined
        shift, scale = np.array([x, 0.0]), np.array([size * hand.width, size])
        (sheet.extend if joins else sheet.start)(first * scale + shift, count)
        later += [(other * scale + shift, count) for other in others]
        sheet.origins.append((x, 0.0))
        wide = first if character.islower() else np.concatenate([first, *others])
        x += wide[:, 0].max() * scale[0] + hand.gap * (1.0 if character.islower() else 0.4)
        free, count = character in ".-" or (character.isupper() and random.random() < 0.35), count + 1
    for points, letter in later:
        sheet.start(points, letter)
    return x, count


def _shape(hand: Hand, character: str, place: int, random) -> list[np.ndarray]:
    """The strokes of one letter; late ones of hasty writers, and characters nobody taught us, are waves."""
    known = character in hand.forms
    if known and (place < hand.waves_from or not character.islower()):
        return hand.forms[character]
    humps = random.integers(1, 3)
    steps = np.arange(2 * humps + 1)
    rise = hand.wave_height * random.uniform(0.6, 1.3, len(steps)) * (steps % 2)
    return [np.stack([0.42 * steps, 0.05 + rise], axis=1)]


def _draw_sign(sheet: _Sheet, random):
    """A sign without letters: one to four strokes, each of three to six points or as many a loop, drifting on."""
    lean = random.normal(0.5, 0.5)
    for letter in range(random.integers(1, 5)):
        loops = random.uniform(1.0, 4.5) if letter == 0 else random.uniform(0.4, 1.6)
        each = random.integers(3, 6)
        count = max(3, int(round(loops * each)))
        angle = random.uniform(0, 2 * np.pi) + random.choice([-1, 1]) * 2 * np.pi * np.arange(count) / each
        radius = np.abs(random.uniform(0.7, 1.5) + random.normal(0.0, 0.25, count).cumsum() * 0.6) + 0.2
        across = radius * np.cos(angle) * random.uniform(.35, 1.0)
        along = radius * np.sin(angle) * random.uniform(.7, 1.4)
        start = np.array([random.uniform(0, 3.0), random.uniform(0.3, 1.2)])
        drift = random.uniform(0.1, 0.8) * np.arange(count) * 3.0 / each
        points = start + np.stack([drift + across + lean * along, along], axis=1)
        sheet.start(points, letter)
        sheet.origins.append(tuple(start))


def _exit(sheet: _Sheet, size: float, random):
    """The last stroke runs on to the right."""
    end = _end_of_body(sheet)
    rise, length = random.uniform(-0.8, 1.2), size * random.uniform(1.2, 3.5)
    bow = random.uniform(-0.5, 0.6)
    sheet.extend(end + [[length * .4, rise * .3 + bow], [length, rise]], -1)


def _end_of_body(sheet: _Sheet) -> np.ndarray:
    """Moves the stroke that reaches farthest right to the end, and returns its last point."""
    farthest = max(range(len(sheet.strokes)), key=lambda number: sheet.strokes[number][-1][0][-1][0])
    sheet.strokes.append(sheet.strokes.pop(farthest))
    return sheet.strokes[-1][-1][0][-1]


def _underline(sheet: _Sheet, size: float, random):
    left, bottom, right, _ = sheet.bounds()
    for line in range(1 + (random.random() < 0.2)):
        y = max(bottom, -0.9) - random.uniform(0.1, 0.4) - 0.35 * line
        start, end = left - random.uniform(-1, .8) * size, right + random.uniform(-.8, 1.0) * size
        middle = random.uniform(0.3, 0.7)
        points = [[start, y + random.normal(0, .2)], [start + middle * (end - start), y + random.normal(0, .25)],
                  [end, y + random.uniform(-.1, .6)]]
        if random.random() < 0.25:   # a hook back at the end
            points.append([end - random.uniform(.4, 1.2), y - random.uniform(.1, .5)])
        sheet.start(points if random.random() < 0.8 else points[::-1], -1)


def _return(sheet: _Sheet, size: float, random):
    """The last stroke sweeps back below the name, and to the right again."""
    left, bottom, right, _ = sheet.bounds()
    end = _end_of_body(sheet)
    low = min(-0.5, max(bottom, -1.1)) - random.uniform(0.1, 0.7) * size
    back = left + random.uniform(0.0, 0.6) * (right - left)
    points = [[end[0] + .8 * size, end[1] + random.uniform(-.1, .8)], [end[0] + .5 * size, low * .6],
              [.5 * (end[0] + back), low], [back, low * random.uniform(.6, 1.1)]]
    if random.random() < 0.6:
        points += [[back + .1, low - .35], [.6 * right + .4 * back, low - random.uniform(.1, .5)],
                   [right + size * random.uniform(0, 1.5), low + random.uniform(-.2, .5)]]
    sheet.extend(points, -1)


def _oval(sheet: _Sheet, size: float, random):
    """An open ring round part of the name."""
    left, bottom, right, top = sheet.bounds()
    centre = np.array([left + random.uniform(.3, .7) * (right - left), .5 * (max(bottom, -1) + top)])
    radii = np.array([random.uniform(.3, .6) * (right - left), .5 * (top - max(bottom, -1)) * random.uniform(.9, 1.3)])
    angle = random.uniform(0, 2 * np.pi) + random.choice([-1, 1]) * np.linspace(0, random.uniform(4.5, 7.5), 9)
    sheet.start(centre + radii * np.stack([np.cos(angle), np.sin(angle)], axis=1), -1)


def _overline(sheet: _Sheet, size: float, random):
    """A long bar over or through the name, as from a t."""
    left, _, right, top = sheet.bounds()
    y, middle = random.uniform(.8, max(1.2, top)), random.uniform(.3, .8) * (left + right)
    half = size * random.uniform(.8, 2.5)
    sheet.start([[middle - half, y - .1], [middle, y + random.normal(0, .12)],
                 [middle + half, y + random.uniform(-.1, .5)]], -1)


def _dots(sheet: _Sheet, size: float, random):
    left, bottom, right, _ = sheet.bounds()
    x, y = random.uniform(left, right), max(bottom, -1) - random.uniform(.1, .4)
    for dot in range(random.integers(1, 4)):
        at = np.array([x + .45 * size * dot, y + random.normal(0, .05)])
        sheet.start([at, at + random.uniform(.02, .12, 2)], -1)


def _lead(sheet: _Sheet, size: float, random):
    """The first stroke comes from below left."""
    points, letter = sheet.strokes[0][0]
    begin = points[0] + [-size * random.uniform(.5, 1.6), random.uniform(-1.0, .4)]
    bow = .5 * (begin + points[0]) + [0, random.uniform(-.5, .3)]
    sheet.strokes[0].insert(0, (np.array([begin, bow]), -1))


_FLOURISHES = {"exit": _exit, "underline": _underline, "return": _return, "oval": _oval, "overline": _overline,
               "dots": _dots, "lead": _lead}
