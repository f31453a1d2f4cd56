"""`gaudi data check`: who is known and who is not, unusable files, and copies across parts, without TensorFlow."""

from __future__ import annotations

import hashlib

from gaudi.errors import UserError
from models.ink.files import UnreadableImage, read_gray
from models.signer.splits import listing

PARTS = ("train", "validation", "test", "development", "unknown", "forged")


def check(recipe):
    """Yield lines on the data of `recipe`; raises UserError where they are unfit for training."""
    found = listing(recipe.data)
    yield f"data: {recipe.data.root or 'embedded synthetic people'}"
    yield f"classes: {found.known} known people" + (f" and {len(found.classes) - found.known} added ones"
                                                    if len(found.classes) > found.known else "")
    for part in PARTS:
        images = getattr(found, part)
        yield f"{part}: {len(images)} images of {len({image.person for image in images})} people"
    if recipe.network.body == "inception" and not recipe.network.weights and recipe.stages.train_from != "all":
        yield ("note: network.weights is empty and stages.train_from is not all: the body keeps the random weights it starts "
               "with, which is no more than a trial")
    errors = list(unusable(found))
    if errors and recipe.data.on_corrupt == "fail":
        raise UserError(f"{len(errors)} images cannot be used: {'; '.join(errors[:5])} (data.on_corrupt=skip leaves them out)")
    for error in errors:
        yield f"left out: {error}"
    yield from copies(found)


def unusable(found):
    """What is wrong with every file that cannot be read."""
    for path in sorted({image.path for part in PARTS for image in getattr(found, part) if image.path is not None}):
        try:
            read_gray(path)
        except UnreadableImage as error:
            yield str(error)


def copies(found):
    """Notes on files of equal content in two parts."""
    seen: dict[str, tuple] = {}
    for part in PARTS:
        for image in getattr(found, part):
            if image.path is None:
                continue
            key = hashlib.sha256(image.path.read_bytes()).hexdigest()
            other = seen.setdefault(key, (part, image.path))
            if other[0] != part:
                yield f"note: {image.path} ({part}) and {other[1]} ({other[0]}) are the same picture"
