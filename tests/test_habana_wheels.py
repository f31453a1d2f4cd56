"""The real Habana wheels without a card: the suite says why, trains on the CPU and never touches the bridge.

scripts/check_habana_wheels.sh makes the environments and runs this: GAUDI_HABANA_PYTHON has the right TensorFlow,
GAUDI_HABANA_GPU_BUILD the ordinary wheel beside the bridge, GAUDI_HABANA_OTHER_VERSION tensorflow-cpu 2.15.1.
"""
import json
import os
import signal
import subprocess

import gaudi_machine
import pytest

from gaudi import hpu_kernels

LOAD = "from habana_frameworks.tensorflow import load_habana_module\nload_habana_module()\n"
BRIDGE = "habana_frameworks.tensorflow"
NO_DRIVER = "no /sys/class/accel/accel0/device/device_type (no Gaudi driver)"


def python_of(variable):
    """The Python of one of the environments, or a skip."""
    if variable not in os.environ:
        pytest.skip("slow: run scripts/check_habana_wheels.sh")
    return os.environ[variable]


def run(variable, *arguments, **environment):
    """A process of that Python that lists its imports on stderr."""
    env = gaudi_machine.plain_environment(PYTHONPROFILEIMPORTTIME="1", **environment)
    return subprocess.run([python_of(variable), *map(str, arguments)], env=env, capture_output=True, text=True,
                          timeout=900)


def gaudi(*arguments, **environment):
    """The command, in the environment with the real wheels."""
    return run("GAUDI_HABANA_PYTHON", "-m", "gaudi.cli", *arguments, **environment)


def imports(done):
    """Names of the modules a process imported, and the lines on stderr that are not about imports."""
    lines = done.stderr.splitlines()
    names = {line.rsplit("|", 1)[1].strip() for line in lines if line.startswith("import time:")}
    return names, [line for line in lines if not line.startswith("import time:")]


def on_a_gaudi_host(folder):
    """Variables that put a driver's files and a libSynapse.so in front of this machine's."""
    libraries = gaudi_machine.gaudi_files(folder / "root")
    return {"GAUDI_SYS_ROOT": str(folder / "root"), "LD_LIBRARY_PATH": str(libraries)}


def test_doctor_says_why_there_is_no_hpu():
    done = gaudi("doctor", "--json")
    answer = json.loads(done.stdout)
    names, _ = imports(done)
    assert done.returncode == 0 and answer["training"] and BRIDGE not in names and "tensorflow" not in names
    assert any(NO_DRIVER in each["detail"] for each in answer["findings"])
    assert any(each["name"] == "habana" and "left alone" in each["detail"] for each in answer["findings"])


def test_plan_says_why_there_is_no_hpu():
    done = gaudi("plan", "cleaner")
    assert done.returncode == 0 and NO_DRIVER in done.stdout, done.stderr
    assert BRIDGE not in imports(done)[0]


def test_training_takes_the_cpu_and_leaves_the_bridge_alone(tmp_path):
    done = gaudi("train", "cleaner", "--tiny", "--run", tmp_path / "run")
    names, said = imports(done)
    assert done.returncode == 0, said[-20:]
    assert "tensorflow" in names and BRIDGE not in names
    facts = next(tmp_path.rglob("log.jsonl")).read_text()
    assert json.loads(facts.splitlines()[-1])["step"] > 0


@pytest.mark.parametrize("arguments", [("plan", "cleaner"), ("train", "cleaner", "--tiny")])
def test_asking_for_hpu_is_wrong_input(tmp_path, arguments):
    more = ("--run", tmp_path / "run") if arguments[0] == "train" else ()
    done = gaudi(*arguments, "device=hpu", *more)
    names, said = imports(done)
    assert done.returncode == 2 and len(said) == 1 and NO_DRIVER in said[0], said
    assert BRIDGE not in names and not (tmp_path / "run").exists()


@pytest.mark.parametrize("variable, why, end", [
    ("GAUDI_HABANA_GPU_BUILD", "the ordinary `tensorflow` wheel is installed", -signal.SIGABRT),
    ("GAUDI_HABANA_OTHER_VERSION", "tensorflow-cpu is 2.15.1, the bridge needs 2.15.0", 1)])
def test_a_wrong_tensorflow_is_caught_before_the_bridge_ends_the_process(tmp_path, variable, why, end):
    """Even where the driver shows a card; that the load does end it is tried too."""
    done = run(variable, "-m", "gaudi.cli", "doctor", "--json", **on_a_gaudi_host(tmp_path))
    found = [each for each in json.loads(done.stdout)["findings"] if why in each["detail"]]
    assert done.returncode == 1 and any(each["name"] == "tensorflow" and each["remedy"] for each in found)
    done = run(variable, "-c", "from gaudi import device; print(device.probe().kind)", **on_a_gaudi_host(tmp_path / "b"))
    assert done.stdout == "cpu\n" and BRIDGE not in imports(done)[0]
    assert run(variable, "-c", LOAD).returncode == end


def test_list_of_kernels_is_what_the_bridge_registers(tmp_path):
    """gaudi/hpu_kernels.py against the real bridge, which leaves a folder of its own where it runs."""
    script = gaudi_machine.HERE / "list_hpu_kernels.py"
    done = subprocess.run([python_of("GAUDI_HABANA_PYTHON"), script], env=gaudi_machine.plain_environment(), cwd=tmp_path,
                          capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    assert hpu_kernels.table(done.stdout) == hpu_kernels.KERNELS
