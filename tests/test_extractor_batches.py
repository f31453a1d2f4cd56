"""The batch composer and the leak gate: plain numpy, no TensorFlow."""

import numpy as np
import pytest

from gaudi.errors import UserError
from models.extractor import leak
from models.extractor.batches import Composer, Deck, watched_batches
from models.extractor.config import Batch
from models.extractor.listing import Record
from models.extractor.splits import synthetic_records


def records(writers=6, genuine=5, forged=4):
    return [Record(str(writer), index >= genuine, f"{writer}/{index}") for writer in range(writers)
            for index in range(genuine + forged)]


def test_every_batch_holds_p_writers_of_k_images():
    listed = records()
    rows = Composer(listed, Batch(writers=3, genuine=2, forged=2)).epoch(0, seed=1)
    assert rows.shape == (round(54 / 12), 12) and rows.dtype == np.int64
    for row in rows:
        blocks = row.reshape(3, 4)
        assert len({listed[block[0]].writer for block in blocks}) == 3
        for block in blocks:
            assert len({listed[place].writer for place in block}) == 1 and len(set(block)) == 4
            assert [listed[place].forged for place in block] == [False, False, True, True]


def test_epochs_differ_and_repeat_by_seed():
    composer = Composer(records(), Batch(writers=3, genuine=2, forged=2))
    assert (composer.epoch(4, 1) == composer.epoch(4, 1)).all()
    assert (composer.epoch(4, 1) != composer.epoch(5, 1)).any() and (composer.epoch(4, 1) != composer.epoch(4, 2)).any()


def test_an_epoch_shows_every_writer_alike():
    listed = records(writers=6, genuine=8, forged=8)
    rows = Composer(listed, Batch(writers=2, genuine=2, forged=2)).epoch(0, 3)   # 12 steps x 2 writers = 4 turns each
    assert sorted(rows.ravel()) == list(range(96))


def test_a_writer_without_forgeries_gives_genuine_ones():
    listed = records(forged=0)
    rows = Composer(listed, Batch(writers=2, genuine=2, forged=1)).epoch(0, 1)
    assert all(len(set(block)) == 3 for row in rows for block in row.reshape(2, 3))


def test_added_writers_take_their_share():
    listed = records() + synthetic_records("added", 20, 6)
    composer = Composer(listed, Batch(writers=4, genuine=2, forged=2, added=1))
    for row in composer.epoch(0, 1):
        kinds = [listed[block[0]].writer.startswith("added") for block in row.reshape(4, 4)]
        assert kinds == [False, False, False, True]
    assert composer.steps == round(54 / 12)   # an epoch is over the real images


def test_a_deck_deals_no_item_twice_in_a_hand():
    deck = Deck([0, 1, 2, 3, 4], np.random.default_rng(0))
    assert all(len(set(deck.deal(3))) == 3 for _ in range(50))
    assert sorted(Deck([0, 1], np.random.default_rng(0)).deal(4)) == [0, 0, 1, 1]


@pytest.mark.parametrize("size", [8, 20, 50])
def test_watched_batches_are_whole_and_show_both_kinds(size):
    listed = records(writers=3, genuine=5, forged=4)
    rows, weights = watched_batches(listed, size)
    assert rows.shape == weights.shape and rows.shape[1] == size and set(np.unique(weights)) <= {0.0, 1.0}
    for row, weight in zip(rows, weights):
        shown = [listed[place] for place in row[weight > 0]]
        assert len({one.writer for one in shown}) >= 2 and {one.forged for one in shown} == {False, True}


def noisy(rng, paper, size=(40, 60)):
    image = rng.normal(paper, 2.0, size)
    image[10:14, 5:50] = rng.normal(60, 5.0, (4, 45))
    return np.clip(image, 0, 255).astype(np.uint8)


def probed(papers_of_forged, limit=.55, each=40):
    """Six writers; genuine paper is 239 +- 3."""
    rng = np.random.default_rng(0)
    facts, forged, writers = [], [], []
    for writer in range(6):
        for kind in (False, True):
            for _ in range(each):
                facts.append(leak.facts_of(noisy(rng, rng.normal(papers_of_forged if kind else 239, 3))))
                forged.append(kind)
                writers.append(str(writer))
    return leak.probe(np.array(facts), np.array(forged), writers, limit)


def test_brighter_paper_is_found_and_named():
    found = probed(papers_of_forged=250)
    assert found.auc > .95 and not found.passes and max(found.alone, key=found.alone.get) == "paper brightness"
    with pytest.raises(UserError, match="paper brightness"):
        leak.gate(found)
    assert probed(papers_of_forged=250, limit=1.0).passes


def test_equal_scans_pass():
    """240 of a kind: chance plus three standard errors is .5 + 3 sqrt(481 / (12 * 240 * 240)) = .5791."""
    found = probed(papers_of_forged=239)
    assert found.passes and found.limit == pytest.approx(.5791, abs=1e-4)


def test_auc_counts_ties_half():
    """Positives 3, 2; negatives 2, 1: 3 > 2, 3 > 1, 2 = 2, 2 > 1: 3.5 of 4."""
    assert leak.auc(np.array([3, 2, 2, 1.0]), np.array([True, True, False, False])) == 3.5 / 4


def test_nothing_to_probe_without_forgeries():
    assert leak.probe(np.zeros((4, len(leak.FACTS))), np.zeros(4, bool), list("aabb"), .55) is None


def test_cedars_scans_leak_and_its_prepared_images_do_not(real_data):
    """Six of CEDAR's writers: the files give forgeries away, the prepared images do not (limit: chance + 3 errors, .625)."""
    from gaudi import config
    from models.extractor import prepared
    from models.extractor.listing import list_records
    recipe = config.load("extractor", [f"data.root={real_data / 'cedar'}"])
    listed = [one for one in list_records(recipe.data.root) if one.writer in {"1", "3", "4", "7", "8", "9"}
              and int(one.path.stem.split("_")[-1]) <= 16]
    made = prepared.prepare_records(listed, recipe.data, 1)
    forged, writers = [one.forged for one in listed], [one.writer for one in listed]
    assert leak.probe(made.facts[:, 0], forged, writers, .55).auc > .95
    assert leak.probe(made.facts[:, 1], forged, writers, .55).passes
    assert set(np.unique(made.image(0))) == {0, 255}
