"""Which examples there are and which part they are in: divided by name and by writer at once, without TensorFlow."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gaudi.config import near
from gaudi.errors import UserError
from models.ink.files import SUFFIXES, list_images, shown
from models.pix2pix import embedded
from models.pix2pix.config import Config, PairData
from models.pix2pix.example import Example
from models.pix2pix.prepare import COLUMNS, GENERATED, MANIFEST, TARGETED

FEWEST_TO_DIVIDE = 4  # names, or writers: with fewer, none is held out


@dataclass(frozen=True)
class Parts:
    """The examples of each part. Unpaired: `train_b` and the like hold the other domain, else they are empty."""

    train: list[Example]
    validation: list[Example]
    test: list[Example]
    judge: list[Example] = field(default_factory=list)  # all names, by writers who are not in the test
    train_b: list[Example] = field(default_factory=list)
    validation_b: list[Example] = field(default_factory=list)
    test_b: list[Example] = field(default_factory=list)

    @property
    def trained_names(self) -> frozenset[str]:
        """The names that training sees."""
        return frozenset(one.name for one in self.train)

    @property
    def hands(self) -> list[tuple[str, str]]:
        """(writer, medium) of the training part, sorted: the styles that can be learned."""
        return sorted({(one.writer, one.medium) for one in self.train})


def listing(config: Config) -> Parts:
    """The parts of the recipe's data; UserError where a part would be empty."""
    data = config.data
    if data.layout == "signatures":
        parts = divided(signature_examples(data), data)
    elif data.layout == "pairs":
        parts = pair_parts(data)
    else:
        parts = unpaired_parts(data)
    if data.limit:
        parts = Parts(**{name: thinned(rows, data.limit) for name, rows in vars(parts).items()})
    return parts


def thinned(rows: list, limit: int) -> list:
    """At most `limit` of the rows, spread evenly."""
    keep = np.unique(np.linspace(0, len(rows) - 1, min(limit, len(rows))).round().astype(int)) if rows else []
    return [rows[index] for index in keep]


def counts(config: Config) -> dict[str, int]:
    """Examples an epoch, a validation and a test have; in the test every font of a signature counts."""
    parts = listing(config)
    return {"train": max(len(parts.train), len(parts.train_b)), "validation": len(parts.validation),
            "test": sum(max(1, len(one.fonts)) for one in parts.test)}


