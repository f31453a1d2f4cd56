"""Networks: shapes, the Model Garden's parts, statistics over ranks, first weights, converted experiments."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from conftest import must, refused

from gaudi.errors import UserError
from models.retinanet import anchors, network, normalise, weights
from models.retinanet.config import Config
from models.retinanet.task import ClassMap


def small(backbone, **changes):
    config = Config()
    config.data.height = config.data.width = 128
    config.data.channels = 1 if backbone == "light" else 3
    settings = config.network
    settings.backbone, settings.filters, settings.head_convs = backbone, 16, 1
    settings.channels, settings.blocks = [8, 8, 16, 16], [1, 1, 1, 1]
    settings.min_level, settings.max_level = 3, 6
    for name, value in changes.items():
        setattr(settings, name, value)
    return config


@pytest.mark.parametrize("backbone", ["light", "resnet10"])
def test_outputs_match_the_anchors(backbone):
    config = small(backbone)
    built = network.build(config, classes=3)
    logits, offsets = built(tf.zeros([2, 128, 128, config.data.channels]))
    count = len(anchors.of(config))
    assert logits.shape == (2, count, 3) and offsets.shape == (2, count, 4)
    assert float(tf.reduce_mean(tf.sigmoid(logits))) == pytest.approx(network.PRIOR, abs=0.005)


def test_the_network_is_the_model_gardens():
    """R18-FPN with COCO's 91 classes (90 and background) has as many weights as the Model Garden's own RetinaNet."""
    from official.vision.configs import retinanet as garden
    from official.vision.modeling import factory
    settings = garden.retinanet_resnetfpn_coco().task.model
    settings.input_size, settings.backbone.resnet.model_id = [128, 128, 3], 18
    theirs = factory.build_retinanet(tf.keras.layers.InputSpec(shape=[None, 128, 128, 3]), settings)
    theirs(tf.zeros([1, 128, 128, 3]), image_shape=tf.constant([[128.0, 128.0]]), training=False)
    config = Config()
    config.data.height = config.data.width = 128
    config.network.backbone = "resnet18"
    ours = network.build(config, classes=settings.num_classes - 1)
    assert ours.count_params() == theirs.count_params()


def test_standardised_kernels():
    """Whatever the weights, each output channel's kernel has mean 0 and variance 1 / fan-in: white noise keeps
    variance 1."""
    layer = network.StandardisedConv(64, 3)
    noise = tf.random.stateless_normal([4, 32, 32, 16], [1, 2])
    layer(noise)
    layer.kernel.assign(layer.kernel * 7 + 3)
    assert float(tf.math.reduce_variance(layer(noise)[:, 1:-1, 1:-1])) == pytest.approx(1, abs=0.1)
    assert np.abs(layer(tf.ones([1, 8, 8, 16]))[0, 4, 4].numpy()).max() < 1e-4


def test_synchronised_statistics_by_hand():
    """Two 'ranks' of one network, each with half of a batch: normalised as the whole batch is, moving averages too."""
    whole = np.random.default_rng(1).normal(3, 2, (8, 4, 4, 5)).astype(np.float32)
    plain = tf.keras.Sequential([tf.keras.layers.BatchNormalization(input_shape=(4, 4, 5))])
    synced = tf.keras.Sequential([tf.keras.layers.BatchNormalization(input_shape=(4, 4, 5), fused=False)])

    def mean_of_ranks(tensors, label):
        halves = [tf.stack([tf.reduce_mean(part, [0, 1, 2]), tf.reduce_mean(tf.square(part), [0, 1, 2])])
                  for part in (whole[:4], whole[4:])]
        return [(halves[0] + halves[1]) / 2]

    normalise.synchronise(synced, mean_of_ranks)
    expected = plain(whole, training=True).numpy()
    np.testing.assert_allclose(synced(whole[:4], training=True), expected[:4], atol=1e-4)
    np.testing.assert_allclose(synced.layers[0].moving_mean, plain.layers[0].moving_mean, atol=1e-5)


def test_frozen_statistics_stay():
    built = network.build(small("resnet10", normalisation="frozen"), 1)
    normalise.freeze(built)
    layer = normalise.layers_of(built)[0]
    before = layer.moving_mean.numpy()
    built(tf.random.stateless_normal([2, 128, 128, 3], [1, 1]) * 50, training=True)
    assert (layer.moving_mean.numpy() == before).all() and not layer.trainable_weights


def test_statistics_over_two_real_ranks():
    """Each of two ranks holds half of a batch; averaged, their gradients are those of the whole batch on one rank, which
    they are not with statistics of each half alone."""
    script = Path(__file__).with_name("statistics_on_ranks.py")
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                   "TF_CPP_MIN_LOG_LEVEL": "3"}
    mpirun = Path(sys.executable).with_name("mpirun")
    done = subprocess.run([mpirun, "--bind-to", "none", "--oversubscribe", "-np", "2", sys.executable, script],
                          capture_output=True, text=True, env=environment, timeout=600)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(rows) == 2, done.stderr
    for row in rows:
        assert row["synchronised"] < 1e-4 and row["moving"] < 1e-5 and row["local"] > 0.1


def test_backbones_are_restored_and_reported(tmp_path):
    """A checkpoint as the Model Garden writes it (backbone and more): all of the backbone comes back, the rest is
    left."""
    donor, fresh = (network.build(small("resnet10"), 1) for _ in range(2))
    for variable in donor.get_layer("backbone").variables:
        variable.assign(tf.fill(variable.shape, 0.25))
    checkpoint = tf.train.Checkpoint(backbone=donor.get_layer("backbone"), step=tf.Variable(1))
    prefix = checkpoint.write(str(tmp_path / "ckpt-28080"))
    said = weights.start(fresh, prefix, "backbone")
    count = len(fresh.get_layer("backbone").variables)
    assert f"{count} of {count} variables of backbone restored" in said
    assert all((variable.numpy() == 0.25).all() for variable in fresh.get_layer("backbone").variables)
    head = tf.train.Checkpoint(other=donor.layers[-1]).write(str(tmp_path / "other"))
    with pytest.raises(UserError, match="holds nothing of this backbone"):
        weights.start(fresh, head, "backbone")
    with pytest.raises(UserError, match="no checkpoint there"):
        weights.start(fresh, str(tmp_path / "missing"), "backbone")


def test_another_class_map_is_refused(tmp_path):
    prefix = tf.train.Checkpoint(network=network.build(small("light"), 4)).write(str(tmp_path / "four"))
    with pytest.raises(UserError, match="of another network or class map"):
        weights.start(network.build(small("light"), 2), prefix, "all")


@pytest.mark.parametrize("backbone", ["light", "resnet10"])
def test_scores_are_taken_over_by_name(backbone, tmp_path):
    """Of stamp, signature, date on one side and signature, name on the other: signature's logits are the same."""
    donor, fresh = (network.build(small(backbone), count) for count in (3, 2))
    rng = np.random.default_rng(1)
    for variable in donor.trainable_variables:  # blocks start as identity and heads nearly silent: wake them
        variable.assign_add(tf.constant(rng.normal(0, 0.05, variable.shape), variable.dtype))
    prefix = tf.train.Checkpoint(network=donor, classes=ClassMap(["stamp", "signature", "date"])
                                 ).write(str(tmp_path / "three"))
    page = tf.constant(rng.uniform(0, 255, (1, 128, 128, fresh.input_shape[-1])), tf.float32)
    fresh_name = fresh(page)[0][..., 1].numpy()
    said = weights.transfer(fresh, lambda count: network.build(small(backbone), count), prefix,
                            ClassMap.of(["signature", "name"]), per_cell=9)
    assert "scores of 1 of 2 classes taken over by name, the others start anew" in said
    logits, offsets = fresh(page)
    their_logits, their_offsets = donor(page)
    for mine, theirs in zip(fresh.variables, donor.variables):  # bit for bit; signature is the last but one of both
        mine, theirs, name = mine.numpy(), theirs.numpy(), mine.name
        if mine.shape != theirs.shape:
            mine, theirs = (rows.reshape(*rows.shape[:-1], 9, -1)[..., -2] for rows in (mine, theirs))
        np.testing.assert_array_equal(mine, theirs, err_msg=name)
    near = {"rtol": 1e-4, "atol": 1e-4}  # a product of other width may add its parts in another order
    np.testing.assert_allclose(logits[..., 0], their_logits[..., 1], **near)
    np.testing.assert_allclose(offsets, their_offsets, **near)
    assert abs(logits[..., 1].numpy() - fresh_name).max() < 1  # anew: still nearly silent, on other features
    assert abs(logits[..., 1] - their_logits[..., 2]).numpy().max() > 0.1


