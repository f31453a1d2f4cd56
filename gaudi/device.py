"""Finds and opens the device: hpu, else gpu, else cpu. The only file that imports habana_frameworks."""
import importlib.util
import os
import sys
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from gaudi import environment, machine
from gaudi.errors import UserError

KINDS = ("hpu", "gpu", "cpu")
PRECISIONS = ("auto", "float32", "bfloat16")
HABANA_TENSORFLOW = "2.15.0"  # the bridge raises ImportError with any other, 2.15.1 included
DEVICE_TYPE = "/sys/class/accel/accel0/device/device_type"
BFLOAT16_CAPABILITY = 8.0  # Ampere is the first NVIDIA generation with bfloat16
INTER_OP_THREADS = 2  # a training step is one chain of operators; the second thread serves what hangs beside it


@dataclass(frozen=True)
class Device:
    """What training runs on: `count` cards (cpu: usable cores), why not the other kinds, what computes in bfloat16."""

    kind: str
    name: str
    count: int
    reasons: tuple[str, ...] = ()
    bfloat16: str = ""  # e.g. "avx512_bf16"; empty where bfloat16 would be emulated
    indexes: tuple[int, ...] = ()  # the cards asked for, as by "gpu:0,2"; empty means all, in order


def probe(wanted="auto") -> Device:
    """The device to train on; imports no TensorFlow and never aborts. UserError if `wanted` is not there."""
    kind, indexes = _parse(wanted)
    found, reasons = None, []
    for candidate in KINDS:
        if found:
            reasons.append(f"{candidate}: {found.kind} is here and comes before it")
        elif kind not in ("auto", candidate):
            reasons.append(f"{candidate}: device={wanted} was asked for")
        else:
            found, missing = FINDERS[candidate]()
            if not found and kind == candidate:
                raise UserError(f"device={wanted} was asked for, but this machine has none: {missing}")
            if not found:
                reasons.append(f"{candidate}: {missing}")
            elif kind == candidate:
                found = _only(found, indexes, wanted)
    return replace(found, reasons=tuple(reasons))


def _parse(wanted):
    """'gpu:0,2' -> ('gpu', (0, 2)); UserError for anything that is not auto, a kind, or a card of one."""
    kind, colon, cards = str(wanted).partition(":")
    parts = cards.split(",") if colon else []
    wrong = kind not in ("auto", *KINDS) or not all(part.isdigit() for part in parts) or len(set(parts)) < len(parts)
    if wrong or (parts and kind not in ("hpu", "gpu")):
        raise UserError(f"device={wanted} is unknown: allowed are auto, hpu, gpu, cpu, or cards as in gpu:0 or hpu:2,3")
    return kind, tuple(int(part) for part in parts)


def _only(device, indexes, wanted):
    """The device cut down to the cards asked for."""
    if not indexes:
        return device
    absent = [index for index in indexes if index >= device.count]
    if absent:
        raise UserError(f"device={wanted}: there is no {device.kind}:{absent[0]} here, "
                        f"{device.kind}:0 to {device.kind}:{device.count - 1} are")
    return replace(device, count=len(indexes), indexes=indexes)


def _find_hpu():
    """(Device, None), or (None, what a Gaudi card would need and is missing)."""
    missing = hpu_missing()
    if missing:
        return None, "; ".join(missing)
    count = len(environment.visible_modules()) or len(machine.gaudi_cards())
    return Device("hpu", f"Habana {machine.read_line(DEVICE_TYPE)}", count, bfloat16="every Gaudi does"), None


def hpu_missing() -> list[str]:
    """Everything that keeps the Habana module from loading here; empty where the load will stand.

    Trying the load instead would not do: a failed one leaves the process such that its next operation aborts.
    """
    kind = machine.read_line(DEVICE_TYPE)
    checks = [
        kind is None and f"no {DEVICE_TYPE} (no Gaudi driver)",
        kind is not None and not kind.startswith("GAUDI") and f"{DEVICE_TYPE} says {kind!r}, not GAUDI",
        kind is not None and not machine.gaudi_cards() and "no card below /dev/accel (container not given any)",
        bridge_mismatch(),
        tensorflow_mismatch(),
    ]
    missing = [check for check in checks if check]
    return missing or [reason for reason in [machine.loads("libSynapse.so")] if reason]


