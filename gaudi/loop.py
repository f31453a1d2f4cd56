"""The training loop: one page for every model, from the ranks to the last checkpoint."""

from __future__ import annotations

import math
import signal
import time

import numpy as np

from gaudi import device as devices
from gaudi import report, run as runs, schedule, watch
from gaudi.cluster import connect, describe
from gaudi.errors import Stopped


class Diverged(RuntimeError):
    """A loss became NaN or infinite, or the task's watch found that training has gone wrong."""


def train(recipe, folder) -> dict:
    """Train `recipe` in the run folder `folder`, continuing what is there; returns the last state.

    The order matters on Gaudi: nothing may allocate a tensor before the device is open.
    """
    # 1. Who is here, read from the environment; what can be refused is refused before anything starts.
    ranks = describe()
    schedule.per_rank_batch(recipe.train.global_batch, ranks.size)
    run = runs.Run(folder)
    run.check(recipe)
    # 2. The device, then the other ranks.
    device, precision, why = open_device(recipe, ranks)
    cluster = connect(ranks)
    # 3. Data and networks.
    from gaudi import checkpoint, pipeline, step as steps, task as tasks
    with cluster.together():
        task = tasks.build(recipe)
        task.gather, task.mean = cluster.gather, cluster.mean
        sources = task.sources()
    cluster.agree(facts_of(recipe, sources))
    # 4. What is to be done, and what was done already.
    steps_per_epoch = sources["train"].epoch(0, recipe.seed, recipe.train.global_batch)[0].shape[0]
    plan = schedule.unroll(recipe.train, steps_per_epoch, ranks.size)
    train_step, validation = steps.TrainStep(task, cluster, plan), steps.Validation(task, cluster)
    variables = train_step.variables()
    checkpoints = checkpoint.Checkpoints(run.checkpoints, task.checkpointed | optimizers_of(train_step),
                                         recipe.train.keep_checkpoints)
    state = State()
    with cluster.together():
        if cluster.is_main:
            begun = bool(checkpoints.names())
            if not begun:
                task.start()  # before anything is written: starting weights that do not fit leave no run behind
            run.create(recipe, needed_bytes=2 * sum(4 * int(np.prod(variable.shape)) for variable in variables))
            if begun:
                state.load(checkpoints.restore())
    state = cluster.from_main(state)
    cluster.broadcast(variables)
    if state.finished(plan):
        say_finished(run, state, cluster)
        return vars(state)
    journal = open_journal(run, plan, state, recipe, cluster)
    if cluster.is_main:
        run.write_facts(device=device.kind, device_name=device.name, precision=precision, precision_why=why,
                        not_taken=list(device.reasons), parameters=parameters_of(task), **vars(plan),
                        examples={name: source.size for name, source in sources.items()},
                        monitor=list(task.monitor), **facts_of(recipe, sources))
    # 5. Step by step.
    slice_of = dict(seed=recipe.seed, global_batch=recipe.train.global_batch, rank=ranks.rank, ranks=ranks.size)
    batches = iter(pipeline.training_batches(sources["train"], first_step=state.step, total_steps=plan.total_steps,
                                             **slice_of))
    samples = Samples(task, sources["validation"], slice_of, journal, cluster)
    meter = Meter(plan, state, [player.name for player in task.players])
    report_page = ReportPage(run, cluster)
    with Interruption() as interruption, watch.Watch(run, device, recipe.train, cluster, state.step) as watching:
        while state.step < plan.total_steps and not state.stopped_early:
            with watching.step(state.step):
                logs = train_step(next(batches), state.step)
            state.step += 1
            meter.add(logs)
            leaving = cluster.any(interruption.asked)
            last = state.step == plan.total_steps
            evaluating = last or state.step % plan.evaluate_steps == 0
            saving = last or leaving or state.step % plan.checkpoint_steps == 0
            if evaluating or saving or meter.waiting >= recipe.train.log_steps:
                record = meter.record(state.step, train_step.learning_rates(state.step - 1))
            journal.progress(state.step, meter.images_per_second, meter.losses)
            improved, complaint = False, ""
            if evaluating:
                with meter.paused():
                    metrics = validation(pipeline.ordered_batches(sources["validation"], **slice_of))
                    improved = state.judge(metrics, task.monitor, recipe.train.early_stop_epochs, plan)
                    record |= {f"validation_{name}": value for name, value in metrics.items()}
                    complaint = task.watch(record)
                    samples.show(state.step)
                    report_page.refresh()
            if meter.waiting == 0:
                journal.log(record)
            if saving or improved or state.stopped_early:
                with meter.paused():
                    state.seconds = meter.total_seconds
                    if cluster.is_main:
                        checkpoints.save(state.step, vars(state), best=improved)
            if complaint:
                journal.close()
                raise Diverged(f"{folder}: ended at step {state.step} of {plan.total_steps}: {complaint}; "
                               f"the best checkpoint is of step {state.best_step}")
            if leaving and not state.finished(plan):
                journal.close()
                cluster.any(False)  # a rank that leaves before rank 0 has saved would take it down
                raise Stopped(f"{folder}: stopped by a signal and saved at step {state.step} of {plan.total_steps}; "
                              "start it again to continue")
    # 6. The end.
    journal.close()
    report_page.write()
    say_finished(run, state, cluster)
    cluster.any(False)  # nobody leaves before rank 0 has written: mpirun would take the early end for a failure
    return vars(state)


