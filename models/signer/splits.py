"""Who is known, who is not, and which signatures are for training, validation and test. No TensorFlow."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gaudi.errors import UserError
from models.ink.files import list_images, shown
from models.signatures import cedar

SYNTHETIC_SEED, ADDED_SEED = 401, 404  # apart from any recipe's seed: the test is frozen
_UTSIG = re.compile(r"C(\d+)([A-Z]+)(\d+)$", re.IGNORECASE)
_FORGED_FOLDERS = ("forged", "forgery", "forgeries", "fake")
STRANGER = -1


@dataclass(frozen=True)
class Image:
    """One signature: of `person`, genuine or not, number `index`; a file, or a drawing of a synthetic writer."""

    person: str
    forged: bool
    index: int
    name: str
    path: Path | None = None
    writer: int = 0
    set_seed: int = 0


@dataclass
class Listing:
    """All parts; `classes` are the known people in order, then those added for training alone.

    development and unknown: genuine signatures of people in no class; forged: forgeries of known people.
    """

    classes: list[str]
    known: int
    train: list[Image]
    validation: list[Image]
    test: list[Image]
    development: list[Image] = field(default_factory=list)
    unknown: list[Image] = field(default_factory=list)
    forged: list[Image] = field(default_factory=list)

    def label(self, image: Image) -> int:
        """The class of an image; STRANGER for people in none."""
        return self._places.get(image.person, STRANGER)

    def __post_init__(self):
        self._places = {person: place for place, person in enumerate(self.classes)}


def listing(data) -> Listing:
    """Every part in a fixed order; UserError where a person has too few images or nobody is left."""
    images = list_all(data)
    people = sorted({image.person for image in images}, key=natural)
    unknown, development = strangers(people, data, images)
    known = [person for person in people if person not in unknown | development]
    if len(known) < 2:
        raise UserError(f"{place_of(data)}: {len(people)} people, of whom {len(unknown)} are for the test of strangers and "
                        f"{len(development)} for thresholds (data.unknown_people, data.development_people); at least 2 must be left")
    own = {person: sorted((i for i in images if i.person == person and not i.forged), key=lambda i: (i.index, i.name))
           for person in people}
    check_counts(own, known, data)
    test, middle = data.test_each, data.test_each + data.validation_each
    added = added_images(data)
    return Listing(
        classes=known + sorted({image.person for image in added}, key=natural), known=len(known),
        train=[image for person in known for image in own[person][:-middle]] + added,
        validation=[image for person in known for image in own[person][-middle:-test]],
        test=[image for person in known for image in own[person][-test:]],
        development=[image for person in people if person in development for image in own[person]],
        unknown=[image for person in people if person in unknown for image in own[person]],
        forged=[image for image in images if image.forged and image.person in set(known)])


def strangers(people, data, images) -> tuple[set[str], set[str]]:
    """The people in no class: those to test with (CEDAR's ten where there are so many), those to settle thresholds with."""
    shuffled = [people[place] for place in np.random.default_rng(data.split_seed).permutation(len(people))]
    fixed = [str(writer) for writer in cedar.TEST_WRITERS] if data.root and layout_of(data) == "cedar" else []
    first = [person for person in shuffled if person in fixed] + [person for person in shuffled if person not in fixed]
    unknown = set(first[:data.unknown_people])
    # a test writer never settles a threshold, even where fewer than ten are tested
    rest = [person for person in shuffled if person not in unknown and person not in fixed]
    return unknown, set(rest[:data.development_people])


def check_counts(own, known, data) -> None:
    """Every known person needs images for training, validation and test."""
    least = data.test_each + data.validation_each + 1
    few = [person for person in known if len(own[person]) < least]
    if few:
        person = few[0]
        raise UserError(f"{place_of(data)}: {person} has {len(own[person])} genuine signature{'s' * (len(own[person]) != 1)}, "
                        f"at least {least} are needed (data.test_each {data.test_each}, data.validation_each "
                        f"{data.validation_each}, 1 to train on); so have {len(few)} of {len(known)} people")


def list_all(data) -> list[Image]:
    """Every image of the data; UserError for names that say nothing."""
    if not data.root:
        return synthetic(data)
    layout = layout_of(data)
    if layout == "cedar":
        return [Image(str(one.writer), one.forged, one.index, one.path.name, one.path) for one in cedar.list_signatures(data.root)]
    return of_utsig(Path(data.root)) if layout == "utsig" else of_folders(Path(data.root))


def layout_of(data) -> str:
    """The declared layout, or what the names look like."""
    if data.layout != "auto":
        return data.layout
    if cedar.is_cedar(data.root):
        return "cedar"
    named = sum(bool(_UTSIG.match(path.stem)) for path in list_images(data.root))
    return "utsig" if named else "folders"


def of_utsig(root: Path) -> list[Image]:
    """UTSig: C001G01.PNG is genuine signature 1 of person 1; any other letter than G is not the person's usual hand."""
    found, strange = [], []
    for path in list_images(root):
        match = _UTSIG.match(path.stem)
        if match:
            found.append(Image(match[1], match[2].upper() != "G", int(match[3]), path.name, path))
        else:
            strange.append(path)
    if strange or not found:
        raise UserError(f"{shown(strange[0] if strange else root)}: the name does not say person and number as C001G01 does; "
                        f"{len(strange)} such files")
    twice = [name for name, count in Counter((i.person, i.forged, i.name) for i in found).items() if count > 1]
    if twice:
        raise UserError(f"{shown(root)}: {twice[0][2]} is there more than once, in different folders")
    return found


def of_folders(root: Path) -> list[Image]:
    """ROOT/PERSON/*: the signatures of a person in the order of their names; ROOT/PERSON/forged/* are forgeries."""
    found, numbers = [], Counter()
    for path in sorted(list_images(root), key=lambda path: natural(path.relative_to(root).as_posix())):
        parts = path.relative_to(root).parts
        if len(parts) < 2:
            raise UserError(f"{shown(path)}: lies in no person's folder (expected {shown(root)}/PERSON/{path.name})")
        forged = any(part.lower() in _FORGED_FOLDERS for part in parts[1:-1])
        numbers[parts[0]] += 1
        found.append(Image(parts[0], forged, numbers[parts[0]], "/".join(parts), path))
    return found


def synthetic(data) -> list[Image]:
    """Synthetic people, the same ones for every recipe."""
    return [Image(str(writer), forged, k, f"person {writer} {'forged' if forged else 'genuine'} {k + 1}", None, writer, SYNTHETIC_SEED)
            for writer in range(1, data.synthetic_people + 1)
            for forged, count in ((False, data.synthetic_each), (True, data.synthetic_forged)) for k in range(count)]


def added_images(data) -> list[Image]:
    """Synthetic strangers who are classes of their own in training."""
    return [Image(f"added {writer}", False, k, f"added {writer} number {k + 1}", None, writer, ADDED_SEED)
            for writer in range(1, data.added_people + 1) for k in range(data.added_each)]


def natural(name: str) -> list:
    """A sort key by which person 2 comes before person 10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def place_of(data) -> str:
    """Where the data come from, for messages."""
    return shown(data.root) if data.root else "synthetic people"


def digest(images: list[Image]) -> str:
    """A hash of names, people and file sizes, which ranks compare before they train together."""
    rows = [f"{i.name}|{i.person}|{i.forged}|{i.path.stat().st_size if i.path else i.index}" for i in images]
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()[:16]