def bridge_mismatch() -> str | None:
    """Why there is no Habana bridge for this Python, or None; only looks for it, for the import patches Keras."""
    try:
        found = importlib.util.find_spec("habana_frameworks.tensorflow")
    except ModuleNotFoundError:
        found = None
    if found is None:
        return "habana-tensorflow is not installed" + ("" if sys.version_info[:2] == (3, 10) else
                                                       " (it exists for Python 3.10 only, this is "
                                                       f"{sys.version_info[0]}.{sys.version_info[1]})")
    built_for = wheel_pythons("habana-tensorflow")
    mine = {f"cp{sys.version_info[0]}{sys.version_info[1]}", "py3"}
    if built_for and not built_for & mine:
        return (f"habana-tensorflow is built for {', '.join(sorted(built_for))}, "
                f"this is Python {sys.version_info[0]}.{sys.version_info[1]}")
    return None


def wheel_pythons(distribution) -> set[str]:
    """The Python tags of an installed wheel, such as {"cp310"}; empty where its metadata does not say."""
    try:
        wheel = metadata.distribution(distribution).read_text("WHEEL") or ""
    except metadata.PackageNotFoundError:
        return set()
    return {tag for line in wheel.splitlines() if line.startswith("Tag:")
            for tag in line.partition(":")[2].strip().split("-")[0].split(".")}


def tensorflow_mismatch() -> str | None:
    """Why this TensorFlow would end the process when the bridge is loaded, or None."""
    if installed("tensorflow"):
        return "the ordinary `tensorflow` wheel is installed, the bridge needs `tensorflow-cpu`"
    version = installed("tensorflow-cpu")
    if version != HABANA_TENSORFLOW:
        return f"tensorflow-cpu is {version or 'not installed'}, the bridge needs {HABANA_TENSORFLOW}"
    return None


