"""Reads this machine (processor, cores, memory, accelerator cards) from the kernel's files, without TensorFlow."""
import csv
import math
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")
LOAD_SECONDS = 30  # a healthy libSynapse.so loads in about one second


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA card as its driver lists it; `capability` is CUDA's compute capability, e.g. 8.6."""

    uuid: str
    name: str
    capability: float


def kernel_file(path):
    """Where the absolute `path` is read from: GAUDI_SYS_ROOT lets a test put another machine's files in its place."""
    return Path(os.environ.get("GAUDI_SYS_ROOT", "/")) / str(path).lstrip("/")


def read_line(path):
    """First line of a kernel file without blanks at its ends, or None where it cannot be read."""
    try:
        with open(kernel_file(path), encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return None


def processor():
    """(model name, set of instruction flags) of the first processor."""
    fields = {}
    try:
        text = kernel_file("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    for line in text.split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip()
    return fields.get("model name") or "CPU of unknown model", set(fields.get("flags", "").split())


def bfloat16_instructions():
    """The processor flag that multiplies in bfloat16, or '' where it would be emulated."""
    flags = processor()[1]
    return next((flag for flag in BFLOAT16_FLAGS if flag in flags), "")


def cgroup_cores():
    """Cores the container's quota allows (cgroup v2 or v1), or None without one."""
    quota, _, period = (read_line("/sys/fs/cgroup/cpu.max") or "max").partition(" ")
    if not period:
        quota = read_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") or "-1"
        period = read_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us") or "100000"
    if not quota.isdigit() or not period.isdigit() or period == "0":
        return None
    return max(1, math.ceil(int(quota) / int(period)))


def usable_cores():
    """Logical cores this process may run on: its affinity, cut by the container's quota."""
    bound = len(os.sched_getaffinity(0))
    quota = cgroup_cores()
    return min(bound, quota) if quota else bound


def gaudi_cards():
    """{accel index: device type} of the Gaudi cards that the driver shows and this container may open."""
    cards = {}
    for folder in sorted(kernel_file("/sys/class/accel").glob("accel*")):
        index = folder.name[len("accel"):]
        kind = read_line(f"/sys/class/accel/{folder.name}/device/device_type") or ""
        if index.isdigit() and kind.startswith("GAUDI"):
            cards[int(index)] = kind
    nodes = kernel_file("/dev/accel")
    if nodes.is_dir():  # sysfs shows a container all of the host's cards, /dev only those handed to it
        cards = {index: kind for index, kind in cards.items() if (nodes / f"accel{index}").exists()}
    return cards


def memory():
    """{name: bytes or pages} of /proc/meminfo, e.g. MemTotal, MemAvailable, HugePages_Total."""
    facts = {}
    try:
        lines = kernel_file("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        number, _, unit = value.strip().partition(" ")
        facts[name] = int(number) * (1024 if unit == "kB" else 1)
    return facts


def memory_limit():
    """Bytes the container may use (cgroup v2 or v1), or None without a limit."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        value = read_line(path) or ""
        if value.isdigit() and int(value) < 1 << 60:  # v1 writes a huge number for none
            return int(value)
    return None


def container():
    """What kind of container this process runs in ("docker", "podman", "kubernetes", ...), or None on a host."""
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    if kernel_file("/.dockerenv").exists():
        return "docker"
    if kernel_file("/run/.containerenv").exists():
        return "podman"
    return os.environ.get("container") or None


def has_efa():
    """Whether the host has AWS's network card for several machines (Elastic Fabric Adapter)."""
    return any(kernel_file("/sys/class/infiniband").glob("efa_*"))


def loads(library):
    """None if the shared library loads, else why not; tried in a child process, for loading it could end this one."""
    command = [sys.executable, "-I", "-S", "-c", f"import ctypes; ctypes.CDLL({library!r})"]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_SECONDS)
    except subprocess.TimeoutExpired:
        return f"{library} does not load within {LOAD_SECONDS} s"
    if child.returncode == 0:
        return None
    if child.returncode < 0:
        return f"loading {library} ends the process by signal {-child.returncode}"
    return (child.stderr.strip().splitlines() or [f"{library} does not load"])[-1].removeprefix("OSError: ")


def nvidia_gpus():
    """The NVIDIA cards nvidia-smi lists, in CUDA_VISIBLE_DEVICES' order and choice; empty without a driver."""
    command = ["nvidia-smi", "--query-gpu=uuid,name,compute_cap", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_SECONDS)
    except (FileNotFoundError, PermissionError, subprocess.TimeoutExpired):
        return []
    if answer.returncode != 0:
        return []
    rows = [row for row in csv.reader(answer.stdout.splitlines(), skipinitialspace=True) if len(row) == 3]
    gpus = [Gpu(uuid, name, float(cap)) for uuid, name, cap in rows if re.fullmatch(r"\d+\.\d+", cap)]
    return visible(gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))


def visible(gpus, chosen):
    """CUDA's rule: `chosen` lists indexes or uuid beginnings, and whatever follows the first wrong one is hidden."""
    if chosen is None:
        return gpus
    shown = []
    for entry in chosen.split(","):
        entry = entry.strip()
        if entry.isdigit() and int(entry) < len(gpus):
            shown.append(gpus[int(entry)])
            continue
        match = [gpu for gpu in gpus if entry and gpu.uuid.startswith(entry)]
        if len(match) != 1:
            break
        shown.append(match[0])
    return shown
