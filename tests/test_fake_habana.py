"""The fake bridge fails as the real one was seen to fail."""
import signal
import subprocess
import sys

import gaudi_machine
import pytest
from forked import Forks

LOAD = "from habana_frameworks.tensorflow import load_habana_module\nload_habana_module()\n"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Kernel files of a Gaudi host with two cards."""
    root = tmp_path_factory.mktemp("host") / "root"
    return root, gaudi_machine.gaudi_environment(root, cards=2, horovod="public")


@pytest.fixture(scope="module")
def forks(host):
    started = Forks(host[1])
    yield started
    started.close()


def test_only_its_own_tensorflow_is_accepted(forks, tmp_path):
    done = forks.run("import tensorflow\ntensorflow.__version__ = '2.15.1'\n" + LOAD, tmp_path)
    assert done.returncode == 1 and "ImportError" in done.stderr


def test_a_load_without_driver_fails_late_and_breaks_tensorflow(forks, tmp_path):
    """AttributeError, though is_loaded() is true by then; the next listing of devices ends the process."""
    code = f"""
from habana_frameworks.tensorflow import is_loaded, load_habana_module
try:
    load_habana_module()
except AttributeError as error:
    print(error, is_loaded(), flush=True)
import tensorflow as tf
"""
    for reach in ("tf.config.list_physical_devices()", "tf.constant(1)"):
        done = forks.run(code + reach, tmp_path, GAUDI_SYS_ROOT=str(tmp_path))
        assert done.stdout == "'NoneType' object has no attribute 'split' True\n"
        assert done.returncode == -signal.SIGABRT


@pytest.mark.parametrize("allocation", ["tf.constant(1)", "tf.data.Dataset.range(2)",
                                        "tf.keras.layers.Dense(1)(tf.ones([1, 1]))", "tf.config.list_logical_devices()"])
def test_an_allocation_before_the_load_ends_the_process(forks, tmp_path, allocation):
    done = forks.run(f"import tensorflow as tf\n{allocation}\n{LOAD}", tmp_path)
    assert done.returncode == -signal.SIGABRT and "first_alloc_made" in done.stderr


@pytest.mark.parametrize("harmless", ["tf.config.list_physical_devices()", "tf.random.set_seed(1)",
                                      "tf.keras.mixed_precision.set_global_policy('mixed_bfloat16')",
                                      "tf.config.threading.set_intra_op_parallelism_threads(1)"])
def test_what_is_safe_before_the_load(forks, tmp_path, harmless):
    done = forks.run(f"import tensorflow as tf\n{harmless}\n{LOAD}"
                     "print(tf.config.list_physical_devices('HPU'))", tmp_path)
    assert "/physical_device:HPU:0" in done.stdout, done.stderr


def test_the_ordinary_tensorflow_wheel_ends_the_process(forks, tmp_path):
    info = tmp_path / "tensorflow-2.15.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tensorflow\nVersion: 2.15.0\n")
    done = forks.run(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{LOAD}", tmp_path)
    assert done.returncode == -signal.SIGABRT and "Already registered collective" in done.stderr


def test_operations_named_for_the_hpu_run(forks, tmp_path):
    done = forks.run(f"{LOAD}import tensorflow as tf\n"
                     "with tf.device('/device:HPU:0'): print(int(tf.constant(1) + 1))\n"
                     "@tf.function\ndef twice(x):\n    with tf.device('/device:HPU:0'): return x * 2\n"
                     "print(int(twice(tf.constant(4))))", tmp_path)
    assert done.stdout.split() == ["2", "8"], done.stderr


RANK = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
        "OMPI_COMM_WORLD_LOCAL_RANK": "1"}
SHOW = LOAD + "import os\nprint(*map(os.environ.get, ('HLS_MODULE_ID', 'ID', 'TF_RANK_PREFIX')))"


@pytest.mark.parametrize("given, expected", [
    ({}, "1 1 rank_1_"), ({"HLS_MODULE_ID": "0"}, "0 1 rank_1_"), ({"ID": "5"}, "1 5 rank_1_"),
    ({"HABANA_VISIBLE_MODULES": "6,3"}, "6 1 rank_1_")])
def test_the_load_describes_the_rank_and_overrides_nothing(forks, tmp_path, given, expected):
    assert forks.run(SHOW, tmp_path, **RANK, **given).stdout.strip() == expected


def test_a_single_rank_is_given_no_module(forks, tmp_path):
    assert forks.run(SHOW, tmp_path).stdout.strip() == "None None None"


def test_too_few_visible_modules_fail(forks, tmp_path):
    done = forks.run(LOAD, tmp_path, **RANK, HABANA_VISIBLE_MODULES="3")
    assert done.returncode == 1 and "AssertionError" in done.stderr


def test_the_keras_hook_does_not_load(forks, tmp_path):
    assert "ModuleNotFoundError" in forks.run(LOAD, tmp_path, TF_HOOK_MODE="keras").stderr


def test_one_process_holds_one_card(host, forks, tmp_path):
    """The second of two processes on card 0 is ended; a third on card 1 is not, nor one that takes any free card."""
    holder = subprocess.Popen(["flock", "-n", str(host[0] / "dev/accel/accel0"), "sh", "-c", "echo held; read line"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    use = LOAD + "import tensorflow as tf\ntf.constant(1)"
    wishes = ({"HLS_MODULE_ID": "0"}, {"HLS_MODULE_ID": "1"}, {})
    codes = [forks.run(use, tmp_path, **wish).returncode for wish in wishes]
    holder.communicate("\n")
    assert codes == [-signal.SIGABRT, 0, 0]


def test_habanas_horovod_loads_the_module_and_says_hccl(tmp_path):
    """The import of the fork comes before TensorFlow has started, or it ends the process like any late load."""
    root = tmp_path / "root"
    try:
        import horovod  # noqa: F401
    except ImportError:
        pytest.skip("needs Horovod in the environment")
    done = gaudi_machine.run_python(
        "import horovod.tensorflow as hvd\nfrom habana_frameworks.tensorflow import is_loaded\n"
        "print(hvd.hccl_built(), is_loaded())", gaudi_machine.gaudi_environment(root))
    assert done.stdout.split() == ["True", "True"], done.stderr
    assert sys.modules.get("habana_frameworks.tensorflow") is None
