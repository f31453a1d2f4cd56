"""Doctor: quick, without TensorFlow, and every check can fail and says how to mend what it found."""
import json
import os
import subprocess
import sys
import time
from collections import Counter, namedtuple

import gaudi_machine
import pytest
from gaudi_machine import bare, distribution, host, script  # noqa: F401  (bare and host are fixtures)

from gaudi import device, doctor, launch
from gaudi.doctor import checks_deep, checks_machine, checks_software, finding
from gaudi.errors import UserError

CPU = device.Device("cpu", "a processor", 4, reasons=("hpu: no driver", "gpu: none"))
HPU = device.Device("hpu", "Habana GAUDI", 8)
Usage = namedtuple("Usage", "total used free")


def only(findings, name):
    """The one finding of that name."""
    found = [each for each in findings if each.name == name]
    assert len(found) == 1, findings
    return found[0]


def assert_bad(found, state, *words):
    """The finding has this state, all words in its text, and a remedy."""
    assert found.state == state and found.remedy, found
    assert all(word in f"{found.detail} {found.remedy}" for word in words), found


def command(*arguments, env=None, cwd=None):
    """`gaudi doctor` in a process of its own."""
    code = "import sys; from gaudi import cli; sys.exit(cli.main(['doctor', *sys.argv[1:]]))"
    return subprocess.run([sys.executable, "-c", code, *arguments], env=env or gaudi_machine.plain_environment(),
                          capture_output=True, text=True, timeout=400, cwd=cwd)


def test_doctor_answers_within_three_seconds_without_tensorflow():
    started = time.monotonic()
    done = command(env=gaudi_machine.plain_environment(PYTHONPROFILEIMPORTTIME="1"))
    assert time.monotonic() - started < 3
    assert done.returncode == 0, done.stdout
    imported = [line.rsplit("|")[-1].strip() for line in done.stderr.splitlines()]
    assert "gaudi.doctor" in imported and not {"tensorflow", "keras", "horovod"} & set(imported)
    assert "will start on" in done.stdout.splitlines()[-1]


def test_json_is_for_programs():
    answer = json.loads(command("--json").stdout)
    assert answer["training"] is True
    assert {each["state"] for each in answer["findings"]} <= set(finding.STATES)
    names = {each["name"] for each in answer["findings"]}
    assert {"device", "disk", "memory", "horovod", "kaggle", "training"} <= names


def test_the_report_can_be_pasted_and_keeps_secrets(tmp_path):
    home = tmp_path / "janedoe"
    home.mkdir()
    env = gaudi_machine.plain_environment(HOME=str(home), USER="janedoe", KAGGLE_USERNAME="janedoe-k",
                                          KAGGLE_KEY="0123abcd")
    said = command("--report", env=env, cwd=home).stdout
    assert said.startswith("```\n") and said.endswith("```\n") and said.isascii()
    assert "tensorflow-cpu 2.15.0" in said and "free in ~" in said
    assert "janedoe" not in said and "0123abcd" not in said
    assert "0123abcd" not in command("--json", env=env).stdout + command(env=env).stdout


def test_a_failed_check_is_the_verdict_and_the_exit_code(monkeypatch, capsys):
    bad = finding.Finding("disk", "fail", "full", "free some")
    monkeypatch.setattr(doctor.report, "findings", lambda deep: [bad, doctor.verdict([bad], CPU)])
    assert doctor.run() == 1
    assert "training  will not start: see disk" in capsys.readouterr().out


def test_warnings_do_not_stop_training():
    found = doctor.verdict([finding.Finding("fonts", "warn", "1 family", "more")], CPU)
    assert found.state == "ok" and "with 1 warning above" in found.detail


def test_marks_fit_the_terminal():
    found = [finding.Finding("a", state, "b") for state in finding.STATES]
    assert doctor.text(found, "utf-8").startswith("✓ a") and doctor.text(found, "ascii").isascii()


def test_a_healthy_gaudi_host_will_train(tmp_path):
    answer = json.loads(command("--json", env=gaudi_machine.gaudi_environment(tmp_path / "root")).stdout)
    found = {each["name"]: each for each in answer["findings"]}
    assert found["training"]["detail"].startswith("will start on hpu in bfloat16")
    assert found["habana bridge"]["state"] == found["horovod"]["state"] == found["cards"]["state"] == "ok"


def test_processor_without_avx(bare):
    (bare / "root/proc").mkdir(parents=True)
    (bare / "root/proc/cpuinfo").write_text("model name\t: An old CPU\nflags\t\t: fpu sse2\n")
    assert_bad(checks_machine.check_processor(CPU)[0], "fail", "An old CPU", "AVX")


