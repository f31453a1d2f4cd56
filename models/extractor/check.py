"""`gaudi data check`: the listing, the split, copies and the leak gate, without TensorFlow."""

from __future__ import annotations

from models.extractor.listing import writers_of
from models.extractor.prepared import Prepared, cropped_twice
from models.extractor.ready import load


def check(recipe):
    """Yield lines on the data of `recipe`; raises UserError where it is unfit for training or leaks."""
    told: list[str] = []
    ready = load(recipe, told.append)
    yield f"data: {recipe.data.root or 'embedded synthetic signatures'}"
    ready.pop("known")  # a part of train
    for name, part in ready.items():
        yield describe(name, part)
    for part in ready.values():
        for first, second in cropped_twice(part):
            yield f"note: {first.name} and {second.name} are one signature, scanned or cropped twice"
    for reason in next(iter(ready.values())).skipped:
        yield f"left out: {reason}"
    yield from told


def describe(name: str, part: Prepared) -> str:
    """Writers and images of one part of the data."""
    writers = writers_of(part.records)
    forged = sum(record.forged for record in part.records)
    shown = " ".join(writers) if len(writers) <= 12 else f"{' '.join(writers[:4])} ... {writers[-1]}"
    return f"{name}: {len(writers)} writers ({shown}), {len(part.records) - forged} genuine, {forged} forged images"
