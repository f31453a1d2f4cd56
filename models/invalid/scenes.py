"""Pictures without marks: blank paper as scanners see it, and synthesised photographs."""

from __future__ import annotations

import cv2
import numpy as np

from models.invalid.marks import PAPER, curve


def cloud(shape, rng: np.random.Generator, fall: float) -> np.ndarray:
    """float32 [h, w] in 0..1: noise whose amplitude falls with frequency to the power -fall, as in natural pictures.

    D. J. Field, "Relations between the statistics of natural images and the response properties of cortical cells",
    J. Opt. Soc. Am. A 4 (1987): natural scenes have a fall of about 1.
    """
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf
    phase = np.exp(2j * np.pi * rng.random(frequency.shape))
    field = np.fft.irfft2(phase * frequency ** -fall, s=shape)
    return ((field - field.min()) / max(1e-12, np.ptp(field))).astype(np.float32)


def blank(page, rng, part):
    """Paper with shading, grain, specks, a fold or an edge of the scanner, and no mark of a pen."""
    height, width = page.shape
    light = rng.uniform(170, 255) * (1 - rng.uniform(0, 0.15) * cloud(page.shape, rng, 2.0))
    light += rng.normal(0, rng.uniform(0, 6), page.shape)
    page[:] = np.clip(light, 0, PAPER)
    for _ in range(int(rng.integers(0, 25)) if rng.random() < 0.4 else 0):
        x, y = rng.random(2) * (width, height)
        cv2.circle(page, (int(x), int(y)), int(rng.integers(0, 2)), int(rng.integers(0, 150)), -1)
    if rng.random() < 0.25:
        ends = rng.random((2, 2)) * (width, height)
        curve(page, ends, int(rng.integers(1, 3)), int(rng.integers(140, 210)))
    if rng.random() < 0.15:
        side, depth = rng.integers(4), int(rng.integers(1, 6))
        np.rot90(page, side)[:depth] = int(rng.integers(0, 90))


def photograph(page, rng, part):
    """Lit bodies in front of a textured ground, with shadows and blur, in grey."""
    height, width = page.shape
    scene = 40 + 200 * cloud(page.shape, rng, rng.uniform(0.9, 1.9))
    scene *= np.linspace(*rng.uniform(0.5, 1.2, 2), height)[:, None]
    for _ in range(rng.integers(1, 7)):
        mask = np.zeros(page.shape, np.uint8)
        centre, size = rng.random(2) * (width, height), rng.uniform(0.1, 0.5) * height
        if rng.random() < 0.5:
            axes = (int(size * rng.uniform(0.5, 1.5)) + 2, int(size) + 2)
            cv2.ellipse(mask, centre.astype(int).tolist(), axes, rng.uniform(0, 180), 0, 360, 255, -1)
        else:
            corners = centre + rng.normal(0, size, (4, 2))
            cv2.fillConvexPoly(mask, cv2.convexHull(corners.astype(np.int32)), 255)
        soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 3)).astype(np.float32) / 255
        slope = rng.normal(0, 80, 2)
        rows, columns = np.mgrid[0:height, 0:width] / height
        body = rng.uniform(30, 220) + slope[0] * (rows - centre[1] / height) + slope[1] * (columns - centre[0] / height)
        body = body + 60 * (cloud(page.shape, rng, rng.uniform(1, 2)) - 0.5)
        scene = scene * (1 - soft) + body * soft
    scene = cv2.GaussianBlur(scene.astype(np.float32), (0, 0), rng.uniform(0.3, 1.5)) + rng.normal(0, rng.uniform(0, 6), page.shape)
    page[:] = np.clip(scene, 0, PAPER)