def test_device_says_why_not_the_others(bare):
    found = checks_machine.check_device(device.probe())
    assert [each.state for each in found] == ["ok", "ok", "info", "info"]
    assert "no Gaudi driver" in found[2].detail


def test_container_with_some_of_the_cards(host, monkeypatch):
    (host / "root/dev/accel/accel0").unlink()
    assert_bad(checks_machine.check_cards(HPU)[0], "warn", "7 of the host's 8", "HABANA_VISIBLE_MODULES")
    monkeypatch.setenv("HABANA_VISIBLE_MODULES", "1,2")
    assert checks_machine.check_cards(HPU)[0].state == "ok"


def test_more_cards_than_cores(host, monkeypatch):
    monkeypatch.setattr(launch, "cores_by_socket", lambda: Counter({"0": 3, "1": 3}))
    assert_bad(checks_machine.check_cores(HPU)[0], "warn", "PE=0 for 8 cards")
    monkeypatch.setattr(launch, "cores_by_socket", lambda: Counter({"0": 24, "1": 24}))
    assert "PE=6 for 8 cards" in checks_machine.check_cores(HPU)[0].detail


@pytest.mark.parametrize("kilobytes, limit, state", [(500_000, None, "fail"), (2_000_000, None, "warn"),
                                                     (64_000_000, None, "ok"), (64_000_000, 1 << 29, "fail")])
def test_memory_by_the_kernel_and_by_the_container(bare, kilobytes, limit, state):
    for folder in ("proc", "sys/fs/cgroup"):
        (bare / "root" / folder).mkdir(parents=True)
    (bare / "root/proc/meminfo").write_text(f"MemTotal:  99999999 kB\nMemAvailable:   {kilobytes} kB\n")
    (bare / "root/sys/fs/cgroup/memory.max").write_text(f"{limit or 'max'}\n")
    assert checks_machine.check_memory(CPU)[0].state == state


def test_little_shared_memory(bare, monkeypatch):
    assert_bad(checks_machine.check_shared_memory(CPU)[0], "warn", "no /dev/shm")
    (bare / "root/dev/shm").mkdir(parents=True)
    monkeypatch.setattr(checks_machine.shutil, "disk_usage", lambda folder: Usage(64 << 20, 0, 64 << 20))
    assert_bad(checks_machine.check_shared_memory(CPU)[0], "warn", "0.06 GB", "--ipc=host")


@pytest.mark.parametrize("free, state", [(1 << 29, "fail"), (5 << 30, "warn"), (50 << 30, "ok")])
def test_little_disk(bare, monkeypatch, free, state):
    monkeypatch.chdir(bare)
    monkeypatch.setattr(checks_machine.shutil, "disk_usage", lambda folder: Usage(1 << 40, 0, free))
    assert checks_machine.check_disk(CPU)[0].state == state


def test_a_folder_that_cannot_be_written(monkeypatch):
    monkeypatch.chdir("/proc")  # refuses new files to every user, root included
    assert_bad(checks_machine.check_disk(CPU)[0], "fail", "/proc cannot be written", "--run")


def test_no_huge_pages_on_a_gaudi_host(host):
    (host / "root/proc/meminfo").write_text("HugePages_Total:   0\n")
    assert_bad(checks_machine.check_huge_pages(HPU)[0], "warn", "0 reserved", "vm.nr_hugepages")
    (host / "root/proc/meminfo").write_text("HugePages_Total:   47500\n")
    assert checks_machine.check_huge_pages(HPU)[0].state == "ok"


def test_container_without_the_runtime(bare, monkeypatch):
    (bare / "root").mkdir()
    (bare / "root/.dockerenv").touch()
    assert checks_machine.check_container(CPU)[0].detail == "container (docker)"
    monkeypatch.setenv("HABANA_VISIBLE_DEVICES", "all")
    assert_bad(checks_machine.check_container(CPU)[0], "warn", "no card is here", "--runtime=habana")


def test_python_of_another_version(bare, monkeypatch):
    monkeypatch.setattr(checks_software.sys, "version_info", (3, 12, 1))
    assert_bad(checks_software.check_python(CPU)[0], "fail", "3.12.1", "3.10 or 3.11")


def test_python_that_habana_does_not_have(host, monkeypatch):
    monkeypatch.setattr(checks_software.sys, "version_info", (3, 11, 7))
    monkeypatch.setattr(device, "bridge_mismatch", lambda: "habana-tensorflow is not installed")
    assert_bad(checks_software.check_python(CPU)[0], "warn", "CPython 3.10 only")


def test_two_tensorflows(bare, monkeypatch):
    distribution(monkeypatch, bare, "tensorflow", "2.15.0")
    assert_bad(checks_software.check_tensorflow(CPU)[0], "fail", "tensorflow 2.15.0, tensorflow-cpu 2.15.0",
               "remove .venv")


