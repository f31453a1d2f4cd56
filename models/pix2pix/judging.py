"""Judges a generator: is the name still there (content), does it look written (style), how far is it (L1, SSIM)?"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import tensorflow as tf

from models.pix2pix import losses
from models.pix2pix import parts as listings
from models.pix2pix import recogniser as recognisers
from models.pix2pix.config import Config
from models.pix2pix.grid import grid
from models.pix2pix.pictures import load
from models.pix2pix.style import bootstrap, frechet_distance

TO_BYTES = 127.5


def predicted(contest, batch, config: Config) -> dict:
    """Per example: `written` uint8 [N, S, S, C] from the plain print, and measures against the real picture.

    The print as fed (laid out on the handwriting, where the recipe aligns) is what L1 and SSIM mean something for;
    the plain print is what a user has, so content and style are judged from it.
    """
    fed, hand = batch["printed"], batch.get("hand")
    plain = batch.get("plain", fed)
    written = contest.write(plain, hand)
    made = {"written": tf.cast(tf.clip_by_value(tf.round((written + 1.0) * TO_BYTES), 0.0, 255.0), tf.uint8)}
    if config.data.layout == "unpaired":
        return made | contest.metrics(batch)
    aligned = contest.rewrite(fed, hand)
    signed = batch["signed"]
    for label, picture in (("", aligned), ("plain_", written), ("identity_", fed)):
        made |= {f"{label}l1": losses.l1(picture, signed) * TO_BYTES, f"{label}ssim": losses.ssim(picture, signed),
                 f"{label}ink_f": losses.ink_f(picture, signed)}
    return made


def judged(task, outputs: dict[str, np.ndarray], folder) -> dict:
    """metrics.json of one run; writes pictures."""
    config, source = task.config, task.sources()["test"]
    draw_samples(source, outputs["written"], config, folder)
    if config.data.layout == "unpaired":
        return {"test": {name: mean(outputs[name]) for name in outputs if name != "written"}}
    if config.data.layout == "pairs":
        return {"test": distances(outputs, slice(None)), "identity": distances(outputs, slice(None), "identity_")}
    return judged_signatures(task, source, outputs, folder)


def distances(outputs, rows, label: str = "") -> dict[str, float]:
    """Means of L1 (grey levels), SSIM and ink F."""
    return {name: mean(outputs[f"{label}{name}"][rows]) for name in ("l1", "ssim", "ink_f")}


def mean(values) -> float:
    """As a plain number."""
    return float(np.mean(values))


# --- signatures -------------------------------------------------------------------------------------------------------

class Table:
    """The test's rows with the pictures that the judge sees, uint8 [N, s, s] each."""

    def __init__(self, source, written, size: int):
        self.examples = [source.loaded.examples[index] for index, _ in source.rows]
        self.fonts = np.array([one.fonts[font] for one, (_, font) in zip(self.examples, source.rows)])
        self.names = np.array([one.name for one in self.examples])
        self.writers = np.array([one.writer for one in self.examples])
        decode = {}

        def small(file):
            file = bytes(file)
            if file not in decode:
                decode[file] = shrunk(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_GRAYSCALE), size)
            return decode[file]

        plain, targets = source.loaded.plain.numpy(), source.loaded.targets.numpy()
        self.written = np.stack([shrunk(picture.mean(axis=-1).astype(np.uint8), size) for picture in written])
        self.printed = np.stack([small(plain[index, font]) for index, font in source.rows])
        self.real = np.stack([small(targets[index]) for index, _ in source.rows])


def shrunk(picture: np.ndarray, size: int) -> np.ndarray:
    """uint8 [S, S] -> uint8 [size, size]."""
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)


def judged_signatures(task, source, outputs, folder) -> dict:
    """Content and style by recognisers of real handwriting, on unseen and on known names, for each font."""
    config, settings = task.config, task.config.evaluation
    parts = listings.listing(config)
    table = Table(source, outputs["written"], settings.judge_size)
    if not parts.judge:
        return {"test": distances(outputs, slice(None)), "identity": distances(outputs, slice(None), "identity_"),
                "judge": f"none: content and style need handwriting by at least {listings.FEWEST_TO_DIVIDE} writers"}
    real_names, real = handwriting(parts.judge, config)
    judges = [recognisers.train(real, real_names, settings, seed) for seed in range(settings.judge_seeds)]
    first, groups = first_rows(source), name_groups(parts, table.names)
    made = {"judge": judge_facts(judges, table, first, real_names)}
    for group, rows in groups.items():
        if not rows.any():
            continue
        made[group] = {"all_fonts": figures(judges, table, outputs, rows, (real, np.array(real_names)), settings)}
        for font in sorted(set(table.fonts)):
            chosen = rows & (table.fonts == font)
            if chosen.sum() > 1:
                made[group][font] = figures(judges, table, outputs, chosen, (real, np.array(real_names)), settings)
    draw_fonts(source, outputs["written"], table, groups["unseen_names"], config, folder)
    return made


