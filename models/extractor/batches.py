"""Composes batches of P writers x K images, forgeries of the same writers among them, from a list of records."""

from __future__ import annotations

import numpy as np

from models.extractor.listing import Record
from models.extractor.splits import epoch_steps, is_added


class Composer:
    """Plans epochs over `records`; every batch holds distinct writers, each with genuine and forged images.

    Nothing here knows of ranks: a plan is of global batches, and each rank takes its slice of them.
    """

    def __init__(self, records: list[Record], batch):
        self.batch = batch
        self.genuine = _by_writer(records, forged=False)
        self.forged = _by_writer(records, forged=True)
        helpers = {record.writer for record in records if is_added(record)}
        self.added = [writer for writer in self.genuine if writer in helpers]
        self.real = [writer for writer in self.genuine if writer not in helpers]
        self.steps = epoch_steps(records, batch)

    def epoch(self, epoch: int, seed: int) -> np.ndarray:
        """Indices int64 [steps, P * K] into the records: as many real images as there are, drawn evenly.

        Writers are dealt from a shuffled deck, and a writer's images from a deck of his own, so that within an epoch
        nobody is drawn twice before all others were drawn once.
        """
        random = np.random.default_rng((seed, epoch, 11))
        real, added = Deck(self.real, random), Deck(self.added, random)
        images: dict = {}
        rows = []
        for _ in range(self.steps):
            writers = real.deal(self.batch.writers - self.batch.added) + added.deal(self.batch.added)
            rows.append(np.concatenate([self._of_writer(writer, images, random) for writer in writers]))
        return np.stack(rows).astype(np.int64)

    def _of_writer(self, writer, images: dict, random) -> list[int]:
        """K indices of one writer: genuine ones first, then forged ones (genuine where nobody forged the writer)."""
        genuine = images.setdefault((writer, False), Deck(self.genuine[writer], random))
        if writer not in self.forged:
            return genuine.deal(self.batch.genuine + self.batch.forged)
        return genuine.deal(self.batch.genuine) + images.setdefault((writer, True), Deck(self.forged[writer], random)).deal(self.batch.forged)


class Deck:
    """Deals items in a random order, reshuffled when it runs out; one deal holds no item twice while there are enough."""

    def __init__(self, items: list, random):
        self.items, self.random, self.waiting = list(items), random, []

    def deal(self, count: int) -> list:
        """`count` items; repeats only where the deck has fewer."""
        dealt: list = []
        while len(dealt) < count:
            if not self.waiting:
                self.waiting = [self.items[position] for position in self.random.permutation(len(self.items))]
                # those just dealt go to the bottom, so that the next ones differ from them
                self.waiting.sort(key=lambda item: item in dealt)
            dealt.append(self.waiting.pop(0))
        return dealt


def _by_writer(records: list[Record], forged: bool) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for position, record in enumerate(records):
        if record.forged == forged:
            found.setdefault(record.writer, []).append(position)
    return found


def watched_batches(records: list[Record], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices int64 and weights (1 or 0), [steps, size]: all writers in every batch, or as many as two images each allow.

    Over the steps every image is shown about once. What a batch cannot divide among its writers is filling of weight 0.
    """
    genuine, forged = _by_writer(records, forged=False), _by_writer(records, forged=True)
    writers, random = list(genuine), np.random.default_rng(3)
    many = min(len(writers), max(1, size // 4))
    each = size // many
    people, images = Deck(writers, random), {}
    rows = []
    for _ in range(max(1, round(len(records) / (many * each)))):
        row: list[int] = []
        for writer in people.deal(many):
            fakes = each // 2 if writer in forged else 0
            row += images.setdefault((writer, False), Deck(genuine[writer], random)).deal(each - fakes)
            row += images.setdefault((writer, True), Deck(forged[writer], random)).deal(fakes) if fakes else []
        rows.append(row + [row[0]] * (size - len(row)))
    weights = np.zeros((len(rows), size), np.float32)
    weights[:, :many * each] = 1.0
    return np.array(rows, np.int64), weights