def test_transfer_wants_a_run_of_this_network(tmp_path):
    bare = tf.train.Checkpoint(network=network.build(small("light"), 1)).write(str(tmp_path / "bare"))
    other = tf.train.Checkpoint(network=network.build(small("resnet10"), 1),
                                classes=ClassMap(["stamp"])).write(str(tmp_path / "other"))
    for prefix, message in ((bare, "says nothing of its classes"), (other, "of another network")):
        with pytest.raises(UserError, match=message):
            weights.transfer(network.build(small("light"), 1), lambda count: network.build(small("light"), count),
                             prefix, ClassMap.of(["stamp"]), per_cell=9)


HABANA = {"runtime": {"distribution_strategy": "hpu", "num_hpus": 8},
          "trainer": {"optimizer_config": {"learning_rate": {
    "stepwise": {"boundaries": [26334, 30954], "values": [0.08, 0.008, 0.0008]}, "type": "stepwise"}}},
    "task": {"init_checkpoint": "/x/ckpt-28080", "losses": {"l2_weight_decay": 0.0001}, "model": {
        "num_classes": 91, "max_level": 7, "min_level": 3, "input_size": [640, 640, 3],
        "norm_activation": {"norm_momentum": 0.99, "use_sync_bn": True}}, "train_data": {"global_batch_size": 64}}}


