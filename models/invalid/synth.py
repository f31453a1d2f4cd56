"""`gaudi data synth invalid`: pictures that are no signature, one folder a family, written with a manifest."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
from functools import partial
from pathlib import Path

import cv2

from gaudi.config import near
from gaudi.errors import DONE, UserError
from models.ink.files import shown
from models.invalid.families import NAMES, draw

MOST_EACH = 100_000


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message):
        raise UserError(f"{self.prog}: {message} (--help shows all options)")


def write_set(folder: Path, families: list[str], each: int, seed: int, part: str = "train", processes: int | None = None) -> Path:
    """Write FOLDER/FAMILY/NUMBER.png, `each` of every family, and manifest.json; all of it or nothing."""
    unknown = [name for name in families if name not in NAMES]
    if unknown or not families:
        raise UserError(f"families: {unknown[0] if unknown else 'none'} is not known{near(unknown[0], NAMES) if unknown else ''}; "
                        f"known are {', '.join(NAMES)}")
    if not 1 <= each <= MOST_EACH:
        raise UserError(f"each: {each} is not possible (allowed: 1 to {MOST_EACH:,})")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{shown(folder)}: exists already and is not empty; name a new folder, or remove this one first")
    partly = folder.with_name(f".{folder.name}.partly-{os.getpid()}")
    try:
        write_all(partly, families, each, seed, part, processes)
        manifest = {"made_by": "gaudi data synth invalid", "families": families, "each": each, "seed": seed, "part": part}
        (partly / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        os.replace(partly, folder)
    except OSError as error:
        raise UserError(f"{shown(folder)}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(partly, ignore_errors=True)
    return folder


def write_all(folder: Path, families, each: int, seed: int, part: str, processes: int | None) -> None:
    """Draw and write in as many processes as there are cores."""
    for family in families:
        (folder / family).mkdir(parents=True, exist_ok=True)
    jobs = [(family, index) for family in families for index in range(each)]
    context = multiprocessing.get_context("spawn")  # a fork of a process in which TensorFlow runs would hang
    with context.Pool(processes or len(os.sched_getaffinity(0)), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        pool.map(partial(write_one, str(folder), seed, part), jobs, chunksize=8)


def write_one(folder: str, seed: int, part: str, job) -> None:
    """One picture."""
    family, index = job
    _, data = cv2.imencode(".png", draw(family, part, seed, index))
    Path(folder, family, f"{index + 1:05d}.png").write_bytes(data)


def command(arguments: list[str]) -> int:
    """gaudi data synth invalid: writes a set and says where; the exit code."""
    parser = Parser(prog="gaudi data synth invalid", description="Write pictures that are no signature: DIR/FAMILY/NUMBER.png.")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a new or empty folder")
    parser.add_argument("--families", nargs="+", default=list(NAMES), metavar="NAME", help=f"of {', '.join(NAMES)} (default all)")
    parser.add_argument("--each", type=int, default=100, metavar="N", help="pictures of each family (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another seed, other pictures (default %(default)s)")
    parser.add_argument("--part", choices=("train", "validation", "test"), default="train", help="test: fonts and words of its own")
    parser.add_argument("--processes", type=int, default=None, metavar="N", help="default: one a core")
    options = parser.parse_args(arguments)
    if options.processes is not None and options.processes < 1:
        raise UserError(f"--processes: {options.processes} is not possible (at least 1)")
    write_set(options.out, options.families, options.each, options.seed, options.part, options.processes)
    print(f"{len(options.families) * options.each:,} pictures of {len(options.families)} families in {shown(options.out)}")
    return DONE
