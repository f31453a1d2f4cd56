"""Builds the mpirun line that starts one rank a card, and is the command behind launch/*.sh."""
from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections import Counter
from pathlib import Path

from gaudi import environment as settings
from gaudi import machine, mpirun
from gaudi.errors import DONE, WRONG_INPUT, UserError

KINDS = ("cpu", "gpu", "hpu")
TOPOLOGY = "/sys/devices/system/cpu"
# Settings that ranks on other hosts need; on this host they inherit the whole environment.
FORWARDED = ("PATH", "PYTHONPATH", "PYTHONHASHSEED", "LOG_LEVEL_ALL", "RDMAV_FORK_SAFE", "OMP_NUM_THREADS")
# TensorFlow's by their second word, for other programs' variables, tokens among them, begin with TF_ too.
FORWARDED_PREFIXES = ("GAUDI_", "HABANA_", "HCCL_", "HOROVOD_", "NCCL_", "FI_", "XLA_", "TF_BF16_", "TF_CPP_",
                      "TF_ENABLE_", "TF_GPU_", "TF_HCCL_", "TF_HOOK_", "TF_NUM_", "TF_RECIPE_", "TF_XLA_")
# Where this launch is on one host: no ssh is looked for, no batch system's host list is taken, messages go by
# shared memory, and a machine with no network but its loopback will do.
ONE_HOST = ("plm", "isolated", "ras", "^slurm,tm,lsf,gridengine,loadleveler", "oob_tcp_if_include", "lo")
SHARED_MEMORY = ("pml", "ob1", "btl", "self,vader")
# Waiting ranks give way instead of spinning, for they share the cores with those that compute.
GIVE_WAY = ("mpi_yield_when_idle", "1")
# Reading a neighbour's memory needs a right that containers lack; copying through shared memory always works.
NO_PTRACE = ("btl_vader_single_copy_mechanism", "none")


def mpirun_line(ranks: int, command: list[str], *, kind="cpu", hosts=None, output_dir=None, extra_env=(),
                oversubscribe=None) -> list[str]:
    """The exact command for `ranks` processes of `command`, one a card (cpu: one a core at most).

    hosts: ["name:slots", ...] for several hosts, else this one. output_dir: each rank's output is kept there, and shown
    with its rank. extra_env: ["NAME" or "NAME=VALUE", ...] for the ranks. oversubscribe: more ranks than cores on cpu,
    default GAUDI_OVERSUBSCRIBE=1. UserError if there are more ranks than slots or no mpirun.
    """
    if kind not in KINDS:
        raise UserError(f"launch kind {kind!r} is unknown: allowed are {', '.join(KINDS)}")
    if ranks < 1:
        raise UserError(f"{ranks} ranks were asked for: at least 1 is needed")
    if oversubscribe is None:
        oversubscribe = os.environ.get("GAUDI_OVERSUBSCRIBE") == "1"
    hosts = parse_hosts(hosts) if hosts else None
    check_slots(ranks, kind, hosts, oversubscribe)
    line = [find_mpirun()]
    if os.geteuid() == 0:
        line.append("--allow-run-as-root")
    line += placement(kind)
    line += mca(*parameters(kind, hosts))
    if output_dir:
        line += ["--tag-output", "--merge-stderr-to-stdout", "--output-filename", str(output_dir)]
    for name in (*(forwarded() if hosts else ()), *extra_env):
        line += ["-x", name]
    where = ",".join(f"{name}:{slots}" for name, slots in hosts) if hosts else f"localhost:{ranks}"
    return [*line, "-np", str(ranks), "-H", where, *command]


def find_mpirun() -> str:
    """The environment's own mpirun, else the first on PATH (Gaudi's images bring theirs)."""
    own = Path(sys.prefix) / "bin" / "mpirun"
    found = str(own) if own.exists() else shutil.which("mpirun")
    if found is None:
        raise UserError(f"no mpirun in {own.parent} nor on PATH: bash scripts/setup.sh installs it; one rank runs without")
    return found


def parse_hosts(hosts) -> list[tuple[str, int]]:
    """[("a", 8), ...] of ["a:8", ...]; a host without a number has 8 slots, as many as a Gaudi host has cards."""
    parsed = []
    for host in hosts:
        name, colon, slots = host.rpartition(":") if ":" in host else (host, "", str(settings.CARDS_A_HOST))
        if not name or not slots.isdigit() or int(slots) < 1:
            raise UserError(f"host {host!r} cannot be read: allowed is NAME or NAME:SLOTS, such as node1:8")
        parsed.append((name, int(slots)))
    if len({name for name, _ in parsed}) < len(parsed):
        raise UserError(f"a host is named twice in {','.join(hosts)}: name each once, with all its slots")
    return parsed


def check_slots(ranks: int, kind: str, hosts, oversubscribe: bool) -> None:
    """UserError if there are more ranks than slots."""
    if hosts:
        slots, what = sum(number for _, number in hosts), f"slots on {len(hosts)} host(s)"
    elif kind == "cpu":
        slots, what = machine.usable_cores(), "usable core(s)"
    else:
        cards = machine.gaudi_cards() if kind == "hpu" else machine.nvidia_gpus()
        slots, what = len(cards) or settings.CARDS_A_HOST, f"{kind} card(s)"
    if ranks > slots and not (oversubscribe and kind == "cpu"):
        remedy = "; --oversubscribe or GAUDI_OVERSUBSCRIBE=1 shares cores among ranks" if kind == "cpu" else ""
        raise UserError(f"{ranks} ranks were asked for, but there are {slots} {what}: allowed are 1 to {slots}{remedy}")


