"""Pictures of a judged extractor: ROC and DET curves, score histograms, the hardest pairs, a map of the embedding."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.extractor import pictures
from models.extractor.listing import numbered, writers_of
from models.verification import pairs as trials, rates

COLOURS = {"genuine": "#2a6e3c", "skilled": "#be3228", "random": "#3c50aa", "same_text": "#aa7a1e"}


def draw(folder: Path, test: dict, records, embeddings, ink) -> None:
    """Write every picture of the test into `folder`; `test` is {references: judge.Kinds}, `ink` as aligned_ink gives it."""
    roc(folder / "roc.png", test)
    det(folder / "det.png", test)
    histogram(folder / "distances.png", test[min(test)])
    embedding_map(folder / "map.png", records, embeddings)
    for name, picture in hardest(records, embeddings, ink).items():
        cv2.imwrite(str(folder / f"{name}.png"), picture[..., ::-1])


def figure(width=6.4, height=4.8):
    """A matplotlib figure with one pair of axes, drawn without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    made = Figure((width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(made)
    return made, made.add_subplot()


def curves(test: dict):
    """(label, colour, line style, genuine, forged distances) of every protocol that was judged."""
    styles = ("-", "--", ":", "-.")
    for style, (count, kinds) in zip(styles * len(test), test.items()):
        for kind in ("skilled", "random"):
            if kinds and kinds.has(kind):
                label = f"{kind}, {count} reference{'s' * (count > 1)}"
                yield label, COLOURS[kind], style, kinds.distances["genuine"], kinds.distances[kind]


def roc(path: Path, test: dict) -> None:
    """Share of genuine signatures accepted against the share of forgeries accepted."""
    made, axes = figure()
    for label, colour, style, genuine, forged in curves(test):
        curve = rates.roc(genuine, forged)
        axes.plot(100 * curve.far, 100 * (1 - curve.frr), style, color=colour, label=label)
    axes.set(xscale="symlog", xlim=(0, 100), ylim=(0, 101), xlabel="forgeries accepted (FAR), %",
             ylabel="genuine accepted (1 - FRR), %", title="ROC, unseen writers")
    axes.legend(loc="lower right")
    made.savefig(path)


def det(path: Path, test: dict) -> None:
    """FRR against FAR on normal-deviate axes: a verifier with normal scores draws a straight line."""
    from scipy.special import ndtri
    made, axes = figure(5.6, 5.6)
    for label, colour, style, genuine, forged in curves(test):
        curve = rates.det(genuine, forged)
        axes.plot(curve.far, curve.frr, style, color=colour, label=label)
    ticks = np.array([0.1, 0.5, 1, 2, 5, 10, 20, 40, 60])
    places, names = ndtri(ticks / 100), [f"{tick:g}" for tick in ticks]
    axes.set_xticks(places, names)
    axes.set_yticks(places, names)
    axes.plot(places, places, color="#cccccc", linewidth=0.8)
    axes.set(xlim=(places[0], places[-1]), ylim=(places[0], places[-1]), xlabel="FAR, %", ylabel="FRR, %",
             title="DET, unseen writers")
    axes.legend(loc="upper right")
    made.savefig(path)


def histogram(path: Path, kinds) -> None:
    """How the distances of each kind lie, one reference."""
    made, axes = figure()
    steps = np.linspace(0, max(float(part.max()) for part in kinds.distances.values() if len(part)), 60)
    for kind, part in kinds.distances.items():
        if len(part) and kind in ("genuine", "skilled", "random"):
            axes.hist(part, steps, density=True, alpha=0.45, color=COLOURS[kind], label=f"{kind} ({len(part):,} pairs)")
    axes.set(xlabel="cosine distance", ylabel="density", title="Distances of pairs of unseen writers")
    axes.legend()
    made.savefig(path)


def embedding_map(path: Path, records, embeddings: np.ndarray) -> None:
    """The test signatures on a plane (t-SNE of cosine distances, van der Maaten & Hinton 2008): near is alike."""
    from sklearn.manifold import TSNE
    if len(records) < 8:
        return
    plane = TSNE(perplexity=min(30.0, (len(records) - 1) / 3), init="pca", random_state=0, max_iter=500).fit_transform(embeddings)
    made, axes = figure(7.2, 6.4)
    writers = writers_of(records)
    for number, writer in enumerate(writers):
        colour = f"C{number % 10}"
        for genuine, mark in ((True, "o"), (False, "x")):
            chosen = [place for place, one in enumerate(records) if one.writer == writer and one.genuine == genuine]
            label = writer if genuine and len(writers) <= 20 else None
            axes.scatter(*plane[chosen].T, s=18, marker=mark, color=colour, label=label, linewidths=1)
    axes.set(xticks=[], yticks=[], title="Embedding of unseen writers: o genuine, x skilled forgeries")
    if len(writers) <= 20:
        axes.legend(title="writer", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    made.savefig(path)


def hardest(records, embeddings: np.ndarray, ink: np.ndarray, most: int = 12) -> dict[str, np.ndarray]:
    """Pictures of the genuine pairs farthest apart, and of the forgeries and strangers nearest, at most two a writer."""
    distances = trials.cosine_distances(embeddings)
    drawn = {}
    for kind, pairs in trials.make_pairs(numbered(records)).items():
        if not len(pairs.first):
            continue
        told = trials.pair_distances(distances, pairs)
        chosen = spread_out(np.argsort(-told if kind == "genuine" else told), pairs.writer, most)
        found = [(int(pairs.first[k]), int(pairs.second[k]), 1.0 - float(told[k])) for k in chosen]
        labels = [f"{kind}: {records[one].writer}, {records[other].writer}" for one, other, _ in found]
        colour = {"genuine": pictures.GENUINE, "skilled": pictures.FORGED, "random": pictures.STRANGER}[kind]
        drawn[f"hardest_{kind}"] = pictures.pairs(ink, found, labels, [colour] * len(found))
    return drawn


def spread_out(order, writers, most: int, each: int = 2) -> list[int]:
    """The first `most` of `order` with at most `each` of one writer, so that one hard writer does not fill the picture."""
    taken: list[int] = []
    counts: dict = {}
    for place in order:
        if counts.get(writers[place], 0) < each:
            counts[writers[place]] = counts.get(writers[place], 0) + 1
            taken.append(int(place))
        if len(taken) == most:
            break
    return taken
