"""`gaudi data synth documents`: whole synthetic pages with all four classes, as a prepared data set."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2

from gaudi.errors import UserError
from models.annotations import images, prepare, shards
from models.annotations.pages import SPLITS
from models.documents import page as pages

SHARD_PAGES = 256


@dataclass(frozen=True)
class Wanted:
    """A synthetic set; the same values give the same bytes whatever the number of processes."""

    train: int = 2000
    validation: int = 200
    test: int = 200
    height: int = 1000
    width: int = 1000
    seed: int = 1


def write(folder, wanted: Wanted, processes: int | None = None) -> Path:
    """Write the set into `folder` (which must not exist), all or nothing."""
    folder = Path(folder)
    scratch = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    try:
        scratch.mkdir(parents=True)
        counts = {name: getattr(wanted, name) for name in SPLITS if getattr(wanted, name)}
        context = multiprocessing.get_context("spawn")  # a fork of a process in which TensorFlow runs would hang
        with context.Pool(processes or len(os.sched_getaffinity(0)), cv2.setNumThreads, (1,)) as pool:
            sizes = {name: _write_split(pool, name, count, wanted, scratch) for name, count in counts.items()}
        prepare.dump(scratch / "dataset.json", {
            "format": shards.FORMAT, "identity": f"synthetic {asdict(wanted)}", "classes": list(pages.CLASSES),
            "made_from": {"synthetic": asdict(wanted)}, "splits": sizes, "findings": []})
        os.rename(scratch, folder)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _write_split(pool, name, count, wanted, scratch):
    made = pool.imap(partial(_make, wanted, name), range(count), chunksize=4)
    made = prepare.progress(made, count, f"{name}: made")
    number_of_shards, rows = -(-count // SHARD_PAGES), []
    for number in range(number_of_shards):
        file = scratch / f"{name}-{number:05d}-of-{number_of_shards:05d}.tfrecord"
        part = (next(made) for _ in range(min(SHARD_PAGES, count - number * SHARD_PAGES)))
        rows += shards.write_shard(file, part, list(pages.CLASSES))
    prepare.dump(scratch / f"{name}.json", shards.index(rows, list(pages.CLASSES)))
    return {"pages": count, "boxes": sum(len(row["boxes"]) for row in rows)}


def _make(wanted, part, number):
    """(name, Encoded, boxes) of one page, in a worker."""
    page, boxes, two_tones = pages.make(wanted.seed, part, number, wanted.height, wanted.width)
    data, kind = pages.encode(page, two_tones)
    encoded = images.Encoded(data, kind, wanted.height, wanted.width, images.fingerprint(page))
    return f"synthetic/{part}/{number:06d}", encoded, boxes


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"data synth documents: {message} (--help shows all options)")


def command(arguments) -> int:
    """Run with the arguments behind `documents`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow only writes the records here
    options = _parse(arguments)
    wanted = Wanted(*(getattr(options, name) for name in Wanted.__dataclass_fields__))
    _check(wanted, options)
    began, total = time.monotonic(), wanted.train + wanted.validation + wanted.test
    folder = write(options.out, wanted, options.processes)
    seconds = time.monotonic() - began
    print(f"{folder}: {total} pages of {wanted.width}x{wanted.height} in {seconds:.0f} s, "
          f"{total / seconds:.1f} a second; train with data.root={folder}")
    return 0


def _parse(arguments):
    parser = _Parser(prog="gaudi data synth documents",
                     description="Writes synthetic letters, contracts, forms, cheques and reports with signatures, "
                     "initials, redactions, handwritten dates and handwriting that is none of these, as a data set "
                     "ready to train on. The same numbers give the same pages.")
    parser.add_argument("--out", required=True, metavar="DIR", help="a new folder")
    for name, meaning in (("train", "pages to train on"), ("validation", "pages by other writers"),
                          ("test", "pages by other writers with other fonts, words and layouts"),
                          ("height", "pixels"), ("width", "pixels"), ("seed", "another seed, other pages")):
        parser.add_argument(f"--{name}", type=int, default=getattr(Wanted, name), metavar="N",
                            help=f"{meaning} (%(default)s)")
    parser.add_argument("--processes", type=int, default=None, metavar="N", help="default: one a core")
    return parser.parse_args(arguments)


def _check(wanted, options):
    limits = {"train": (1, 10**6), "validation": (0, 10**6), "test": (0, 10**6), "height": (200, 4000),
              "width": (200, 4000), "seed": (0, 2**31 - 1)}
    for name, (least, most) in limits.items():
        if not least <= getattr(wanted, name) <= most:
            raise UserError(f"--{name} {getattr(wanted, name)}: must be {least} to {most:,}")
    if options.processes is not None and options.processes < 1:
        raise UserError(f"--processes {options.processes}: must be at least 1")
    if Path(options.out).exists():
        raise UserError(f"{options.out}: exists already; name a new folder, or remove this one first")
