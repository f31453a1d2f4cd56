"""Signature folders in the CEDAR layout: who wrote what, and splits in which no writer is on two sides."""
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaudi.errors import UserError
from models.ink.files import SUFFIXES, shown

GENUINE, FORGED = "full_org", "full_forg"
TEST_WRITERS = (2, 5, 6, 15, 19, 22, 30, 34, 48, 51)  # never trained on, nothing is chosen on them
_NAME = re.compile(r"(original|forgeries)_(\d+)_(\d+)$", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Signature:
    """One image of a listing; sorts by writer, genuine first, then index."""

    writer: int
    forged: bool
    index: int
    path: Path

    @property
    def genuine(self) -> bool:
        return not self.forged


@dataclass(frozen=True)
class Split:
    """Three lists of Signature without a common writer."""

    development: list[Signature]
    validation: list[Signature]
    test: list[Signature]


def list_signatures(root, forgeries: bool = True) -> list[Signature]:
    """All signatures of a CEDAR folder (or of the one above it), sorted; `forgeries=False`: the genuine only."""
    root = find_root(root)
    found = _list(root / GENUINE, "original")
    if forgeries:
        found += _list(root / FORGED, "forgeries")
    if not any(signature.genuine for signature in found):
        raise UserError(f"{shown(root / GENUINE)}: no original_WRITER_INDEX image in this folder")
    return sorted(found)


def find_root(root) -> Path:
    """The folder that holds full_org: `root` itself or the only one of its subfolders that does."""
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"{shown(root)}: no such folder (one with {GENUINE}/ and {FORGED}/ is expected)")
    below = [root] if (root / GENUINE).is_dir() else sorted(path.parent for path in root.glob(f"*/{GENUINE}"))
    if not below:
        raise UserError(f"{shown(root)}: no {GENUINE}/ in it (the CEDAR layout is {GENUINE}/original_W_N.png and "
                        f"{FORGED}/forgeries_W_N.png)")
    if len(below) > 1:
        names = ", ".join(path.name for path in below)
        raise UserError(f"{shown(root)}: several CEDAR folders in it ({names}); name one")
    return below[0]


def is_cedar(root) -> bool:
    """Whether a folder, or the one just below it, has the CEDAR layout."""
    root = Path(root)
    return (root / GENUINE).is_dir() or any(root.glob(f"*/{GENUINE}"))


def _list(folder: Path, kind: str) -> list[Signature]:
    if not folder.is_dir():
        raise UserError(f"{shown(folder)}: no such folder (the CEDAR layout has {GENUINE}/ and {FORGED}/)")
    files = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    found = [_parse(path, kind) for path in sorted(files)]
    _check_unique(found)
    return found


def _parse(path: Path, kind: str) -> Signature:
    match = _NAME.match(path.stem)
    if not match or match[1].lower() != kind:
        raise UserError(f"{shown(path)}: the name does not say writer and index "
                        f"(expected {kind}_WRITER_INDEX{path.suffix})")
    return Signature(int(match[2]), kind == "forgeries", int(match[3]), path)


def _check_unique(signatures: list[Signature]):
    seen = {}
    for signature in signatures:
        other = seen.setdefault((signature.writer, signature.index), signature)
        if other is not signature:
            raise UserError(f"{shown(signature.path)}: same writer and index as {other.path.name}")


def writers_of(signatures) -> list[int]:
    """The writers that occur, ascending."""
    return sorted({signature.writer for signature in signatures})


def split(signatures, test=TEST_WRITERS, validation=()) -> Split:
    """Splits by writer: those named go to test and validation, all others to development. Checked to be disjoint."""
    test, validation = set(test), set(validation)
    both, unknown = test & validation, (test | validation) - set(writers_of(signatures))
    if both:
        raise UserError(f"writers {_named(both)} are in the test part and in the validation part")
    if unknown:
        raise UserError(f"writers {_named(unknown)} are asked for but are not in the data "
                        f"(it has {_named(writers_of(signatures))})")
    parts = Split([s for s in signatures if s.writer not in test | validation],
                  [s for s in signatures if s.writer in validation], [s for s in signatures if s.writer in test])
    if not parts.development:
        raise UserError(f"no writer is left for development "
                        f"({len(test)} test and {len(validation)} validation writers)")
    check_disjoint(development=parts.development, validation=parts.validation, test=parts.test)
    return parts


def check_disjoint(**parts):
    """Raises UserError when two of the named lists of signatures share a writer."""
    owner = {}
    for name, signatures in parts.items():
        for writer in writers_of(signatures):
            if owner.setdefault(writer, name) != name:
                raise UserError(f"writer {writer} is in two parts of the data: {owner[writer]} and {name}")


def choose_writers(writers, count: int, seed: int) -> list[int]:
    """`count` of the writers, the same for the same seed, ascending."""
    writers = sorted(set(writers))
    if not 0 <= count <= len(writers):
        raise UserError(f"{count} writers asked for, the data has {len(writers)}")
    return sorted(int(writer) for writer in np.random.default_rng(seed).permutation(writers)[:count])


def folds(writers, count: int = 5, seed: int = 0) -> list[list[int]]:
    """`count` disjoint groups that cover all writers, sizes differing by at most one (k-fold by writer)."""
    writers = sorted(set(writers))
    if not 2 <= count <= len(writers):
        raise UserError(f"{count} folds asked for, 2 to {len(writers)} are possible with {len(writers)} writers")
    shuffled = np.random.default_rng(seed).permutation(writers)
    return [sorted(int(writer) for writer in shuffled[start::count]) for start in range(count)]


def _named(writers) -> str:
    names = [str(writer) for writer in sorted(writers)]
    return " ".join(names if len(names) <= 12 else names[:6] + ["..."] + names[-2:])
