"""Who may import whom, what starts without TensorFlow, and what the package installs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from setuptools import find_packages

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*ROOT.glob("gaudi/**/*.py"), *ROOT.glob("models/**/*.py")])


def imports(path):
    """Every module a file imports, anywhere in it, by its full name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)
            yield node.module


def relative(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_every_file_keeps_to_its_floor(path):
    """gaudi/ knows no model; models know each other's shared folders only; Habana is imported in one place."""
    names = set(imports(path))
    own = path.relative_to(ROOT).parts
    model_folders = {folder.parent.name for folder in ROOT.glob("models/*/task.py")}
    if own[0] == "gaudi":
        assert not any(name.split(".")[0] == "models" for name in names)
    if own[:2] != ("gaudi", "device.py"):
        assert not any(name.startswith("habana_frameworks") for name in names)
    others = {name.split(".")[1] for name in names if name.startswith("models.") and len(name.split(".")) > 1}
    if own[0] == "models" and own[1] in model_folders:
        assert not (others & model_folders) - {own[1]}
    elif own[0] == "models":
        assert not others & model_folders, "what models share must not lean on one of them"
    assert not any(name.split(".")[0] in ("pickle", "joblib", "tests") for name in names)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_every_file_says_its_job(path):
    document = ast.get_docstring(ast.parse(path.read_text()))
    assert document and len(document.splitlines()[0]) <= 130
    assert path.read_text().count("\n") <= 400, "longer than 400 lines: two jobs in one file?"


def test_models_have_the_same_files():
    expected = {"README.md", "config.py", "data.py", "network.py", "losses.py", "task.py", "serving.py", "check.py"}
    for task in ROOT.glob("models/*/task.py"):
        assert not expected - {path.name for path in task.parent.iterdir()}, task.parent


def test_every_recipe_opens_with_how_to_run_it():
    for path in ROOT.glob("configs/*.yaml"):
        text = path.read_text()
        head = text[:text.index("\nmodel:")]
        for word in ("command", "hardware", "duration", "expected"):
            assert word in head.lower(), f"{path.name}: its header does not tell the {word}"
        assert "\ntiny:" in text, path.name


def test_setup_installs_exactly_the_two_packages():
    found = find_packages(str(ROOT), include=["gaudi", "gaudi.*", "models", "models.*"])
    assert {name.split(".")[0] for name in found} == {"gaudi", "models"}
    have_code = {relative(path.parent).replace("/", ".") for path in SOURCES}
    assert have_code == set(found), "a folder of code without __init__.py is not installed"


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "cleaner"], ["doctor", "--json"], ["data", "--help"]])
def test_answers_without_tensorflow(arguments):
    program = ("import sys; sys.modules['tensorflow'] = None\n"
               "from gaudi.cli import main\n"
               f"try:\n    code = main({arguments!r})\nexcept SystemExit as end:\n    code = end.code\n"
               "assert code in (0, None), code")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
