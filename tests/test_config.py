"""Recipes: what is refused, in which words, and what overrides what."""

import pytest

from gaudi import config
from gaudi.errors import UserError


def load(tmp_path, text, *overrides, tiny=False):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return config.load(path, overrides, tiny)


def refused(tmp_path, text, *overrides):
    with pytest.raises(UserError) as caught:
        load(tmp_path, text, *overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_unknown_key_names_file_line_and_near_match(tmp_path):
    message = refused(tmp_path, "model: cleaner\ntrain:\n  global_batc: 3\n")
    assert "recipe.yaml:3: train.global_batc: unknown key; did you mean global_batch?" in message


def test_wrong_type_names_what_is_allowed(tmp_path):
    assert "train.global_batch: must be a whole number, not 'many'" in refused(
        tmp_path, "model: cleaner\ntrain: {global_batch: many}\n")
    assert "deterministic: must be true or false, not 'perhaps'" in refused(
        tmp_path, "model: cleaner\ndeterministic: perhaps\n")
    assert "train: must be a block of keys" in refused(tmp_path, "model: cleaner\ntrain: 3\n")


@pytest.mark.parametrize("batch", [0, -8])
def test_batch_below_one_is_refused(tmp_path, batch):
    assert f"train.global_batch: {batch} images must be at least 1" in refused(
        tmp_path, "model: cleaner\n", f"train.global_batch={batch}")


def test_unknown_model_lists_the_known_ones(tmp_path):
    message = refused(tmp_path, "model: cleanr\n")
    assert "did you mean cleaner?" in message and "known are " in message


def test_numbers_as_yaml_misreads_them(tmp_path):
    """PyYAML reads 1e-4 as text and a bare off as False; both mean what their writer meant."""
    recipe = load(tmp_path, "model: cleaner\ntrain: {optimizer: {learning_rate: 1e-4}}\n")
    assert recipe.train.optimizer.learning_rate == 1e-4


def test_nan_is_no_number(tmp_path):
    assert "must be a finite number" in refused(tmp_path, "model: cleaner\ntrain: {epochs: .nan}\n")


def test_key_given_twice(tmp_path):
    assert "recipe.yaml:3: seed: given twice (first in line 2)" in refused(tmp_path, "model: cleaner\nseed: 1\nseed: 2\n")


def test_order_of_precedence(tmp_path):
    text = "model: cleaner\nseed: 1\ntrain: {epochs: 9, global_batch: 64}\ntiny:\n  train: {epochs: 2}\n"
    assert load(tmp_path, text).train.epochs == 9
    tiny = load(tmp_path, text, tiny=True)
    assert (tiny.train.epochs, tiny.train.global_batch) == (2, 64)
    assert load(tmp_path, text, "train.epochs=5", tiny=True).train.epochs == 5


def test_a_wrong_tiny_block_is_found_without_tiny(tmp_path):
    assert "recipe.yaml:3: train.epohcs: unknown key" in refused(tmp_path, "model: cleaner\ntiny:\n  train: {epohcs: 2}\n")


def test_override_without_value(tmp_path):
    assert "write key=value" in refused(tmp_path, "model: cleaner\n", "train.epochs")


def test_not_yaml(tmp_path):
    assert "not YAML" in refused(tmp_path, "model: [cleaner\n")
    assert "must hold keys and values" in refused(tmp_path, "- cleaner\n")


def test_contradicting_durations(tmp_path):
    text = "model: cleaner\ntrain: {epochs: 2, schedule: {warmup_epochs: 2}}\n"
    assert "warmup_epochs: 2 must be less than train.epochs (2)" in refused(tmp_path, text)


def test_written_recipe_is_read_back_equal(tmp_path):
    recipe = load(tmp_path, "model: cleaner\ntrain: {epochs: 3}\n")
    again = config.from_dict(config.to_dict(recipe), "here")
    assert again == recipe and config.digest(again) == config.digest(recipe)


def test_digest_moves_with_any_value(tmp_path):
    one, two = (load(tmp_path, "model: cleaner\n", f"seed={seed}") for seed in (1, 2))
    assert config.digest(one) != config.digest(two)


def test_missing_file_lists_the_known_configs():
    with pytest.raises(UserError, match="no such config; known are .*cleaner"):
        config.load("nowhere.yaml")
