"""Prepared images of records: read or drawn, freed of paper, cropped, made black on white and packed, once a start."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path

import cv2
import numpy as np

from gaudi.errors import UserError
from models.extractor.leak import facts_of
from models.extractor.listing import Record
from models.extractor.splits import ADDED
from models.ink.files import UnreadableImage, read_gray, shown
from models.ink.prepare import NoInk, prepare
from models.signatures.synth import make_writer

VERSION = 2            # of the preparation: a cache of another version is not read
INK_BELOW = 160        # grey level; above the middle, so that thin strokes stay whole when scaled down
MANY_WRITERS = 200     # from here on, drawing them is worth starting processes
SYNTHETIC_HEIGHT = 110  # pixels; the mean of CEDAR's crops


@dataclass
class Prepared:
    """Images as PNG bytes (uint8 [size, size], ink 0, paper 255) beside their records.

    facts: float32 [N, 2, F], leak.facts_of of the files before preparation ([:, 0]) and after it ([:, 1]).
    """

    records: list[Record]
    packed: list[bytes]
    facts: np.ndarray
    skipped: list[str]

    def image(self, position: int) -> np.ndarray:
        """One prepared image, uint8 [size, size]."""
        return cv2.imdecode(np.frombuffer(self.packed[position], np.uint8), cv2.IMREAD_GRAYSCALE)

    def images(self, positions=None) -> np.ndarray:
        """uint8 [n, size, size] of the records at `positions`, or of all."""
        chosen = range(len(self.records)) if positions is None else positions
        return np.stack([self.image(int(position)) for position in chosen])

    @property
    def digest(self) -> str:
        """Of names and pixels."""
        told = hashlib.sha256()
        for record, packed in zip(self.records, self.packed):
            told.update(f"{record.writer}\0{record.forged}\0{record.name}\0".encode("utf-8", "surrogateescape") + packed)
        return told.hexdigest()[:16]


def prepare_records(records: list[Record], data, seed: int) -> Prepared:
    """Every record prepared alike; raises UserError for unreadable, blank or repeated images (data.on_corrupt: fail)."""
    cached = _cache_file(records, data, seed)
    if cached and cached.is_file():
        return _read_cache(cached, records)
    made = _from_files(records, data) if records and records[0].path else _drawn(records, data, seed)
    cropped_twice(made)
    if cached:
        _write_cache(cached, made)
    return made


def _from_files(records, data) -> Prepared:
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = list(pool.map(partial(_read_one, size=data.size), records))
    faults = [result for result in results if isinstance(result, UserError)]
    if faults and (data.on_corrupt == "fail" or len(faults) == len(results)):
        more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise UserError(f"{len(faults)} of {len(results)} images cannot be used: {'; '.join(map(str, faults[:3]))}{more} "
                        "(data.on_corrupt=skip leaves them out)")
    kept = [(record, result) for record, result in zip(records, results) if not isinstance(result, UserError)]
    check_copies([record for record, _ in kept], [result[2] for _, result in kept])
    return Prepared([record for record, _ in kept], [result[0] for _, result in kept],
                    np.array([result[1] for _, result in kept], np.float32), [str(fault) for fault in faults])


def _read_one(record: Record, size: int):
    """(PNG bytes, both facts, digest of the file's own pixels), or the error that names the file."""
    try:
        image = read_gray(record.path)
        told = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
        prepared = black_on_white(image, size, shown(record.path))
        return pack(prepared), (facts_of(image), facts_of(prepared)), told
    except (UnreadableImage, NoInk) as error:
        return error


def black_on_white(image: np.ndarray, size: int, name: str) -> np.ndarray:
    """A scan uint8 [H, W] as ink 0 on paper 255, uint8 [size, size], nothing between.

    Rims left grey by the scaling would tell how large the signature was: alone they tell CEDAR's forgeries with
    AUC .57 (measured), which is why they go.
    """
    grey = prepare(image, size, size, name=name)
    return np.where(grey < INK_BELOW, np.uint8(0), np.uint8(255))


def pack(image: np.ndarray) -> bytes:
    """PNG bytes of uint8 [H, W]."""
    return cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()


def _drawn(records, data, seed) -> Prepared:
    writers: dict[str, list[Record]] = {}
    for record in records:
        writers.setdefault(record.writer, []).append(record)
    draw = partial(_draw_writer, size=data.size, seed=seed)
    if len(writers) < MANY_WRITERS:
        drawn = list(map(draw, writers.values()))
    else:
        spawn = multiprocessing.get_context("spawn")  # a fork of a process in which TensorFlow runs would hang
        with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=spawn) as pool:
            drawn = list(pool.map(draw, writers.values(), chunksize=8))
    by_name = {record.name: item for own, items in zip(writers.values(), drawn) for record, item in zip(own, items)}
    return Prepared(records, [by_name[record.name][0] for record in records],
                    np.array([by_name[record.name][1] for record in records], np.float32), [])


