"""Signatures and the names they spell -> numbered pairs of print and handwriting, and a manifest that keeps the names.

    OUT/targeted_image/N.png            the handwriting, flat paper, cropped to its ink, square
    OUT/generated_image/FONT/N.png      its name in print
    OUT/aligned_image/FONT/N.png        the same print laid out on this handwriting
    OUT/manifest.csv, manifest.json     number, name, writer, medium, source file, fonts; how it was made
"""

from __future__ import annotations

import csv
import functools
import json
import multiprocessing
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gaudi.errors import UserError
from models.ink.files import UnreadableImage, list_images, read_gray, shown
from models.ink.prepare import prepare as prepared_ink
from models.pix2pix import align, printing
from models.pix2pix.fonts import Face
from models.pix2pix.printing import checked_name

TARGETED, GENERATED, ALIGNED = "targeted_image", "generated_image", "aligned_image"
MANIFEST = "manifest.csv"
COLUMNS = ("number", "name", "writer", "medium", "file", "fonts")
REQUIRED = ("file", "name")
_FURTHER = re.compile(r"_[0-9]+$")  # NAME_2.png: another signature of the same name


@dataclass(frozen=True)
class Signed:
    """A signature's file and what it spells; writer and medium may be empty."""

    path: Path
    name: str
    writer: str = ""
    medium: str = ""
    file: str = ""   # as the source calls it


@dataclass(frozen=True)
class Job:
    """What a worker needs to make one pair."""

    number: int
    signed: Signed
    faces: tuple[Face, ...]
    size: int
    aligned: bool
    out: str


def signatures_in(source, labels=None) -> list[Signed]:
    """The signatures of a folder: by labels.csv (or `labels`), else by the names of the files in targeted_image."""
    source = Path(source)
    if not source.is_dir():
        raise UserError(f"{shown(source)}: no such folder (signatures named NAME.png, or a labels.csv, are expected)")
    table = Path(labels) if labels else source / "labels.csv"
    if labels or table.is_file():
        return labelled(table, source)
    folder = source / TARGETED if (source / TARGETED).is_dir() else source
    return [Signed(path, checked_name(_FURTHER.sub("", path.stem), shown(path)), file=shown(path.relative_to(folder)))
            for path in list_images(folder)]