def placement(kind: str) -> list[str]:
    """Where ranks may run: on Gaudi cores of their own beside the card; elsewhere free, threads are divided inside."""
    cards = len(machine.gaudi_cards()) or settings.CARDS_A_HOST
    elements = processing_elements(cards, cores_by_socket()) if kind == "hpu" else 0
    if not elements:
        return ["--bind-to", "none"]
    return ["--bind-to", "core", "--map-by", f"socket:PE={elements}"]


def processing_elements(cards: int, sockets: Counter) -> int:
    """Cores for each rank: floor(physical cores / cards), at most a socket's; 0 where there is not one for each."""
    if not sockets:
        return 0
    return min(sum(sockets.values()) // cards, min(sockets.values()))


def cores_by_socket(topology=None, allowed=None) -> Counter:
    """{socket: physical cores}, hyperthreads not counted twice; empty where the kernel does not say.

    topology: the folder of cpu0, cpu1, ...; default this machine's. allowed: logical CPUs to count, default this process's.
    """
    if topology is None:
        topology = machine.kernel_file(TOPOLOGY)
        if "GAUDI_SYS_ROOT" not in os.environ:  # another machine's files say nothing about this process's affinity
            allowed = os.sched_getaffinity(0)
    cores = set()
    for folder in Path(topology).glob("cpu[0-9]*/topology"):
        number = int(folder.parent.name.removeprefix("cpu"))
        if allowed is None or number in allowed:
            cores.add(tuple((folder / name).read_text().strip() for name in ("physical_package_id", "core_id")))
    return Counter(socket for socket, _ in cores)


def parameters(kind: str, hosts) -> list[tuple[str, str]]:
    """Open MPI's parameters for this launch."""
    flat = [*NO_PTRACE]
    if kind != "hpu":
        flat += GIVE_WAY
    if not hosts:
        flat += ONE_HOST + (SHARED_MEMORY if kind != "hpu" else ())
    else:
        network = os.environ.get("GAUDI_NETWORK")
        if network:
            flat += ["btl_tcp_if_include", network, "oob_tcp_if_include", network]
        if os.environ.get("GAUDI_RSH"):
            flat += ["plm_rsh_agent", os.environ["GAUDI_RSH"]]
    return list(zip(flat[::2], flat[1::2]))


def mca(*pairs: tuple[str, str]) -> list[str]:
    """mpirun's arguments for its parameters."""
    return [part for name, value in pairs for part in ("--mca", name, value)]


def forwarded() -> list[str]:
    """What ranks on other hosts get of this environment, and what Amazon's network card needs where there is one."""
    names = [name for name in sorted(os.environ) if name in FORWARDED or name.startswith(FORWARDED_PREFIXES)]
    efa = settings.EFA_SETTINGS if machine.has_efa() else {}
    return names + [f"{name}={value}" for name, (value, _) in efa.items() if name not in os.environ]


def run(ranks: int, command: list[str], **line_options) -> int:
    """Start the ranks, mind them to the end and return their exit code; options as for mpirun_line."""
    line = mpirun_line(ranks, command, **line_options)
    return mpirun.mind(line, plain=bool(line_options.get("output_dir")))


def environment() -> dict[str, str]:
    """What mpirun must be started with."""
    return mpirun.clean_environment()


def options_of(arguments) -> tuple[argparse.Namespace, list[str]]:
    """Launch's own options, and what is left for `gaudi train`."""
    from gaudi.cli import Parser
    own = Parser(prog="python -m gaudi.launch", allow_abbrev=False, usage="%(prog)s CONFIG [options] "
                 "[arguments of gaudi train]", description="Trains a recipe on several ranks.")
    own.add_argument("--ranks", type=int, metavar="N", help="processes, one a card (default 1; all slots with --hosts)")
    own.add_argument("--kind", choices=KINDS, help="device to place ranks for (default: what the recipe finds here)")
    own.add_argument("--hosts", metavar="A:8,B:8", help="several hosts and their slots; each needs this folder in its place")
    own.add_argument("--output", metavar="DIR", help="keep each rank's output there, and show it with its rank")
    own.add_argument("--oversubscribe", action="store_true", default=None, help="on cpu, more ranks than cores")
    own.add_argument("--dry-run", action="store_true", help="print the mpirun line and start nothing")
    options, rest = own.parse_known_args(arguments)
    if not rest or rest[0].startswith("-"):
        own.error("name a recipe first, such as configs/cleaner.yaml")
    return options, rest


def launch(arguments) -> int:
    """Check the recipe as `gaudi train` will, then print or run its line."""
    options, rest = options_of(arguments)
    from gaudi import cli, config, device, schedule
    chosen = cli.parse(["train", *rest])
    recipe = config.load(chosen.config, chosen.overrides, chosen.tiny)
    hosts = options.hosts.split(",") if options.hosts else None
    ranks = options.ranks
    if ranks is None:
        ranks = sum(slots for _, slots in parse_hosts(hosts)) if hosts else 1
    cli.check_ranks(ranks)
    schedule.per_rank_batch(recipe.train.global_batch, ranks)
    kind = options.kind or device.probe(recipe.device).kind
    command = [sys.executable, "-m", "gaudi.cli", "train", *rest]
    how = dict(kind=kind, hosts=hosts, output_dir=options.output, oversubscribe=options.oversubscribe)
    if options.dry_run:
        print(shlex.join(mpirun_line(ranks, command, **how)))
        return DONE
    return run(ranks, command, **how)


def main(arguments=None) -> int:
    """The command behind launch/*.sh; exit codes as those of gaudi."""
    try:
        return launch(arguments)
    except UserError as error:
        print(f"gaudi: {error}", file=sys.stderr)
        return WRONG_INPUT


if __name__ == "__main__":
    sys.exit(main())
