"""What a task fits after training: computed once for a network and its data, kept, and computed anew where either differs."""

from types import SimpleNamespace

import numpy as np
import pytest

from gaudi import fitting, run
from gaudi.cluster import connect, describe
from gaudi.config import Recipe
from gaudi.task import Source, Task


class Numbers(Source):
    """0, 1, ... size - 1."""

    def __init__(self, size):
        self.size, self.digest = size, f"numbers to {size}"

    def example(self, index, seed):
        return {"number": index}


class Mean(Task):
    """Fits the mean of its numbers, and counts how often it is asked to."""

    asked = 0

    def predict(self, batch):
        return {"number": batch["number"]}

    def fit(self, outputs_of):
        self.asked += 1
        return {"mean": outputs_of("train")["number"].mean()}


def opened(folder, task, step=3, precision="float32"):
    return SimpleNamespace(task=task, cluster=connect(describe()), recipe=task.config, run=run.Run(folder), precision=precision,
                           state={"step": step})


def sources(size=5):
    return lambda: {"train": Numbers(size), "unused": Numbers(size + 100)}


def test_kept_for_the_same_network_and_data(tmp_path):
    """The mean of 0 to 4 is 2; a batch of 32 holds repeated examples, which must not count."""
    first, second = Mean(Recipe()), Mean(Recipe())
    for task in (first, second):
        fitting.fit(opened(tmp_path, task), sources())
        assert task.fitted == {"mean": 2.0}
    assert (first.asked, second.asked) == (1, 0)


@pytest.mark.parametrize("change", [{"step": 4}, {"precision": "bfloat16"}, {"size": 7}])
def test_fitted_anew_where_something_differs(tmp_path, change):
    task, size = Mean(Recipe()), change.pop("size", 5)
    fitting.fit(opened(tmp_path, task), sources())
    fitting.fit(opened(tmp_path, task, **change), sources(size))
    assert task.asked == 2 and task.fitted == {"mean": (size - 1) / 2}


def test_no_pickle_in_the_file(tmp_path):
    fitting.fit(opened(tmp_path, Mean(Recipe())), sources())
    with np.load(tmp_path / fitting.FILE, allow_pickle=False) as kept:
        assert {kept[name].dtype.kind for name in kept.files} == {"f", "U"}


def test_a_task_that_fits_nothing_needs_no_data(tmp_path):
    fitting.fit(opened(tmp_path, Task(Recipe())), lambda: pytest.fail("data were asked for"))
    assert not list(tmp_path.iterdir())
