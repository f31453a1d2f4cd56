"""Turns a Model Garden RetinaNet experiment (such as Habana's reference files) into a recipe of this suite."""

from __future__ import annotations

from pathlib import Path

import yaml

from gaudi.errors import UserError

COCO_PAGES, SIGNVEROD_PAGES = 118_287, 2_576
GARDEN_BATCH, GARDEN_EPOCH = 256, 462           # the batch retinanet_resnetfpn_coco is written for, its steps an epoch
DEFAULT_STEPS = 72 * GARDEN_EPOCH
WARMUP_STEPS, WARMUP_RATE = 500, 0.0067         # that experiment's defaults

# where a value stands there -> where it stands here
SAME = {
    "task.model.min_level": "network.min_level", "task.model.max_level": "network.max_level",
    "task.model.head.num_convs": "network.head_convs", "task.model.head.num_filters": "network.filters",
    "task.model.decoder.fpn.num_filters": "network.filters",
    "task.model.norm_activation.norm_momentum": "network.norm_momentum",
    "task.model.norm_activation.norm_epsilon": "network.norm_epsilon",
    "task.model.anchor.anchor_size": "anchors.size", "task.model.anchor.num_scales": "anchors.scales",
    "task.model.anchor.aspect_ratios": "anchors.aspects",
    "task.model.detection_generator.nms_iou_threshold": "detection.nms_iou",
    "task.model.detection_generator.pre_nms_score_threshold": "detection.score",
    "task.model.detection_generator.pre_nms_top_k": "detection.candidates",
    "task.model.detection_generator.max_num_detections": "detection.most",
    "task.losses.focal_loss_alpha": "loss.alpha", "task.losses.focal_loss_gamma": "loss.gamma",
    "task.losses.huber_loss_delta": "loss.huber_delta", "task.losses.box_loss_weight": "loss.box_weight",
    "task.losses.l2_weight_decay": "loss.l2",
    "task.train_data.parser.aug_scale_min": "augment.scale_min",
    "task.train_data.parser.aug_scale_max": "augment.scale_max",
    "task.train_data.parser.match_threshold": "anchors.match",
    "task.train_data.parser.unmatched_threshold": "anchors.ignore",
    "task.train_data.parser.max_num_instances": "data.max_boxes",
    "task.train_data.global_batch_size": "train.global_batch",
    "task.init_checkpoint": "network.init_checkpoint", "task.freeze_backbone": "network.frozen_backbone",
    "trainer.optimizer_config.optimizer.sgd.momentum": "train.optimizer.momentum",
}
# what has no counterpart, and why; a key stands for all below it
DROPPED = {
    "runtime": "the device is found by itself (device: auto), ranks come from --ranks",
    "task.annotation_file": "the truth is read from the prepared pages",
    "task.model.num_classes": "the number of classes comes with the data, so that nothing has to be kept in step",
    "task.train_data.input_path": "data.root names the prepared folder",
    "task.train_data.drop_remainder": "every page counts once an epoch; the last batch is filled at weight 0",
    "task.train_data.is_training": "follows from the split",
    "task.train_data.shuffle_buffer_size": "every epoch is a permutation of all pages",
    "task.train_data.dtype": "precision: auto is bfloat16 where the device has it",
    "task.train_data.parser.aug_rand_hflip": "documents are not mirrored (augment.flip_share)",
    "task.validation_data": "validation has its own split of the prepared folder",
    "task.model.norm_activation.activation": "relu is the only one",
    "task.model.backbone.type": "taken with the model's number",
    "trainer.validation_summary_subdir": "one log for all",
    "trainer.checkpoint_interval": "train.checkpoint_epochs", "trainer.validation_interval": "train.evaluate_epochs",
    "trainer.summary_interval": "train.log_steps", "trainer.steps_per_loop": "train.log_steps",
    "trainer.validation_steps": "all validation pages are judged",
}


def convert(path) -> list[str]:
    """The recipe as lines of YAML; comments say what changed and why."""
    values = flattened(_read(path))
    recipe: dict = {"model": "retinanet", "data": {"root": ""}}
    notes: list[str] = []
    used = set()
    for there, here in SAME.items():
        if there in values:
            used.add(there)
            place(recipe, here, values[there])
    _size(values, recipe, used)
    _backbone(values, recipe, notes, used)
    _schedule(values, recipe, notes, used)
    for key in sorted(set(values) - used):
        reason = next((why for name, why in DROPPED.items() if key == name or key.startswith(f"{name}.")), None)
        notes.append(f"{key}: {values[key]!r} is left out: {reason or 'nothing here corresponds to it'}")
    _validate(recipe, path)
    head = [f"Converted from {Path(path).name}.", "Command:   gaudi train THIS_FILE data.root=PREPARED --ranks N",
            "Hardware:  as the original's", "Duration:  not yet measured", "Expected:  not yet measured", *notes]
    body = yaml.safe_dump(recipe, sort_keys=False).splitlines()
    return [*(f"# {line}" for line in head), *body, "tiny: {}"]


