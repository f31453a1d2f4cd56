"""`gaudi data prepare documents`: annotated pages of any known format to sharded TFRecords."""

from __future__ import annotations

import argparse
import os

from gaudi.errors import UserError
from models.annotations import formats, prepare


def command(arguments) -> int:
    """Run with the arguments behind `documents`; prints what was found and what was written."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow only writes the records here
    options = _parser().parse_args(arguments)
    renamed, splits = _pairs(options.rename, "--rename"), _pairs(options.split, "--split")
    wishes = prepare.Wishes(options.source, options.out, options.format, options.classes or [], renamed, splits,
                            options.validation, options.test, options.duplicates,
                            options.on_corrupt, options.shard_pages, options.largest_side, options.seed)
    for name, share in (("--validation", wishes.validation), ("--test", wishes.test)):
        if not 0 <= share <= 0.5:
            raise UserError(f"{name} {share:g}: must be 0 to 0.5 of the training pages")
    if wishes.shard_pages < 1:
        raise UserError(f"--shard-pages {wishes.shard_pages}: must be at least 1")
    for line in prepare.prepare(wishes, options.check):
        print(line)
    if not options.check:
        print(f"{wishes.out}: ready; train with data.root={wishes.out}")
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"data prepare documents: {message}")


def _parser():
    parser = _Parser(prog="gaudi data prepare documents",
                     description="Turns annotated pages into sharded TFRecords with "
                     "an index: COCO JSON, Pascal VOC XML, YOLO text, VoTT JSON, SignVerOD's CSV, TFRecords.")
    parser.add_argument("source", help="folder (or file) with the annotations; images beside or below it")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write; appears when all is done")
    parser.add_argument("--format", choices=("auto", *formats.FORMATS), default="auto", help="default: recognised")
    parser.add_argument("--classes", nargs="+", metavar="NAME", help="class names in the order of their numbers")
    parser.add_argument("--rename", nargs="+", metavar="OLD=NEW", default=[], help="labels, such as paraphe=initials")
    parser.add_argument("--split", nargs="+", metavar="OLD=NEW", default=[], help="splits, such as validation=test")
    parser.add_argument("--validation", type=float, default=0.1,
                        help="share of training pages where there is none (0.1)")
    parser.add_argument("--test", type=float, default=0.1, help="share of training pages where there is none (0.1)")
    parser.add_argument("--duplicates", choices=("drop", "keep"), default="drop",
                        help="test and validation pages that training nearly holds (default: drop)")
    parser.add_argument("--on-corrupt", choices=("fail", "skip"), default="fail", help="missing or damaged images")
    parser.add_argument("--shard-pages", type=int, default=256, metavar="N", help="pages in a shard (256)")
    parser.add_argument("--largest-side", type=int, default=0, metavar="PIXELS", help="shrink larger pages (0: never)")
    parser.add_argument("--seed", type=int, default=1, help="of the drawn splits")
    parser.add_argument("--check", action="store_true", help="only look and report, write nothing")
    return parser


def _pairs(items, option):
    pairs = {}
    for item in items:
        old, equals, new = item.partition("=")
        if not (old and equals and new):
            raise UserError(f"{option} {item}: write OLD=NEW")
        pairs[old] = new
    return pairs
