"""Device: probing never aborts, what is missing is said, and the device is opened in the bridge's order."""
import json
import os
import subprocess
import sys

import gaudi_machine
import pytest
from forked import Forks
from gaudi_machine import bare, distribution, host, script  # noqa: F401  (bare and host are fixtures)

from gaudi import device, environment, machine
from gaudi.errors import UserError

CPU = device.Device("cpu", "a processor", 4)


def test_cpu_is_found_with_a_reason_for_every_other_kind(bare):
    found = device.probe()
    assert found.kind == "cpu" and found.count >= 1
    assert [reason.partition(":")[0] for reason in found.reasons] == ["hpu", "gpu"]
    assert device.DEVICE_TYPE in found.reasons[0] and "habana-tensorflow is not installed" in found.reasons[0]


def test_probe_imports_no_tensorflow_and_no_bridge(tmp_path):
    code = ("import sys; from gaudi import device; print(device.probe().kind);"
            "print([name for name in sys.modules if 'tensorflow' in name or 'habana' in name])")
    for env, kind in ((gaudi_machine.plain_environment(), "cpu"),
                      (gaudi_machine.gaudi_environment(tmp_path / "root"), "hpu")):
        done = gaudi_machine.run_python(code, {**env, "CUDA_VISIBLE_DEVICES": ""})
        assert done.stdout.split("\n")[0] == kind, done.stderr
        assert [name for name in json.loads(done.stdout.splitlines()[1].replace("'", '"'))
                if name != "habana_frameworks"] == []


@pytest.mark.parametrize("wanted", ["tpu", "gpu:x", "gpu:", "cpu:0", "auto:1", "gpu:1,1", "", None, "gpu:-1"])
def test_an_unknown_device_is_refused_with_what_is_allowed(bare, wanted):
    with pytest.raises(UserError, match="allowed are auto, hpu, gpu, cpu"):
        device.probe(wanted)


@pytest.mark.parametrize("wanted, missing", [("hpu", "no Gaudi driver"), ("gpu", "nvidia-smi lists no card"),
                                             ("gpu:3", "nvidia-smi lists no card")])
def test_a_device_that_is_not_there_is_refused_with_what_is_missing(bare, wanted, missing):
    with pytest.raises(UserError, match=missing):
        device.probe(wanted)


def test_a_gaudi_host_is_found(host):
    found = device.probe()
    assert (found.kind, found.count, found.name) == ("hpu", 8, "Habana GAUDI")
    assert device.probe("hpu:2,3").indexes == (2, 3)
    with pytest.raises(UserError, match="no hpu:8 here, hpu:0 to hpu:7 are"):
        device.probe("hpu:8")
    assert device.probe("cpu").kind == "cpu"


def no_bridge(folder, monkeypatch):
    monkeypatch.delitem(sys.modules, "habana_frameworks", raising=False)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "fake_habana" not in entry])


def bridge_of_another_python(folder, monkeypatch):
    distribution(monkeypatch, folder, "habana-tensorflow", "1.14.0.493", "cp39-cp39-manylinux2014_x86_64")


def gpu_build(folder, monkeypatch):
    distribution(monkeypatch, folder, "tensorflow", "2.15.0")


def other_version(folder, monkeypatch):
    distribution(monkeypatch, folder, "tensorflow-cpu", "2.15.1")


def no_library(folder, monkeypatch):
    (folder / "root/usr/lib/habanalabs/libSynapse.so").unlink()


def broken_library(folder, monkeypatch):
    no_library(folder, monkeypatch)
    (folder / "root/usr/lib/habanalabs/libSynapse.so").write_text("not a library")


def library_that_aborts(folder, monkeypatch):
    no_library(folder, monkeypatch)
    (folder / "abort.c").write_text("#include <stdlib.h>\n__attribute__((constructor)) void now(void) { abort(); }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(folder / "root/usr/lib/habanalabs/libSynapse.so"),
                    str(folder / "abort.c")], check=True)


def another_accelerator(folder, monkeypatch):
    (folder / "root/sys/class/accel/accel0/device/device_type").write_text("GRECO\n")


def no_card_handed_over(folder, monkeypatch):
    for node in (folder / "root/dev/accel").iterdir():
        node.unlink()


