"""The mpirun line, and real mpirun jobs: their output, their end by exit code, stop and kill, and that none is left."""
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from gaudi import launch, mpirun
from gaudi.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
LAUNCHER = """
import sys
from gaudi import launch
sys.exit(launch.run(int(sys.argv[1]), [sys.executable, "-c", sys.argv[2], sys.argv[3]], oversubscribe=True))
"""
PREAMBLE = "import os, signal, sys, time; rank = int(os.environ['OMPI_COMM_WORLD_RANK'])\n"
SAVES = PREAMBLE + """
def save(*_):
    time.sleep(0.2)
    open(f"{sys.argv[1]}/saved{rank}", "w").close()
    os._exit(75)
for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
    signal.signal(number, save)
open(f"{sys.argv[1]}/pid{rank}.new", "w").write(str(os.getpid()))
os.rename(f"{sys.argv[1]}/pid{rank}.new", f"{sys.argv[1]}/pid{rank}")
time.sleep(60)
"""


def start(ranks, program, folder="", **options):
    """The launcher in a process of its own, its ranks running `program` with `folder` as argument."""
    return subprocess.Popen([sys.executable, "-c", LAUNCHER, str(ranks), program, str(folder)], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def outcome(ranks, program):
    """(exit code, stdout, stderr) of a launch."""
    job = start(ranks, program)
    stdout, stderr = job.communicate(timeout=60)
    return job.returncode, stdout, stderr


def wait_for(condition, seconds=20):
    """True as soon as `condition()` is, False after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def pids(folder, ranks):
    """Process ids of all ranks, when all are ready for signals."""
    files = [folder / f"pid{rank}" for rank in range(ranks)]
    assert wait_for(lambda: all(file.exists() for file in files)), "the ranks did not start"
    return [int(file.read_text()) for file in files]


def alive(pid):
    """Whether the process runs (a zombie does not)."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def none_left(ids):
    """Whether all these processes end within seconds."""
    return wait_for(lambda: not any(alive(pid) for pid in ids))


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host of 2 sockets with 48 cores each, every core with 2 threads, as the kernel numbers them."""
    for cpu in range(192):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text(f"{cpu // 48 % 2}\n")
        (folder / "core_id").write_text(f"{cpu % 48}\n")
    monkeypatch.setenv("GAUDI_SYS_ROOT", str(tmp_path))
    return tmp_path


def test_gaudi_line_divides_physical_cores(host):
    """192 threads are 96 cores; 96 / 8 cards = 12 for each rank, whether 8 ranks run or 1."""
    for ranks in (1, 8):
        line = launch.mpirun_line(ranks, ["train"], kind="hpu", output_dir="out")
        text = shlex.join(line)
        assert "--bind-to core --map-by socket:PE=12" in text
        assert "--tag-output --merge-stderr-to-stdout --output-filename out" in text
        assert text.endswith(f"-np {ranks} -H localhost:{ranks} train")


@pytest.mark.parametrize("sockets, cards, elements", [
    ({"0": 48, "1": 48}, 8, 12),
    ({"0": 20, "1": 20}, 8, 5),
    ({"0": 26, "1": 26}, 8, 6),   # 52 / 8 = 6.5
    ({"0": 4}, 8, 0),             # fewer cores than cards: no binding
    ({"0": 48, "1": 48}, 1, 48),  # one card in sight: not more than a socket, a rank cannot be mapped across two
    ({}, 8, 0),
])
def test_processing_elements(sockets, cards, elements):
    assert launch.processing_elements(cards, launch.Counter(sockets)) == elements


def test_cores_respect_affinity(host):
    """CPUs 0 and 96 are two threads of one core; 48 lies on the other socket."""
    topology = host / "sys/devices/system/cpu"
    assert launch.cores_by_socket(topology, allowed={0, 96, 48}) == {"0": 1, "1": 1}


def test_cpu_line_leaves_threads_free():
    text = shlex.join(launch.mpirun_line(1, ["train"]))
    assert text.startswith(str(Path(sys.prefix) / "bin" / "mpirun"))
    assert "--bind-to none" in text and "PE=" not in text
    assert ("--allow-run-as-root" in text) == (os.geteuid() == 0)


def test_more_ranks_than_slots(monkeypatch):
    monkeypatch.delenv("GAUDI_OVERSUBSCRIBE", raising=False)
    cores = len(os.sched_getaffinity(0))
    with pytest.raises(UserError, match=rf"{cores + 1} ranks .* {cores} usable core.* 1 to {cores}"):
        launch.mpirun_line(cores + 1, ["train"])
    assert launch.mpirun_line(cores + 1, ["train"], oversubscribe=True)
    with pytest.raises(UserError, match="9 ranks .* 8 hpu card"):
        launch.mpirun_line(9, ["train"], kind="hpu", oversubscribe=True)
    with pytest.raises(UserError, match="17 ranks .* 16 slots on 2 host"):
        launch.mpirun_line(17, ["train"], kind="hpu", hosts=["a:8", "b:8"])


def test_hosts_line_forwards_settings_but_no_credentials(monkeypatch):
    for name, value in {"TF_CPP_MIN_LOG_LEVEL": "2", "HABANA_LOGS": "x", "TF_TOKEN_example": "t", "KAGGLE_KEY": "k",
                        "GAUDI_NETWORK": "10.0.0.0/8"}.items():
        monkeypatch.setenv(name, value)
    line = launch.mpirun_line(4, ["train"], hosts=["a:2", "b:2"])
    sent = [line[place + 1] for place, part in enumerate(line) if part == "-x"]
    assert {"PATH", "TF_CPP_MIN_LOG_LEVEL", "HABANA_LOGS"} <= set(sent)
    assert not {"TF_TOKEN_example", "KAGGLE_KEY"} & set(sent)
    assert "isolated" not in line and line[line.index("-H") + 1] == "a:2,b:2"
    assert line[line.index("btl_tcp_if_include") + 1] == "10.0.0.0/8"


@pytest.mark.parametrize("hosts", [["a:0"], ["a:x"], [":8"], ["a:4", "a:4"]])
def test_bad_hosts(hosts):
    with pytest.raises(UserError, match="host"):
        launch.mpirun_line(1, ["train"], hosts=hosts)


def test_scripts_dry_run_prints_line_and_runs_nothing(host, tmp_path):
    run = subprocess.run(["bash", str(ROOT / "launch/hpu8.sh"), str(ROOT / "configs/cleaner.yaml"), "--dry-run", "--tiny"],
                         capture_output=True, text=True, cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    line = shlex.split(run.stdout)
    assert "socket:PE=12" in line and line[line.index("-np") + 1] == "8"
    assert line[-4:] == ["gaudi.cli", "train", str(ROOT / "configs/cleaner.yaml"), "--tiny"]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("arguments, says", [
    ([], "name a recipe"),
    (["configs/cleaner.yaml", "--ranks", "0"], "at least 1"),
    (["nosuch.yaml"], "nosuch.yaml"),
    (["configs/cleaner.yaml", "--ranks", "many"], "many"),
])
def test_scripts_bad_input_is_one_line(arguments, says):
    run = subprocess.run(["bash", "launch/local.sh", *arguments], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1 and says in run.stderr and run.stdout == ""


def test_output_of_ranks_comes_through_unchanged():
    """stdout of both, and of stderr also what ends with \\r or looks nearly like mpirun's own notices."""
    program = PREAMBLE + "sys.stdout.write(f'out {rank}\\n')\nif rank == 0: sys.stderr.write('50 %\\r100 %\\n' + '-' * 20 + '\\n')"
    code, stdout, stderr = outcome(2, program)
    assert code == 0
    assert sorted(stdout.splitlines()) == ["out 0", "out 1"]
    assert stderr.encode() == b"50 %\r100 %\n" + b"-" * 20 + b"\n" or stderr == "50 %\n100 %\n" + "-" * 20 + "\n"


@pytest.mark.parametrize("code", [2, 75])
def test_exit_code_of_ranks_is_handed_on_in_silence(code):
    program = PREAMBLE + f"sys.stderr.write('gaudi: why\\n'); sys.stderr.flush(); time.sleep(0.3); sys.exit({code})"
    assert outcome(3, program) == (code, "", "gaudi: why\n")


def test_failed_rank_ends_the_others_and_is_named():
    code, _, stderr = outcome(3, PREAMBLE + "sys.exit(5) if rank == 1 else time.sleep(60)")
    assert code == 1
    assert stderr == "gaudi: rank 1 ended with exit code 5; the other ranks were ended\n"


def test_killed_rank_ends_the_others_and_is_named(tmp_path):
    job = start(2, PREAMBLE + SAVES, tmp_path)
    ids = pids(tmp_path, 2)
    os.kill(ids[1], signal.SIGKILL)
    stderr = job.communicate(timeout=30)[1]
    assert job.returncode == 1
    assert stderr.startswith("gaudi: rank 1 on ") and "died of signal 9" in stderr and stderr.count("\n") == 1
    assert none_left(ids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stop_lets_every_rank_save(number, tmp_path):
    job = start(2, SAVES, tmp_path)
    ids = pids(tmp_path, 2)
    job.send_signal(number)
    assert (job.communicate(timeout=30)[1], job.returncode) == ("", 75)
    assert (tmp_path / "saved0").exists() and (tmp_path / "saved1").exists()
    assert none_left(ids)


def test_ctrl_c_in_the_terminal_reaches_ranks_once(tmp_path):
    """A terminal signals its whole foreground group; mpirun, which would end its ranks at once, must not be in it."""
    job = start(2, SAVES, tmp_path, start_new_session=True)
    pids(tmp_path, 2)
    os.killpg(job.pid, signal.SIGINT)
    job.communicate(timeout=30)
    assert job.returncode == 75 and (tmp_path / "saved1").exists()


def test_second_stop_ends_ranks_that_do_not_save(tmp_path):
    deaf = SAVES.replace("time.sleep(0.2)", "time.sleep(60)")
    job = start(1, deaf, tmp_path)
    ids = pids(tmp_path, 1)
    job.send_signal(signal.SIGINT)
    time.sleep(0.5)
    began = time.monotonic()
    job.send_signal(signal.SIGINT)
    stderr = job.communicate(timeout=30)[1]
    assert job.returncode == 1 and "stopped by SIGINT" in stderr and time.monotonic() - began < 10
    assert none_left(ids)


def test_nothing_runs_on_when_the_launcher_is_killed(tmp_path):
    job = start(2, SAVES, tmp_path)
    ids = pids(tmp_path, 2)
    job.kill()
    job.communicate(timeout=30)
    assert none_left(ids)


def feed(text, size):
    """What Banners shows of `text` that comes in pieces of `size` bytes, and the notices it kept."""
    banners = mpirun.Banners()
    shown = b"".join(banners.feed(text[at:at + size]) for at in range(0, len(text), size))
    return shown + banners.flush(), banners.notices


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_banners_are_hidden_however_they_arrive(size):
    fence = b"-" * 74 + b"\n"
    hidden = fence + b"mpirun noticed that process rank 1 with PID 7 on node n exited on signal 9 (Killed).\n" + fence
    other = fence + b"There are not enough slots.\n" + fence
    text = b"10 %\r20 %" + hidden + b"a-b --- c\n" + other + b"mpirun: Forwarding signal 10 to job\ngaudi: x\ngaudi: x\nend"
    shown, notices = feed(text, size)
    assert shown == b"10 %\r20 %a-b --- c\n" + other + b"gaudi: x\nend"
    assert "signal 9" in notices


def test_progress_is_not_held_back():
    banners = mpirun.Banners()
    assert banners.feed(b"step 5, 3 images/s\r") == b"step 5, 3 images/s\r"
    assert banners.feed(b"step 6") == b"step 6"


def test_environment_of_another_mpirun_does_not_leak(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setenv("PMIX_RANK", "1")
    assert not [name for name in launch.environment() if name.startswith(("OMPI_", "PMIX_"))]


def test_slurm_job_takes_its_hosts_from_slurm(host, tmp_path):
    """`scontrol`, which only a cluster has, is a file that expands the list as Slurm would."""
    tool = tmp_path / "bin" / "scontrol"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n[ \"$*\" = 'show hostnames node[1-2]' ] && printf 'node1\\nnode2\\n'\n")
    tool.chmod(0o755)
    environment = os.environ | {"PATH": f"{tool.parent}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "node[1-2]",
                                "SLURM_NTASKS_PER_NODE": "4", "SLURM_SUBMIT_DIR": str(ROOT), "SLURM_JOB_ID": "1"}
    run = subprocess.run(["bash", "launch/slurm.sh", "configs/cleaner.yaml", "--kind", "hpu", "--dry-run"], cwd=ROOT,
                         env=environment, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    line = shlex.split(run.stdout)
    assert line[line.index("-H") + 1] == "node1:4,node2:4" and line[line.index("-np") + 1] == "8"


def test_kubernetes_job_names_hosts_that_it_starts():
    """Its worker hosts, their slots and the cards they ask for agree, and `gaudi.launch` takes its arguments."""
    job = yaml.safe_load((ROOT / "launch/mpijob.yaml").read_text())
    launcher, worker = (job["spec"]["mpiReplicaSpecs"][name] for name in ("Launcher", "Worker"))
    command = launcher["template"]["spec"]["containers"][0]["command"]
    options, rest = launch.options_of(command[command.index("gaudi.launch") + 1:])
    hosts = launch.parse_hosts(options.hosts.split(","))
    cards = worker["template"]["spec"]["containers"][0]["resources"]["limits"]["habana.ai/gaudi"]
    name = job["metadata"]["name"]
    assert hosts == [(f"{name}-worker-{number}.{name}", cards) for number in range(worker["replicas"])]
    assert cards == job["spec"]["slotsPerWorker"] and (ROOT / "configs" / Path(rest[0]).name).exists()
    assert launcher["template"]["spec"]["terminationGracePeriodSeconds"] > mpirun.SAVE_SECONDS + mpirun.KILL_SECONDS


@pytest.fixture
def two_hosts(tmp_path):
    """Two network namespaces joined by a cable, as hosts 10.97.0.1 and 10.97.0.2, and what reaches the second."""
    if os.geteuid() or not shutil.which("ip") or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
        pytest.skip("joining two network namespaces needs root and the command ip")
    names = [f"gaudi{os.getpid()}a", f"gaudi{os.getpid()}b"]
    first, second = names
    commands = [f"netns add {first}", f"netns add {second}", f"link add v0 netns {first} type veth peer name v0 netns {second}"]
    for name, address in zip(names, ("10.97.0.1/24", "10.97.0.2/24")):
        commands += [f"-n {name} addr add {address} dev v0", f"-n {name} link set v0 up", f"-n {name} link set lo up"]
    agent = tmp_path / "agent"
    agent.write_text(f'#!/bin/sh\n[ "$1" = 10.97.0.2 ] && shift && exec ip netns exec {second} sh -c "$*"\n')
    agent.chmod(0o755)
    try:
        for command in commands:
            if subprocess.run(["ip", *command.split()], capture_output=True).returncode:
                pytest.skip(f"this kernel refuses: ip {command}")
        yield first, agent
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def test_two_hosts_find_each_other(two_hosts):
    """Ranks on two hosts, each in its own network, gather each other's address through MPI."""
    first, agent = two_hosts
    program = ("from mpi4py import MPI; import subprocess; "
               "mine = subprocess.run(['ip', '-brief', '-4', 'addr', 'show', 'v0'], capture_output=True, text=True).stdout.split()[2]; "
               "print(*MPI.COMM_WORLD.allgather(mine)) if MPI.COMM_WORLD.rank == 0 else MPI.COMM_WORLD.allgather(mine)")
    launcher = ("import sys; from gaudi import launch; "
                "sys.exit(launch.run(2, [sys.executable, '-c', sys.argv[1]], hosts=['10.97.0.1:1', '10.97.0.2:1']))")
    run = subprocess.run(["ip", "netns", "exec", first, sys.executable, "-c", launcher, program], cwd=ROOT, timeout=60,
                         env=os.environ | {"GAUDI_RSH": str(agent), "GAUDI_NETWORK": "10.97.0.0/24"},
                         capture_output=True, text=True)
    assert (run.returncode, run.stderr, run.stdout) == (0, "", "10.97.0.1/24 10.97.0.2/24\n")
