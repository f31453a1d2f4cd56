"""Finds a printed font by path, file name, family or kind (KAI, FANGSONG, HEI), and names glyphs it lacks."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont, TTLibError
from PIL import ImageFont

from gaudi.config import near
from gaudi.errors import UserError
from models import fonts as packaged
from models.ink.files import shown

SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
# The three kinds of the AI-Signaturer: families that are of the kind, the first one installed is taken.
KINDS = {
    "KAI": ("KaiTi", "STKaiti", "AR PL UKai CN", "AR PL KaitiM GB", "LXGW WenKai", "TW-Kai"),
    "FANGSONG": ("FangSong", "STFangsong", "cwTeXFangSong"),
    "HEI": ("Microsoft YaHei", "SimHei", "STHeiti", "Noto Sans CJK SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei"),
}
PACKAGES = {"KAI": "fonts-arphic-ukai", "FANGSONG": "fonts-cwtex-fs", "HEI": "fonts-wqy-microhei"}


@dataclass(frozen=True)
class Face:
    """One face of a font file; `label` names it in folders and tables."""

    label: str
    path: Path
    index: int = 0

    def opened(self, pixels: int) -> ImageFont.FreeTypeFont:
        """The face at a size in pixels per em."""
        return _opened(str(self.path), self.index, pixels)

    def missing(self, text: str) -> str:
        """The characters of `text` that this face has no glyph for; blanks need none."""
        known = _characters(str(self.path), self.index)
        return "".join(dict.fromkeys(c for c in text if not c.isspace() and ord(c) not in known))


@functools.lru_cache(maxsize=64)
def _opened(path, index, pixels):
    try:
        return ImageFont.truetype(path, pixels, index=index, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise UserError(f"{shown(path)}: cannot be opened as a font ({error})") from None


@functools.lru_cache(maxsize=32)
def _characters(path, index) -> frozenset[int]:
    try:
        font = TTFont(path, fontNumber=index, lazy=True)
        return frozenset(font.getBestCmap() or ())
    except (OSError, TTLibError) as error:
        raise UserError(f"{shown(path)}: cannot be read as a font ({error})") from None


def find(wanted: str) -> Face:
    """The face meant by `LABEL=WHAT` or `WHAT`: a path, a kind (KAI, FANGSONG, HEI) or an installed family."""
    label, _, what = wanted.rpartition("=")
    if not what.strip():
        raise UserError(f"font {wanted!r}: name a file, a family, or one of {', '.join(KINDS)}")
    if Path(what).suffix.lower() in SUFFIXES or os.sep in what:
        return _from_file(what, label)
    kind = what.upper()
    names = KINDS.get(kind, (what,))
    installed = families()
    for name in names:
        if name.lower() in installed:
            path, index = installed[name.lower()]
            return Face(_clean(label or (kind if kind in KINDS else name)), path, index)
    raise UserError(_missing_message(what, kind, installed))


def _from_file(what: str, label: str) -> Face:
    path = Path(what).expanduser()
    if not path.is_file():
        raise UserError(f"{shown(path)}: no such font file")
    _characters(str(path), 0)
    return Face(_clean(label or path.stem), path)


def _clean(label: str) -> str:
    """A label that can be a folder's name."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in label)


def _missing_message(what, kind, installed):
    if kind in KINDS:
        return (f"font {kind}: none of {', '.join(KINDS[kind])} is installed; install one (Debian: {PACKAGES[kind]}) "
                f"or give a file: {kind}=/path/to/font.ttf")
    return (f"font {what!r}: no such file or installed family{near(what.lower(), installed)}; "
            "see fc-list, or give a path")


@functools.cache
def families() -> dict[str, tuple[Path, int]]:
    """Every installed family in lower case -> (file, face in it), regular faces first; packaged fonts included."""
    found: dict[str, tuple[Path, int]] = {name.lower(): (path, 0) for name, path in packaged.families().items()}
    for folder in folders():
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
            for index, family, style in _faces(path):
                if family not in found or (style in ("regular", "book", "medium") and not _regular(found[family])):
                    found[family] = path, index
    return found


def _regular(entry) -> bool:
    path, index = entry
    return any(at == index and style in ("regular", "book", "medium") for at, _, style in _faces(path))


def folders() -> list[Path]:
    """Where fonts are installed on Linux and macOS."""
    home = Path.home()
    places = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".fonts", home / ".local/share/fonts",
              Path("/System/Library/Fonts"), Path("/Library/Fonts")]
    return [place for place in places if place.is_dir()]


@functools.cache
def _faces(path: Path) -> tuple[tuple[int, str, str], ...]:
    """(face, family, style) of a font file in lower case, every language's family; a damaged file has none."""
    try:
        if path.suffix.lower() in (".ttc", ".otc"):
            opened = TTCollection(path, lazy=True).fonts
        else:
            opened = [TTFont(path, lazy=True)]
        return tuple((index, name.toUnicode().lower(), (font["name"].getDebugName(2) or "").lower())
                     for index, font in enumerate(opened) for name in font["name"].names if name.nameID in (1, 16))
    except (OSError, TTLibError, KeyError, UnicodeDecodeError):
        return ()