def installed(distribution) -> str | None:
    """Version of an installed distribution, or None; reads metadata only."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _find_gpu():
    """(Device, None), or (None, why there is no usable GPU)."""
    gpus = machine.nvidia_gpus()
    if not gpus:
        chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
        hidden = f" with CUDA_VISIBLE_DEVICES={chosen!r}" if chosen is not None else ""
        return None, "nvidia-smi lists no card" + hidden
    if not installed("tensorflow"):
        return None, f"{gpus[0].name} is here, but TensorFlow is its CPU build: install requirements/gpu.lock"
    oldest = min(gpu.capability for gpu in gpus)
    able = f"compute capability {oldest}" if oldest >= BFLOAT16_CAPABILITY else ""
    return Device("gpu", gpus[0].name, len(gpus), bfloat16=able), None


def _find_cpu():
    """(Device, None): there always is one."""
    return Device("cpu", machine.processor()[0], machine.usable_cores(), bfloat16=machine.bfloat16_instructions()), None


FINDERS = {"hpu": _find_hpu, "gpu": _find_gpu, "cpu": _find_cpu}


def resolve_precision(precision, device) -> tuple[str, str]:
    """(\"float32\" or \"bfloat16\", why); bfloat16 keeps its variables in float32, as Keras' mixed_bfloat16 does."""
    if precision not in PRECISIONS:
        raise UserError(f"precision={precision} is unknown: allowed are {', '.join(PRECISIONS)}")
    if precision == "float32":
        return "float32", "asked for"
    if device.bfloat16:
        return "bfloat16", f"{device.name} computes in it ({device.bfloat16})"
    if precision == "auto":
        return "float32", f"{device.name} has no bfloat16 arithmetic"
    if device.kind == "gpu":  # cuDNN has no bfloat16 convolutions below it: training would end at the first step
        raise UserError(f"precision=bfloat16 needs a GPU of compute capability {BFLOAT16_CAPABILITY} or more, "
                        f"{device.name} has less: use precision=float32 or auto")
    return "bfloat16", f"asked for; {device.name} has no bfloat16 arithmetic, so it is emulated and slower than float32"


def open_device(device, precision, *, local_rank=0, local_size=1, deterministic=False, seed=0) -> None:
    """Imports TensorFlow and readies it for `device`; whoever imports Horovod does it after this, never before.

    The order is the bridge's: the cluster's description already is in the environment, then settings, then the
    load, then Horovod; whatever allocates before the load ends the process.
    """
    precision, _ = resolve_precision(precision, device)
    threads = threads_per_rank(local_size)
    _require_card(device, local_rank, local_size)
    environment.apply(environment.TENSORFLOW_SETTINGS)
    environment.limit_threads(threads)
    if device.kind == "hpu":
        _load_habana(device, local_rank, local_size)
    import tensorflow as tf
    if device.kind == "gpu":
        _open_gpu(tf, (device.indexes or range(device.count))[local_rank])
    elif device.kind == "cpu":
        tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(min(INTER_OP_THREADS, threads))
    tf.keras.mixed_precision.set_global_policy({"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision])
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(seed)


def threads_per_rank(local_size) -> int:
    """Cores of this rank's own: mpirun's binding has divided them already, else they are divided here."""
    cores = machine.usable_cores()
    return cores if environment.bound_by_mpirun() else max(1, cores // local_size)


def _require_card(device, local_rank, local_size):
    """UserError where this rank has no card to itself."""
    if device.kind != "cpu" and local_rank >= device.count:
        raise UserError(f"{local_size} ranks on this host, but {device.count} {device.kind} card(s): one rank a card, "
                        f"start at most {device.count}")


def _load_habana(device, local_rank, local_size):
    """Loads the bridge, so that TensorFlow has the device HPU; nothing may have been allocated before it."""
    _refuse_late_load()
    environment.refuse_conflicts()
    for notice in environment.choose_module(local_rank, local_size, device.indexes):
        print(f"gaudi: {notice}", file=sys.stderr)
    environment.apply(environment.GAUDI_SETTINGS)
    environment.use_recipe_cache()
    if machine.has_efa():
        environment.apply(environment.EFA_SETTINGS)
    from habana_frameworks.tensorflow import load_habana_module
    load_habana_module()
    import tensorflow as tf
    if not tf.config.list_physical_devices("HPU"):
        raise RuntimeError("the Habana module is loaded, but TensorFlow lists no device HPU")


def _refuse_late_load():
    """RuntimeError where the load would end the process: something is allocated, or Horovod is there already."""
    if "horovod.tensorflow" in sys.modules:
        raise RuntimeError("horovod.tensorflow was imported before the Habana module was loaded")
    if "tensorflow" in sys.modules:
        from tensorflow.python.eager import context
        started = context.context_safe()
        if started is not None and started._initialized:  # no public name says whether TensorFlow has started
            raise RuntimeError("TensorFlow has allocated something before the Habana module was loaded")


def _open_gpu(tf, index):
    """Gives this process one GPU and lets its memory grow with need, so that two jobs can share a card."""
    gpus = tf.config.list_physical_devices("GPU")
    if index >= len(gpus):
        raise UserError(f"nvidia-smi lists gpu:{index}, but TensorFlow opens {len(gpus)} GPU(s): its CUDA libraries do "
                        "not load; install requirements/gpu.lock, or use device=cpu")
    tf.config.set_visible_devices(gpus[index], "GPU")
    tf.config.experimental.set_memory_growth(gpus[index], True)


def log_compilations(device, folder) -> bool:
    """Has Gaudi's bridge write an event for every graph it compiles into `folder`; False where nothing compiles.

    Each shape that was not seen before is a compilation of seconds to minutes: their number should stay still
    after the first steps. Call it after open_device.
    """
    if device.kind != "hpu":
        return False
    from habana_frameworks.tensorflow.habana_device import event_log
    event_log.enable_event_log(str(folder))
    return True


def count_compilations(folder) -> tuple[int, float]:
    """(number, seconds in all) of the graph compilations that log_compilations wrote so far."""
    from tensorflow.compat.v1.train import summary_iterator
    number, seconds = 0, 0.0
    for file in sorted(Path(folder).glob("*tfevents*")):
        for event in summary_iterator(str(file)):
            values = {value.tag: value.tensor for value in event.summary.value}
            if "GraphCompilation" in values:
                number += 1
                seconds += values["duration"].double_val[0]
    return number, seconds
