"""What several tests share: the real command line in a process of its own, and finished tiny runs."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from forked import Forks

ROOT = Path(__file__).resolve().parent.parent


@functools.lru_cache(maxsize=1)
def forks():
    """This test process's own process with all imported that commands import; it ends with its standard input."""
    return Forks({**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
                 modules=("matplotlib.figure", "matplotlib.backends.backend_agg", "cv2", "scipy.special", "sklearn.manifold"))


def command(*arguments, env=None, timeout=300):
    """Run `gaudi ARGUMENTS` as a user does; returns code, out and err.

    In a fork, which spares eight of a tiny training's eleven seconds; with `env` in a process started with these variables.
    """
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "GAUDI_OVERSUBSCRIBE": "1", **(env or {})}
    given = list(map(str, arguments))
    if env:
        done = subprocess.run([sys.executable, "-m", "gaudi.cli", *given], capture_output=True, text=True, env=environment,
                              timeout=timeout)
    else:
        with tempfile.TemporaryDirectory() as folder:
            done = forks().send(f"import sys\nfrom gaudi import cli\nsys.exit(cli.main({given!r}))", Path(folder), environment,
                                timeout)
    return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)


def must(*arguments, **options):
    """Run `gaudi ARGUMENTS` and require that it succeeds."""
    done = command(*arguments, **options)
    assert done.code == 0, f"gaudi {' '.join(map(str, arguments))}: exit {done.code}\n{done.out}\n{done.err}"
    return done


def refused(*arguments, **options):
    """Run `gaudi ARGUMENTS`, require exit code 2 and one line on stderr, and return that line."""
    done = command(*arguments, **options)
    lines = [line for line in done.err.splitlines() if line.strip()]
    assert done.code == 2, f"exit {done.code}\n{done.out}\n{done.err}"
    assert len(lines) == 1 and "Traceback" not in done.err, done.err
    return lines[0]


def log_of(run):
    """The records of a run's log.jsonl."""
    return [json.loads(line) for line in (Path(run) / "log.jsonl").read_text().splitlines()]


def losses_of(run):
    """The loss of every step a run logged."""
    return [record["loss"] for record in log_of(run)]


def weights_of(run):
    """Every variable in the newest checkpoint of a run, optimizer included, by name."""
    import tensorflow as tf
    folder = Path(run) / "checkpoints"
    reader = tf.train.load_checkpoint(str(folder / (folder / "newest").read_text().strip() / "weights"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
            if name != "_CHECKPOINTABLE_OBJECT_GRAPH"}


def picture(path, seed=0):
    """Write a small picture with a stroke on it."""
    import cv2
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((60, 120), 255, np.uint8)
    points = np.random.default_rng(seed).integers(8, 52, (6, 2)) * [2, 1]
    cv2.polylines(image, [points.astype(np.int32)], False, 0, 2)
    cv2.imwrite(str(path), image)


def batches(task, source, global_batch):
    """A source's batches in their order, as one rank gets them."""
    from gaudi import pipeline
    return pipeline.ordered_batches(task.sources()[source], seed=1, global_batch=global_batch, rank=0, ranks=1)


def outputs_of(task, source, global_batch):
    """What a task predicts for every example of a source: {output: array [N, ...]}."""
    rows = [task.predict(batch) for batch in batches(task, source, global_batch)]
    size = task.sources()[source].size
    return {name: np.concatenate([row[name].numpy() for row in rows])[:size] for name in rows[0]}


@pytest.fixture(scope="session")
def real_data():
    """The folder of real signatures and documents, where there is one."""
    folder = Path(os.environ.get("GAUDI_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set GAUDI_TEST_DATA to a folder that holds cedar/")
    return folder


@pytest.fixture(scope="session")
def exact_run(tmp_path_factory):
    """One rank, tiny, deterministic float32, never interrupted: what others are compared with."""
    folder = tmp_path_factory.mktemp("exact") / "run"
    must("train", "cleaner", "--tiny", "--run", folder, *EXACT)
    return folder


EXACT = ("precision=float32", "deterministic=true", "train.log_steps=1", "train.epochs=2", "train.tensorboard=false",
         "train.checkpoint_epochs=0.5")
