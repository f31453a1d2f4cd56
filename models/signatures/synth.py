"""Sets of synthetic signatures: in memory, or as a folder in the CEDAR layout (gaudi data synth signatures)."""
import argparse
import json
import multiprocessing
import os
import shutil
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from gaudi.errors import DONE, UserError
from gaudi.progress import draw_bar, duration, glyphs_of, is_live
from models.ink.files import shown
from models.signatures.cedar import FORGED, GENUINE
from models.signatures.writer import HEIGHT, SignatureWriter

MOST_WRITERS = 100_000
MOST_EACH = 1_000


@dataclass(frozen=True)
class Drawn:
    """One synthetic signature; writer and index count from 1, kind is "genuine" or "forged"."""

    writer: int
    index: int
    kind: str
    image: np.ndarray   # uint8 [H, W], 255 = paper


def make_writer(seed: int, writer: int) -> SignatureWriter:
    """Writer 1, 2, ... of the set `seed`; no two sets share one."""
    return SignatureWriter(seed * MOST_WRITERS * 10 + writer)


def synthetic_set(writers: int, genuine: int, forged: int, seed: int, height: int | None = None,
                  width: int | None = None) -> list[Drawn]:
    """All signatures of a set in memory, by writer, genuine first; sizes as SignatureWriter's."""
    _check(writers, genuine, forged, seed, height or HEIGHT)
    return [drawn for writer in range(1, writers + 1)
            for drawn in _draw_writer(writer, genuine, forged, seed, height, width)]


def _draw_writer(writer: int, genuine: int, forged: int, seed: int, height, width=None) -> list[Drawn]:
    hand = make_writer(seed, writer)
    own = [Drawn(writer, index + 1, "genuine", hand.genuine(index, height, width)) for index in range(genuine)]
    return own + [Drawn(writer, index + 1, "forged", hand.forgery(index, height, width)) for index in range(forged)]


def write_set(folder, writers: int, genuine: int, forged: int, seed: int, height: int = HEIGHT,
              processes: int | None = None, progress=None) -> Path:
    """Writes a set as full_org/original_W_N.png and full_forg/forgeries_W_N.png, all of it or nothing.

    `progress(done)` is told after each writer; manifest.json beside the images says how the set was made.
    """
    folder = Path(folder)
    _check(writers, genuine, forged, seed, height)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{shown(folder)}: exists already and is not empty; name a new folder")
    partly = folder.with_name(f".{folder.name}.partly-{os.getpid()}")
    try:
        write = partial(_write_writer, str(partly), genuine, forged, seed, height)
        _write_all(partly, writers, write, processes, progress)
        _write_manifest(partly, writers=writers, genuine=genuine, forged=forged, seed=seed, height=height)
        os.replace(partly, folder)
    except OSError as error:
        raise UserError(f"{shown(folder)}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(partly, ignore_errors=True)
    return folder


def _write_all(partly: Path, writers: int, write, processes: int | None, progress):
    for kind in (GENUINE, FORGED):
        (partly / kind).mkdir(parents=True, exist_ok=True)
    count = min(processes or len(os.sched_getaffinity(0)), writers)
    context = multiprocessing.get_context("spawn")   # a fork of a process in which TensorFlow runs would hang
    with context.Pool(count, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for done, _ in enumerate(pool.imap_unordered(write, range(1, writers + 1), chunksize=2), start=1):
            if progress:
                progress(done)


def _write_writer(folder: str, genuine: int, forged: int, seed: int, height: int, writer: int):
    names = {"genuine": (GENUINE, "original"), "forged": (FORGED, "forgeries")}
    for drawn in _draw_writer(writer, genuine, forged, seed, height):
        kind, name = names[drawn.kind]
        _, data = cv2.imencode(".png", drawn.image)
        Path(folder, kind, f"{name}_{drawn.writer}_{drawn.index}.png").write_bytes(data)


def _write_manifest(folder: Path, **settings):
    names = {writer: make_writer(settings["seed"], writer).hand.text for writer in range(1, settings["writers"] + 1)}
    manifest = {"made_by": "gaudi data synth signatures", **settings, "names": names}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _check(writers: int, genuine: int, forged: int, seed: int, height: int):
    limits = {"writers": (writers, 1, MOST_WRITERS), "genuine": (genuine, 1, MOST_EACH),
              "forged": (forged, 0, MOST_EACH), "seed": (seed, 0, 2 ** 31 - 1), "height": (height, 16, 2000)}
    for name, (value, least, most) in limits.items():
        if not least <= value <= most:
            raise UserError(f"{name}: {value} is not possible (allowed: {least} to {most:,})")


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"{self.prog}: {message} (--help shows all options)")


def command(arguments: list[str]) -> int:
    """gaudi data synth signatures: writes a set and says where; the exit code."""
    options = _parse(arguments)
    began, images = time.monotonic(), options.writers * (options.genuine + options.forged)
    bar = _Bar(options.writers)
    folder = write_set(options.out, options.writers, options.genuine, options.forged, options.seed, options.height,
                       options.processes, bar)
    seconds = time.monotonic() - began
    print(f"{images:,} signatures of {options.writers:,} writers in {shown(folder)} "
          f"({duration(seconds)}, {images / seconds:.0f} images/s)")
    return DONE


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(prog="gaudi data synth signatures",
                     description="Write synthetic signatures in the CEDAR layout: full_org/original_W_N.png and "
                                 "full_forg/forgeries_W_N.png. The same numbers give the same images.")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a new or empty folder")
    for name, default, unit, meaning in (
            ("--writers", 55, "N", "people who sign"), ("--genuine", 24, "N", "genuine signatures of each"),
            ("--forged", 24, "N", "skilled forgeries of each"), ("--seed", 0, "S", "another seed, other people"),
            ("--height", HEIGHT, "PIXELS", "of each image")):
        parser.add_argument(name, type=int, default=default, metavar=unit, help=f"{meaning} (default %(default)s)")
    parser.add_argument("--processes", type=int, default=None, metavar="N", help="default: one a core")
    options = parser.parse_args(arguments)
    if options.processes is not None and options.processes < 1:
        raise UserError(f"--processes: {options.processes} is not possible (at least 1)")
    return options


class _Bar:
    """Shows on stderr how many writers are done; on a pipe only at each quarter."""

    def __init__(self, total: int):
        self.total, self.began, self.live = total, time.monotonic(), is_live(sys.stderr)

    def __call__(self, done: int):
        left = (time.monotonic() - self.began) / done * (self.total - done)
        bar = draw_bar(done / self.total, 28, glyphs_of(sys.stderr))
        text = f"{bar} {done}/{self.total} writers, {duration(left)} left"
        if self.live:
            print(f"\r{text}\033[K", end="\n" if done == self.total else "", file=sys.stderr, flush=True)
        elif done * 4 // self.total > (done - 1) * 4 // self.total:
            print(text, file=sys.stderr, flush=True)
