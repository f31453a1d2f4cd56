"""`gaudi data synth distortions`: distorted versions of a folder's pictures, written with a manifest."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import zlib
from pathlib import Path

import cv2

from gaudi.config import near
from gaudi.errors import DONE, UserError
from models.distortions.recipes import NAMES, distorted
from models.ink.files import list_images, read_gray, shown


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message):
        raise UserError(f"{self.prog}: {message} (--help shows all options)")


def write_set(source: Path, folder: Path, names: list[str], seed: int) -> list[dict]:
    """Write FOLDER/PATH--NAME.png for every picture below `source` and every distortion, and manifest.json; all or nothing.

    Returns the manifest's rows: file, source, distortion and seed of each.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise UserError(f"distortions: {unknown[0]} is not known{near(unknown[0], NAMES)}; known are {', '.join(NAMES)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{shown(folder)}: exists already and is not empty; name a new folder, or remove this one first")
    images = list_images(source)
    partly = folder.with_name(f".{folder.name}.partly-{os.getpid()}")
    try:
        rows = [row for path in images for row in write_one(path, source, partly, names, seed)]
        manifest = {"made_by": "gaudi data synth distortions", "source": str(source), "seed": seed, "pictures": rows}
        (partly / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(partly, folder)
    except OSError as error:
        raise UserError(f"{shown(folder)}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(partly, ignore_errors=True)
    return rows


def write_one(path: Path, source: Path, folder: Path, names, seed: int):
    """One picture's versions; the name keeps what tells its writer, so that a split by writer keeps them together."""
    image, relative = read_gray(path), path.relative_to(source)
    for name in names:
        own = zlib.crc32(f"{seed} {relative.as_posix()} {name}".encode("utf-8", "surrogateescape"))
        target = relative.with_name(f"{relative.stem}--{name}.png")
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        _, data = cv2.imencode(".png", distorted(image, name, own))
        (folder / target).write_bytes(data)
        yield {"file": target.as_posix(), "source": relative.as_posix(), "distortion": name, "seed": own}


def command(arguments: list[str]) -> int:
    """gaudi data synth distortions: writes a set and says where; the exit code."""
    parser = Parser(prog="gaudi data synth distortions",
                    description="Write distorted versions of a folder's pictures. Split first and distort the training part "
                                "only: a distorted copy of a test picture must not be trained on.")
    parser.add_argument("--source", required=True, type=Path, metavar="DIR", help="pictures, in any folders below")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a new or empty folder")
    parser.add_argument("--distortions", nargs="+", default=list(NAMES), metavar="NAME", help=f"of {', '.join(NAMES)} (default all)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another seed, other distortions (default %(default)s)")
    options = parser.parse_args(arguments)
    rows = write_set(options.source, options.out, options.distortions, options.seed)
    print(f"{len(rows):,} pictures in {shown(options.out)}")
    return DONE
