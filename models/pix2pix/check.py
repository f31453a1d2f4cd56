"""gaudi data check: what a recipe's data holds, how it is divided, and what cannot be used; no TensorFlow."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from gaudi.errors import UserError
from models.ink.files import list_images, shown
from models.pix2pix import align
from models.pix2pix import parts as listings
from models.pix2pix.config import Config
from models.pix2pix.pictures import load
from models.pix2pix.prepare import ALIGNED, GENERATED, TARGETED

PARTS = ("train", "validation", "test")
LOOKED_AT = 24  # examples whose pictures are compared


def check(recipe: Config):
    """Lines about the data; UserError where something has to be mended before training."""
    data, parts = recipe.data, listings.listing(recipe)
    yield f"data: {shown(data.root) if data.root else 'embedded synthetic data'}, layout {data.layout}"
    for name in PARTS:
        yield f"{name}: {described(getattr(parts, name), getattr(parts, f'{name}_b'))}"
    if data.layout == "signatures":
        yield from signature_lines(recipe, parts)
    examples = [one for name in PARTS for one in getattr(parts, name) + getattr(parts, f"{name}_b")]
    _, pictures = load(examples, data)
    yield f"pictures: {len(pictures):,} of {len(examples):,} examples readable"
    if data.layout == "signatures":
        yield agreement_line(pictures)
    batch, size = recipe.train.global_batch, listings.counts(recipe)["train"]
    if batch > size:
        yield (f"train.global_batch: {batch} images, but the training part has {size}: "
               "every step repeats some at weight 0")
    if data.root and data.layout == "signatures":
        refuse_strays(Path(data.root), {one.key for one in listings.manifest_examples(Path(data.root))})


def described(rows, other) -> str:
    """Counts of a part."""
    if other:
        return f"{len(rows):,} A, {len(other):,} B"
    names, writers = {one.name for one in rows if one.name}, {one.writer for one in rows if one.writer}
    found = (("examples", len(rows)), ("names", len(names)), ("writers", len(writers)))
    return ", ".join(f"{count:,} {what}" for what, count in found if count)


def signature_lines(recipe: Config, parts):
    """Names and writers that are held out, fonts, styles."""
    unseen = sorted({one.name for one in parts.test} - parts.trained_names)
    chosen_by = sorted({one.name for one in parts.validation} - parts.trained_names)
    yield f"names never trained on: test {', '.join(unseen) or 'none'}; validation {', '.join(chosen_by) or 'none'}"
    fonts = sorted({font for one in parts.train for font in one.fonts})
    prints = {font: sum(font in one.fonts for one in parts.train) for font in fonts}
    yield "fonts: " + ", ".join(f"{font} ({count:,} training prints)" for font, count in prints.items())
    yield f"hands: {len(parts.hands)} in training (writers, each medium apart); network.hands {recipe.network.hands}"
    if recipe.network.hands > len(parts.hands):
        raise UserError(f"network.hands: {recipe.network.hands} styles, but the training part has {len(parts.hands)} "
                        "hands")


def agreement_line(pictures) -> str:
    """How well print and handwriting lie on each other, as printed and as fed."""
    few = [pictures[index] for index in np.unique(np.linspace(0, len(pictures) - 1, LOOKED_AT).astype(int))]
    plain = np.mean([align.agreement(gray(one.plain[0]), gray(one.target)) for one in few])
    fed = np.mean([align.agreement(gray(one.inputs[0]), gray(one.target)) for one in few])
    return (f"ink F of print and handwriting ({len(few)} examples): {plain:.3f} as printed, "
            f"{fed:.3f} as fed to the network")


def gray(file: bytes) -> np.ndarray:
    """A PNG as uint8 [S, S]."""
    return cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_GRAYSCALE)


def refuse_strays(root: Path, known: set[str]) -> None:
    """Files that the manifest does not name have no partner."""
    for folder in (root / TARGETED, root / GENERATED, root / ALIGNED):
        strays = [path for path in list_images(folder) if path.name not in known] if folder.is_dir() else []
        if strays:
            raise UserError(f"{shown(strays[0])}: has no partner; the manifest does not name it "
                            f"({len(strays)} such in {folder.name})")
