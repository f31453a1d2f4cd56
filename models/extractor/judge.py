"""Judges embeddings as a verifier: error rates on unseen writers by number of references, thresholds, baselines, pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.extractor import baselines, plots
from models.extractor.data import aligned_ink
from models.extractor.listing import Record, numbered, writers_of
from models.verification import pairs as trials, rates
from models.verification.spread import bootstrap_eer

FARS = (0.01, 0.001, 0.0001)
MOST_PAIRS = 60_000   # random pairs judged; more would cost minutes and tell nothing new
RULE = "one reference: cosine distance; several: cosine distance to the mean of their unit vectors"


@dataclass
class Kinds:
    """Distances of one protocol by kind (genuine, skilled, random, same_text), and whose reference each belongs to."""

    distances: dict[str, np.ndarray]
    writers: dict[str, np.ndarray]

    def has(self, kind: str) -> bool:
        """Whether there is anything to judge of this kind."""
        return len(self.distances.get(kind, ())) > 0 and len(self.distances["genuine"]) > 0


def judge(task, outputs_of, folder: Path | None) -> dict:
    """Figures for metrics.json; pictures go into `folder` (None: none are drawn)."""
    settings, prepared = task.config.evaluation, task.prepared
    embeddings = {name: outputs_of(name)["embedding"] for name in ("development", "test", "known")}
    records = {"development": prepared["validation"].records, "test": prepared["test"].records,
               "known": prepared["known"].records}
    development = {count: measured(records["development"], embeddings["development"], count, settings)
                   for count in settings.references}
    test = {count: measured(records["test"], embeddings["test"], count, settings) for count in settings.references}
    found = {"protocol": protocol(records, test, settings),
             "test": {f"{count} reference{'s' * (count > 1)}": verdict(kinds, development[count], settings)
                      for count, kinds in test.items() if kinds and development[count]},
             "calibration": calibration(records, embeddings)}
    if "other" in prepared:
        other = outputs_of("other")["embedding"]
        found["other data, not tuned"] = verdict(measured(prepared["other"].records, other, 1, settings), development[1], settings)
    if folder is not None:
        ink = aligned_ink(prepared["test"], task.config)
        found["baselines, 1 reference"] = judged_baselines(task.config, records["test"], ink)
        plots.draw(folder, test, records["test"], embeddings["test"], ink)
    return found


def measured(records: list[Record], embeddings: np.ndarray, references: int, settings) -> Kinds | None:
    """Distances with that many references; None where no two writers have enough signatures."""
    if references == 1:
        return all_pairs(records, trials.cosine_distances(embeddings))
    enough = [writer for writer in writers_of(records)
              if sum(one.genuine for one in records if one.writer == writer) > references]
    kept = [position for position, one in enumerate(records) if one.writer in set(enough)]
    if len(enough) < 2:
        return None
    drawn = trials.make_trials(numbered([records[position] for position in kept]), references, settings.draws)
    told = trials.trial_distances(trials.cosine_distances(embeddings[kept]), drawn)
    parts = {kind: drawn.kind == place for place, kind in enumerate(trials.KINDS)}
    return Kinds({kind: told[part] for kind, part in parts.items()}, {kind: drawn.writer[part] for kind, part in parts.items()})


def all_pairs(records: list[Record], distances: np.ndarray) -> Kinds:
    """Every pair of the records; `same_text` holds the random pairs that show one text by two writers."""
    found = trials.make_pairs(numbered(records))
    found["random"] = thinned(found["random"], records)
    texts = np.array([one.text for one in records])
    random = found["random"]
    same = (texts[random.first] == texts[random.second]) & (texts[random.first] != "")
    found["same_text"] = trials.Pairs(*(part[same] for part in random))
    return Kinds({kind: trials.pair_distances(distances, part) for kind, part in found.items()},
                 {kind: part.writer for kind, part in found.items()})


def thinned(random: trials.Pairs, records: list[Record]) -> trials.Pairs:
    """At most MOST_PAIRS random pairs, drawn evenly; those of one text stay all."""
    if len(random.first) <= MOST_PAIRS:
        return random
    texts = np.array([one.text for one in records])
    keep = np.random.default_rng(0).random(len(random.first)) < MOST_PAIRS / len(random.first)
    keep |= (texts[random.first] == texts[random.second]) & (texts[random.first] != "")
    return trials.Pairs(*(part[keep] for part in random))


def verdict(kinds: Kinds, development: Kinds | None, settings) -> dict:
    """EER, its interval over writers, AUC, and FAR and FRR at the development writers' EER threshold, by kind of forgery."""
    found = {}
    for kind in ("skilled", "random", "same_text"):
        if not kinds.has(kind):
            continue
        genuine, impostor = kinds.distances["genuine"], kinds.distances[kind]
        interval = bootstrap_eer(genuine, kinds.writers["genuine"], impostor, kinds.writers[kind], settings.bootstrap)
        found[kind] = {"eer": rates.eer(genuine, impostor).rate, "eer_low": interval.low, "eer_high": interval.high,
                       "auc": rates.auc(genuine, impostor), "genuine_pairs": len(genuine), "forged_pairs": len(impostor)}
        tuned = kind if development and development.has(kind) else "random"
        if development and development.has(tuned):
            threshold = rates.eer(development.distances["genuine"], development.distances[tuned]).threshold
            far, frr = rates.far_frr_at(threshold, genuine, impostor)
            found[kind] |= {"development_threshold": threshold, "far": far, "frr": frr}
    return found


def protocol(records, test, settings) -> dict:
    """What was judged how, for whoever reads the figures alone."""
    parts = {f"{name}_writers": ", ".join(writers_of(part)) for name, part in records.items() if name != "known"}
    return parts | {"references": RULE, "draws_of_references": settings.draws, "bootstrap": settings.bootstrap,
                    "pretrained": "no weights from elsewhere"}


def calibration(records, embeddings) -> dict:
    """Thresholds of cosine distance for one reference, from development writers alone.

    `random`: accepted strangers, development writers against each other and against training writers; `skilled`:
    accepted forgeries. A rate that the pairs are too few to show is null.
    """
    own = all_pairs(records["development"], trials.cosine_distances(embeddings["development"]))
    genuine = np.array([one.genuine for one in records["development"]])
    strangers = 1.0 - embeddings["development"][genuine] @ embeddings["known"].T
    impostors = {"random": np.concatenate([own.distances["random"], strangers.ravel()]), "skilled": own.distances["skilled"]}
    found: dict = {"distance": "1 - cosine", "accept": "distance <= threshold", "rule": RULE}
    for kind, distances in impostors.items():
        found[kind] = {"pairs": len(distances)}
        for far in FARS:
            enough = len(distances) * far >= 1
            threshold = rates.threshold_at_far(distances, far) if enough else None
            rejected = float((own.distances["genuine"] > threshold).mean()) if enough else None
            found[kind][f"far_{far:.2%}"] = {"threshold": threshold, "frr": rejected}
    return found


def judged_baselines(config, records, ink) -> dict:
    """The same test by descriptors that learn nothing, and by the network before training; ink uint8 [N, h, w]."""
    described = {name: describe(ink) for name, describe in baselines.DESCRIPTORS.items()}
    described["untrained network"] = baselines.untrained(config.network, ink)
    return {name: verdict(all_pairs(records, trials.cosine_distances(rows)), None, config.evaluation)
            for name, rows in described.items()}