def test_a_model_garden_file_becomes_a_recipe(tmp_path):
    """Drops at 26,334 and 30,954 of 33,264 steps, 462 an epoch: 57, 67 and 72. 33,264 x 64 / 2,576 pages = 826
    epochs."""
    (tmp_path / "config_beta.yaml").write_text(yaml.safe_dump(HABANA))
    text = must("plan", "--from-model-garden", tmp_path / "config_beta.yaml").out
    recipe = yaml.safe_load(text)
    assert recipe["train"]["epochs"] == 72 and recipe["train"]["schedule"]["drop_epochs"] == [57, 67]
    assert recipe["train"]["optimizer"] == {"name": "sgd", "learning_rate": 0.08, "base_batch": 64, "scaling": "linear"}
    assert recipe["network"]["normalisation"] == "synchronised" and recipe["loss"]["l2"] == 0.0001
    assert "826 of SignVerOD" in text and "num_classes: 91 is left out" in text and "num_hpus: 8 is left out" in text
    (tmp_path / "converted.yaml").write_text(text)
    planned = must("plan", tmp_path / "converted.yaml", "--ranks", 2)
    assert "0.08" in planned.out


def test_other_files_are_no_experiments(tmp_path):
    (tmp_path / "a.yaml").write_text("model: retinanet\n")
    assert "no Model Garden experiment" in refused("plan", "--from-model-garden", tmp_path / "a.yaml")
    cosine = yaml.safe_load(yaml.safe_dump(HABANA))
    cosine["trainer"]["optimizer_config"]["learning_rate"]["type"] = "cosine"
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(cosine))
    assert "cosine is not converted" in refused("plan", "--from-model-garden", tmp_path / "b.yaml")
