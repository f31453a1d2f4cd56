"""`python -m models.extractor.folds RUN...`: mean and spread of several judged runs, one a fold of the writers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from gaudi.errors import WRONG_INPUT, UserError


def read(run) -> dict:
    """A run's metrics.json."""
    path = Path(run) / "metrics.json"
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); run gaudi evaluate {run} first") from None


def check_disjoint(runs: list[dict], names) -> None:
    """Raise UserError where two runs were tested on one writer: that is no fold."""
    owner: dict[str, str] = {}
    for name, metrics in zip(names, runs):
        for writer in metrics["protocol"]["test_writers"].split(", "):
            if owner.setdefault(writer, name) != name:
                raise UserError(f"{name}: writer {writer} is in the test of {owner[writer]} too; give every run its data.fold")


def table(runs: list[dict]) -> list[str]:
    """A markdown table: EER and AUC, mean +- standard deviation over the runs, by references and kind of forgery."""
    lines = ["| references | forgeries | EER % | AUC | folds |", "|---|---|---|---|---|"]
    for protocol in runs[0]["test"]:
        for kind in runs[0]["test"][protocol]:
            rows = [run["test"][protocol][kind] for run in runs if kind in run["test"].get(protocol, {})]
            eer, auc = np.array([row["eer"] for row in rows]), np.array([row["auc"] for row in rows])
            lines.append(f"| {protocol} | {kind} | {100 * eer.mean():.1f} +- {100 * eer.std():.1f} | {auc.mean():.3f} +- "
                         f"{auc.std():.3f} | {len(rows)} |")
    return lines


def main(arguments: list[str]) -> int:
    """Print the table of the runs named; the exit code."""
    try:
        if len(arguments) < 2:
            raise UserError("name two judged run folders or more, one a fold")
        runs = [read(run) for run in arguments]
        check_disjoint(runs, arguments)
        print("\n".join(table(runs)))
    except UserError as error:
        print(f"folds: {error}", file=sys.stderr)
        return WRONG_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
