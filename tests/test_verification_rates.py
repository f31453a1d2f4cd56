"""Error rates, pairs, trials and their spread, against values worked out by hand."""
import numpy as np
import pytest

from models.signatures.cedar import TEST_WRITERS, Signature
from models.verification.pairs import (KINDS, cosine_distances, make_pairs, make_trials, pair_distances,
                                       trial_distances)
from models.verification.rates import auc, det, eer, far_frr_at, roc, threshold_at_far
from models.verification.spread import bootstrap, bootstrap_eer, percentiles

GENUINE, IMPOSTOR = [.1, .2, .3, .6], [.4, .5, .7, .8]


def listing(writers, genuine=24, forged=24):
    return [Signature(writer, kind, index, None) for writer in writers
            for kind, count in ((False, genuine), (True, forged)) for index in range(1, count + 1)]


def test_rates_by_hand():
    """At 0.4: one of four impostors is accepted, one of four genuine (0.6) is refused: both rates are 1/4, the EER."""
    assert far_frr_at(0.4, GENUINE, IMPOSTOR) == (0.25, 0.25)
    assert eer(GENUINE, IMPOSTOR) == (0.25, pytest.approx(0.4))


def test_eer_between_two_thresholds_by_hand():
    """Genuine 1, 2, 4; impostors 3, 5. At 2: FAR 0, FRR 1/3; at 3: FAR 1/2, FRR 1/3. FRR is level, so the line crosses
    at FAR = 1/3, two thirds of the way from 2 to 3."""
    rate, threshold = eer([1, 2, 4], [3, 5])
    assert rate == pytest.approx(1 / 3) and threshold == pytest.approx(2 + 2 / 3)


def test_perfect_and_worst_separation():
    assert eer([.1, .2], [.8, .9]).rate == 0.0 and auc([.1, .2], [.8, .9]) == 1.0
    assert eer([.8, .9], [.1, .2]).rate == 1.0 and auc([.8, .9], [.1, .2]) == 0.0


def test_all_distances_equal_is_chance():
    assert eer([.5] * 7, [.5] * 3).rate == pytest.approx(0.5) and auc([.5] * 7, [.5] * 3) == 0.5


def test_eer_of_two_normal_distributions():
    """N(0, 1) against N(2, 1): equal at threshold 1, rate Phi(-1) = 0.158655; AUC = Phi(2 / sqrt 2) = 0.921350."""
    random = np.random.default_rng(0)
    genuine, impostor = random.normal(0, 1, 200_000), random.normal(2, 1, 100_000)
    assert eer(genuine, impostor).rate == pytest.approx(0.158655, abs=0.002)
    assert eer(genuine, impostor).threshold == pytest.approx(1.0, abs=0.01)
    assert auc(genuine, impostor) == pytest.approx(0.921350, abs=0.002)


def test_auc_by_hand():
    """Sixteen comparisons; 0.6 is nearer than 0.7 and 0.8 only, all others nearer than all: 14 of 16. A tie is half."""
    assert auc(GENUINE, IMPOSTOR) == 14 / 16
    assert auc([1, 2], [2, 3]) == 3.5 / 4


def test_auc_equals_counting_every_pair():
    random = np.random.default_rng(1)
    genuine, impostor = random.integers(0, 30, 80), random.integers(10, 40, 70)
    less, same = genuine[:, None] < impostor, genuine[:, None] == impostor
    assert auc(genuine, impostor) == pytest.approx((less + 0.5 * same).mean())


def test_roc_runs_from_nothing_accepted_to_everything():
    curve = roc(GENUINE, IMPOSTOR)
    assert (curve.far[0], curve.frr[0], curve.far[-1], curve.frr[-1]) == (0, 1, 1, 0)
    assert (np.diff(curve.far) >= 0).all() and (np.diff(curve.frr) <= 0).all()


def test_det_axes_are_normal_deviates():
    """For two normal distributions of the same width the DET is a straight line of slope -1."""
    random = np.random.default_rng(0)
    curve = det(random.normal(0, 1, 50_000), random.normal(2, 1, 50_000))
    middle = (np.abs(curve.far) < 1.5) & (np.abs(curve.frr) < 1.5)
    assert np.polyfit(curve.far[middle], curve.frr[middle], 1)[0] == pytest.approx(-1, abs=0.03)


def test_threshold_at_far_by_hand():
    assert threshold_at_far(IMPOSTOR, 0.25) == 0.4 and threshold_at_far(IMPOSTOR, 0.49) == 0.4
    assert threshold_at_far(IMPOSTOR, 0.5) == 0.5 and threshold_at_far(IMPOSTOR, 1.0) == 0.8
    assert far_frr_at(threshold_at_far(IMPOSTOR, 0.1), GENUINE, IMPOSTOR)[0] == 0.0
    assert threshold_at_far([.3, .3, .9], 0.5) < 0.3   # both ties or none


@pytest.mark.parametrize("bad, reason", [([], "no genuine"), ([.1, np.nan], "not finite")])
def test_bad_distances_are_refused(bad, reason):
    with pytest.raises(ValueError, match=reason):
        eer(bad, IMPOSTOR)


def test_pair_counts_of_the_ten_test_writers():
    """10 x 24 x 23 / 2 = 2,760 genuine; 10 x 24 x 24 = 5,760 skilled; 45 x 24 x 24 = 25,920 random."""
    pairs = make_pairs(listing(TEST_WRITERS))
    assert [len(pairs[kind].first) for kind in KINDS] == [2760, 5760, 25920]


