"""The classical verifier: what its numbers must not depend on, and how well it tells people apart."""
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.ink.files import read_many
from models.ink.prepare import NoInk
from models.signatures.cedar import Signature, list_signatures
from models.signatures.synth import synthetic_set
from models.verification.baseline import learn, main
from models.verification.hog import HEIGHT, RADIUS, SIZE, WIDTH, centred_ink, describe, describe_all, learn_whitening
from models.verification.judge import judge

CEDAR = Path(os.environ.get("GAUDI_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "cedar"


@pytest.fixture(scope="module")
def people():
    """Twelve synthetic writers, six genuine and four forged signatures each: pictures and their listing."""
    drawn = synthetic_set(12, 6, 4, seed=3, height=90)
    listing = [Signature(one.writer, one.kind == "forged", one.index, Path("-")) for one in drawn]
    return [one.image for one in drawn], listing


@pytest.fixture(scope="module")
def features(people):
    return describe_all(people[0])


def test_description_is_a_unit_vector(features):
    assert features.shape == (120, SIZE) and features.dtype == np.float32
    assert np.linalg.norm(features, axis=1) == pytest.approx(1.0, abs=1e-5) and (features >= 0).all()


def test_paper_size_and_place_do_not_count(people):
    """The same signature on grey paper, twice as large, or elsewhere on the sheet: cosine above 0.98."""
    picture = people[0][0]
    grey = (picture * (200 / 255)).astype(np.uint8)
    large = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    moved = np.pad(picture, ((40, 5), (3, 90)), constant_values=255)
    base = describe(picture)
    assert min(base @ describe(other) for other in (grey, large, moved)) > 0.98


def test_direction_counts(people, features):
    """A mirrored signature is farther from the original than another signature of the same writer is."""
    first = [place for place, signature in enumerate(people[1]) if signature.index == 1 and signature.genuine]
    mirrored = describe_all([np.ascontiguousarray(people[0][place][:, ::-1]) for place in first])
    repeated = (features[first] * features[np.array(first) + 1]).sum(axis=1)
    assert ((features[first] * mirrored).sum(axis=1) < repeated).mean() > 0.8


def test_ink_is_centred_and_scaled_by_its_moments():
    mask = np.zeros((300, 500), bool)
    mask[200:210, 100:300] = True
    rows, columns = np.indices((HEIGHT, WIDTH))
    ink = centred_ink(mask)
    weight = ink / ink.sum()
    centre = (weight * rows).sum(), (weight * columns).sum()
    spread = np.sqrt((weight * ((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2)).sum())
    assert centre == pytest.approx((HEIGHT / 2, WIDTH / 2), abs=1.0) and spread == pytest.approx(RADIUS, rel=0.03)


def test_blank_pictures_fail_or_are_all_alike():
    blank = np.full((50, 80), 255, np.uint8)
    with pytest.raises(NoInk, match="page 3"):
        describe_all([blank], ["page 3"])
    one, other = describe_all([blank, blank], on_blank="same")
    assert one @ other == pytest.approx(1.0)


def test_threads_change_nothing(people):
    assert np.array_equal(describe_all(people[0][:12], threads=4), describe_all(people[0][:12]))


def test_people_are_told_apart_and_forgeries_are_harder(people, features):
    verdicts = judge(features, people[1], rounds=50)
    assert verdicts["random"].eer < 0.08 and verdicts["random"].eer < verdicts["skilled"].eer < 0.40
    assert verdicts["random"].genuine == 12 * 15 and verdicts["skilled"].impostor == 12 * 24
    assert verdicts["random"].impostor == 66 * 36
    assert verdicts["skilled"].interval.low <= verdicts["skilled"].eer <= verdicts["skilled"].interval.high


def test_more_references_help(people, features):
    one, three = (judge(features, people[1], count, rounds=1)["skilled"].eer for count in (1, 3))
    assert three < one


def test_whitening_makes_usual_differences_round():
    """Within-class covariance of the transformed features is the identity, when nothing is held back (ridge 0)."""
    random = np.random.default_rng(0)
    writers = np.repeat(np.arange(40), 10)
    stretched = random.normal(0, 1, (400, 5)) * [5, 1, .5, 2, .1] + random.normal(0, 9, (40, 5))[writers]
    white = learn_whitening(stretched, writers, kept=5, ridge=0.0)(stretched)
    inner = np.concatenate([white[writers == writer] - white[writers == writer].mean(axis=0) for writer in range(40)])
    assert inner.T @ inner / len(inner) == pytest.approx(np.eye(5), abs=1e-6)


def test_whitening_is_learnt_of_the_named_writers_only(people, features):
    """Changing the judged writers' features must not change it."""
    spoilt = features.copy()
    spoilt[[signature.writer > 8 for signature in people[1]]] = 0.123
    first, second = (learn(matrix, people[1], range(1, 9)) for matrix in (features, spoilt))
    assert np.array_equal(first.projection, second.projection)


def test_wrong_folders_are_one_line(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(not CEDAR.is_dir(), reason=f"no CEDAR signatures in {CEDAR} (GAUDI_TEST_DATA)")
def test_real_signatures_of_development_writers():
    """Twelve development writers, eight and eight each; over all 45 of them the plain verifier has 19 % and 6 %."""
    writers = {1, 3, 4, 7, 8, 9, 10, 11, 12, 13, 14, 16}
    chosen = [s for s in list_signatures(CEDAR) if s.writer in writers and s.index <= 8]
    verdicts = judge(describe_all(read_many([s.path for s in chosen]).images), chosen, rounds=1)
    assert verdicts["random"].eer < 0.10 and verdicts["skilled"].eer < 0.27