def _read(path) -> dict:
    try:
        values = yaml.safe_load(Path(path).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict) or "task" not in values:
        raise UserError(f"{path}: no Model Garden experiment (it has no block `task`)")
    return values


def flattened(values: dict, prefix="") -> dict:
    """{dotted key: value} of nested blocks."""
    flat = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def place(recipe: dict, key: str, value) -> None:
    """Set a dotted key in nested blocks."""
    *blocks, last = key.split(".")
    for block in blocks:
        recipe = recipe.setdefault(block, {})
    recipe[last] = value


def _size(values, recipe, used):
    size = values.get("task.model.input_size", [640, 640, 3])
    used.add("task.model.input_size")
    recipe["data"] |= {"height": size[0], "width": size[1], "channels": 3}


def _backbone(values, recipe, notes, used):
    key = "task.model.backbone.resnet.model_id"
    used |= {key, "task.model.backbone.type", "task.model.norm_activation.use_sync_bn", "task.init_checkpoint_modules"}
    kind = values.get("task.model.backbone.type", "resnet")
    if kind != "resnet":
        raise UserError(f"task.model.backbone.type: {kind} is not built here; known is resnet")
    place(recipe, "network.backbone", f"resnet{values.get(key, 50)}")
    synchronised = values.get("task.model.norm_activation.use_sync_bn", False)
    place(recipe, "network.normalisation", "synchronised" if synchronised else "local")
    if synchronised:
        notes.append("use_sync_bn: taken, and here it is real: statistics are averaged over all ranks (Keras does so "
                     "only under tf.distribute, not between processes)")
    if values.get("task.init_checkpoint"):
        modules = values.get("task.init_checkpoint_modules", "backbone")
        modules = modules if isinstance(modules, str) else ",".join(modules)
        place(recipe, "network.init_modules", "all" if modules == "all" else "backbone")


def _schedule(values, recipe, notes, used):
    """Steps become epochs: by the batch they were written for, whatever the number of pages."""
    base = "trainer.optimizer_config.learning_rate"
    keys = [key for key in values if key.startswith((f"{base}.", "trainer.optimizer_config.warmup.",
                                                     "trainer.train_steps",
                                                     "trainer.optimizer_config.optimizer."))]
    used.update(keys)
    kind = values.get(f"{base}.type", "stepwise")
    if kind != "stepwise":
        raise UserError(f"{base}.type: {kind} is not converted; known is stepwise")
    batch = values.get("task.train_data.global_batch_size", GARDEN_BATCH)
    steps = values.get("trainer.train_steps", DEFAULT_STEPS)
    drops = values.get(f"{base}.stepwise.boundaries", [57 * GARDEN_EPOCH, 67 * GARDEN_EPOCH])
    rates = values.get(f"{base}.stepwise.values", [0.32 * batch / GARDEN_BATCH * k for k in (1, 0.1, 0.01)])
    epochs = round(steps / GARDEN_EPOCH, 2)
    place(recipe, "train.global_batch", batch)
    place(recipe, "train.epochs", epochs)
    place(recipe, "train.optimizer", recipe.get("train", {}).get("optimizer", {}) | {
        "name": "sgd", "learning_rate": rates[0], "base_batch": batch, "scaling": "linear"})
    warm_steps = values.get("trainer.optimizer_config.warmup.linear.warmup_steps", WARMUP_STEPS)
    warm_rate = values.get("trainer.optimizer_config.warmup.linear.warmup_learning_rate", WARMUP_RATE)
    place(recipe, "train.schedule", {
        "name": "steps", "drop_epochs": [round(step / GARDEN_EPOCH, 2) for step in drops],
        "drop_factor": round(rates[1] / rates[0], 6) if len(rates) > 1 else 0.1,
        "warmup_epochs": round(warm_steps / GARDEN_EPOCH, 2), "warmup_start": round(min(1.0, warm_rate / rates[0]), 4)})
    notes.append(f"schedule: {steps:,} steps at batch {batch} are {steps * batch / COCO_PAGES:.3g} epochs of COCO's "
                 f"{COCO_PAGES:,} pages and {steps * batch / SIGNVEROD_PAGES:,.0f} of SignVerOD's {SIGNVEROD_PAGES:,}; "
                 f"they were written for batch {GARDEN_BATCH} ({GARDEN_EPOCH} an epoch), so {epochs:g} epochs here")
    notes.append(f"learning rate: {rates[0]:g} at batch {batch}, and by the linear rule at any other")


def _validate(recipe, path):
    from gaudi import config
    from models.retinanet.config import Config
    config.fill(Config, recipe, lambda key: f"{path}: converted").check()
