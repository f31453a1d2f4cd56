"""`gaudi data check`: what a recipe's pages hold and what is wrong with them, before training; no TensorFlow."""

from __future__ import annotations

import numpy as np

from gaudi.errors import UserError
from models.annotations import audit, shards
from models.annotations.images import NEAR_BITS, distances
from models.retinanet import anchors, records

LOOKED_AT = 2000  # boxes of a split whose anchor coverage is measured


def check(recipe):
    """Yield lines of text; UserError for what training would stumble over."""
    folder, classes = records.folder_of(recipe.data), records.classes_of(recipe.data)
    yield f"{folder}: classes {', '.join(f'{k} {name}' for k, name in enumerate(classes, 1))}"
    dataset = shards.open_folder(folder)
    for finding in audit.summary([audit.Finding(*row) for row in dataset.facts.get("findings", [])]):
        yield f"when prepared: {finding}"
    parts = {name: records.read_part(folder, name, classes, recipe.data.limit) for name in dataset.sizes()}
    if recipe.data.extra:
        parts["extra"] = records.read_part(recipe.data.extra, "train", classes)
    for name, part in parts.items():
        shards.verify(dataset.split(name) if name != "extra" else shards.open_folder(recipe.data.extra).split("train"))
        yield from _part(name, part, classes, recipe)
    yield from _straddling(parts)


def _part(name, part, classes, recipe):
    """Counts, sizes and anchor coverage of one split."""
    sizes = sorted({(image["height"], image["width"]) for image in part.images})
    shown = f"{sizes[0][1]}x{sizes[0][0]}" + (f" to {sizes[-1][1]}x{sizes[-1][0]}" if len(sizes) > 1 else "")
    yield (f"{name}: {len(part.images)} pages of {shown}, {sum(len(rows) for rows in part.boxes)} boxes, "
           f"{sum(not len(rows) for rows in part.boxes)} pages without one; all records intact")
    most = max(len(rows) for rows in part.boxes)
    if most > recipe.data.max_boxes:
        raise UserError(f"data.max_boxes: {recipe.data.max_boxes}, but a {name} page has {most} boxes; raise it")
    yield from _repairs(name, part)
    fitted = np.concatenate([_on_canvas(rows, image, recipe.data) for rows, image in zip(part.boxes, part.images)])
    for k, label in enumerate(classes, 1):
        own = fitted[fitted[:, 0] == k, 1:]
        if not len(own):
            if name == "train":
                raise UserError(f"{part.folder}: class {label} has no training example; leave it out of --classes")
            yield f"{name}: {label}: no example: its precision there is undefined"
            continue
        yield _coverage(name, label, own, recipe)


def _repairs(name, part):
    """Faults that preparing repairs, found again: somebody changed the folder."""
    for rows, image in zip(part.boxes, part.images):
        size = image["height"], image["width"]
        outside = (rows[:, 1:3] < -0.5).any() or (rows[:, 3:] > np.add(size, 0.5)).any()
        if outside or (rows[:, 3:] <= rows[:, 1:3]).any():
            yield f"{name}: {image['file_name']}: a box is outside, empty or inverted: prepare the data set again"


def _on_canvas(rows, image, data):
    """Boxes [n, 5] in pixels of the network's input."""
    scale = min(data.height / image["height"], data.width / image["width"])
    return np.concatenate([rows[:, :1], rows[:, 1:] * scale], axis=1)


def _coverage(name, label, own, recipe):
    """How large a class's boxes are for the network, and how many of them no anchor fits."""
    best = anchors.best_overlaps(own[:: -(-len(own) // LOOKED_AT)], recipe)
    sides = np.percentile(own[:, 2:] - own[:, :2], [5, 50, 95], axis=0)
    missed = float((best < recipe.anchors.match).mean())
    advice = "; give anchors.aspects or anchors.scales more values" if missed > 0.1 else ""
    high, wide = (" / ".join(f"{value:.0f}" for value in column) for column in sides.T)
    return (f"{name}: {label}: {len(own)} boxes, height {high} and width {wide} input pixels (5, 50, 95 %); "
            f"best anchor overlaps by {np.median(best):.2f} (median), "
            f"{missed:.1%} fit no anchor at {recipe.anchors.match:g}{advice}")


def _straddling(parts):
    """Pages that training nearly holds as well."""
    prints = {name: np.array([list(bytes.fromhex(image["fingerprint"])) for image in part.images], np.uint8)
              for name, part in parts.items()}
    for name in ("validation", "test"):
        for against in ("train", "extra"):
            if name in prints and against in prints:
                near = [k for k, one in enumerate(prints[name]) if distances(one, prints[against]).min() <= NEAR_BITS]
                if near:
                    first = parts[name].images[near[0]]["file_name"]
                    yield (f"{name}: {len(near)} pages stand nearly alike in {against} ({first} first): its figures "
                           "will flatter; prepare with --duplicates drop")
