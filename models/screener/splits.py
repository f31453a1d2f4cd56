"""Which pictures are for training, validation, test and judging on real data; writers and files never in two. No TensorFlow."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from gaudi.errors import UserError
from models.ink.files import list_images, shown
from models.invalid.families import NAMES
from models.screener.cuts import Cut, cuts_of

SIGNATURE = "signature"
SYNTHETIC_SEEDS = {"train": 301, "validation": 302, "test": 303}  # apart from any recipe's seed: the test is frozen
VALID, INVALID = "valid", "invalid"


@dataclass(frozen=True)
class Picture:
    """One picture: a file (or a cut of one), or drawing number `index` of a family or of synthetic writer `group`.

    group: what is drawn together in a bootstrap, a writer or a page.    forged: the synthetic writer's forger drew it.
    """

    name: str
    family: str
    group: str
    path: Path | None = None
    index: int = 0
    forged: bool = False
    cut: Cut | None = None

    @property
    def is_signature(self) -> bool:
        return self.family == SIGNATURE


def listing(config) -> dict[str, list[Picture]]:
    """`train`, `validation` and `test`, in a fixed order."""
    return of_folder(config.data) if config.data.root else synthetic(config.data)


def trained_families(data, known=NAMES) -> list[str]:
    """The families that are neither for development nor held out."""
    return [name for name in known if name not in data.development_families + data.held_out_families]


def families_in(data, part: str, known=NAMES) -> list[str]:
    """The families of invalid pictures that a part holds."""
    others = {"train": [], "validation": data.development_families, "test": data.development_families + data.held_out_families}
    return trained_families(data, known) + [name for name in known if name in others[part]]


def synthetic(data) -> dict[str, list[Picture]]:
    """The embedded pictures: signatures of writers of the part's own, and the part's families."""
    writers = {"train": data.synthetic_writers, "validation": data.synthetic_held_out, "test": data.synthetic_held_out}
    each = {"train": data.invalid_each, "validation": data.judged_each, "test": data.judged_each}
    genuine = data.synthetic_each - data.synthetic_each // 2
    parts = {}
    for part, count in writers.items():
        signed = [Picture(f"{part} writer {writer} number {k + 1}", SIGNATURE, str(writer), None, k - genuine * (k >= genuine),
                          k >= genuine) for writer in range(1, count + 1) for k in range(data.synthetic_each)]
        drawn = [Picture(f"{part} {family} {k + 1}", family, f"{family} {k + 1}", None, k)
                 for family in families_in(data, part) for k in range(each[part])]
        parts[part] = signed + drawn
    return parts


def of_folder(data) -> dict[str, list[Picture]]:
    """ROOT/valid (by writer) and ROOT/invalid/FAMILY (by file), divided in the order of a hash of their names."""
    root = Path(data.root)
    for name in (VALID, INVALID):
        if not (root / name).is_dir():
            raise UserError(f"data.root: {shown(root)}: no folder {name}/ in it (signatures are expected in {VALID}/, other "
                            f"pictures in {INVALID}/FAMILY/)")
    signed = [signature_at(path, root, data.writer_pattern) for path in list_images(root / VALID)]
    others = [Picture(path.relative_to(root).as_posix(), family_of(path, root / INVALID), path.relative_to(root).as_posix(), path)
              for path in list_images(root / INVALID)]
    known = sorted({picture.family for picture in others})
    parts = divided(signed, data, f"writers in {shown(root / VALID)}")
    for family in known:
        own = [picture for picture in others if picture.family == family]
        if family in data.held_out_families:
            parts["test"] += own
        elif family in data.development_families:
            parts["validation"] += own
        else:
            for name, part in divided(own, data, f"images in {shown(root / INVALID / family)}").items():
                parts[name] += part
    for name, part in parts.items():
        if all(picture.is_signature for picture in part):
            raise UserError(f"data.root: {shown(root / INVALID)}: no family is left for {name} (it has {', '.join(known)}; "
                            "see data.development_families and data.held_out_families)")
    return parts


def family_of(path: Path, invalid: Path) -> str:
    """The folder below invalid/ that a picture is in; pictures right in it are the family "invalid"."""
    parts = path.relative_to(invalid).parts
    return parts[0] if len(parts) > 1 else INVALID


def signature_at(path: Path, root: Path, pattern: str) -> Picture:
    """A signature file; its writer by the pattern, else the file itself."""
    name = path.relative_to(root).as_posix()
    match = re.search(pattern, path.stem)
    return Picture(name, SIGNATURE, match[1] if match and match[1] else name, path)


def divided(pictures: list[Picture], data, what: str) -> dict[str, list[Picture]]:
    """Three parts by group; UserError where there are fewer than three groups."""
    groups = sorted({picture.group for picture in pictures}, key=_hash)
    if len(groups) < 3:
        raise UserError(f"{len(groups)} {what}: training, validation and test need at least one each")
    test, validation = (max(1, round(share * len(groups))) for share in (data.test_share, data.validation_share))
    owner = dict.fromkeys(groups, "train") | dict.fromkeys(groups[:test], "test")
    owner |= dict.fromkeys(groups[test:test + validation], "validation")
    return {part: [picture for picture in pictures if owner[picture.group] == part] for part in SYNTHETIC_SEEDS}


def real(data) -> dict[str, list[Picture]]:
    """Real pictures for judging: every folder of signatures under its name, `page boxes` and `page cuts`."""
    found: dict[str, list[Picture]] = {}
    for folder in data.real_signatures:
        paths = list_images(folder)
        name = Path(folder).name
        if name in found:
            raise UserError(f"data.real_signatures: two folders are named {name}")
        pictures = [signature_at(path, Path(folder), data.writer_pattern) for path in paths]
        found[name] = spread([_by_folder(picture) for picture in pictures], data.real_most)
    if data.real_pages:
        signed, others = cuts_of(data.real_pages)
        for name, family, cuts in (("page boxes", SIGNATURE, signed), ("page cuts", "page", others)):
            found[name] = spread([Picture(f"{cut.page.name} {cut.box}", family, cut.page.name, cut.page, cut=cut)
                                  for cut in cuts], data.real_most)
    return found


def _by_folder(picture: Picture) -> Picture:
    """Files that name no writer belong to their folder, if they are in one."""
    folder = str(Path(picture.name).parent)
    if picture.group != picture.name or folder == ".":
        return picture
    return Picture(picture.name, picture.family, folder, picture.path)


def spread(items: list, most: int) -> list:
    """At most `most` of the items, at even distances, in order."""
    if len(items) <= most:
        return items
    return [items[position * len(items) // most] for position in range(most)]


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()


def digest(pictures: list[Picture]) -> str:
    """A hash of names, families and file sizes, which ranks compare before they train together."""
    rows = [f"{picture.name}|{picture.family}|{picture.path.stat().st_size if picture.path else picture.index}"
            for picture in pictures]
    return _hash("\n".join(rows))[:16]
