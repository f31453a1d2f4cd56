"""gaudi data prepare pix2pix: prints the names of signatures and writes numbered pairs."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from gaudi.errors import DONE, UserError
from gaudi.progress import draw_bar, duration, glyphs_of, is_live
from models.ink.files import shown
from models.pix2pix import fonts
from models.pix2pix.prepare import renderable, signatures_in, write_pairs


WORTH_TELLING = 100  # pairs; fewer are done in seconds


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"{self.prog}: {message} (--help shows all options)")


def command(arguments: list[str]) -> int:
    """Write the pairs and say where, and how well print and handwriting agree; the exit code."""
    options = parse(arguments)
    faces = [fonts.find(wanted) for wanted in options.fonts]
    labels = [face.label for face in faces]
    if len(set(labels)) < len(labels):
        raise UserError(f"--fonts: two fonts share a label ({', '.join(labels)}); give labels, such as "
                        "KAI2=/path/to/font.ttf")
    found = signatures_in(options.source, options.labels)
    jobs = renderable(found, faces, options.missing)
    began = time.monotonic()
    facts = write_pairs(options.out, jobs, size=options.size, aligned=options.align, on_corrupt=options.on_corrupt,
                        processes=options.processes, progress=Bar(len(jobs)))
    seconds = time.monotonic() - began
    print(f"{facts['pairs']:,} of {len(found):,} signatures in {shown(options.out)} ({duration(seconds)})")
    for fault in facts["left_out"]:
        print(f"left out: {fault}")
    for label, agreement in facts["agreement"].items():
        count = sum(label in [face.label for face in faces_of] for _, faces_of in jobs)
        laid = f", {agreement['aligned']:.3f} laid out on it" if "aligned" in agreement else ""
        print(f"font {label}: {count:,} prints; ink F with the handwriting {agreement['plain']:.3f} as printed{laid}")
    return DONE


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options."""
    parser = _Parser(prog="gaudi data prepare pix2pix",
                     description="Print the name of every signature in each font, number the pairs, and write them "
                                 "with a manifest. SOURCE holds targeted_image/ (or is it) with files named NAME.png, or a "
                                 "labels.csv with the columns file and name (and writer, medium).")
    parser.add_argument("source", type=Path, metavar="SOURCE", help="the folder of signatures")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a new or empty folder")
    parser.add_argument("--labels", type=Path, metavar="CSV", help="default: SOURCE/labels.csv where there is one")
    parser.add_argument("--fonts", nargs="+", default=list(fonts.KINDS), metavar="FONT",
                        help=f"{', '.join(fonts.KINDS)}, an installed family, a file, or LABEL=any of these "
                             "(default: all three kinds)")
    parser.add_argument("--size", type=int, default=256, metavar="PIXELS", help="side of a picture (default 256)")
    parser.add_argument("--align", action=argparse.BooleanOptionalAction, default=True,
                        help="also lay every print out on its handwriting (default: yes)")
    parser.add_argument("--missing", choices=("fail", "skip"), default="fail",
                        help="a glyph that a font lacks: fail and name it (default), or leave that print out")
    parser.add_argument("--on-corrupt", choices=("fail", "skip"), default="fail",
                        help="the same for unreadable signatures")
    parser.add_argument("--processes", type=int, default=None, metavar="N", help="default: one a core")
    options = parser.parse_args(arguments)
    if not 32 <= options.size <= 512:
        raise UserError(f"--size: {options.size} pixels is not possible (allowed: 32 to 512)")
    if options.processes is not None and options.processes < 1:
        raise UserError(f"--processes: {options.processes} is not possible (at least 1)")
    return options


class Bar:
    """Shows on stderr how many pairs are done; on a pipe only at each quarter."""

    def __init__(self, total: int):
        self.total, self.began, self.live = total, time.monotonic(), is_live(sys.stderr)

    def __call__(self, done: int):
        left = (time.monotonic() - self.began) / done * (self.total - done)
        bar = draw_bar(done / self.total, 28, glyphs_of(sys.stderr))
        text = f"{bar} {done}/{self.total} pairs, {duration(left)} left"
        if self.live:
            print(f"\r{text}\033[K", end="\n" if done == self.total else "", file=sys.stderr, flush=True)
        elif self.total >= WORTH_TELLING and done * 4 // self.total > (done - 1) * 4 // self.total:
            print(text, file=sys.stderr, flush=True)
