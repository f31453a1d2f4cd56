"""Pictures of a list into frames in memory, with a thread per core."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

import numpy as np

from gaudi.errors import UserError
from models.framing.files import complaint
from models.framing.frame import make_framer
from models.ink.files import UnreadableImage


def load(items: list, grey: Callable, data, part: str, may_be_blank: bool) -> tuple[np.ndarray, list]:
    """Frames uint8 [N, height, width], 255 = ink, and the items they are of.

    grey: an item -> uint8 [H, W], 255 = paper. data: has height, width and on_corrupt. Without `may_be_blank` a picture
    without ink is unusable. UserError names unusable ones, or all where none is left; else they are told on stderr.
    """
    framer = make_framer(data.height, data.width)

    def one(item):
        try:
            frame = framer(grey(item))
        except UnreadableImage as error:
            return error
        return frame if may_be_blank or frame.any() else UnreadableImage(item.path or item.name, "no ink in it")

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = list(pool.map(one, items))
    errors = [result for result in results if isinstance(result, UserError)]
    if errors and (data.on_corrupt == "fail" or len(errors) == len(items)):
        advice = "(data.on_corrupt=skip leaves them out)" if len(errors) < len(items) else ""
        raise UserError(complaint(errors, f"of {len(items)} images of {part}", advice))
    for error in errors:
        print(f"left out: {error}", file=sys.stderr)
    kept = [(frame, item) for frame, item in zip(results, items) if not isinstance(frame, UserError)]
    return np.stack([frame for frame, _ in kept]), [item for _, item in kept]
