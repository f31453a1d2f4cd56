"""Synthetic house fronts and their plans, laid out as the CMP facades are: A is the front, B the plan."""

from __future__ import annotations

import cv2
import numpy as np

# what stands on a plan, RGB: the darker the colour, the deeper it lies
WALL, WINDOW, DOOR = (0, 60, 220), (0, 160, 255), (170, 0, 0)
SILL, ROOF, SKY = (0, 230, 190), (90, 210, 60), (0, 0, 120)


def facade(number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The front and the plan of house `number`, uint8 [size, size, 3] RGB; the same number gives the same house."""
    random = np.random.default_rng([521, number])
    front, plan = (np.zeros((size, size, 3), np.float32) for _ in range(2))
    eaves = int(size * random.uniform(0.12, 0.28))
    brick = random.uniform([110, 60, 45], [225, 190, 160])
    _sky(front, plan, eaves)
    _wall(front, plan, eaves, brick, random)
    _roof(front, plan, eaves, random)
    floors, columns = int(random.integers(2, 5)), int(random.integers(2, 6))
    high, wide = (size - eaves) / floors, size / columns
    door = int(random.integers(columns))
    for floor in range(floors):
        for column in range(columns):
            is_door = floor == floors - 1 and column == door
            box = _box(eaves + floor * high, column * wide, high, wide, random.uniform(0.42, 0.6), is_door)
            (_door if is_door else _window)(front, plan, box, random)
    grain = random.normal(0, 4, (size, size, 1))
    return np.clip(front + grain, 0, 255).astype(np.uint8), plan.astype(np.uint8)


def _box(top, left, high, wide, share, to_ground):
    """(top, bottom, left, right) of an opening within its field."""
    height = high * (0.78 if to_ground else 0.58)
    begin = top + high - height if to_ground else top + 0.2 * high
    free = wide * (1 - share) / 2
    return tuple(int(round(edge)) for edge in (begin, begin + height, left + free, left + wide - free))


def _fill(picture, box, colour):
    top, bottom, left, right = box
    picture[top:bottom, left:right] = colour


def _sky(front, plan, eaves):
    shade = np.linspace(0, 1, max(1, eaves))[:, None, None]
    front[:eaves] = np.array([110, 160, 225]) * (1 - shade) + np.array([205, 225, 245]) * shade
    plan[:eaves] = SKY


def _wall(front, plan, eaves, brick, random):
    front[eaves:], plan[eaves:] = brick, WALL
    course = max(4, len(front) // 40)
    for row, top in enumerate(range(eaves, len(front), course)):
        front[top] *= 0.8
        for left in range((row % 2) * course, len(front), 2 * course):
            front[top:top + course, left:left + 1] *= 0.85
    front[eaves:] *= np.linspace(1.0, random.uniform(0.75, 0.9), len(front) - eaves)[:, None, None]


def _roof(front, plan, eaves, random):
    size, peak = len(front), int(eaves * random.uniform(0.2, 0.5))
    corners = np.array([[0, eaves], [size // 5, peak], [size - size // 5, peak], [size, eaves]])
    mask = cv2.fillPoly(np.zeros(front.shape[:2], np.uint8), [corners], 1).astype(bool)
    tiles = 1.0 - 0.25 * (np.arange(size)[:, None, None] % max(3, size // 50) == 0)
    front[mask] = (random.uniform([120, 50, 40], [180, 90, 70]) * np.broadcast_to(tiles, front.shape))[mask]
    plan[mask] = ROOF


def _window(front, plan, box, random):
    top, bottom, left, right = box
    rim = max(1, (right - left) // 10)
    _fill(plan, box, WINDOW)
    _fill(front, box, 235)
    glass = np.linspace(random.uniform(40, 80), random.uniform(110, 170), max(1, bottom - top - 2 * rim))[:, None, None]
    front[top + rim:bottom - rim, left + rim:right - rim] = glass * np.array([0.8, 0.95, 1.15])
    front[top:bottom, (left + right) // 2 - rim // 2:(left + right) // 2 + max(1, rim // 2)] = 235
    sill = (bottom, bottom + max(2, 2 * rim), left - rim, right + rim)
    _fill(front, (sill[0], sill[1], max(0, sill[2]), sill[3]), 200)
    _fill(plan, (sill[0], sill[1], max(0, sill[2]), sill[3]), SILL)
    front[sill[1]:sill[1] + rim, left:right] *= 0.7


def _door(front, plan, box, random):
    top, bottom, left, right = box
    _fill(plan, box, DOOR)
    _fill(front, box, random.uniform([50, 30, 20], [130, 90, 60]))
    inset = max(1, (right - left) // 6)
    middle = (top + bottom) // 2
    for begin, end in ((top + inset, middle - inset // 2), (middle + inset // 2, bottom - inset)):
        front[begin:end, left + inset:right - inset] *= 1.35