@pytest.mark.parametrize("spoil, missing", [
    (no_bridge, "habana-tensorflow is not installed"),
    (bridge_of_another_python, "built for cp39"),
    (gpu_build, "the ordinary `tensorflow` wheel is installed"),
    (other_version, "tensorflow-cpu is 2.15.1, the bridge needs 2.15.0"),
    (no_library, "libSynapse.so: cannot open shared object file"),
    (broken_library, "libSynapse.so"),
    (library_that_aborts, "loading libSynapse.so ends the process by signal 6"),
    (another_accelerator, "says 'GRECO', not GAUDI"),
    (no_card_handed_over, "container not given any"),
])
def test_whatever_a_gaudi_host_lacks_is_named_and_the_cpu_taken(host, monkeypatch, spoil, missing):
    spoil(host, monkeypatch)
    found = device.probe()
    assert found.kind == "cpu" and missing in found.reasons[0]
    with pytest.raises(UserError, match="device=hpu was asked for"):
        device.probe("hpu")


def gpus(bare, monkeypatch, rows="GPU-aa, NVIDIA A100, 8.0\nGPU-bb, NVIDIA T4, 7.5\n"):
    script(bare / "bin/nvidia-smi", f"cat <<'END'\n{rows}END\n")
    distribution(monkeypatch, bare, "tensorflow", "2.15.0")


def test_gpus_are_found_without_tensorflow(bare, monkeypatch):
    gpus(bare, monkeypatch)
    found = device.probe()
    assert (found.kind, found.count, found.name, found.bfloat16) == ("gpu", 2, "NVIDIA A100", "")
    assert found.reasons[1] == "cpu: gpu is here and comes before it"
    assert device.probe("gpu:1").indexes == (1,)
    with pytest.raises(UserError, match="no gpu:3 here, gpu:0 to gpu:1 are"):
        device.probe("gpu:3")


@pytest.mark.parametrize("chosen, names", [("1", ["NVIDIA T4"]), ("1,0", ["NVIDIA T4", "NVIDIA A100"]), ("-1", []),
                                           ("", []), ("0,7,1", ["NVIDIA A100"]), ("GPU-b", ["NVIDIA T4"])])
