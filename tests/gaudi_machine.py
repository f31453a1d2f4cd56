"""Makes this machine look like a Gaudi host to the suite: kernel files, libSynapse.so, the fake Habana packages."""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHECKOUT = HERE.parent
KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "GAUDI_TEST_DATA")


def plain_environment(**more):
    """An environment without anything that a developer's shell or another test may have left."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": str(CHECKOUT), "TF_CPP_MIN_LOG_LEVEL": "2", **more}


def gaudi_files(root, cards=8, kind="GAUDI", driver="1.14.0-9e8ecf7"):
    """Writes the files of a host with `cards` Gaudi cards below `root`; a libSynapse.so that loads is among them."""
    for card in range(cards):
        folder = root / f"sys/class/accel/accel{card}/device"
        folder.mkdir(parents=True)
        (folder / "device_type").write_text(kind + "\n")
        (folder / "driver_ver").write_text(driver + "\n")
        node = root / f"dev/accel/accel{card}"
        node.parent.mkdir(parents=True, exist_ok=True)
        node.touch()
    (root / "proc").mkdir(parents=True, exist_ok=True)
    for name in ("cpuinfo", "meminfo"):
        shutil.copyfile(f"/proc/{name}", root / "proc" / name)
    libraries = root / "usr/lib/habanalabs"
    libraries.mkdir(parents=True)
    (libraries / "libSynapse.so").symlink_to(_any_library())
    return libraries


def _any_library():
    """A shared library that loads without side effects: the C library's mathematics."""
    text = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True,
                          env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}).stdout
    return next(line.split("=> ")[1] for line in text.splitlines() if "libm.so.6" in line and "x86-64" in line)


def gaudi_environment(root, cards=8, horovod="habana", **more):
    """The environment of a process on a Gaudi host whose files lie below `root`; horovod is "habana" or "public"."""
    libraries = gaudi_files(root, cards)
    fakes = [HERE / "fake_habana"] + [HERE / "fake_habana_horovod"] * (horovod == "habana")
    path = os.pathsep.join(map(str, fakes + [CHECKOUT]))
    library_path = os.pathsep.join(filter(None, [str(libraries), os.environ.get("LD_LIBRARY_PATH")]))
    return plain_environment(PYTHONPATH=path, GAUDI_SYS_ROOT=str(root), LD_LIBRARY_PATH=library_path, **more)


def run_python(code, environment, timeout=120):
    """A child Python's CompletedProcess."""
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True,
                          timeout=timeout, cwd=environment.get("PWD"))


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine of its own below tmp_path: no card, no nvidia-smi, no variable left from the developer's shell."""
    for name in list(os.environ):
        if name.startswith(("HABANA", "HLS", "TF_", "OMPI", "CUDA")) or name == "ID":
            monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "habana_frameworks", raising=False)  # a namespace package, kept by find_spec
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("GAUDI_SYS_ROOT", str(tmp_path / "root"))
    return tmp_path


@pytest.fixture
def host(bare, monkeypatch):
    """A Gaudi host with 8 cards and the fake bridge."""
    libraries = gaudi_files(bare / "root")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(libraries))
    monkeypatch.syspath_prepend(str(HERE / "fake_habana"))
    return bare


def distribution(monkeypatch, folder, name, version, tag="py3-none-any"):
    """Puts a package's metadata in front of what is installed."""
    info = folder / "installed" / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")
    monkeypatch.syspath_prepend(str(info.parent))


def script(path, text):
    """An executable shell script."""
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def main():
    """Runs a command as on a Gaudi host of 8 cards: python tests/gaudi_machine.py COMMAND [ARGUMENTS...]"""
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(subprocess.run(sys.argv[1:], env=gaudi_environment(Path(folder) / "root")).returncode)


if __name__ == "__main__":
    main()