def name_groups(parts, names: np.ndarray) -> dict[str, np.ndarray]:
    """Which rows, bool [N], spell names that nothing was fitted to, that chose the checkpoint, that were trained on."""
    known = np.isin(names, sorted(parts.trained_names))
    chosen_by = np.isin(names, sorted({one.name for one in parts.validation})) & ~known
    return {"unseen_names": ~known & ~chosen_by, "validation_names": chosen_by, "known_names": known}


def handwriting(examples, config: Config) -> tuple[list[str], np.ndarray]:
    """Names and real pictures uint8 [N, s, s] of these examples, without their prints."""
    only_target = dataclasses.replace(config.data, channels=1, align=False)
    kept, pictures = load([one.with_fonts(()) for one in examples], only_target)
    size = config.evaluation.judge_size
    real = [shrunk(cv2.imdecode(np.frombuffer(one.target, np.uint8), cv2.IMREAD_GRAYSCALE), size) for one in pictures]
    return [one.name for one in kept], np.stack(real)


def first_rows(source) -> np.ndarray:
    """The rows in which each signature appears first: real pictures must not count once a font."""
    return np.unique([index for index, _ in source.rows], return_index=True)[1]


def judge_facts(judges, table, first, real_names) -> dict:
    """What the judges are worth: their score on real handwriting of writers they have not seen."""
    scores = [judge.accuracy(table.real[first], list(table.names[first])).mean() for judge in judges]
    return {"real_accuracy": mean(scores), "real_pictures": len(first), "names": len(judges[0].names),
            "trained_on": len(real_names), "recognisers": len(judges)}


def figures(judges, table, outputs, rows, real, settings) -> dict:
    """One line of the table: generated, and the identity (the print itself) beside it."""
    rows = np.flatnonzero(rows)
    names = list(table.names[rows])
    kinds = {"generated": table.written[rows], "identity": table.printed[rows]}
    content = {kind: np.mean([judge.accuracy(pictures, names) for judge in judges], axis=0)
               for kind, pictures in kinds.items()}
    same = np.isin(real[1], names)
    target = unique_pictures(table.real[rows])
    style = {kind: mean([distance(judge, pictures, target) for judge in judges])
             for kind, pictures in (*kinds.items(), ("other_writers", real[0][same]))}
    low, high = bootstrap(content["generated"], table.writers[rows], settings.bootstrap)
    return {"pictures": len(rows), "content": mean(content["generated"]), "content_95": [low, high],
            "identity_content": mean(content["identity"]), "style_distance": style["generated"],
            "identity_style_distance": style["identity"], "other_writers_style_distance": style["other_writers"],
            "style_share_of_identity": style["generated"] / max(1e-9, style["identity"]),
            **{f"{label}{name}": value for label in ("", "plain_", "identity_")
               for name, value in distances(outputs, rows, label).items()}}


def unique_pictures(pictures: np.ndarray) -> np.ndarray:
    """Each real picture once, whatever the number of fonts."""
    return np.unique(pictures.reshape(len(pictures), -1), axis=0).reshape(-1, *pictures.shape[1:])


def distance(judge, pictures, target) -> float:
    """Frechet distance between the judge's features of two sets of pictures."""
    return frechet_distance(judge.read(pictures)[1], judge.read(target)[1])


# --- pictures ---------------------------------------------------------------------------------------------------------

def draw_samples(source, written, config: Config, folder) -> None:
    """Input, generated and real picture of rows spread over the test."""
    count = min(config.evaluation.pictures, source.size)
    rows = np.unique(np.linspace(0, source.size - 1, count).astype(int))
    save(folder / "input-generated-real.png", triples(source, written, rows))


def triples(source, written, rows) -> np.ndarray:
    """A row of input, generated and real picture for each of these rows of the test."""
    made = [source.example(tf.constant(int(row), tf.int64), tf.constant([0, 0])) for row in rows]
    inputs = np.stack([one.get("plain", one["printed"]).numpy() for one in made])
    return grid([inputs, written[rows], np.stack([one["signed"].numpy() for one in made])])


def draw_fonts(source, written, table, unseen, config: Config, folder) -> None:
    """One picture a font, of unseen names."""
    for font in sorted(set(table.fonts)):
        rows = np.flatnonzero(unseen & (table.fonts == font))
        if len(rows):
            few = rows[np.unique(np.linspace(0, len(rows) - 1, config.evaluation.pictures).astype(int))]
            save(folder / f"unseen-names-{font}.png", triples(source, written, few))


def save(path, picture: np.ndarray) -> None:
    """RGB uint8 to a PNG file."""
    cv2.imwrite(str(path), picture[..., ::-1])
