"""Watching a training: which steps are profiled, that it ends cleanly, and what run.json says of compilations."""
import json
from types import SimpleNamespace

import gaudi_machine
import pytest
from conftest import command, must

from gaudi import device, watch
from gaudi.config import Train


@pytest.fixture
def profiler(monkeypatch):
    """What TensorFlow's profiler was told, instead of the profiler."""
    import tensorflow as tf
    told = []
    monkeypatch.setattr(tf.profiler.experimental, "start", lambda folder: told.append("start"))
    monkeypatch.setattr(tf.profiler.experimental, "stop", lambda: told.append("stop"))
    return told


def watched(told, tmp_path, *, first, last, steps, is_main=True):
    """The steps during which the profiler ran, of a start at step `first` that ended after step `last`."""
    run = SimpleNamespace(folder=tmp_path, add_facts=lambda **facts: told.append(facts))
    cpu = device.Device("cpu", "a processor", 1)
    inside = []
    with watch.Watch(run, cpu, Train(profile_steps=steps), SimpleNamespace(is_main=is_main), first) as watching:
        for number in range(first, last):
            with watching.step(number):
                if told.count("start") > told.count("stop"):
                    inside.append(number)
    assert told.count("start") == told.count("stop")
    return inside


@pytest.mark.parametrize("first, last, steps, profiled", [
    (0, 10, 3, [2, 3, 4]), (7, 20, 1, [9]), (0, 4, 5, [2, 3]), (0, 2, 5, []), (0, 10, 0, [])])
def test_steps_after_the_first_two_of_a_start(profiler, tmp_path, first, last, steps, profiled):
    assert watched(profiler, tmp_path, first=first, last=last, steps=steps) == profiled


def test_other_ranks_are_not_watched(profiler, tmp_path):
    assert watched(profiler, tmp_path, first=0, last=10, steps=3, is_main=False) == [] and profiler == []


def test_a_failure_within_the_steps_stops_the_profiler(profiler, tmp_path):
    run = SimpleNamespace(folder=tmp_path, add_facts=None)
    with pytest.raises(ZeroDivisionError), watch.Watch(run, device.Device("cpu", "", 1), Train(profile_steps=5),
                                                       SimpleNamespace(is_main=True), 0) as watching:
        for number in range(4):
            with watching.step(number):
                1 / (3 - number)
    assert profiler == ["start", "stop"]


def test_a_profiled_training_ends_cleanly_and_resumes(tmp_path):
    """The real profiler on the CPU; adding it to a run that exists is allowed."""
    run = tmp_path / "run"
    must("train", "cleaner", "--tiny", "--run", run, "train.epochs=2", "train.profile_steps=1")
    profiles = list((run / "tensorboard/plugins/profile").glob("*/*.xplane.pb"))
    assert len(profiles) == 1 and profiles[0].stat().st_size > 1000
    assert "compilations" not in json.loads((run / "run.json").read_text()), "a CPU compiles nothing"
    done = command("train", "cleaner", "--tiny", "--run", run, "train.epochs=2")
    assert done.code == 0 and "trained 4 steps" in done.out, done.err


def test_compilations_of_a_gaudi_run_are_counted(tmp_path):
    """One rank on the fake bridge: step and validation are compiled, the table and the report say so."""
    env = gaudi_machine.gaudi_environment(tmp_path / "root")
    run = tmp_path / "run"
    must("train", "cleaner", "--tiny", "--run", run, env=env)
    facts = json.loads((run / "run.json").read_text())
    assert facts["device"] == "hpu" and facts["compilations"] >= 2 and facts["compilation_seconds"] > 0
    assert "compilations" in (run / "report.html").read_text()