def test_pairs_are_what_they_are_called():
    signatures = listing([3, 8, 9], genuine=4, forged=2)
    pairs = make_pairs(signatures)
    for kind, (first, second, writer, owner) in pairs.items():
        one, other = ([signatures[place] for place in places] for places in (first, second))
        assert all(a.genuine and a.writer == w for a, w in zip(one, writer))
        assert [b.writer for b in other] == owner.tolist()
        assert all((a.writer == b.writer) == (kind != "random") and b.genuine == (kind != "skilled") and a is not b
                   for a, b in zip(one, other))
        assert len({frozenset(pair) for pair in zip(first.tolist(), second.tolist())}) == len(first)


def test_writers_without_forgeries_make_no_skilled_pairs():
    pairs = make_pairs(listing([1, 2], genuine=3, forged=0))
    assert [len(pairs[kind].first) for kind in KINDS] == [6, 0, 9]
    assert len(make_pairs(listing([1], genuine=3, forged=1))["random"].first) == 0


def test_cosine_distances_by_hand():
    found = cosine_distances(np.array([[1.0, 0], [2, 0], [0, 1], [-1, 0], [1, 1]]))
    assert found[0] == pytest.approx([0, 0, 1, 2, 1 - np.sqrt(.5)])
    with pytest.raises(ValueError, match="embedding 1 has no direction"):
        cosine_distances(np.array([[1.0, 0], [0, 0]]))


@pytest.mark.parametrize("count", [1, 3, 5])
def test_trials_keep_references_and_queries_apart(count):
    signatures = listing([1, 2, 3], genuine=8, forged=4)
    trials = make_trials(signatures, count, repeats=2, random_each=3)
    assert trials.references.shape == (3 * 2 * ((8 - count) + 4 + 2 * 3), count)
    assert not (trials.references == trials.query[:, None]).any()
    for references, query, kind, writer, other in zip(*trials):
        assert signatures[query].writer == other
        assert all(signatures[place].genuine and signatures[place].writer == writer for place in references)
        assert signatures[query].genuine == (KINDS[kind] != "skilled")
        assert (signatures[query].writer == writer) == (KINDS[kind] != "random")


def test_too_few_genuine_for_the_references():
    with pytest.raises(ValueError, match="writer 7 has 3 genuine signatures, 3 references need at least 4"):
        make_trials(listing([7], genuine=3), 3)


def test_the_centre_rule_is_the_distance_to_the_averaged_embedding():
    random = np.random.default_rng(2)
    embeddings = random.normal(1, 1, (48, 6))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    trials = make_trials(listing([1, 2], genuine=12, forged=12), 3, repeats=2)
    centre = embeddings[trials.references].mean(axis=1)
    centre /= np.linalg.norm(centre, axis=1, keepdims=True)
    expected = 1 - (centre * embeddings[trials.query]).sum(axis=1)
    assert trial_distances(cosine_distances(embeddings), trials) == pytest.approx(expected)


def test_rules_agree_for_one_reference_and_mean_and_min_by_hand():
    distances = np.array([[0, .2, .6], [.2, 0, .4], [.6, .4, 0]])
    trials = make_trials(listing([1], genuine=3, forged=0), 1, repeats=1)
    one = [trial_distances(distances, trials, rule) for rule in ("centre", "mean", "min")]
    assert np.allclose(one[0], one[1]) and np.allclose(one[1], one[2])
    both = trials._replace(references=np.array([[0, 1]]), query=np.array([2]))
    assert trial_distances(distances, both, "mean") == pytest.approx([.5])
    assert trial_distances(distances, both, "min") == pytest.approx([.4])
    with pytest.raises(ValueError, match="allowed are centre, mean and min"):
        trial_distances(distances, trials, "median")


def people(spread, writers=12, seed=0):
    """Distances of writers who differ by `spread`: genuine about 0, impostors about 2."""
    random = np.random.default_rng(seed)
    own = random.normal(0, spread, writers)
    genuine = np.concatenate([random.normal(mean, 1, 40) for mean in own])
    impostor = np.concatenate([random.normal(2 + mean, 1, 60) for mean in own])
    return genuine, np.repeat(np.arange(writers), 40), impostor, np.repeat(np.arange(writers), 60)


def test_fast_bootstrap_equals_the_plain_one():
    """The same draws of writers, once as copies of their distances and once as weights."""
    genuine, genuine_writer, impostor, impostor_writer = people(0.5)
    groups = [(genuine[genuine_writer == writer], impostor[impostor_writer == writer]) for writer in range(12)]
    def rate(chosen):
        return eer(np.concatenate([own for own, _ in chosen]), np.concatenate([other for _, other in chosen])).rate
    plain = bootstrap(rate, groups, rounds=60, seed=4)
    assert bootstrap_eer(*people(0.5), rounds=60, seed=4) == pytest.approx(plain)


def test_a_pair_of_two_people_counts_as_often_as_both_are_drawn():
    """Writers a and b, drawn (a, a), (a, b), (b, a) or (b, b): their one random pair exists in the middle two
    only, where its distance 0 beats the genuine ones of 1, so every rate that can be worked out is 1."""
    interval = bootstrap_eer([1, 1], [0, 1], [0.0], [[0, 1]], rounds=50)
    assert interval == (1.0, 1.0)


def test_interval_holds_the_figure_and_widens_when_writers_differ():
    alike, unlike = (bootstrap_eer(*people(spread), rounds=300) for spread in (0.0, 1.5))
    genuine, _, impostor, _ = people(0.0)
    assert alike.low < eer(genuine, impostor).rate < alike.high
    assert unlike.high - unlike.low > 1.5 * (alike.high - alike.low)


def test_percentiles_by_hand():
    assert percentiles(np.arange(101), 0.9) == pytest.approx((5, 95))
