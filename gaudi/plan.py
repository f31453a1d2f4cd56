"""`gaudi plan`: what a recipe does on this machine, without TensorFlow."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace

from gaudi import config, device as devices, launch, schedule
from gaudi.errors import UserError


# What `--device` plans for where there is none.
ASSUMED = {"hpu": devices.Device("hpu", "Gaudi, assumed", 8, bfloat16="every Gaudi does"),
           "gpu": devices.Device("gpu", "NVIDIA GPU, assumed", 8, bfloat16="from compute capability 8.0 on")}


def device_for(recipe, wanted) -> devices.Device:
    """The device that training would take, or the kind `wanted`, one assumed where this machine has none."""
    try:
        return devices.probe(wanted or recipe.device)
    except UserError as error:
        if wanted not in ASSUMED:
            raise
        return replace(ASSUMED[wanted], reasons=(str(error),))


def describe(path, recipe, ranks: int, arguments=(), device=None) -> str:
    """Epochs, steps, per-rank batch, learning rate, examples and the mpirun line, as text."""
    device = device or devices.probe(recipe.device)
    precision, why = devices.resolve_precision(recipe.precision, device)
    splits = recipe.splits()
    train = recipe.train
    plan = schedule.unroll(train, schedule.batches_of(splits["train"], train.global_batch), ranks)
    peak = schedule.peak_learning_rate(train.optimizer, train.global_batch)
    filled = plan.steps_per_epoch * train.global_batch - splits["train"]
    command = [sys.executable, "-m", "gaudi.cli", "train", str(path), *arguments]
    rows = [
        ("recipe", f"{path} (model {recipe.model}, config {config.digest(recipe)})"),
        ("device", f"{device.kind}: {device.name}"),
        *[("  not taken", reason) for reason in device.reasons],
        ("precision", f"{precision} ({why})"),
        ("data", f"{recipe.data.root or 'embedded synthetic data'}: "
                 + ", ".join(f"{count} {name}" for name, count in splits.items())),
        ("batch", f"{plan.global_batch} images = {ranks} rank{'s' * (ranks > 1)} x {plan.per_rank}"),
        ("steps", f"{plan.total_steps} = {train.epochs:g} epochs x {plan.steps_per_epoch}; "
                  f"the last batch of an epoch repeats {filled} images at weight 0"),
        ("learning rate", f"{peak:.4g} peak = {train.optimizer.learning_rate:g} at {train.optimizer.base_batch} images, "
                          f"scaled {train.optimizer.scaling}; {schedule_text(train, plan)}"),
        ("evaluation", f"every {plan.evaluate_steps} steps; checkpoint every {plan.checkpoint_steps}"),
        ("command", shlex.join(launch.mpirun_line(ranks, command, kind=device.kind) if ranks > 1 else command)),
    ]
    return "\n".join(f"{name + ':':<15}{value}" for name, value in rows)


def schedule_text(train, plan) -> str:
    """The schedule in words and its learning-rate factors in numbers."""
    shape = train.schedule
    warmup = f"warm-up {shape.warmup_epochs:g} epochs from {shape.warmup_start:g}, " if shape.warmup_epochs else ""
    detail = {"constant": "then constant", "cosine": f"cosine to {shape.final_fraction:g}",
              "steps": f"times {shape.drop_factor:g} at epochs {', '.join(f'{drop:g}' for drop in shape.drop_epochs)}"}
    return warmup + detail[shape.name]
