"""The classical verifier's figures on a CEDAR folder: python -m models.verification.baseline DIR."""
import argparse
import sys

import numpy as np

from gaudi.errors import DONE, WRONG_INPUT, UserError
from models.ink.files import read_many
from models.signatures.cedar import TEST_WRITERS, folds, list_signatures, split, writers_of
from models.verification.hog import Whitening, describe_all, learn_whitening
from models.verification.judge import judge


def learn(features: np.ndarray, signatures, writers) -> Whitening:
    """The whitening learnt of the genuine signatures of `writers`."""
    writers = set(writers)
    chosen = [place for place, signature in enumerate(signatures) if signature.genuine and signature.writer in writers]
    return learn_whitening(features[chosen], [signatures[place].writer for place in chosen])


def on_test_writers(features: np.ndarray, signatures, test) -> dict:
    """{("plain" | "whitened", references): verdicts} for the test writers; whitening learnt of all others."""
    parts = split(signatures, test)
    whitening = learn(features, signatures, writers_of(parts.development))
    chosen = [place for place, signature in enumerate(signatures) if signature.writer in set(test)]
    return {(name, count): judge(vectors[chosen], [signatures[place] for place in chosen], count)
            for name, vectors in (("plain", features), ("whitened", whitening(features))) for count in (1, 3, 5)}


def over_folds(features: np.ndarray, signatures, count: int = 5, seed: int = 0) -> dict:
    """{("plain" | "whitened", kind): [EER of each fold]}, one reference, each writer judged once."""
    found = {}
    writers = writers_of(signatures)
    for test in folds(writers, count, seed):
        whitening = learn(features, signatures, set(writers) - set(test))
        chosen = [place for place, signature in enumerate(signatures) if signature.writer in set(test)]
        for name, vectors in (("plain", features), ("whitened", whitening(features))):
            for kind, verdict in judge(vectors[chosen], [signatures[place] for place in chosen], rounds=1).items():
                found.setdefault((name, kind), []).append(verdict.eer)
    return found


def show(folder, test):
    """Prints both tables."""
    signatures = list_signatures(folder)
    images = read_many([signature.path for signature in signatures]).images
    features = describe_all(images, [signature.path for signature in signatures])
    print(f"EER % of {len(test)} test writers, 95 % interval over writers; AUC; comparisons (genuine / forged)")
    for (name, count), verdicts in on_test_writers(features, signatures, test).items():
        for kind, verdict in verdicts.items():
            low, high = (100 * bound for bound in verdict.interval)
            print(f"  {name:9} {count} reference{'s' * (count > 1):1} {kind:8} {100 * verdict.eer:5.1f}"
                  f"  [{low:.1f}, {high:.1f}]  {verdict.auc:.3f}  {verdict.genuine:,} / {verdict.impostor:,}")
    print("EER % over 5 folds of all writers, one reference, mean +- sd")
    for (name, kind), rates in over_folds(features, signatures).items():
        print(f"  {name:9} {kind:8} {100 * np.mean(rates):5.1f} +- {100 * np.std(rates):.1f}")


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m models.verification.baseline", description=__doc__)
    parser.add_argument("folder", help="with full_org/ and full_forg/")
    parser.add_argument("--test", type=int, nargs="+", default=TEST_WRITERS, metavar="W",
                        help="writers to judge on (default: the suite's ten)")
    options = parser.parse_args(arguments)
    try:
        show(options.folder, tuple(options.test))
    except UserError as error:
        print(error, file=sys.stderr)
        return WRONG_INPUT
    return DONE


if __name__ == "__main__":
    sys.exit(main())
