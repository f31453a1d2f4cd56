"""What `gaudi doctor` checks of the machine: processor, device, cores, memory, shared memory, disk, container."""
import os
import platform
import shutil
import tempfile
from pathlib import Path

from gaudi import device, environment, launch, machine
from gaudi.doctor.finding import Finding, judge

GB = 1 << 30
FREE_MEMORY = (1 * GB, 4 * GB)  # fail and warn below: TensorFlow alone takes half a GB a rank
FREE_DISK = (1 * GB, 10 * GB)  # checkpoints, an export and samples of a small run; the public data sets and an image
SHARED_MEMORY = GB // 2  # Open MPI passes gradients between a host's ranks through it; Docker gives 64 MB


def check_processor(here):
    """x86-64 with AVX, without which TensorFlow's wheels end by an illegal instruction."""
    name, flags = machine.processor()
    able = machine.bfloat16_instructions()
    detail = f"{name}, {platform.machine()}, " + (f"bfloat16 by {able}" if able else "no bfloat16 arithmetic")
    bad = platform.machine() != "x86_64" or "avx" not in flags
    return [judge("processor", bad, detail, "TensorFlow's wheels need an x86-64 processor with AVX")]


def check_device(here):
    """What training will run on, in which precision, and why not on the others."""
    precision, why = device.resolve_precision("auto", here)
    cards = f"{here.count} x " if here.kind != "cpu" else ""
    findings = [Finding("device", "ok", f"{here.kind}: {cards}{here.name}"),
                Finding("precision", "ok", f"auto takes {precision}: {why}")]
    return findings + [Finding("device", "info", f"not {reason}") for reason in here.reasons]


def check_cards(here):
    """Gaudi cards handed to this container, against those of the host."""
    host = sorted(machine.kernel_file("/sys/class/accel").glob("accel*"))
    mine = machine.gaudi_cards()
    if not host:
        return []
    partial = len(mine) < len(host) and not environment.visible_modules()
    return [judge("cards", partial, f"{len(mine)} of the host's {len(host)}", "name them: HABANA_VISIBLE_MODULES=... "
                  "(`hl-smi -Q module_id -f csv`), or ranks look for cards 0, 1, 2, ...", "warn")]


def check_cores(here):
    """Cores, and how many mpirun binds to the rank of each card (PE); below one ranks share them unbound."""
    sockets = launch.cores_by_socket()
    detail = f"{machine.usable_cores()} usable, {sum(sockets.values()) or 'unknown'} physical"
    cards = len(machine.gaudi_cards())
    if not cards:
        return [Finding("cores", "ok", detail)]
    share = launch.processing_elements(cards, sockets)
    return [judge("cores", share < 1, f"{detail}, PE={share} for {cards} cards", "give the container more cores, or "
                  "use fewer cards", "warn")]


def check_memory(here):
    """Memory left for training, by the kernel and by the container's limit."""
    left = machine.memory().get("MemAvailable", 0)
    limit = machine.memory_limit()
    left = min(left, limit) if limit else left
    detail = f"{left / GB:.1f} GB free" + (f", the container's limit is {limit / GB:.1f} GB" if limit else "")
    return [_two_limits("memory", left, FREE_MEMORY, detail,
                        "end other programs, raise the container's limit, or train with fewer ranks")]


def check_shared_memory(here):
    """Room in /dev/shm for the ranks of this host."""
    folder = machine.kernel_file("/dev/shm")
    if not folder.is_dir():
        return [Finding("shared memory", "warn", "no /dev/shm: ranks on this host talk slowly", "mount a tmpfs on it")]
    size = shutil.disk_usage(folder).total
    return [judge("shared memory", size < SHARED_MEMORY, f"/dev/shm has {size / GB:.2f} GB",
                  "start the container with --ipc=host or --shm-size=1g, else two ranks can end by SIGBUS", "warn")]


def check_disk(here):
    """Free space where runs are written, and that they can be."""
    folder = Path.cwd()
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return [Finding("disk", "fail", f"{folder} cannot be written: {error.strerror}",
                        "start from a folder of your own, or name one by --run")]
    free = shutil.disk_usage(folder).free
    return [_two_limits("disk", free, FREE_DISK, f"{free / GB:.1f} GB free in {folder}",
                        "free some, or put runs on another disk by --run")]


def _two_limits(name, value, limits, detail, remedy):
    """fail below the first limit, warn below the second."""
    state = "fail" if value < limits[0] else "warn"
    return judge(name, value < limits[1], detail, remedy, state)


def check_huge_pages(here):
    """Huge pages, out of which Gaudi's driver pins memory; other devices do without."""
    pages = machine.memory().get("HugePages_Total", 0)
    if not machine.gaudi_cards():
        return [Finding("huge pages", "info", f"{pages}; only Gaudi uses them")]
    return [judge("huge pages", not pages, f"{pages} reserved", "on the host: sudo sysctl -w vm.nr_hugepages=47500 "
                  "(the 95 GB that Habana's Kubernetes examples give a job)", "warn")]


def check_container(here):
    """Whether this is a container, and for Gaudi whether its runtime handed over any card."""
    kind = machine.container()
    detail = f"container ({kind})" if kind else f"host {platform.platform()}"
    bare = kind and os.environ.get("HABANA_VISIBLE_DEVICES") and not machine.gaudi_cards()
    return [Finding("container", "warn", detail + ", HABANA_VISIBLE_DEVICES is set, but no card is here",
                    "start it with --runtime=habana on a host with habana-container-runtime") if bare else
            Finding("container", "info", detail)]


CHECKS = (check_processor, check_device, check_cards, check_cores, check_memory, check_shared_memory, check_disk,
          check_huge_pages, check_container)
