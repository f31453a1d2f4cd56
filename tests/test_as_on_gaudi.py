"""The real command line as on a Gaudi host with 8 cards: planned for the cards, trained on two of them."""
import json
import subprocess
import sys

import gaudi_machine
import pytest


def gaudi(env, *arguments):
    """The command in a process of its own."""
    return subprocess.run([sys.executable, "-m", "gaudi.cli", *map(str, arguments)], env=env, capture_output=True,
                          text=True, timeout=300)


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """The environment of the host."""
    return gaudi_machine.gaudi_environment(tmp_path_factory.mktemp("host") / "root")


def test_plan_is_for_the_cards(env):
    done = gaudi(env, "plan", "cleaner", "--ranks", 8)
    assert done.returncode == 0, done.stderr
    assert "hpu: Habana GAUDI" in done.stdout and "-np 8" in done.stdout and "bfloat16" in done.stdout


def test_more_ranks_than_cards_are_refused(env):
    done = gaudi(env, "train", "cleaner", "--tiny", "--ranks", 16, "train.global_batch=16")
    assert done.returncode == 2 and "8 hpu card(s)" in done.stderr, done.stderr


def test_two_cards_train(env, tmp_path):
    """In the bridge's order on every rank, or one of them would have been ended by a signal."""
    done = gaudi(env, "train", "cleaner", "--tiny", "--ranks", 2, "--run", tmp_path / "run")
    assert done.returncode == 0, done.stderr[-2000:]
    facts = json.loads((tmp_path / "run/run.json").read_text())
    assert (facts["device"], facts["precision"]) == ("hpu", "bfloat16")
    steps = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert steps[-1]["step"] >= 1 and steps[-1]["loss"] > 0
