"""The cleaner as the loop sees it: it learns, judges with pictures, and its export is loaded as signver loads it."""

import numpy as np
import pytest
import tensorflow as tf

from gaudi import config, pipeline
from gaudi.step import make_optimizer
from models.cleaner.serving import sample
from models.cleaner.task import Task


@pytest.fixture(scope="module")
def task():
    return Task(config.load("cleaner", tiny=True))


def batches(task, source, count=1):
    """The first batches of a source, as one rank gets them."""
    made = pipeline.ordered_batches(task.sources()[source], seed=1, global_batch=8, rank=0, ranks=1)
    return [batch for batch, _ in zip(made, range(count))]


def test_sources_fit_the_plan(task):
    sizes = {name: source.size for name, source in task.sources().items()}
    assert sizes == task.config.splits() and len({source.digest for source in task.sources().values()}) == 3


def test_batches_are_bytes_of_static_shape(task):
    size = task.config.data.size
    for name in ("train", "validation", "test"):
        batch = batches(task, name)[0]
        assert batch["dirty"].dtype == batch["clean"].dtype == tf.uint8
        assert batch["dirty"].shape == batch["clean"].shape == [8, size, size, 1]


def test_validation_is_the_same_every_time(task):
    first, second = (batches(task, "validation")[0]["dirty"].numpy() for _ in range(2))
    assert np.array_equal(first, second)


def test_it_learns(task):
    """Forty steps on one batch take a fifth off the loss of the copying start."""
    batch, seed = batches(task, "train")[0], tf.constant([1, 2])
    optimizer = make_optimizer(task.config.train.optimizer)
    optimizer.learning_rate.assign(3e-3)
    before = [variable.numpy() for variable in task.network.variables]

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = task.losses(batch, seed)[0]["cleaner"]
        variables = task.players[0].variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    losses = [float(step()) for _ in range(40)]
    for variable, value in zip(task.network.variables, before):
        variable.assign(value)
    assert losses[-1] < 0.8 * losses[0]


def test_examples_of_weight_0_do_not_count(task):
    batch = dict(batches(task, "train")[0])
    batch["weight"] = tf.constant([2.0] * 4 + [0.0] * 4)
    half = {name: value[:4] for name, value in batch.items()} | {"weight": tf.ones(4)}
    whole, part = (float(task.losses(one, None)[0]["cleaner"]) for one in (batch, half))
    assert whole == pytest.approx(part, rel=1e-5)


def test_evaluation_and_pictures(task, tmp_path):
    rows = [task.predict(batch) for batch in batches(task, "test", 99)]
    outputs = {name: np.concatenate([row[name].numpy() for row in rows]) for name in rows[0]}
    figures = task.evaluate(lambda name: {"test": outputs}[name], tmp_path)
    table = figures["frozen_pairs"]
    assert set(table) == {"cleaned", "do nothing", "all white", "Otsu", "line removal"}
    for row in table.values():
        assert set(row) == {"psnr", "ssim", "rmse", "ink_f", "drd"}
        assert all(figure["low"] <= figure["value"] <= figure["high"] for figure in row.values())
    assert table["all white"]["ink_f"]["value"] == 0 and 0 < table["do nothing"]["ink_f"]["value"] < 1
    assert set(figures["verification"]["skilled"]) >= {"clean", "dirty", "cleaned", "line removal"}
    assert {path.name for path in tmp_path.iterdir()} == {"pairs.png", "best.png", "worst.png", "inputs"}
    picture = task.pictures(batches(task, "validation")[0])["pairs"]
    assert picture.dtype == np.uint8 and picture.shape[2] == 3


def test_export_loads_as_signver_loads_it(task, tmp_path):
    served = task.serving()
    served.model.save(str(tmp_path / "1"), save_format="tf", include_optimizer=False)
    loaded = tf.keras.models.load_model(str(tmp_path / "1"), custom_objects={"PSNR": None, "SSIM": None})
    images = sample(task.config.data.size)
    answer = loaded.predict(images, batch_size=64, verbose=0)
    assert answer.shape == images.shape and answer.dtype == np.float32 and 0 <= answer.min() <= answer.max() <= 1
    assert np.abs(answer - served.outputs["output"]).max() <= served.tolerance
    signature = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    named = {name: spec.shape for name, spec in signature.structured_input_signature[1].items()}
    assert list(named) == ["image"] and named["image"].as_list() == [None, *images.shape[1:]]
