"""The fake bridge fails as the real one does: what needs no card is tested on both, the real one where it is installed.

GAUDI_HABANA_PYTHON names the Python of an environment with the real wheels; scripts/check_habana_wheels.sh makes one.
"""
import os
import signal
import subprocess

import gaudi_machine
import pytest
from forked import Forks

LOAD = "from habana_frameworks.tensorflow import load_habana_module\nload_habana_module()\n"
LATE = """
from habana_frameworks.tensorflow.library_loader import is_loaded, load_habana_module
import tensorflow as tf
try:
    load_habana_module()
except AttributeError as error:
    print(error, is_loaded(), flush=True)
"""
FAILED_LATE = "'NoneType' object has no attribute 'split' True\n"
RANK = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
        "OMPI_COMM_WORLD_LOCAL_RANK": "1"}


@pytest.fixture(scope="module", params=["fake", "real"])
def bridge(request, tmp_path_factory):
    """Children without a card, with the fake bridge and with the real one."""
    if request.param == "fake":
        started = Forks(gaudi_machine.gaudi_environment(tmp_path_factory.mktemp("bare") / "root", cards=0))
    else:
        started = Forks(gaudi_machine.plain_environment(PYTHONPATH=""), real_python())
    yield started
    started.close()


def real_python():
    """The Python that has the real wheels, or a skip."""
    if "GAUDI_HABANA_PYTHON" not in os.environ:
        pytest.skip("the real wheels are checked by scripts/check_habana_wheels.sh")
    return os.environ["GAUDI_HABANA_PYTHON"]


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Kernel files of a Gaudi host with two cards."""
    root = tmp_path_factory.mktemp("host") / "root"
    return root, gaudi_machine.gaudi_environment(root, cards=2, horovod="public")


@pytest.fixture(scope="module")
def forks(host):
    """Children on a host with two cards and the fake bridge."""
    started = Forks(host[1])
    yield started
    started.close()


def test_only_its_own_tensorflow_is_accepted(bridge, tmp_path):
    done = bridge.run("import tensorflow\ntensorflow.__version__ = '2.15.1'\n" + LOAD, tmp_path)
    assert done.returncode == 1 and "ImportError" in done.stderr and "2.15.1" in done.stderr


@pytest.mark.parametrize("reach", ["tf.config.list_physical_devices()", "tf.constant(1)"])
def test_a_load_without_driver_fails_late_and_breaks_tensorflow(bridge, tmp_path, reach):
    """AttributeError, though is_loaded() is true by then; the next listing of devices ends the process."""
    done = bridge.run(LATE + reach, tmp_path)
    assert done.stdout == FAILED_LATE and done.returncode == -signal.SIGABRT, done.stderr


@pytest.mark.parametrize("allocation", ["tf.constant(1)", "tf.data.Dataset.range(2)", "tf.config.list_logical_devices()",
                                        "tf.keras.layers.Dense(1)(tf.ones([1, 1]))"])
def test_an_allocation_before_the_load_ends_the_process(bridge, tmp_path, allocation):
    done = bridge.run(f"import tensorflow as tf\n{allocation}\n{LOAD}", tmp_path)
    assert done.returncode == -signal.SIGABRT and "first_alloc_made" in done.stderr


@pytest.mark.parametrize("harmless", ["tf.config.list_physical_devices()", "tf.keras.utils.set_random_seed(1)",
                                      "tf.keras.mixed_precision.set_global_policy('mixed_bfloat16')",
                                      "tf.config.threading.set_intra_op_parallelism_threads(1)"])
def test_what_is_safe_before_the_load(bridge, tmp_path, harmless):
    """The load comes as far as to the missing driver."""
    done = bridge.run(f"import tensorflow as tf\n{harmless}\n{LATE}", tmp_path)
    assert done.returncode == 0 and done.stdout == FAILED_LATE, done.stderr


@pytest.mark.parametrize("given, expected", [
    ({}, "1 1 rank_1_ profile_api_light"), ({"HLS_MODULE_ID": "0"}, "0 1 rank_1_ profile_api_light"),
    ({"ID": "5", "HABANA_PROFILE": "0"}, "1 5 rank_1_ 0"),
    ({"HABANA_VISIBLE_MODULES": "6,3"}, "6 1 rank_1_ profile_api_light")])
def test_the_load_describes_the_rank_and_overrides_nothing(bridge, tmp_path, given, expected):
    show = "import os\nprint(*map(os.environ.get, ('HLS_MODULE_ID', 'ID', 'TF_RANK_PREFIX', 'HABANA_PROFILE')))"
    assert bridge.run(LATE + show, tmp_path, **RANK, **given).stdout == FAILED_LATE + expected + "\n"


def test_a_single_rank_is_given_no_module(bridge, tmp_path):
    show = "import os\nprint(*map(os.environ.get, ('HLS_MODULE_ID', 'ID', 'TF_RANK_PREFIX')))"
    assert bridge.run(LATE + show, tmp_path).stdout == FAILED_LATE + "None None None\n"


def test_too_few_visible_modules_fail(bridge, tmp_path):
    done = bridge.run(LOAD, tmp_path, **RANK, HABANA_VISIBLE_MODULES="3")
    assert done.returncode == 1 and "AssertionError" in done.stderr


def test_the_keras_hook_does_not_load(bridge, tmp_path):
    assert "ModuleNotFoundError: No module named 'keras.engine'" in bridge.run(LOAD, tmp_path, TF_HOOK_MODE="keras").stderr


def test_the_import_patches_keras(bridge, tmp_path):
    """The jit-compiled convolution is another function after the import than before it."""
    show = ("from keras.src.layers.convolutional.base_conv import Conv\nbefore = Conv._jit_compiled_convolution_op\n"
            "import habana_frameworks.tensorflow\nprint(Conv._jit_compiled_convolution_op is before)")
    assert bridge.run(show, tmp_path).stdout == "False\n"


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
                     "print(int(twice(tf.constant(4))), len(tf.config.list_physical_devices('HPU')))", tmp_path)
    assert done.stdout.split() == ["2", "8", "1"], done.stderr


@pytest.mark.parametrize("kind, hosts, expected", [("GAUDI", 1, "None"), ("GAUDI", 2, "0"), ("GAUDI2", 2, "None"),
                                                   ("GAUDI3", 1, "0")])
def test_signals_from_the_graph_are_off_where_they_do_not_work(forks, tmp_path, kind, hosts, expected):
    gaudi_machine.gaudi_files(tmp_path / "root", cards=1, kind=kind)
    ranks = {"OMPI_COMM_WORLD_SIZE": str(hosts), "OMPI_COMM_WORLD_LOCAL_SIZE": "1", "OMPI_COMM_WORLD_LOCAL_RANK": "0"}
    done = forks.run(LOAD + "import os\nprint(os.environ.get('TF_USE_SIGNALING_FROM_ENCAP_OP'))", tmp_path, **ranks,
                     GAUDI_SYS_ROOT=str(tmp_path / "root"))
    assert done.stdout.strip() == expected, done.stderr


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
    pytest.importorskip("horovod", reason="needs Horovod in the environment")
    done = gaudi_machine.run_python(
        "import horovod.tensorflow as hvd\nfrom habana_frameworks.tensorflow.library_loader import is_loaded\n"
        "print(hvd.hccl_built(), is_loaded())", gaudi_machine.gaudi_environment(tmp_path / "root"))
    assert done.stdout.split() == ["True", "True"], done.stderr