def test_tensorflow_of_another_version_or_build(bare, host, monkeypatch):
    monkeypatch.setattr(device, "installed", {"tensorflow-cpu": "2.16.1"}.get)
    assert_bad(checks_software.check_tensorflow(CPU)[0], "fail", "2.16.1", "2.15.0")
    monkeypatch.setattr(device, "installed", {"tensorflow": "2.15.0"}.get)
    assert_bad(checks_software.check_tensorflow(CPU)[0], "fail", "tensorflow-cpu==2.15.0")
    monkeypatch.setattr(device, "installed", {}.get)
    assert_bad(checks_software.check_tensorflow(CPU)[0], "fail", "not installed")


@pytest.mark.parametrize("name, version", [("keras", "3.0.1"), ("numpy", "2.1.0"), ("numpy", "1.21.0"),
                                           ("protobuf", "5.26.0"),
                                           ("ml-dtypes", "0.3.1"), ("tf-keras", "2.16.0"), ("pyyaml", "5.0"),
                                           ("tensorflow-metadata", "1.16.0"), ("opencv-python-headless", "4.12.0.88")])
def test_a_package_outside_the_support_matrix(bare, monkeypatch, name, version):
    assert checks_software.check_packages(CPU)[0].state == "ok"
    distribution(monkeypatch, bare, name, version)
    assert_bad(only(checks_software.check_packages(CPU), name), "fail", version, "pip install")


def test_a_package_that_is_missing(bare, monkeypatch):
    monkeypatch.setattr(device, "installed", lambda name: None)
    assert len(checks_software.check_packages(CPU)) == len(checks_software.MATRIX)
    assert_bad(only(checks_software.check_packages(CPU), "numpy"), "fail", "not installed")


def test_gaudi_stack_of_another_version(host, monkeypatch):
    (host / "root/sys/class/accel/accel0/device/driver_ver").write_text("1.17.1-78932ae\n")
    distribution(monkeypatch, host, "habana-tensorflow", "1.13.0.463")
    found = checks_software.check_gaudi_stack(CPU)
    assert_bad(only(found, "habana driver"), "warn", "1.17.1", "SynapseAI 1.14")
    assert_bad(only(found, "habana-tensorflow"), "fail", "1.13.0.463", "1.14.0.493")
    assert_bad(only(found, "habana-horovod"), "warn", "not installed")
    assert_bad(only(found, "habana bridge"), "warn", "no driver", "training takes the cpu")


def test_a_bridge_without_a_card_is_left_alone(bare, monkeypatch):
    assert checks_software.check_gaudi_stack(CPU) == []
    distribution(monkeypatch, bare, "habana-tensorflow", "1.14.0.493")
    assert checks_software.check_gaudi_stack(CPU)[0].state == "info"


def test_horovod_missing_or_built_without_tensorflow(bare, monkeypatch):
    monkeypatch.setattr(checks_software, "horovod_flavour", lambda: (None, None))
    assert_bad(checks_software.check_horovod(CPU)[0], "warn", "one rank only")
    monkeypatch.undo()
    monkeypatch.setenv("GAUDI_SYS_ROOT", str(bare / "root"))
    distribution(monkeypatch, bare, "horovod", "0.28.1")
    assert_bad(checks_software.check_horovod(CPU)[0], "warn", "public 0.28.1", "built without TensorFlow")


def test_horovod_of_the_wrong_flavour(bare, monkeypatch):
    distribution(monkeypatch, bare, "habana-horovod", "1.14.0.493")
    assert_bad(checks_software.check_horovod(CPU)[0], "warn", "habana 1.14.0.493", "no card is here")


def test_public_horovod_on_gaudi(host, monkeypatch):
    distribution(monkeypatch, host, "horovod", "0.28.1")
    assert_bad(checks_software.check_horovod(HPU)[0], "warn", "cannot reduce on Gaudi", "docker/Dockerfile.gaudi")


@pytest.mark.parametrize("text, words", [
    ("echo 'mpirun (Open MPI) 5.0.3'", "the suite is made for 4.1"), ("echo 'HYDRA build details'", "is not Open MPI")])
def test_another_mpi(bare, monkeypatch, text, words):
    script(bare / "bin/mpirun", text + "\n")
    monkeypatch.setattr(launch, "find_mpirun", lambda: str(bare / "bin/mpirun"))
    assert_bad(checks_software.check_mpi(CPU)[0], "warn", words)


def test_no_mpi_at_all(bare, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(bare))
    monkeypatch.setenv("PATH", str(bare / "bin"))
    assert_bad(checks_software.check_mpi(CPU)[0], "warn", "no mpirun")
    monkeypatch.setattr(launch, "find_mpirun", lambda: str(bare / "gone"))
    assert_bad(checks_software.check_mpi(CPU)[0], "warn", "does not run")


