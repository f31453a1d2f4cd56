"""What `gaudi doctor` checks of the software: versions, the Gaudi stack, Horovod, Open MPI, variables, credentials."""
import json
import os
import re
import stat
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from packaging.specifiers import SpecifierSet

from gaudi import device, environment, launch, machine
from gaudi.errors import UserError
from gaudi.doctor.finding import Finding, judge

PYTHONS = ((3, 10), (3, 11))
SETUP = "run `bash scripts/setup.sh`"
# distribution: (versions that work, why no others)
MATRIX = {
    "keras": ("==2.15.*", "TensorFlow 2.15 is Keras 2.15"),
    "numpy": (">=1.23.5,<2", "TensorFlow 2.15 is compiled for numpy 1"),
    "protobuf": (">=3.20.3,<5", "TensorFlow 2.15's generated code does not load with 5"),
    "ml-dtypes": ("==0.2.*", "TensorFlow 2.15 shares its bfloat16 with it"),
    "tf-keras": ("==2.15.1", "newer ones are made for TensorFlow 2.16 and later"),
    "tensorflow-metadata": ("<=1.15", "newer ones break tensorflow-datasets under protobuf 4"),
    "opencv-python-headless": ("<4.12", "newer ones need numpy 2"),
    "pyyaml": (">=5.1", "recipes are YAML"),
}
HABANA = {"habana-tensorflow": "1.14.0.493", "habana-horovod": "1.14.0.493"}
DRIVER_VERSION = "/sys/class/accel/accel0/device/driver_ver"
DRIVER = "1.14"  # the last SynapseAI with TensorFlow
MPI_SECONDS = 10


def on_gaudi():
    """Whether the driver shows a Gaudi card: the Gaudi stack is then what is judged."""
    return (machine.read_line(device.DEVICE_TYPE) or "").startswith("GAUDI")


def check_python(here):
    """The interpreter against the support matrix."""
    version = sys.version_info[:2]
    detail = f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]} in {sys.prefix}"
    if on_gaudi() and version != (3, 10) and device.bridge_mismatch():
        return [Finding("python", "warn", detail + ": Habana's TensorFlow exists for CPython 3.10 only",
                        "GAUDI_PYTHON=/path/to/python3.10 bash scripts/setup.sh")]
    return [judge("python", version not in PYTHONS, detail, "install CPython 3.10 or 3.11 and " + SETUP)]


def check_tensorflow(here):
    """One TensorFlow, 2.15.0, of the build that the device needs."""
    builds = {name: version for name in ("tensorflow", "tensorflow-cpu") if (version := device.installed(name))}
    detail = ", ".join(f"{name} {version}" for name, version in builds.items()) or "not installed"
    if len(builds) > 1:
        return [Finding("tensorflow", "fail", detail + " overwrite each other's files", "remove .venv and " + SETUP)]
    if on_gaudi() and device.tensorflow_mismatch():
        return [Finding("tensorflow", "fail", device.tensorflow_mismatch(),
                        "pip uninstall tensorflow, then pip install tensorflow-cpu==2.15.0")]
    wrong = device.HABANA_TENSORFLOW not in builds.values()
    return [judge("tensorflow", wrong, detail, f"the suite needs {device.HABANA_TENSORFLOW}: " + SETUP)]


def check_packages(here):
    """Each package of the matrix that is missing or of another version; one line if all are right."""
    wrong = []
    for name, (allowed, why) in MATRIX.items():
        version = device.installed(name)
        if version is None:
            wrong.append(Finding(name, "fail", "not installed", SETUP))
        elif not SpecifierSet(allowed).contains(version, prereleases=True):
            wrong.append(Finding(name, "fail", f"{version}, supported is {allowed}: {why}",
                                 f"pip install '{name}{allowed}', or " + SETUP))
    return wrong or [Finding("packages", "ok", f"{len(MATRIX)} of the support matrix have the right versions")]


def check_gaudi_stack(here):
    """Driver and Habana's packages against 1.14; on a machine without a card only a stray bridge is worth a word."""
    if not on_gaudi():
        stray = [name for name in HABANA if device.installed(name)]
        return [Finding("habana", "info", f"{', '.join(stray)} installed without a card: left alone")] if stray else []
    driver = machine.read_line(DRIVER_VERSION) or "unknown"
    findings = [judge("habana driver", DRIVER not in driver, driver, "install driver, firmware and container "
                      "runtime of SynapseAI 1.14 on the host (hl-smi shows the version)", "warn")]
    for name, wanted in HABANA.items():
        version = device.installed(name)
        findings.append(judge(name, version != wanted, version or "not installed", f"the suite needs {wanted}: use the "
                              "image of docker/Dockerfile.gaudi", "fail" if name == "habana-tensorflow" else "warn"))
    missing = next((reason for reason in here.reasons if reason.startswith("hpu: ")), "")
    findings.append(judge("habana bridge", missing, missing.removeprefix("hpu: ") or "the module can be loaded",
                          f"put right what is named; training takes the {here.kind} until then", "warn"))
    return findings


