"""`gaudi data check`: who is known and who is not, unusable files, and copies across parts, without TensorFlow."""

from __future__ import annotations

from models.framing.files import audit
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
    files = {part: [image.path for image in getattr(found, part) if image.path is not None] for part in PARTS}
    yield from audit(files, recipe.data.on_corrupt)