def test_no_mpi4py(bare, monkeypatch):
    script(bare / "bin/mpirun", "echo 'mpirun (Open MPI) 4.1.8'\n")
    monkeypatch.setattr(launch, "find_mpirun", lambda: str(bare / "bin/mpirun"))
    monkeypatch.setattr(device, "installed", lambda name: None)
    assert_bad(only(checks_software.check_mpi(CPU), "mpi4py"), "warn", "one rank only")


@pytest.mark.parametrize("name, value", [("HLS_MODULE_ID", "3"), ("ID", "1"), ("OMPI_COMM_WORLD_SIZE", "2"),
                                         ("TF_XLA_FLAGS", "--tf_xla_auto_jit=2"), ("TF_ENABLE_ONEDNN_OPTS", "0"),
                                         ("TF_BF16_CONVERSION", "full"), ("TF_HOOK_MODE", "keras"),
                                         ("HABANA_VISIBLE_MODULES", "0,x"), ("TF_HCCL_MEMORY_ALLOWANCE_MB", "no")])
def test_leaked_and_conflicting_variables(bare, monkeypatch, name, value):
    assert checks_software.check_variables(CPU)[0].state == "ok"
    monkeypatch.setenv(name, value)
    assert_bad(only(checks_software.check_variables(CPU), name), "warn", f"{name}={value}", f"unset {name}")


def test_a_conflict_fails_where_there_is_a_card(bare, monkeypatch):
    monkeypatch.setenv("TF_BF16_CONVERSION", "1")
    assert_bad(checks_software.check_variables(HPU)[0], "fail", "unset TF_BF16_CONVERSION")


def test_no_fonts(bare, monkeypatch):
    assert checks_software.check_fonts(CPU)[0].state == "ok"
    monkeypatch.setattr(checks_software.metadata, "entry_points", lambda group: [])
    assert_bad(checks_software.check_fonts(CPU)[0], "warn", "0 families")


def test_kaggle_credentials(bare, monkeypatch):
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(bare))
    assert checks_software.check_kaggle(CPU)[0].state == "info"
    file = bare / "kaggle.json"
    file.write_text('{"username": "jane"}')
    assert_bad(checks_software.check_kaggle(CPU)[0], "warn", "does not hold username and key")
    file.write_text('{"username": "jane", "key": "0123abcd"}')
    file.chmod(0o644)
    assert_bad(checks_software.check_kaggle(CPU)[0], "warn", "chmod 600")
    file.chmod(0o600)
    found = checks_software.check_kaggle(CPU)[0]
    assert found.state == "ok" and "0123abcd" not in repr(found)
    monkeypatch.setenv("KAGGLE_KEY", "0123abcd")
    assert_bad(checks_software.check_kaggle(CPU)[0], "warn", "the other of the pair is not")
    monkeypatch.setenv("KAGGLE_USERNAME", "jane")
    assert checks_software.check_kaggle(CPU)[0].state == "ok"


@pytest.mark.parametrize("code, words", [("raise SystemExit('no such library')", "exit code 1: no such library"),
                                         ("import os; os.abort()", "ended by signal 6"),
                                         ("import time; time.sleep(60)", "no answer within 1 s")])
def test_deep_says_how_a_process_ended(code, words):
    assert checks_deep._try([sys.executable, "-c", code], 1) == ("bad", words)


def test_deep_fails_where_tensorflow_does(monkeypatch):
    monkeypatch.setattr(checks_deep, "_try", lambda *arguments: ("bad", "ended by signal 4"))
    assert_bad(checks_deep.check_tensorflow(CPU)[0], "fail", "signal 4")
    assert_bad(checks_deep.check_two_ranks(CPU)[0], "warn", "signal 4", "one rank still trains")
    monkeypatch.setattr(launch, "find_mpirun", launch_without_mpirun)
    assert_bad(checks_deep.check_two_ranks(CPU)[0], "warn", "not tried: no mpirun")


def launch_without_mpirun():
    raise UserError("no mpirun")


def test_deep_opens_the_device_and_reduces():
    answer = json.loads(command("--deep", "--json").stdout)
    found = {each["name"]: each for each in answer["findings"]}
    assert found["tensorflow works"]["state"] == "ok" and "multiplied on cpu" in found["tensorflow works"]["detail"]
    if not os.path.exists(os.path.join(sys.prefix, "bin", "mpirun")):
        pytest.skip("needs Open MPI and Horovod in the environment")
    assert found["two ranks"]["detail"] == "started and averaged 0 and 1 to 0.5"