def horovod_flavour():
    """("habana" | "public" | None, version): Habana's fork comes as its own distribution, and brings HCCL."""
    for flavour, name in (("habana", "habana-horovod"), ("public", "horovod")):
        version = device.installed(name)
        if version:
            return flavour, version
    return None, None


def horovod_built():
    """Whether Horovod's library for TensorFlow was built; looks for the file, does not load it."""
    for name in ("habana-horovod", "horovod"):
        try:
            files = metadata.files(name) or []
        except metadata.PackageNotFoundError:
            continue
        return any(re.match(r"horovod/tensorflow/mpi_lib.*\.so$", str(file)) for file in files)
    return False


def check_horovod(here):
    """Which Horovod, and whether it suits the device; its absence only limits training to one rank."""
    flavour, version = horovod_flavour()
    if flavour is None:
        return [Finding("horovod", "warn", "not installed: one rank only", SETUP)]
    detail = f"{flavour} {version}"
    if flavour == "habana" and not on_gaudi():  # importing it loads the bridge, which ends the process
        return [Finding("horovod", "warn", detail + " loads the Habana module when imported, and no card is here: one "
                        "rank only", "pip uninstall habana-horovod, then " + SETUP)]
    if flavour == "public" and on_gaudi():
        return [Finding("horovod", "warn", detail + " cannot reduce on Gaudi: one card only",
                        "use Habana's image (docker/Dockerfile.gaudi), which brings habana-horovod")]
    return [judge("horovod", not horovod_built(), detail, "it was built without TensorFlow: remove .venv and " + SETUP,
                  "warn")]


def check_mpi(here):
    """Open MPI 4.1 and mpi4py, both needed for more than one rank."""
    try:
        command = launch.find_mpirun()
    except UserError:
        return [Finding("open mpi", "warn", "no mpirun: one rank only", SETUP)]
    try:
        answer = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=MPI_SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return [Finding("open mpi", "warn", f"{command} does not run ({error}): one rank only", SETUP)]
    version = re.search(r"\(Open MPI\) (\S+)", answer)
    if version is None:
        return [Finding("open mpi", "warn", f"{command} is not Open MPI: {answer.strip()[:60]!r}", SETUP)]
    findings = [judge("open mpi", not version[1].startswith("4.1."), f"{version[1]} ({command})",
                      "the suite is made for 4.1 (Habana's is 4.1.5)", "warn")]
    bindings = device.installed("mpi4py")
    return findings + [judge("mpi4py", not bindings, bindings or "not installed: one rank only", SETUP, "warn")]


LEAKS = {
    "HLS_MODULE_ID": "names one card for every rank: replaced at start",
    "ID": "is another job's rank: replaced at start",
    "OMPI_COMM_WORLD_SIZE": "this shell runs under mpirun: a training started here takes itself for a rank",
    "TF_XLA_FLAGS": "XLA is slower here on CPUs, and Gaudi does not use it",
}


def check_variables(here):
    """Variables that were left over from other jobs, or that contradict the suite's own settings."""
    findings = [Finding(name, "fail" if here.kind == "hpu" else "warn", f"{name}={value}: {why}", f"unset {name}")
                for name, value, why in environment.conflicts()]
    findings += [Finding(name, "warn", f"{name}={os.environ[name]}: {why}", f"unset {name}")
                 for name, why in LEAKS.items() if name in os.environ]
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        findings.append(Finding("TF_ENABLE_ONEDNN_OPTS", "warn", "TF_ENABLE_ONEDNN_OPTS=0: CPU training without oneDNN "
                                "is several times slower", "unset TF_ENABLE_ONEDNN_OPTS"))
    return findings or [Finding("variables", "ok", "none left over from other jobs, none in conflict")]


def check_fonts(here):
    """Font packages: the synthetic documents print words in them, of other families for training than for tests."""
    families = sorted({entry.name for group in ("fonts_ttf", "fonts_otf")
                       for entry in metadata.entry_points(group=group)})
    return [judge("fonts", len(families) < 2, f"{len(families)} families from packages", "two at least, one to train "
                  "and one to test with: " + SETUP, "warn")]


def check_kaggle(here):
    """Whether credentials for downloads are there and kept to their owner; their values are never read out."""
    given = [name for name in ("KAGGLE_USERNAME", "KAGGLE_KEY") if os.environ.get(name)]
    if len(given) == 2:
        return [Finding("kaggle", "ok", "credentials in the environment")]
    if given:
        return [Finding("kaggle", "warn", f"{given[0]} is set, the other of the pair is not",
                        "set both KAGGLE_USERNAME and KAGGLE_KEY")]
    file = Path(os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle") / "kaggle.json"
    if not file.exists():
        return [Finding("kaggle", "info", "no credentials; only scripts/download_data.sh needs them")]
    try:
        complete = {"username", "key"} <= set(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        complete = False
    if not complete:
        return [Finding("kaggle", "warn", f"{file} does not hold username and key",
                        "fetch a new kaggle.json from your account page")]
    return [judge("kaggle", file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), f"credentials in {file}",
                  f"others on this machine can read the key: chmod 600 {file}", "warn")]


CHECKS = (check_python, check_tensorflow, check_packages, check_gaudi_stack, check_horovod, check_mpi, check_variables,
          check_fonts, check_kaggle)