def test_cuda_visible_devices_hides_and_orders(bare, monkeypatch, chosen, names):
    gpus(bare, monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert [gpu.name for gpu in machine.nvidia_gpus()] == names


def test_a_recent_gpu_takes_bfloat16(bare, monkeypatch):
    gpus(bare, monkeypatch, "GPU-aa, NVIDIA A10G, 8.6\n")
    precision, why = device.resolve_precision("auto", device.probe())
    assert precision == "bfloat16" and "compute capability 8.6" in why


def test_a_gpu_with_the_cpu_build_of_tensorflow_is_not_taken(bare):
    script(bare / "bin/nvidia-smi", "echo 'GPU-aa, NVIDIA A100, 8.0'\n")
    found = device.probe()
    assert found.kind == "cpu" and "TensorFlow is its CPU build: install requirements/gpu.lock" in found.reasons[1]


def test_a_failing_nvidia_smi_means_no_gpu(bare, monkeypatch):
    gpus(bare, monkeypatch)
    script(bare / "bin/nvidia-smi", "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18\n")
    assert device.probe().kind == "cpu"


@pytest.mark.parametrize("flags, expected", [("fpu avx512_bf16 amx_bf16", "amx_bf16"),
                                             ("fpu avx512_bf16", "avx512_bf16"), ("fpu avx2", "")])
def test_bfloat16_of_a_cpu_comes_from_its_flags(bare, flags, expected):
    (bare / "root/proc").mkdir(parents=True)
    first = f"processor\t: 0\nmodel name\t: A CPU\nflags\t\t: {flags}\n"
    (bare / "root/proc/cpuinfo").write_text(first + "\nprocessor\t: 1\n")
    found = device.probe()
    assert (found.name, found.bfloat16) == ("A CPU", expected)
    assert device.resolve_precision("auto", found)[0] == ("bfloat16" if expected else "float32")


def test_precision_asked_for_is_given_or_refused():
    able = device.Device("cpu", "a processor", 4, bfloat16="avx512_bf16")
    assert device.resolve_precision("float32", able)[0] == "float32"
    assert device.resolve_precision("bfloat16", able)[0] == "bfloat16"
    precision, why = device.resolve_precision("bfloat16", CPU)
    assert precision == "bfloat16" and "slower" in why
    with pytest.raises(UserError, match="compute capability 8.0 or more"):
        device.resolve_precision("bfloat16", device.Device("gpu", "NVIDIA T4", 1))
    with pytest.raises(UserError, match="allowed are auto, float32, bfloat16"):
        device.resolve_precision("float16", able)


@pytest.mark.parametrize("quota, cores", [("150000 100000", 2), ("max 100000", None), ("50000 100000", 1)])
def test_a_container_quota_limits_the_cores(bare, quota, cores):
    """150000 us of processor time in every 100000 us are one and a half cores: two threads."""
    (bare / "root/sys/fs/cgroup").mkdir(parents=True)
    (bare / "root/sys/fs/cgroup/cpu.max").write_text(quota + "\n")
    bound = len(os.sched_getaffinity(0))
    assert machine.cgroup_cores() == cores
    assert machine.usable_cores() == min(bound, cores or bound)


def test_threads_are_divided_unless_mpirun_has_bound_the_rank(bare, monkeypatch):
    monkeypatch.setattr(machine, "usable_cores", lambda: 6)
    assert [device.threads_per_rank(size) for size in (1, 2, 4, 8)] == [6, 3, 1, 1]
    monkeypatch.setenv("OMPI_MCA_orte_bound_at_launch", "1")
    assert device.threads_per_rank(4) == 6


def test_a_rank_without_a_card_is_refused(host):
    found = device.probe("hpu:1")
    with pytest.raises(UserError, match="2 ranks on this host, but 1 hpu card"):
        device.open_device(found, "float32", local_rank=1, local_size=2)


OPEN = """
import json, sys
from gaudi import device
found = device.probe({wanted!r})
device.open_device(found, {precision!r}, local_rank={rank}, local_size={size}, deterministic=True, seed=7)
import os, random, numpy
import tensorflow as tf
from tensorflow.python.framework import config
from keras.src.layers.convolutional import base_conv
print(json.dumps({{
    "kind": found.kind, "policy": tf.keras.mixed_precision.global_policy().name,
    "intra": tf.config.threading.get_intra_op_parallelism_threads(),
    "inter": tf.config.threading.get_inter_op_parallelism_threads(),
    "deterministic": config.is_op_determinism_enabled(),
    "random": [random.random(), float(numpy.random.rand()), float(tf.random.uniform([]))],
    "devices": [each.device_type for each in tf.config.list_logical_devices()],
    "patched": base_conv.Conv._jit_compiled_convolution_op.__name__,
    "bridge": "habana_frameworks.tensorflow" in sys.modules,
    "environment": dict(os.environ)}}))
"""


def facts(done):
    """What OPEN printed, and its stderr."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    """Children on a Gaudi host: 8 cards, the fake bridge, the fake of Habana's Horovod."""
    root = tmp_path_factory.mktemp("host") / "root"
    started = Forks(gaudi_machine.gaudi_environment(root))
    yield started
    started.close()


def opened(forks, folder, wanted="auto", precision="auto", rank=0, size=1, **environment):
    """What a forked child on a Gaudi host finds after open_device, and its stderr."""
    return facts(forks.run(OPEN.format(wanted=wanted, precision=precision, rank=rank, size=size), folder,
                           TMPDIR=str(folder), **environment))


def test_the_cpu_is_opened_quietly():
    """From scratch, as the log level has to be set before the import."""
    env = gaudi_machine.plain_environment()
    del env["TF_CPP_MIN_LOG_LEVEL"]
    fact, said = facts(gaudi_machine.run_python(OPEN.format(wanted="cpu", precision="auto", rank=0, size=1), env))
    assert said == "" and fact["kind"] == "cpu" and fact["intra"] == machine.usable_cores()
    assert fact["environment"]["TF_CPP_MIN_LOG_LEVEL"] == "2"


def test_the_cpu_is_opened_the_same_twice(forks, tmp_path):
    first, _ = opened(forks, tmp_path, "cpu", "float32", size=2)
    again, _ = opened(forks, tmp_path, "cpu", "float32", size=2)
    other, _ = opened(forks, tmp_path, "cpu", "bfloat16")
    assert (first["policy"], other["policy"]) == ("float32", "mixed_bfloat16")
    assert first["intra"] == max(1, machine.usable_cores() // 2) and first["inter"] == min(2, first["intra"])
    assert first["environment"]["OMP_NUM_THREADS"] == str(first["intra"])
    assert first["deterministic"] and first["random"] == again["random"]


def test_without_a_card_the_bridge_is_never_touched(forks, tmp_path):
    """The fake bridge is installed, the driver is not: importing the bridge would patch Keras, loading it abort."""
    fact, _ = opened(forks, tmp_path, GAUDI_SYS_ROOT=str(tmp_path / "no such root"))
    assert fact["kind"] == "cpu" and not fact["bridge"] and fact["patched"] == "_jit_compiled_convolution_op"


def test_the_hpu_is_opened_with_the_environment_of_its_rank(forks, tmp_path):
    ranks = {"OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_LOCAL_RANK": "3",
             "OMPI_COMM_WORLD_LOCAL_SIZE": "8"}
    fact, said = opened(forks, tmp_path, rank=3, size=8, **ranks, HLS_MODULE_ID="7", ID="7")
    assert fact["kind"] == "hpu" and fact["policy"] == "mixed_bfloat16" and "HPU" in fact["devices"]
    assert fact["bridge"] and fact["patched"] == "convolution_without_jit"
    expected = {"HLS_MODULE_ID": "3", "ID": "3", "TF_BF16_CONVERSION": "0", "HABANA_PROFILE": "profile_api_light",
                "TF_RANK_PREFIX": "rank_3_", "TF_RECIPE_CACHE_PATH": str(tmp_path / f"gaudi-recipes-{os.getuid()}")}
    assert {name: fact["environment"].get(name) for name in expected} == expected
    assert "HLS_MODULE_ID=7 was left over from another job, now HLS_MODULE_ID=3" in said


def test_a_single_rank_keeps_the_card_chosen_in_the_shell(forks, tmp_path):
    fact, said = opened(forks, tmp_path, HLS_MODULE_ID="5", ID="2")
    assert fact["environment"]["HLS_MODULE_ID"] == "5" and "HLS_MODULE_ID=5 from the environment" in said
    assert fact["environment"]["ID"] == "0"
    fact, said = opened(forks, tmp_path, "hpu:6", HLS_MODULE_ID="5")
    assert fact["environment"]["HLS_MODULE_ID"] == "6" and "now HLS_MODULE_ID=6" in said


def test_efa_settings_come_with_the_network_card(forks, tmp_path):
    assert "FI_EFA_USE_DEVICE_RDMA" not in opened(forks, tmp_path)[0]["environment"]
    gaudi_machine.gaudi_files(tmp_path / "root")
    (tmp_path / "root/sys/class/infiniband/efa_0").mkdir(parents=True)
    fact, _ = opened(forks, tmp_path, GAUDI_SYS_ROOT=str(tmp_path / "root"))
    assert fact["environment"]["FI_EFA_USE_DEVICE_RDMA"] == fact["environment"]["RDMAV_FORK_SAFE"] == "1"


@pytest.mark.parametrize("name, value, why", [
    ("TF_BF16_CONVERSION", "full", "done twice"), ("TF_HOOK_MODE", "keras", "Keras hook"),
    ("TF_HCCL_MEMORY_ALLOWANCE_MB", "2GB", "megabytes"), ("HABANA_VISIBLE_MODULES", "0,0", "named twice"),
    ("HABANA_VISIBLE_MODULES", "0,9", "from 0 to 7")])
def test_conflicting_variables_are_refused_before_anything_is_loaded(host, monkeypatch, name, value, why):
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"{name}={value}.*{why}.*unset {name}"):
        environment.refuse_conflicts()


def test_both_ways_to_bfloat16_end_before_tensorflow_is_loaded(tmp_path):
    env = gaudi_machine.gaudi_environment(tmp_path / "root", TF_BF16_CONVERSION="1")
    done = gaudi_machine.run_python(
        "import sys\nfrom gaudi import device, errors\n"
        "try: device.open_device(device.probe(), 'bfloat16')\n"
        "except errors.UserError as error: print(error, 'tensorflow' in sys.modules)", env)
    assert "TF_BF16_CONVERSION=1" in done.stdout and done.stdout.strip().endswith("False"), done.stderr


def test_ranks_take_the_visible_modules_in_the_bridges_order(bare, monkeypatch):
    """The bridge sorts them as text, so that local rank 0 takes 2 and local rank 1 takes 5, however they are listed."""
    monkeypatch.setenv("HABANA_VISIBLE_MODULES", "5, 2")
    for rank, module in ((0, "2"), (1, "5")):
        monkeypatch.delenv("HLS_MODULE_ID", raising=False)
        environment.choose_module(rank, 2)
        assert os.environ["HLS_MODULE_ID"] == module
    with pytest.raises(UserError, match="3 ranks run on this host, but HABANA_VISIBLE_MODULES=2,5 names 2"):
        environment.choose_module(0, 3)


def test_the_recipe_cache_is_the_users_own(bare, monkeypatch):
    monkeypatch.setattr(environment.tempfile, "gettempdir", lambda: str(bare))
    folder = bare / f"gaudi-recipes-{os.getuid()}"
    assert environment.use_recipe_cache() == str(folder) and folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.delenv("TF_RECIPE_CACHE_PATH")
    folder.chmod(0o777)
    assert environment.use_recipe_cache() is None and "TF_RECIPE_CACHE_PATH" not in os.environ


def test_a_gpu_that_tensorflow_cannot_open_is_an_error(forks, tmp_path):
    """nvidia-smi's word is not enough: here TensorFlow is the CPU build, as where CUDA's libraries do not load."""
    done = forks.run("from gaudi import device\ndevice.open_device(device.Device('gpu', 'A', 1), 'float32')", tmp_path)
    assert done.returncode == 1 and "TensorFlow opens 0 GPU(s)" in done.stderr and "gpu.lock" in done.stderr


@pytest.mark.parametrize("before, why", [("tf.constant(1)", "has allocated something"),
                                         ("tf.data.Dataset.range(3)", "has allocated something"),
                                         ("sys.modules['horovod.tensorflow'] = sys", "horovod.tensorflow was")])
def test_what_would_end_the_process_is_an_error_instead(forks, tmp_path, before, why):
    done = forks.run(f"import sys\nimport tensorflow as tf\nfrom gaudi import device\n{before}\n"
                     "device.open_device(device.probe(), 'auto')", tmp_path)
    assert done.returncode == 1 and why in done.stderr


def test_compilations_are_counted(forks, tmp_path):
    """Two functions, one of them with two shapes: three graphs; running them again compiles nothing."""
    events = str(tmp_path / "events")
    done = forks.run(f"""
from gaudi import device
found = device.probe()
device.open_device(found, "float32")
print(device.log_compilations(found, {events!r}))
import tensorflow as tf
double, square = tf.function(lambda x: x + x), tf.function(lambda x: x * x)
for _ in range(2):
    double(tf.ones([2])), double(tf.ones([3])), square(tf.ones([2]))
number, seconds = device.count_compilations({events!r})
print(number, seconds > 0)
print(device.log_compilations(device.probe("cpu"), "nowhere"))
""", tmp_path)
    assert done.stdout.split() == ["True", "3", "True", "False"], done.stderr


def test_two_ranks_on_a_gaudi_host_open_a_card_each(tmp_path):
    """By the real mpirun, with a stale HLS_MODULE_ID that would send both to card 4; their 0 and 1 average to 0.5."""
    mpirun = os.path.join(sys.prefix, "bin", "mpirun")
    if not os.path.exists(mpirun):
        pytest.skip("needs Open MPI and Horovod in the environment")
    env = gaudi_machine.gaudi_environment(tmp_path / "root", HLS_MODULE_ID="4", OMPI_ALLOW_RUN_AS_ROOT="1",
                                          OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    done = subprocess.run([mpirun, "-np", "2", "--oversubscribe", sys.executable, "-m", "gaudi.doctor.selftest"], env=env,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    fact = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    assert fact["device"] == "hpu" and fact["mean"] == 0.5
    for module in "01":
        assert f"HLS_MODULE_ID=4 was left over from another job, now HLS_MODULE_ID={module}" in done.stderr
