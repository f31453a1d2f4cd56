"""The distortions by name, each a seeded albumentations transform of a grey picture on white paper."""

from __future__ import annotations

import random

import numpy as np

# The notebook's four grids by steps and limit, optical and elastic distortions, blurs and multiplicative noise.
NAMES = ("grid_5", "grid_7", "grid_9", "grid_12", "optical", "elastic", "motion_blur", "median_blur", "gaussian_blur", "noise",
         "combined")
_GRIDS = {"grid_5": (5, 0.4), "grid_7": (7, 0.5), "grid_9": (9, 0.6), "grid_12": (12, 0.7)}


def transform(name: str):
    """The albumentations transform of that name; paper (255) flows in from outside."""
    import albumentations as A
    import cv2
    paper = dict(border_mode=cv2.BORDER_CONSTANT, value=255, p=1.0)
    if name in _GRIDS:
        steps, limit = _GRIDS[name]
        return A.GridDistortion(num_steps=steps, distort_limit=limit, **paper)
    noise = A.MultiplicativeNoise(multiplier=(0.9, 1.1), elementwise=True, p=1.0)
    motion, median = A.MotionBlur(blur_limit=7, p=1.0), A.MedianBlur(blur_limit=7, p=1.0)
    made = {"optical": A.OpticalDistortion(distort_limit=0.3, shift_limit=0.1, **paper),
            "elastic": A.ElasticTransform(alpha=40, sigma=6, **paper),
            "motion_blur": motion, "median_blur": median, "gaussian_blur": A.GaussianBlur(blur_limit=(3, 7), p=1.0),
            "noise": noise, "combined": A.Compose([noise, motion, median])}
    return made[name]


def distorted(image: np.ndarray, name: str, seed: int) -> np.ndarray:
    """uint8 [H, W] of uint8 [H, W], always the same for a seed (albumentations draws from Python's and NumPy's generators)."""
    states = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2 ** 32)
    try:
        return transform(name)(image=image)["image"]
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
