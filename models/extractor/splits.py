"""Training, validation and test records of a recipe; no writer is on two sides."""

from __future__ import annotations

from collections import Counter

import numpy as np

from gaudi.errors import UserError
from models.extractor.listing import Record, list_records, writers_of
from models.signatures import cedar

SYNTHETIC, ADDED = "synthetic", "added"


def all_records(recipe) -> list[Record]:
    """The records of data.root, or of the synthetic writers where it is empty."""
    data = recipe.data
    if data.root:
        return list_records(data.root, data.pattern)
    return synthetic_records(SYNTHETIC, data.synthetic_writers, data.synthetic_each)


def synthetic_records(prefix: str, writers: int, each: int) -> list[Record]:
    """Names of `each` synthetic signatures of every writer, half of them forged; prepared.py draws them."""
    genuine = each - each // 2
    return [Record(f"{prefix}-{writer}", index >= genuine, f"{prefix}/{writer}/{index}")
            for writer in range(1, writers + 1) for index in range(each)]


def is_added(record: Record) -> bool:
    """Whether a record is of a synthetic writer who only helps to train on other data."""
    return record.path is None and record.name.startswith(f"{ADDED}/")


def parts(recipe) -> dict[str, list[Record]]:
    """`train`, `validation` and `test` records; added synthetic writers only train."""
    data, records = recipe.data, all_records(recipe)
    writers = writers_of(records)
    test = test_writers(data, writers)
    rest = [writer for writer in writers if writer not in test]
    if len(rest) < data.validation_writers + 2:
        raise UserError(f"data: {len(writers)} writers, {len(test)} for the test and data.validation_writers "
                        f"({data.validation_writers}) leave {len(rest) - data.validation_writers} to train on; 2 are needed")
    validation = chosen(rest, data.validation_writers, recipe.seed)
    sides = {"train": set(rest) - set(validation), "validation": set(validation), "test": set(test)}
    split = {name: [record for record in records if record.writer in side] for name, side in sides.items()}
    split["train"] += synthetic_records(ADDED, data.added_writers, data.synthetic_each) if data.added_writers else []
    check_disjoint(split)
    check_batch(recipe.batch, split)
    return split


def test_writers(data, writers: list[str]) -> list[str]:
    """The writers of the test: a fold, those named, CEDAR's ten where they exist, or a share."""
    if data.fold >= 0:
        return fold(writers, data.folds, data.fold)
    if data.test_writers:
        asked = data.test_writers.split("," if "," in data.test_writers else None)
        return named([one.strip() for one in asked], writers)
    usual = [str(writer) for writer in cedar.TEST_WRITERS]
    if data.root and len(writers) == 55 and set(usual) <= set(writers):
        return usual
    return chosen(writers, max(2, round(len(writers) * data.test_share)), 0)


def named(asked: list[str], writers: list[str]) -> list[str]:
    """The writers asked for, each checked to exist and to be named once."""
    unknown, twice = sorted(set(asked) - set(writers)), [one for one, times in Counter(asked).items() if times > 1]
    if unknown or twice:
        raise UserError(f"data.test_writers: {unknown[0]} is not in the data (it has {', '.join(writers[:8])} ...)"
                        if unknown else f"data.test_writers: {twice[0]} is named twice")
    return asked


def chosen(writers: list[str], count: int, seed: int) -> list[str]:
    """`count` of the writers, the same for the same seed."""
    order = np.random.default_rng((seed, 7)).permutation(len(writers))
    return [writers[position] for position in sorted(order[:count])]


def fold(writers: list[str], folds: int, which: int) -> list[str]:
    """Fold `which` of `folds` disjoint groups that cover all writers; sizes differ by at most one."""
    if len(writers) < 2 * folds:
        raise UserError(f"data.folds: {folds} folds of {len(writers)} writers leave one with a single writer; "
                        f"at most {len(writers) // 2} are possible")
    order = np.random.default_rng(0).permutation(len(writers))
    return [writers[position] for position in sorted(order[which::folds])]


def check_disjoint(split: dict[str, list[Record]]) -> None:
    """Raise UserError where two parts share a writer."""
    owner: dict[str, str] = {}
    for name, records in split.items():
        for writer in writers_of(records):
            if owner.setdefault(writer, name) != name:
                raise UserError(f"writer {writer} is in two parts of the data: {owner[writer]} and {name}")


def check_batch(batch, split: dict[str, list[Record]]) -> None:
    """Raise UserError where a batch asks for more writers or genuine images than there are."""
    real = [record for record in split["train"] if not is_added(record)]
    have, wanted = len(writers_of(real)), batch.writers - batch.added
    if wanted > have:
        raise UserError(f"batch.writers: {wanted} in a batch, but only {have} writers to train on")
    added = len(writers_of(split["train"])) - have
    if batch.added > added:
        raise UserError(f"batch.added: {batch.added} in a batch, but data.added_writers is {added}")
    genuine = Counter(record.writer for record in split["train"] if not record.forged)
    writer, count = min(genuine.items(), key=lambda item: item[1])
    if batch.genuine > count:
        raise UserError(f"batch.genuine: {batch.genuine} of each writer, but writer {writer} has only {count}")


def epoch_steps(records: list[Record], batch) -> int:
    """Batches in an epoch: so many that as many real images are drawn as there are (added ones where all are added)."""
    each = batch.genuine + batch.forged
    real = [record for record in records if not is_added(record)]
    counted, writers = (real, batch.writers - batch.added) if batch.added < batch.writers else (records, batch.writers)
    return max(1, round(len(counted) / (writers * each)))


def split_sizes(recipe) -> dict[str, int]:
    """Number of images in validation, test and one epoch of training."""
    split = parts(recipe)
    sizes = {name: len(records) for name, records in split.items()}
    return sizes | {"train": epoch_steps(split["train"], recipe.batch) * recipe.train.global_batch}
