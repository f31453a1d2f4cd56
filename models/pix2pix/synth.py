"""gaudi data synth pix2pix: writes synthetic A|B pictures of house fronts in the facades layout."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

import cv2
import numpy as np

from gaudi.errors import DONE, UserError
from models.ink.files import shown
from models.pix2pix.facades import facade


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"{self.prog}: {message} (--help shows all options)")


def command(arguments: list[str]) -> int:
    """Write train/, val/ and test/ and say where; the exit code."""
    parser = _Parser(prog="gaudi data synth pix2pix",
                     description="Write house fronts (left, A) beside their plans (right, B): "
                                 "OUT/{train,val,test}/N.png. The same numbers give the same pictures.")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a new or empty folder")
    parser.add_argument("--train", type=int, default=400, metavar="N")
    parser.add_argument("--val", type=int, default=50, metavar="N")
    parser.add_argument("--test", type=int, default=50, metavar="N")
    parser.add_argument("--size", type=int, default=256, metavar="PIXELS")
    options = parser.parse_args(arguments)
    parts = {"train": options.train, "val": options.val, "test": options.test}
    for name, value, least, most in (*((f"--{part}", count, 1, 100_000) for part, count in parts.items()),
                                     ("--size", options.size, 32, 1024)):
        if not least <= value <= most:
            raise UserError(f"{name}: {value} is not possible (allowed: {least} to {most:,})")
    write(options.out, parts, options.size)
    print(f"{sum(parts.values()):,} pictures A|B of {options.size} pixels in {shown(options.out)}")
    return DONE


def write(out: Path, parts: dict[str, int], size: int) -> None:
    """All pictures of all parts, or nothing; no house stands in two parts."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{shown(out)}: exists already and is not empty; name a new folder, or remove this one first")
    partly, number = out.with_name(f".{out.name}.partly-{os.getpid()}"), 0
    try:
        for part, count in parts.items():
            (partly / part).mkdir(parents=True)
            for index in range(1, count + 1):
                picture = np.concatenate(facade(number, size), axis=1)
                (partly / part / f"{index}.png").write_bytes(cv2.imencode(".png", picture[..., ::-1])[1])
                number += 1
        os.replace(partly, out)
    except OSError as error:
        raise UserError(f"{shown(out)}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(partly, ignore_errors=True)