class State:
    """Where a training stands; saved as plain values in every checkpoint."""

    def __init__(self):
        self.step = 0
        self.seconds = 0.0
        self.best_step = 0
        self.best_value: float | None = None
        self.stopped_early = False

    def load(self, values: dict | None) -> None:
        """Take over a checkpoint's values."""
        for name in vars(self):
            if values and name in values:
                setattr(self, name, values[name])

    def finished(self, plan) -> bool:
        """Whether nothing is left to train."""
        return self.stopped_early or self.step >= plan.total_steps

    def judge(self, metrics: dict, monitor: tuple[str, str], patience: float, plan) -> bool:
        """Note a new best value of the monitored metric; decide on stopping early. True where it improved."""
        name, mode = monitor
        value = metrics[name]
        if math.isnan(value):
            raise Diverged(f"validation {name} became nan at step {self.step}; the checkpoint before it is kept; "
                           "lower the learning rate or clip_norm, or use float32")
        improved = self.best_value is None or (value > self.best_value if mode == "max" else value < self.best_value)
        if improved:
            self.best_value, self.best_step = value, self.step
        self.stopped_early = bool(patience) and plan.epoch(self.step - self.best_step) >= patience
        return improved


class Meter:
    """Losses and speed between two log lines; evaluation and saving do not count as training time."""

    def __init__(self, plan, state, players):
        self._plan, self._before, self._players = plan, state.seconds, players
        self._began = self._since = time.perf_counter()
        self._first = True
        self._waiting: list[dict] = []
        self._timed = 0
        self.images_per_second = 0.0
        self.losses: dict[str, float] = {}

    @property
    def waiting(self) -> int:
        """Steps since the last record."""
        return len(self._waiting)

    @property
    def total_seconds(self) -> float:
        """Wall-clock seconds of the whole run, over all its starts."""
        return self._before + time.perf_counter() - self._began

    def add(self, logs) -> None:
        """One step's scalars, still on the device."""
        self._waiting.append(logs)
        if self._first:  # the first step traces and compiles: it is no measure of speed
            {name: float(value) for name, value in logs.items()}
            self._first, self._since = False, time.perf_counter()
        else:
            self._timed += 1

    def record(self, step: int, rates: dict[str, float]) -> dict:
        """The log line of the steps since the last one: means of the losses; Diverged where one is not finite."""
        steps = [{name: float(value) for name, value in logs.items()} for logs in self._waiting]
        first = step - len(steps) + 1
        bad = sorted({name for logs in steps for name, value in logs.items() if not math.isfinite(value)})
        if bad:
            raise Diverged(f"{', '.join(bad)} of {' and '.join(self._players)} became nan or infinite within steps "
                           f"[{first}, {step}] (learning rate {', '.join(f'{name} {rate:.3g}' for name, rate in rates.items())}); "
                           "the last checkpoint is from before; lower the learning rate or clip_norm, or use float32")
        if self._timed:
            elapsed = time.perf_counter() - self._since
            self.images_per_second = self._timed * self._plan.global_batch / elapsed
        self.losses = {name: float(np.mean([logs[name] for logs in steps])) for name in steps[0]}
        self._waiting, self._timed, self._since = [], 0, time.perf_counter()
        rate = next(iter(rates.values()))
        others = {f"learning_rate_{name}": value for name, value in rates.items()} if len(rates) > 1 else {}
        return {"step": step, "epoch": round(self._plan.epoch(step), 4), "images": step * self._plan.global_batch,
                "seconds": round(self.total_seconds, 3), "images_per_second": self.images_per_second,
                "learning_rate": rate, **others, **self.losses}

    def paused(self):
        """Time spent inside does not count."""
        return _Pause(self)


