"""Annotated pages of any format -> a folder of sharded TFRecords: audited, divided, in parallel, resumable, atomic."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from gaudi.errors import UserError
from models.annotations import audit, formats, images, shards, splitting
from models.annotations.pages import SPLITS, Box, Page
from models.ink.files import UnreadableImage

USUAL_ORDER = ("signature", "initials", "redaction", "date")  # SignVerOD's class numbers 1 to 4


@dataclass
class Wishes:
    """How to prepare; see `gaudi data prepare documents --help`."""

    source: str
    out: str
    format: str = "auto"
    classes: list[str] = field(default_factory=list)
    rename: dict[str, str] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    validation: float = 0.1
    test: float = 0.1
    duplicates: str = "drop"
    on_corrupt: str = "fail"
    shard_pages: int = 256
    largest_side: int = 0
    seed: int = 1


@dataclass
class Surveyed:
    """What one look at every page told: pages that can be read, their pixels' size and fingerprints."""

    pages: list[Page]
    sizes: list[tuple[int, int]]
    fingerprints: np.ndarray
    findings: list[audit.Finding]


def prepare(wishes: Wishes, check_only: bool = False) -> list[str]:
    """Write the data set into wishes.out (nothing with check_only); returns lines that tell what was done and found."""
    out = Path(wishes.out)
    pages = read_pages(wishes)
    classes = class_order(pages, wishes.classes)
    identity = _identity(wishes, pages)
    if out.exists() and not check_only:
        return _already_there(out, identity)
    scratch = out.with_name(f".{out.name}.partial")
    surveyed = survey(pages, scratch, write=not check_only)
    shares = {"validation": wishes.validation, "test": wishes.test}
    splits = splitting.divide(surveyed.pages, surveyed.fingerprints, shares, wishes.seed)
    left_out, near = splitting.straddling(splits, surveyed.pages, surveyed.fingerprints)
    if wishes.duplicates == "keep":
        left_out[:] = False
    boxes, findings = check_boxes(surveyed, classes)
    left_out |= np.isin([page.name for page in surveyed.pages], [f.page for f in findings if f.kind == "size"])
    findings = surveyed.findings + findings + near
    refuse(findings, wishes, boxes)
    chosen = {name: [k for k, split in enumerate(splits) if split == name and not left_out[k]] for name in SPLITS}
    report = [*audit.summary(findings), *_counts(chosen, boxes, classes)]
    if not check_only:
        _write(wishes, scratch, out, surveyed, chosen, boxes, classes, identity, findings)
    return report


def read_pages(wishes: Wishes) -> list[Page]:
    """The pages as annotated, labels and splits renamed."""
    pages = formats.read(Path(wishes.source), wishes.format, wishes.classes or None)
    for page in pages:
        page.boxes = [box._replace(label=wishes.rename.get(box.label, box.label)) for box in page.boxes]
        page.split = wishes.splits.get(page.split, page.split)
    return pages


def class_order(pages: list[Page], wanted: list[str]) -> list[str]:
    """Class names in the order of their numbers: as wanted, else SignVerOD's order, others behind by name."""
    if wanted:
        return list(wanted)
    found = {box.label for page in pages for box in page.boxes}
    return [*(name for name in USUAL_ORDER if name in found), *sorted(found - set(USUAL_ORDER))]


def _identity(wishes, pages):
    """A hash of what is asked and of the annotations: a started preparation may continue only with the same."""
    plain = {key: value for key, value in asdict(wishes).items() if key != "out"}
    rows = [[page.name, page.frame, page.annotated, page.boxes, page.split] for page in pages]
    return hashlib.sha256(json.dumps([plain, rows], sort_keys=True, default=str).encode()).hexdigest()[:16]


def _already_there(out, identity):
    if shards.open_folder(out).facts.get("identity") == identity:
        return [f"{out}: is there already, prepared from the same annotations; nothing to do"]
    raise UserError(f"{out}: holds another data set; choose another --out or remove it")


def survey(pages: list[Page], scratch: Path, write: bool) -> Surveyed:
    """Look at every page, in parallel; what was seen is kept in the scratch folder so that a restart continues."""
    memory = scratch / "survey.jsonl"
    seen = _remembered(memory)
    todo = [page for page in pages if page.name not in seen]
    if write:
        scratch.mkdir(parents=True, exist_ok=True)
    stream = memory.open("a") if write else None
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for page, look in zip(todo, progress(pool.map(_look, todo), len(todo), "looked at")):
            seen[page.name] = look
            if stream:
                stream.write(json.dumps([page.name, look]) + "\n")
                stream.flush()
    if stream:
        stream.close()
    good = [page for page in pages if "error" not in seen[page.name]]
    bad = [audit.Finding("unreadable", page.name, seen[page.name]["error"]) for page in pages
           if "error" in seen[page.name]]
    prints = np.array([list(bytes.fromhex(seen[page.name]["fingerprint"])) for page in good], np.uint8).reshape(-1, 32)
    return Surveyed(good, [tuple(seen[page.name]["size"]) for page in good], prints, bad)


def _remembered(memory):
    if not memory.is_file():
        return {}
    lines = memory.read_text().splitlines()
    complete = [line for line in lines if line.endswith("]")]  # the last one may be cut off
    return dict(json.loads(line) for line in complete)


def _look(page):
    try:
        encoded = images.encode(page)
    except UnreadableImage as error:
        return {"error": error.reason}
    return {"size": [encoded.height, encoded.width], "fingerprint": encoded.fingerprint.tobytes().hex()}