def _draw_writer(records: list[Record], size: int, seed: int) -> list:
    """(PNG bytes, both facts) of each record of one synthetic writer."""
    prefix, writer, _ = records[0].name.split("/")
    hand = make_writer(2 * seed + (prefix == ADDED), int(writer))
    made = []
    for record in records:
        index = int(record.name.rpartition("/")[2])
        image = (hand.forgery if record.forged else hand.genuine)(index, SYNTHETIC_HEIGHT)
        prepared = black_on_white(image, size, record.name)
        made.append((pack(prepared), (facts_of(image), facts_of(prepared))))
    return made


def check_copies(records: list[Record], digests: list) -> None:
    """Raise UserError where two records have one digest: a copy in training and test would be a leak."""
    seen: dict = {}
    for record, digest in zip(records, digests):
        other = seen.setdefault(digest, record)
        if other is not record:
            raise UserError(f"{shown(record.name)} (writer {record.writer}) and {shown(other.name)} (writer {other.writer}) "
                            "are the same picture; remove one of them")


def cropped_twice(prepared: Prepared) -> list[tuple[Record, Record]]:
    """Pairs of records whose files differ but not their ink: one signature scanned once and cropped twice.

    CEDAR itself has one such pair. Within one writer and kind it is harmless; across writers or kinds it is an error.
    """
    seen: dict[bytes, Record] = {}
    pairs = [(seen.setdefault(packed, record), record) for record, packed in zip(prepared.records, prepared.packed)]
    pairs = [(first, second) for first, second in pairs if first is not second]
    check_copies([record for pair in pairs if _identity(pair[0]) != _identity(pair[1]) for record in pair],
                 [number // 2 for number in range(2 * len(pairs))])
    return pairs


def _identity(record: Record) -> tuple[str, bool]:
    return record.writer, record.forged


def _cache_file(records, data, seed) -> Path | None:
    if not data.cache or not records:
        return None
    drawn_by = None if records[0].path else seed   # files are the same for every seed
    told = hashlib.sha256(json.dumps([VERSION, data.size, data.on_corrupt, drawn_by, str(data.root)]).encode())
    for record in sorted(records, key=attrgetter("name")):   # so that all folds and seeds find the same file
        state = record.path.stat() if record.path else None
        told.update(f"{record.writer}\0{record.forged}\0{record.name}".encode("utf-8", "surrogateescape"))
        told.update(f"\0{state.st_size}\0{state.st_mtime_ns}".encode() if state else b"")
    return Path(data.cache) / f"prepared-{told.hexdigest()[:16]}.npz"


def _write_cache(path: Path, made: Prepared) -> None:
    lengths = np.array([len(packed) for packed in made.packed], np.int64)
    kept = np.array([record.name for record in made.records])
    partly = path.with_name(f".{path.name}.{os.getpid()}")  # every rank writes its own; the last rename stays
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partly.open("wb") as file:
            np.savez(file, lengths=lengths, packed=np.frombuffer(b"".join(made.packed), np.uint8), facts=made.facts,
                     kept=kept, skipped=np.array(made.skipped, dtype=np.str_))
        os.replace(partly, path)
    except OSError as error:
        partly.unlink(missing_ok=True)
        raise UserError(f"data.cache: {shown(path.parent)}: cannot be written ({error.strerror or error})") from None


def _read_cache(path: Path, records: list[Record]) -> Prepared:
    try:
        with np.load(path) as stored:
            ends = np.cumsum(stored["lengths"])
            whole = stored["packed"].tobytes()
            packed = [whole[end - length:end] for end, length in zip(ends.tolist(), stored["lengths"].tolist())]
            place = {name: number for number, name in enumerate(stored["kept"].tolist())}
            kept = [record for record in records if record.name in place]
            order = [place[record.name] for record in kept]
            return Prepared(kept, [packed[number] for number in order], stored["facts"][order], stored["skipped"].tolist())
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UserError(f"data.cache: {shown(path)}: damaged ({error}); remove it, it is made again") from None
