"""The data of a recipe, prepared, split and past the leak gate; `gaudi data check` and every training come here first."""

from __future__ import annotations

import numpy as np

from models.extractor import leak
from models.extractor.listing import Record, list_records
from models.extractor.prepared import Prepared, prepare_records
from models.extractor.splits import check_batch, is_added, parts


KNOWN_EACH = 8   # genuine signatures of each training writer that play strangers when thresholds are chosen


def load(recipe, say=print) -> dict[str, Prepared]:
    """`train`, `validation`, `test`, and `known`: some genuine signatures of real training writers.

    Raises UserError where the data are unfit or leak; `say` is told the findings.
    """
    split = parts(recipe)
    real = [record for records in split.values() for record in records if not is_added(record)]
    whole = prepare_records(real, recipe.data, recipe.seed)
    for line in audit(whole, recipe.data.leak_limit):
        say(line)
    ready = {name: taken(whole, {record.name for record in records}) for name, records in split.items()}
    ready["known"] = taken(ready["train"], known(ready["train"].records))
    added = [record for record in split["train"] if is_added(record)]
    if added:
        ready["train"] = joined(ready["train"], prepare_records(added, recipe.data, recipe.seed))
    check_batch(recipe.batch, {name: part.records for name, part in ready.items()})  # unreadable images may be left out
    return ready


def known(records: list[Record]) -> set[str]:
    """Names of the first KNOWN_EACH genuine signatures of each writer."""
    names: dict[str, list[str]] = {}
    for record in records:
        if record.genuine and len(names.setdefault(record.writer, [])) < KNOWN_EACH:
            names[record.writer].append(record.name)
    return {name for own in names.values() for name in own}


def load_other(root: str, pattern: str, recipe) -> Prepared:
    """Another data set, prepared like the recipe's own, for judging only."""
    return prepare_records(list_records(root, pattern), recipe.data, recipe.seed)


def audit(prepared: Prepared, limit: float):
    """Lines on what preparation left of the files' leaks; raises UserError where the prepared images still leak."""
    forged = np.array([record.forged for record in prepared.records])
    writers = [record.writer for record in prepared.records]
    found = leak.probe(prepared.facts[:, 1], forged, writers, limit)
    yield leak.describe(leak.probe(prepared.facts[:, 0], forged, writers, limit), "files as they are")
    yield leak.describe(found, "prepared images")
    leak.gate(found)


def taken(whole: Prepared, names: set[str]) -> Prepared:
    """The part of `whole` that holds the records of these names."""
    chosen = [position for position, record in enumerate(whole.records) if record.name in names]
    return Prepared([whole.records[position] for position in chosen], [whole.packed[position] for position in chosen],
                    whole.facts[chosen], whole.skipped)


def joined(one: Prepared, other: Prepared) -> Prepared:
    """Both, one after the other."""
    return Prepared(one.records + other.records, one.packed + other.packed, np.concatenate([one.facts, other.facts]),
                    one.skipped + other.skipped)