class _Pause:
    def __init__(self, meter):
        self._meter = meter

    def __enter__(self):
        self._start = time.perf_counter()

    def __exit__(self, *_):
        self._meter._since += time.perf_counter() - self._start


class Samples:
    """Pictures of one fixed validation batch, drawn by rank 0."""

    def __init__(self, task, source, slice_of, journal, cluster):
        self._task, self._journal, self._batch = task, journal, None
        if cluster.is_main:
            from gaudi import pipeline
            self._batch = next(iter(pipeline.ordered_batches(source, **slice_of)))

    def show(self, step: int) -> None:
        """Draw what the network makes of the batch now."""
        if self._batch is not None:
            self._journal.pictures(step, self._task.pictures(self._batch))


class ReportPage:
    """report.html, written by rank 0: fresh during long trainings, but not so often that it costs."""

    EVERY = 120.0  # seconds; writing takes about two

    def __init__(self, run, cluster):
        self._run, self._is_main, self._written = run, cluster.is_main, time.perf_counter()

    def refresh(self) -> None:
        """Write it where the last one is old."""
        if time.perf_counter() - self._written > self.EVERY:
            self.write()

    def write(self) -> None:
        """Write it now."""
        if self._is_main:
            from gaudi import page
            page.write_page(self._run.folder)
            self._written = time.perf_counter()


class Interruption:
    """Notes SIGTERM, SIGINT and SIGUSR1 (what mpirun forwards) instead of dying of them."""

    SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)

    def __init__(self):
        self.asked = False

    def __enter__(self):
        self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def _note(self, *_):
        self.asked = True

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)


def open_device(recipe, ranks):
    """The open device, the precision it computes in, and why."""
    device = devices.probe(recipe.device)
    precision, why = devices.resolve_precision(recipe.precision, device)
    devices.open_device(device, precision, local_rank=ranks.local_rank, local_size=ranks.local_size,
                        deterministic=recipe.deterministic, seed=recipe.seed)
    return device, precision, why


def facts_of(recipe, sources) -> dict[str, str]:
    """Digests that must be equal on all ranks."""
    from gaudi.config import digest
    return {"config": digest(recipe), "code": runs.code_digest(),
            "data": "-".join(source.digest for source in sources.values())}


def optimizers_of(train_step) -> dict:
    """The optimizers under checkpoint names of their own."""
    return {f"optimizer_{name}": optimizer for name, optimizer in train_step.optimizers.items()}


def parameters_of(task) -> dict[str, int]:
    """Number of weights of every network."""
    return {name: int(sum(np.prod(variable.shape) for variable in network.variables))
            for name, network in task.checkpointed.items()}


def open_journal(run, plan, state, recipe, cluster):
    """The log on rank 0, silence elsewhere."""
    if not cluster.is_main:
        return report.SilentJournal()
    return report.Journal(run.folder, total_steps=plan.total_steps, epochs=plan.epochs, start_step=state.step,
                          tensorboard=recipe.train.tensorboard)


def say_finished(run, state, cluster) -> None:
    """One closing line on rank 0."""
    if not cluster.is_main:
        return
    best = f", best {state.best_value:.4g} at step {state.best_step}" if state.best_value is not None else ""
    early = ", stopped early" if state.stopped_early else ""
    print(f"{run.folder}: trained {state.step} steps{best}{early}; report {run.folder / 'report.html'}; "
          f"next: gaudi evaluate {run.folder}; gaudi export {run.folder}", flush=True)