def digest(parts: Parts) -> str:
    """A hash of all parts' keys, names, writers and file sizes."""
    text = "\n".join(f"{name} {Path(one.key).name} {one.name} {one.writer} {one.medium} {one.fonts} {one.size}"
                     for name, rows in sorted(vars(parts).items()) for one in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# --- signatures -------------------------------------------------------------------------------------------------------

def signature_examples(data: PairData) -> list[Example]:
    """All examples of a prepared folder, or of the embedded data, with the fonts that the recipe wants."""
    examples = embedded.examples(data) if not data.root else manifest_examples(Path(data.root))
    have = sorted({font for one in examples for font in one.fonts})
    for font in data.fonts:
        if font not in have:
            raise UserError(f"data.fonts: {font!r} was not prepared{near(font, have)}; there are {', '.join(have)}")
    wanted = data.fonts or have
    kept = [one.with_fonts(tuple(font for font in wanted if font in one.fonts)) for one in examples]
    return [one for one in kept if one.fonts]


def manifest_examples(root: Path) -> list[Example]:
    """The rows of a prepared folder's manifest."""
    table = root / MANIFEST
    if not table.is_file():
        raise UserError(f"{shown(root)}: no {MANIFEST} in it; make it with `gaudi data prepare pix2pix SOURCE --out "
                        "DIR`, or set data.layout to pairs or unpaired")
    with open(table, encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise UserError(f"{shown(table)}: its columns are {', '.join(reader.fieldnames or ['none'])}; "
                            f"expected are {', '.join(COLUMNS)}")
        rows = list(reader)
    for line, row in enumerate(rows, start=2):
        if None in row.values() or not row["name"]:
            raise UserError(f"{shown(table)}:{line}: a row without name or with too few columns")
    return [Example(f"{row['number']}.png", row["name"], row["writer"], row["medium"], tuple(row["fonts"].split()),
                    _bytes(root / TARGETED / f"{row['number']}.png")) for row in rows]


def _bytes(path: Path) -> int:
    if not path.is_file():
        raise UserError(f"{shown(path)}: missing, but the manifest names it")
    return path.stat().st_size


def divided(examples: list[Example], data: PairData) -> Parts:
    """Train, validation and test such that the test's names and writers are in no other part.

    train: other names by other writers. validation: validation writers, its own unseen names first, then training's.
    test: test writers, all names; the evaluation tells unseen names from known ones. Where there are too few names or
    writers to divide by, the other one divides alone.
    """
    random = np.random.default_rng(data.split_seed)
    test_names, validation_names = divided_names(sorted({one.name for one in examples}), data, random)
    test_writers, validation_writers = divided_writers(sorted({one.writer for one in examples}), data, random)
    if not test_names and not test_writers:
        names, writers = {one.name for one in examples}, {one.writer for one in examples}
        raise UserError(f"{shown(data.root)}: {len(examples)} signatures of {len(names)} names and {len(writers)} "
                        f"writers are too few for training, validation and test; {FEWEST_TO_DIVIDE} names or writers "
                        "are needed")
    by_writer = bool(test_writers)
    held = test_writers | validation_writers
    train = [o for o in examples if o.writer not in held and o.name not in test_names | validation_names]
    validation = [o for o in examples if o.name not in test_names
                  and (o.writer in validation_writers if by_writer else o.name in validation_names)]
    validation.sort(key=lambda o: o.name not in validation_names)
    test = [o for o in examples if (o.writer in test_writers if by_writer else o.name in test_names)]
    judge = [o for o in examples if by_writer and o.writer not in test_writers]
    for name, rows in (("training", train), ("validation", validation), ("test", test)):
        if not rows:
            raise UserError(f"{shown(data.root)}: nothing is left for {name}; change data.test_names, "
                            "data.unseen_names, data.validation_names, data.test_share or data.validation_share")
    return Parts(train, validation, test, judge)


def divided_names(names: list[str], data: PairData, random) -> tuple[set[str], set[str]]:
    """The test's and the validation's names; names that share a Chinese character stay together."""
    unknown = [name for name in data.test_names if name not in names]
    if unknown:
        raise UserError(f"data.test_names: {', '.join(unknown)} not in the data{near(unknown[0], names)}; "
                        f"it has {', '.join(names[:20])}")
    families = related(names)
    shuffled = [families[index] for index in random.permutation(len(families))]
    test = set(data.test_names)
    shared = [name for family in families if test & set(family) for name in family if name not in test]
    if shared:
        raise UserError(f"data.test_names: {', '.join(shared)} shares characters with them and would be trained on; "
                        "name it, too")
    if len(names) < FEWEST_TO_DIVIDE:
        return test, set()
    if not test:
        test = drawn(shuffled, data.unseen_names)
    return test, drawn([family for family in shuffled if not test & set(family)], data.validation_names)


def drawn(families: list[list[str]], count: int) -> set[str]:
    """Whole families of names, in their order, until `count` names are reached and never more."""
    taken: set[str] = set()
    for family in families:
        if len(taken) + len(family) <= count:
            taken |= set(family)
    return taken


def related(names: list[str]) -> list[list[str]]:
    """Names in groups: those that share a character beyond the alphabets (a Chinese one, say) are in one group."""
    groups: list[tuple[set[str], list[str]]] = []
    for name in names:
        own = {character for character in name if ord(character) > 0x2E7F}
        touching = [group for group in groups if group[0] & own]
        groups = [group for group in groups if not group[0] & own]
        members = [member for group in touching for member in group[1]] + [name]
        groups.append((own.union(*(group[0] for group in touching)), members))
    return sorted(sorted(members) for _, members in groups)


def divided_writers(writers: list[str], data: PairData, random) -> tuple[set[str], set[str]]:
    """The test's and the validation's writers."""
    if len(writers) < FEWEST_TO_DIVIDE or not data.test_share:
        return set(), set()
    shuffled = [writers[index] for index in random.permutation(len(writers))]
    test = max(1, round(data.test_share * len(writers)))
    validation = max(1, round(data.validation_share * len(writers)))
    return set(shuffled[:test]), set(shuffled[test:test + validation])


# --- other pictures ---------------------------------------------------------------------------------------------------

def pair_parts(data: PairData) -> Parts:
    """A|B pictures in train/, val/ and test/, or in one folder; or two folders of equally named files."""
    if not data.root:
        return shared_out(embedded.pair_examples(data), data)
    root = Path(data.root)
    if not root.is_dir():
        raise UserError(f"{shown(root)}: no such folder (A|B pictures are expected in it)")
    if (root / TARGETED).is_dir() and (root / GENERATED).is_dir():
        return shared_out(partners(root), data)
    found = {part: files_of(root / part) for part in ("train", "val", "test") if (root / part).is_dir()}
    if not found.get("train"):
        return shared_out(files_of(root), data)
    if not found.get("val"):
        rest = shared_out(found["train"], data, two=True)
        return Parts(rest.train, rest.validation, found.get("test") or rest.validation)
    return Parts(found["train"], found["val"], found.get("test") or found["val"])


def files_of(folder: Path) -> list[Example]:
    """Every picture below a folder."""
    return [Example(str(path), size=path.stat().st_size) for path in list_images(folder)]


def partners(root: Path) -> list[Example]:
    """Files of generated_image/ and targeted_image/ that have the same name; UserError names one without partner."""
    inputs, targets = ({path.name: path for path in list_images(root / kind)} for kind in (GENERATED, TARGETED))
    for name in sorted(set(inputs) ^ set(targets)):
        here, there = (GENERATED, TARGETED) if name in inputs else (TARGETED, GENERATED)
        raise UserError(f"{shown(root / here / name)}: has no partner {there}/{name}")
    return [Example(str(targets[name]), size=targets[name].stat().st_size, partner=str(inputs[name]))
            for name in sorted(targets)]


def shared_out(examples: list[Example], data: PairData, two: bool = False) -> Parts:
    """Pairs without writers: a share for validation and as many for the test, at least one each."""
    least = 2 if two else 3
    if len(examples) < least:
        raise UserError(f"{shown(data.root)}: {len(examples)} pair{'s' * (len(examples) != 1)}, at least {least} are "
                        "needed: training, validation and test must not share one")
    order = np.random.default_rng(data.split_seed).permutation(len(examples))
    held = max(1, min((len(examples) - 1) // (least - 1), round(data.validation_share * len(examples))))
    validation, test = sorted(order[:held]), sorted(order[held:2 * held]) if not two else []
    train = sorted(set(range(len(examples))) - set(validation) - set(test))
    return Parts(*([examples[index] for index in rows] for rows in (train, validation, test)))


def unpaired_parts(data: PairData) -> Parts:
    """trainA/ trainB/ and testA/ testB/ (every second file validates); without these a share of the training's."""
    if not data.root:
        examples = embedded.pair_examples(data)
        half = len(examples) // 2
        domains = [shared_out([one.side(side) for one in rows], data)
                   for side, rows in (("A", examples[:half]), ("B", examples[half:]))]
    else:
        domains = [unpaired_domain(Path(data.root), letter, data) for letter in "AB"]
    if data.direction == "BtoA":
        domains.reverse()
    a, b = domains
    return Parts(a.train, a.validation, a.test, [], b.train, b.validation, b.test)


def unpaired_domain(root: Path, letter: str, data: PairData) -> Parts:
    """One domain's three parts."""
    train = root / f"train{letter}"
    if not train.is_dir():
        raise UserError(f"{shown(train)}: no such folder (layout unpaired wants trainA/ and trainB/)")
    held = root / f"test{letter}"
    if not held.is_dir() or not any(path.suffix.lower() in SUFFIXES for path in held.rglob("*")):
        return shared_out(files_of(train), data)
    rows = files_of(held)
    if len(rows) < 2:
        raise UserError(f"{shown(held)}: one picture; two are needed, for validation and test")
    return Parts(files_of(train), rows[0::2], rows[1::2])
