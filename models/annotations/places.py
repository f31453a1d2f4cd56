"""Where annotation files and their images lie, and reading them with errors that name the file."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path

from gaudi.errors import UserError
from models.ink.files import SUFFIXES, shown


def read_json(file: Path):
    """The content of a JSON file; UserError naming the line where it is none."""
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{shown(file)}: cannot be read ({error})") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{shown(file)}:{error.lineno}: not JSON: {error.msg}") from error


def number(value, place) -> float:
    """A finite number."""
    try:
        converted = float(value)
    except (TypeError, ValueError):
        raise UserError(f"{shown(place)}: a box coordinate must be a number, not {value!r}") from None
    if not math.isfinite(converted):
        raise UserError(f"{shown(place)}: a box coordinate must be finite, not {value!r}")
    return converted


def find_image(name: str, near: Path, root: Path) -> Path:
    """The image file `name`: as said, beside the annotation, or anywhere below the root under that name.

    A name that leads nowhere is returned as it would lie beside the annotation: the audit reports it as missing.
    """
    plain = Path(name.replace("\\", "/"))
    for candidate in (near / plain, root / plain, near / plain.name, near / "images" / plain, root / "images" / plain):
        if candidate.is_file():
            return candidate
    found = images_below(root).get(plain.name, [])
    if len(found) > 1:
        raise UserError(f"{shown(near)}: image {name} is ambiguous: {', '.join(shown(path) for path in found[:3])}")
    return found[0] if found else near / plain


@lru_cache(maxsize=4)
def images_below(root: Path) -> dict[str, list[Path]]:
    """Every image file below the root by its name."""
    found: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."):
            found.setdefault(path.name, []).append(path)
    return found
