"""A run that was killed, stopped or damaged ends with the same weights as one that was not, bit for bit."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import EXACT, command, log_of, must, weights_of


def start(run, *extra):
    """A training in the background."""
    return subprocess.Popen([sys.executable, "-m", "gaudi.cli", "train", "cleaner", "--tiny", "--run", str(run), *EXACT, *extra],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                            env={**os.environ, "GAUDI_OVERSUBSCRIBE": "1"})


def wait_for_step(run, step, process, seconds=120):
    """Until the log holds that step."""
    deadline = time.time() + seconds
    while time.time() < deadline and process.poll() is None:
        if (run / "log.jsonl").exists() and len((run / "log.jsonl").read_text().splitlines()) >= step:
            return
        time.sleep(0.01)
    raise AssertionError(f"never came to step {step}: {process.communicate()[0] if process.poll() is not None else ''}")


def assert_same_weights(run, other):
    ours, theirs = weights_of(run), weights_of(other)
    assert set(ours) == set(theirs)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def steps_of(run):
    return [record["step"] for record in log_of(run)]


def test_kill_in_mid_epoch_then_start_again(exact_run, tmp_path):
    run = tmp_path / "run"
    process = start(run)
    middle = len(log_of(exact_run)) * 3 // 8 + 1  # behind the first checkpoint, before the second
    wait_for_step(run, middle, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(steps_of(run)) < len(steps_of(exact_run)), "it had finished before it was killed"
    must("train", "cleaner", "--tiny", "--run", run, *EXACT)
    assert steps_of(run) == steps_of(exact_run)
    assert_same_weights(run, exact_run)


@pytest.mark.parametrize("ranks", [1, 2])
def test_sigterm_saves_and_exits_75(exact_run, tmp_path, ranks):
    run = tmp_path / "run"
    process = start(run, "--ranks", str(ranks))
    wait_for_step(run, 1, process)
    process.send_signal(signal.SIGTERM)
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 75, out
    assert "saved at step" in out
    must("train", "cleaner", "--tiny", "--run", run, *EXACT, "--ranks", ranks)
    assert steps_of(run) == steps_of(exact_run)
    if ranks == 1:
        assert_same_weights(run, exact_run)


def test_unreadable_newest_checkpoint_falls_back_and_says_so(exact_run, tmp_path):
    run = tmp_path / "run"
    must("train", "cleaner", "--tiny", "--run", run, *EXACT, "train.epochs=1")
    newest = sorted((run / "checkpoints").glob("step-*"))[-1] / "weights.data-00000-of-00001"
    newest.write_bytes(newest.read_bytes()[:100])
    done = command("train", "cleaner", "--tiny", "--run", run, *EXACT, "train.epochs=1")
    assert done.code == 0 and "cannot be read" in done.out + done.err and "falling back to" in done.out + done.err


def test_a_finished_run_is_left_alone(exact_run):
    before = weights_of(exact_run)
    done = must("train", "cleaner", "--tiny", "--run", exact_run, *EXACT)
    assert "gaudi evaluate" in done.out
    after = weights_of(exact_run)
    assert all(np.array_equal(before[name], after[name]) for name in before)