def check_boxes(surveyed: Surveyed, classes: list[str]) -> tuple[list[list[Box]], list[audit.Finding]]:
    """Every page's repaired boxes in pixels, and all findings."""
    boxes, findings = [], []
    for page, (height, width) in zip(surveyed.pages, surveyed.sizes):
        kept, found = audit.repaired(page, height, width, classes)
        boxes.append(kept)
        findings += found
    return boxes, findings


def refuse(findings, wishes, boxes) -> None:
    """UserError where faults have no repair, or nothing is annotated."""
    allowed = {"unreadable", "size"} if wishes.on_corrupt == "skip" else set()
    fatal = [finding for finding in findings if finding.kind in audit.FATAL and finding.kind not in allowed]
    if fatal:
        more = f" (and {len(fatal) - 1} more such faults; --check lists all)" if len(fatal) > 1 else ""
        advice = "" if fatal[0].kind == "unknown label" else "; --on-corrupt skip leaves such pages out"
        raise UserError(f"{fatal[0]}: {audit.EXPLAINED[fatal[0].kind]}{more}{advice}")
    if not any(boxes):
        raise UserError(f"{wishes.source}: not one box on {len(boxes)} pages; there is nothing to learn from")


def _counts(chosen, boxes, classes):
    lines = []
    for name, rows in chosen.items():
        counts = [sum(box.label == label for k in rows for box in boxes[k]) for label in classes]
        listed = ", ".join(f"{count} {label}" for count, label in zip(counts, classes))
        lines.append(f"{name}: {len(rows)} pages, {listed}; {sum(not boxes[k] for k in rows)} pages without a box")
    return lines


def _write(wishes, scratch, out, surveyed, chosen, boxes, classes, identity, findings):
    """Write all shards that are not there yet, then the indexes, then move the folder to its place."""
    _same_or_new(scratch, identity)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, rows in chosen.items():
            if rows:
                written = _write_split(pool, name, rows, wishes, scratch, surveyed, boxes, classes)
                dump(scratch / f"{name}.json", shards.index(written, classes))
    facts = {"format": shards.FORMAT, "identity": identity, "classes": classes, "made_from": asdict(wishes),
             "splits": {name: {"pages": len(rows), "boxes": sum(len(boxes[k]) for k in rows)}
                        for name, rows in chosen.items() if rows},
             "findings": [list(finding) for finding in findings]}
    dump(scratch / "dataset.json", facts)
    for leftover in [*scratch.glob("*.rows"), scratch / "survey.jsonl", scratch / "identity"]:
        leftover.unlink(missing_ok=True)
    scratch.rename(out)


def _same_or_new(scratch, identity):
    """Throw away shards of an interrupted preparation that asked for something else."""
    mark = scratch / "identity"
    if mark.is_file() and mark.read_text() != identity:
        for file in [*scratch.glob("*.tfrecord"), *scratch.glob("*.rows"), *scratch.glob("*.json")]:
            file.unlink()
    scratch.mkdir(parents=True, exist_ok=True)
    mark.write_text(identity)


def _write_split(pool, name, rows, wishes, scratch, surveyed, boxes, classes):
    """The index rows of one split's shards. Pages are mixed over shards, so that each shard is a sample of all."""
    rows = sorted(rows, key=lambda k: hashlib.sha256(surveyed.pages[k].name.encode()).digest())
    count = -(-len(rows) // wishes.shard_pages)
    written = []
    for number in range(count):
        file = scratch / f"{name}-{number:05d}-of-{count:05d}.tfrecord"
        memory = file.with_suffix(".rows")
        if not (file.is_file() and memory.is_file()):
            part = rows[number::count]
            encoded = pool.map(lambda k: images.encode(surveyed.pages[k], wishes.largest_side), part)
            named = ((_short(surveyed.pages[k], wishes), e, _scaled(boxes[k], surveyed.sizes[k], e))
                     for k, e in zip(part, progress(encoded, len(part), f"{file.name}: wrote")))
            dump(memory, shards.write_shard(file, named, classes))
        written += json.loads(memory.read_text())
    return written


def _short(page, wishes):
    """The page's name relative to the source folder."""
    root = Path(wishes.source)
    root = root if root.is_dir() else root.parent
    name = page.name
    return os.path.relpath(name, root) if page.encoded is None else name


def _scaled(boxes, size, encoded):
    """Boxes in pixels of the encoded page, which may be smaller than the original."""
    y, x = encoded.height / size[0], encoded.width / size[1]
    return [Box(box.label, box.ymin * y, box.xmin * x, box.ymax * y, box.xmax * x) for box in boxes]


def dump(file, value):
    """JSON that is either wholly there or not at all."""
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(json.dumps(value))
    partial.replace(file)


def progress(results, total: int, verb: str):
    """Passes results through and says on stderr every two seconds how many there were."""
    began = said = time.monotonic()
    for done, result in enumerate(results, 1):
        yield result
        now = time.monotonic()
        if now - said > 2 or (done == total and said > began):
            print(f"{verb} {done} of {total} pages, {done / (now - began):.0f} a second", file=sys.stderr, flush=True)
            said = now


def discard(out) -> None:
    """Remove what an interrupted preparation of `out` left behind."""
    out = Path(out)
    shutil.rmtree(out.with_name(f".{out.name}.partial"), ignore_errors=True)