def labelled(table: Path, folder: Path) -> list[Signed]:
    """The rows of a CSV with the columns file and name, perhaps writer and medium; files are relative to `folder`."""
    try:
        with open(table, encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            lacking = [column for column in REQUIRED if column not in (reader.fieldnames or ())]
            if lacking:
                raise UserError(f"{shown(table)}: no column {' or '.join(lacking)}; needed are file and name, "
                                f"writer and medium are read where there are any")
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{shown(table)}: cannot be read as CSV ({error})") from None
    if not rows:
        raise UserError(f"{shown(table)}: holds no row")
    return [_labelled_row(row, folder, f"{shown(table)}:{line}") for line, row in enumerate(rows, start=2)]


def _labelled_row(row, folder, where) -> Signed:
    if not (row["file"] or "").strip():
        raise UserError(f"{where}: the file is empty")
    path = folder / row["file"].strip()
    if not path.is_file():
        raise UserError(f"{where}: {shown(path)}: no such file")
    return Signed(path, checked_name(row["name"] or "", where), (row.get("writer") or "").strip(),
                  (row.get("medium") or "").strip(), row["file"].strip())


def renderable(signed: list[Signed], faces: list[Face], missing: str) -> list[tuple[Signed, tuple[Face, ...]]]:
    """Each signature with the fonts that can print it; `missing` "fail" names every glyph a font lacks."""
    lacking = {(face.label, name): face.missing(name) for face in faces for name in {one.name for one in signed}}
    faults = sorted(f"font {label} has no glyph for {' '.join(gone)} of {name}"
                    for (label, name), gone in lacking.items() if gone)
    if faults and missing == "fail":
        more = f"; and {len(faults) - 6} more" if len(faults) > 6 else ""
        raise UserError(f"{'; '.join(faults[:6])}{more} (--missing skip leaves these prints out)")
    kept = [(one, tuple(face for face in faces if not lacking[face.label, one.name])) for one in signed]
    if not any(fonts for _, fonts in kept):
        raise UserError(f"no font can print any of the names: {'; '.join(faults[:6])}")
    return [(one, fonts) for one, fonts in kept if fonts]


def write_pairs(out, jobs_of: list[tuple[Signed, tuple[Face, ...]]], *, size: int, aligned: bool,
                on_corrupt: str = "fail", processes: int | None = None, progress=None) -> dict:
    """Write all pairs to a new folder, all of them or nothing; returns what manifest.json says."""
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{shown(out)}: exists already and is not empty; name a new folder, or remove this one first")
    partly = out.with_name(f".{out.name}.partly-{os.getpid()}")
    jobs = [Job(number, signed, faces, size, aligned, str(partly))
            for number, (signed, faces) in enumerate(jobs_of, start=1)]
    try:
        _make_folders(partly, jobs, aligned)
        results = list(_work(jobs, processes, progress))
        _refuse(results, len(jobs), on_corrupt)
        facts = _write_manifest(partly, jobs, results)
        os.replace(partly, out)
    except OSError as error:
        raise UserError(f"{shown(out)}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(partly, ignore_errors=True)
    return facts


def _make_folders(partly: Path, jobs, aligned: bool) -> None:
    labels = {face.label for job in jobs for face in job.faces}
    (partly / TARGETED).mkdir(parents=True)
    for kind in (GENERATED, ALIGNED)[:1 + aligned]:
        for label in labels:
            (partly / kind / label).mkdir(parents=True)


def _work(jobs, processes, progress):
    count = min(processes or len(os.sched_getaffinity(0)), len(jobs))
    if count == 1:
        yield from _counted(map(make_pair, jobs), progress)
        return
    context = multiprocessing.get_context("spawn")  # a fork of a process in which TensorFlow runs would hang
    with context.Pool(count, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield from _counted(pool.imap(make_pair, jobs, chunksize=4), progress)


def _counted(results, progress):
    for done, result in enumerate(results, start=1):
        if progress:
            progress(done)
        yield result


def make_pair(job: Job) -> dict | str:
    """Write one pair's pictures; {font: (agreement in print, aligned)}, or what is wrong with the file."""
    try:
        hand = handwriting(read_gray(job.signed.path), job.size, shown(job.signed.path))
    except UserError as error:
        return str(error)
    _write(Path(job.out, TARGETED, f"{job.number}.png"), hand)
    agreements = {}
    for face in job.faces:
        line, plain = _printed(job.signed.name, face, job.size)
        _write(Path(job.out, GENERATED, face.label, f"{job.number}.png"), plain)
        agreements[face.label] = [align.agreement(plain, hand)]
        if job.aligned:
            laid = printing.compose(line, align.lay_out(line, hand), job.size)
            _write(Path(job.out, ALIGNED, face.label, f"{job.number}.png"), laid)
            agreements[face.label].append(align.agreement(laid, hand))
    return agreements


def handwriting(image: np.ndarray, size: int, name: str) -> np.ndarray:
    """A signature as training wants it: uint8 [size, size], white paper, grey ink, as large as a print."""
    return prepared_ink(image, size, size, binary=False, margin=printing.MARGIN, name=name)


@functools.lru_cache(maxsize=256)
def _printed(name, face, size):
    line = printing.glyphs(name, face)
    return line, printing.compose(line, printing.plain_layout(line, size), size)


def _write(path: Path, picture) -> None:
    encoded, data = cv2.imencode(".png", picture)
    if not encoded:
        raise UnreadableImage(path, "cannot be encoded")
    path.write_bytes(data)


def _refuse(results, total: int, on_corrupt: str) -> None:
    faults = [result for result in results if isinstance(result, str)]
    if faults and (on_corrupt == "fail" or len(faults) == total):
        more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise UserError(f"{len(faults)} of {total} signatures cannot be used: {'; '.join(faults[:5])}{more}")


def _write_manifest(folder: Path, jobs, results) -> dict:
    good = [(job, result) for job, result in zip(jobs, results) if not isinstance(result, str)]
    with open(folder / MANIFEST, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(COLUMNS)
        for job, _ in good:
            one = job.signed
            labels = " ".join(face.label for face in job.faces)
            writer.writerow([job.number, one.name, one.writer, one.medium, one.file, labels])
    faces = {face.label: face for job, _ in good for face in job.faces}
    facts = {"made_by": "gaudi data prepare pix2pix", "size": jobs[0].size, "pairs": len(good),
             "fonts": {label: {"file": str(face.path), "face": face.index} for label, face in sorted(faces.items())},
             "agreement": {label: _mean_agreement(label, good) for label in sorted(faces)},
             "left_out": [result for result in results if isinstance(result, str)]}
    (folder / "manifest.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return facts


def _mean_agreement(label, good) -> dict[str, float]:
    rows = np.array([result[label] for _, result in good if label in result])
    return dict(zip(("plain", "aligned"), (round(float(value), 4) for value in rows.mean(axis=0))))
