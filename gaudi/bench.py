"""`gaudi bench`: images per second, whether the input or the network limits it, and the share of the machine's peak."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time

import numpy as np

from gaudi import config, device as devices, launch, loop, schedule
from gaudi.cluster import connect, describe

MATMUL = 2048  # large enough that a matrix product runs at the processor's peak


def bench(recipe, given: list[str], ranks: int, seconds: float, as_json: bool) -> int:
    """Measure and print; with `ranks` > 1 also one rank on its share of the cores, for the scaling."""
    if ranks > 1 and describe().size == 1:
        figures = scaling(recipe, given, ranks, seconds)
    else:
        figures = measure(recipe, seconds)
    if describe().rank == 0:
        print(json.dumps(figures) if as_json else table(figures), flush=True)
    return 0


def scaling(recipe, given, ranks, seconds) -> dict:
    """Figures at `ranks` ranks, and their images per second over `ranks` times one rank's with the same cores each."""
    command = [sys.executable, "-m", "gaudi.cli", "bench", *given, "--seconds", str(seconds), "--json"]
    kind = devices.probe(recipe.device).kind
    share = schedule.per_rank_batch(recipe.train.global_batch, ranks)
    cores = sorted(os.sched_getaffinity(0))
    own = cores[:max(1, len(cores) // ranks)] if kind == "cpu" else cores
    alone = answer([*command, f"train.global_batch={share}"], lambda: os.sched_setaffinity(0, own))
    many = answer(launch.mpirun_line(ranks, command, kind=kind))
    efficiency = many["images_per_second"] / (ranks * alone["images_per_second"])
    return many | {"one_rank_images_per_second": alone["images_per_second"], "cores_each": len(own),
                   "scaling_efficiency": efficiency}


def answer(command, before=None) -> dict:
    """The JSON figures a bench process prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, preexec_fn=before, env=launch.environment())
    if done.returncode:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(recipe, seconds: float) -> dict:
    """Measure this process's device with the others, if there are any."""
    ranks = describe()
    per_rank = schedule.per_rank_batch(recipe.train.global_batch, ranks.size)
    device, precision, why = loop.open_device(recipe, ranks)
    cluster = connect(ranks)
    from gaudi import pipeline, step as steps, task as tasks
    with cluster.together():
        task = tasks.build(recipe)
        task.gather, task.mean = cluster.gather, cluster.mean
        source = task.sources()["train"]
    plan = schedule.unroll(recipe.train, schedule.batches_of(source.size, recipe.train.global_batch), ranks.size)
    train_step = steps.TrainStep(task, cluster, plan)
    cluster.broadcast(train_step.variables())

    def batches():
        return iter(pipeline.training_batches(source, seed=recipe.seed, global_batch=recipe.train.global_batch,
                                              rank=ranks.rank, ranks=ranks.size, first_step=0, total_steps=10**7))

    input_rate = rate(batches(), lambda batch: None, seconds, cluster) * recipe.train.global_batch
    one = next(batches())
    repeated = rate(itertools.repeat(one), stepper(train_step), seconds, cluster) * recipe.train.global_batch
    waits: list[float] = []
    real = rate(timed(batches(), waits), stepper(train_step), seconds, cluster) * recipe.train.global_batch
    operations = operations_per_image(train_step, one, per_rank)
    peak = matmul_rate(precision)
    return {"config": config.digest(recipe), "model": recipe.model, "device": device.kind, "device_name": device.name,
            "precision": precision, "precision_why": why, "ranks": ranks.size, "global_batch": recipe.train.global_batch,
            "cores": len(os.sched_getaffinity(0)), "input_images_per_second": input_rate,
            "images_per_second": real, "images_per_second_one_batch": repeated, "input_ratio": real / repeated,
            "next_batch_microseconds": 1e6 * float(np.median(waits)),
            "gflop_per_image": operations / 1e9, "matmul_gflops": peak / 1e9,
            "share_of_matmul": real / ranks.size * operations / peak}


def stepper(train_step):
    """One training step, waited for."""
    counter = itertools.count()

    def run(batch):
        logs = train_step(batch, next(counter))
        float(next(iter(logs.values())))
    return run


def timed(batches, waits: list[float]):
    """Pass batches on, noting the seconds each made its user wait."""
    while True:
        start = time.perf_counter()
        batch = next(batches)
        waits.append(time.perf_counter() - start)
        yield batch


def rate(batches, work, seconds: float, cluster) -> float:
    """Batches per second over about `seconds`, after two to warm up; all ranks do equally many."""
    for _ in range(2):
        work(next(batches))
    count, start = 0, time.perf_counter()
    while not cluster.any(time.perf_counter() - start > seconds and count >= 3):
        work(next(batches))
        count += 1
    return count / (time.perf_counter() - start)


def operations_per_image(train_step, batch, per_rank: int) -> float:
    """Floating-point operations of a whole training step (forward, backward, update) over its images."""
    import tensorflow as tf
    from tensorflow.python.profiler import model_analyzer, option_builder
    concrete = train_step._step.get_concrete_function(batch, tf.constant([0, 0], tf.int32))
    options = option_builder.ProfileOptionBuilder(option_builder.ProfileOptionBuilder.float_operation()).with_empty_output()
    return model_analyzer.profile(concrete.graph, options=options.build()).total_float_ops / per_rank


def matmul_rate(precision: str) -> float:
    """Operations per second of a large matrix product in this precision: the practical peak."""
    import tensorflow as tf
    kind = tf.bfloat16 if precision == "bfloat16" else tf.float32
    left = tf.cast(tf.random.stateless_normal([MATMUL, MATMUL], [1, 2]), kind)
    product = tf.function(lambda a: tf.reduce_sum(tf.cast(a @ a, tf.float32)))
    best = 0.0
    for _ in range(6):
        start = time.perf_counter()
        float(product(left))
        best = max(best, 2 * MATMUL**3 / (time.perf_counter() - start))
    return best


def table(figures: dict) -> str:
    """The figures for a person."""
    bound = "compute-bound" if figures["input_ratio"] >= 0.98 else "input-bound"
    rows = [
        ("machine", f"{figures['device_name']}, {figures['cores']} cores, {figures['precision']} ({figures['precision_why']})"),
        ("ranks", f"{figures['ranks']}, global batch {figures['global_batch']}"),
        ("input alone", f"{figures['input_images_per_second']:.0f} images/s"),
        ("training", f"{figures['images_per_second']:.2f} images/s; {figures['images_per_second_one_batch']:.2f} with one "
                     f"repeated batch: ratio {figures['input_ratio']:.3f}, {bound}"),
        ("next batch", f"{figures['next_batch_microseconds']:.0f} us (median wait)"),
        ("operations", f"{figures['gflop_per_image']:.2f} GFLOP an image; {figures['share_of_matmul']:.1%} of a "
                       f"{MATMUL}x{MATMUL} matrix product's {figures['matmul_gflops']:.0f} GFLOP/s a rank"),
    ]
    if "scaling_efficiency" in figures:
        rows.append(("scaling", f"{figures['scaling_efficiency']:.1%} of {figures['ranks']} x "
                                f"{figures['one_rank_images_per_second']:.2f} images/s "
                                f"(one rank, {figures['cores_each']} core{'s' * (figures['cores_each'] > 1)} each)"))
    return "\n".join(f"{name + ':':<13}{value}" for name, value in rows)
