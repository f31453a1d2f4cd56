"""Which image is whose: folders and tables of any declared layout as one list of records."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gaudi.errors import UserError
from models.ink.files import list_images, shown
from models.signatures import cedar

KINDS = {"genuine": False, "original": False, "originals": False, "org": False, "real": False,
         "forged": True, "forgery": True, "forgeries": True, "forg": True, "forge": True, "fake": True}
FIELDS = {"writer": r"(?P<writer>[^/]+?)", "kind": r"(?P<kind>[^/]+?)", "index": r"(?P<index>\d+)"}
LAYOUTS = "auto, cedar, a path such as {writer}/{kind}/*.png, or a table such as labels.csv:path,writer,kind"


@dataclass(frozen=True)
class Record:
    """One image: who signs there (by name), whether a forger wrote it, and where it is.

    name is unique in its listing. path is None for a synthetic signature. text is what is written, where known:
    two records of one text and different writers are harder to tell apart.
    """

    writer: str
    forged: bool
    name: str
    path: Path | None = None
    text: str = ""

    @property
    def genuine(self) -> bool:
        """Whether the writer signed with the own hand."""
        return not self.forged


def list_records(root, pattern: str = "auto") -> list[Record]:
    """All records below `root`, sorted by writer, genuine before forged, then name; checked by `check_records`."""
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"data.root: {shown(root)}: no such folder")
    records = _reader(root, pattern)
    check_records(records, root)
    return sorted(records, key=lambda record: (natural(record.writer), record.forged, natural(record.name)))


def _reader(root: Path, pattern: str) -> list[Record]:
    if pattern == "auto":
        pattern = _guess(root)
    if pattern == "cedar":
        return [Record(str(one.writer), one.forged, f"{one.path.parent.name}/{one.path.name}", one.path)
                for one in cedar.list_signatures(root)]
    if "{writer}" in pattern:
        return _by_path(root, pattern)
    if ".csv" in pattern:
        return _by_table(root, pattern)
    raise UserError(f"data.pattern: {pattern!r} says nothing about writers (allowed: {LAYOUTS})")


def _guess(root: Path) -> str:
    if cedar.is_cedar(root):
        return "cedar"
    tables = sorted(root.glob("*.csv"))
    if len(tables) == 1:
        return tables[0].name
    return "{writer}/{kind}/*"


def natural(name: str) -> list:
    """A sort key by which writer 2 comes before writer 10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def _by_path(root: Path, pattern: str) -> list[Record]:
    """Records from paths: {writer}, {kind} and {index} are taken from the path, * is anything within a folder."""
    expression = re.compile(_expression(pattern))
    found, strange = [], []
    for path in list_images(root):
        name = path.relative_to(root).as_posix()
        match = expression.fullmatch(name)
        if match:
            kind = match.groupdict().get("kind")
            found.append(Record(match["writer"], bool(kind) and _forged(kind, name), name, path))
        else:
            strange.append(name)
    if strange:
        raise UserError(f"{shown(root)}: {len(strange)} images do not fit data.pattern {pattern!r}, such as "
                        f"{shown(strange[0])} (allowed: {LAYOUTS})")
    return found


def _expression(pattern: str) -> str:
    parts = re.split(r"(\{[^}]*\}|\*)", pattern)
    unknown = [part for part in parts if part.startswith("{") and part[1:-1] not in FIELDS]
    if unknown:
        raise UserError(f"data.pattern: {unknown[0]} in {pattern!r} is unknown (allowed: {{writer}} {{kind}} {{index}} *)")
    named = [part for part in parts if part.startswith("{")]
    if len(named) != len(set(named)):
        raise UserError(f"data.pattern: {pattern!r} names a part twice; write * for the second")
    return "".join(FIELDS[part[1:-1]] if part.startswith("{") else "[^/]*" if part == "*" else re.escape(part)
                   for part in parts)


def _forged(kind: str, place: str) -> bool:
    try:
        return KINDS[kind.strip().lower()]
    except KeyError:
        raise UserError(f"{shown(place)}: kind {kind!r} is unknown (allowed: {', '.join(KINDS)})") from None


def _by_table(root: Path, pattern: str) -> list[Record]:
    """Records from a table: `file.csv:path,writer,kind,text` names its columns; a+b joins two columns to one name."""
    name, _, columns = pattern.partition(":")
    rows = _rows(root / name)
    have = list(rows[0])
    wanted = columns.split(",") if columns else _default_columns(have, name)
    missing = sorted({part for column in wanted for part in column.split("+")} - set(have))
    if len(wanted) < 2 or missing:
        raise UserError(f"data.pattern: {pattern!r}: {name} has the columns {', '.join(have)}, "
                        f"not {', '.join(missing) or 'two of those named'} (path and writer at least)")
    return [_row_record(root, row, wanted, f"{name}:{number}") for number, row in enumerate(rows, start=2)]


def _default_columns(have: list[str], name: str) -> list[str]:
    path = next((column for column in ("path", "file", "image") if column in have), None)
    if path is None or "writer" not in have:
        raise UserError(f"data.pattern: {name} has the columns {', '.join(have)}; say which are path and writer, "
                        f"such as {name}:{have[0]},{have[min(1, len(have) - 1)]}")
    return [path, "writer"] + [column for column in ("kind",) if column in have]


def _rows(path: Path) -> list[dict]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"data.pattern: {shown(path)}: cannot be read ({error})") from None
    if not rows:
        raise UserError(f"data.pattern: {shown(path)}: no rows in it")
    return rows


def _row_record(root: Path, row: dict, wanted: list[str], place: str) -> Record:
    values = [" ".join(row[part] or "" for part in column.split("+")).strip() for column in wanted]
    if not values[0] or not values[1]:
        raise UserError(f"{place}: no {wanted[0] if not values[0] else wanted[1]} in this row")
    forged = len(values) > 2 and bool(values[2]) and _forged(values[2], place)
    path = root / values[0]
    if not path.is_file():
        raise UserError(f"{place}: {shown(values[0])}: no such file")
    return Record(values[1], forged, values[0], path, values[3] if len(values) > 3 else "")


def check_records(records: list[Record], root) -> None:
    """Raise UserError for what no training can use: one genuine image, forgeries of nobody, a name given twice."""
    genuine = Counter(record.writer for record in records if not record.forged)
    for record in records:
        if record.writer not in genuine:
            raise UserError(f"{shown(root)}: writer {record.writer} has forgeries ({shown(record.name)}) "
                            "but no genuine signature")
    for writer, count in genuine.items():
        if count < 2:
            raise UserError(f"{shown(root)}: writer {writer} has one genuine signature; two are needed to make a pair")
    name, times = Counter(record.name for record in records).most_common(1)[0]
    if times > 1:
        raise UserError(f"{shown(root)}: {shown(name)} is listed {times} times")


def writers_of(records) -> list[str]:
    """The writers that occur, in natural order."""
    return sorted({record.writer for record in records}, key=natural)


@dataclass(frozen=True)
class Numbered:
    """A record as models/verification counts: writers are numbers."""

    writer: int
    genuine: bool


def numbered(records: list[Record]) -> list[Numbered]:
    """The same records with numbers for writers, in natural order."""
    numbers = {writer: number for number, writer in enumerate(writers_of(records))}
    return [Numbered(numbers[one.writer], one.genuine) for one in records]
