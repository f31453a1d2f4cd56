"""Watches rank 0's device while a run trains: graph compilations on Gaudi, and a few steps under TensorFlow's profiler."""

from __future__ import annotations

from contextlib import contextmanager

from gaudi import device as devices

SETTLED = 2  # steps of a start that trace, compile and fill the pipeline: the profile begins after them


class Watch:
    """Inside `with`, compilations are counted and `profile_steps` steps recorded; the end writes both into run.json.

    The profile lies in tensorboard/plugins/profile of the run, for TensorBoard with its profile plugin.
    """

    def __init__(self, run, device, train, cluster, first_step: int):
        self._run, self._is_main, self._running = run, cluster.is_main, False
        self._first = first_step + SETTLED
        self._end = self._first + (train.profile_steps if cluster.is_main else 0)
        self._events = run.folder / "compilations"
        self._counts = cluster.is_main and devices.log_compilations(device, self._events)

    def __enter__(self):
        return self

    @contextmanager
    def step(self, number: int):
        """One training step, after `number` of them."""
        if number == self._first < self._end:
            self._start()
        yield
        if self._running and number + 1 == self._end:
            self._stop()

    def _start(self):
        import tensorflow as tf
        tf.profiler.experimental.start(str(self._run.folder / "tensorboard"))
        self._running = True

    def _stop(self):
        import tensorflow as tf
        tf.profiler.experimental.stop()
        self._running = False

    def __exit__(self, *_):
        if self._running:  # stopped or finished within the steps to be profiled
            self._stop()
        if self._counts:
            number, seconds = devices.count_compilations(self._events)
            self._run.add_facts(compilations=number, compilation_seconds=round(seconds, 3))
