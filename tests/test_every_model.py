"""Every recipe through the real command line: trains a tiny epoch, resumes, is judged, exported and consumed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, log_of, must

RECIPES = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))
CONSUME = """
import sys
sys.modules["gaudi"] = sys.modules["models"] = None
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
signature = loaded.signatures["serving_default"]
print(sorted(signature.structured_outputs))
"""


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe(recipe, tmp_path):
    run = tmp_path / "run"
    must("train", recipe, "--tiny", "--run", run, "train.epochs=1")
    first = log_of(run)
    must("train", recipe, "--tiny", "--run", run, "train.epochs=2")
    records = log_of(run)
    assert records[:len(first) - 1] == first[:-1] and records[-1]["step"] == 2 * first[-1]["step"]
    for key in ("step", "epoch", "images", "seconds", "images_per_second", "learning_rate", "loss"):
        assert key in records[-1]
    must("evaluate", run)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["evaluation"]["step"] <= records[-1]["step"] and len(metrics) > 1
    assert list((run / "pictures").glob("*.png"))
    out = must("export", run).out
    assert "largest difference" in out
    card = json.loads((run / "export" / "model_card.json").read_text())
    consumed(run, card["model"])
    assert card["parity"]["max_difference"] <= card["parity"]["allowed"] and card["contract"]
    page = (run / "report.html").read_text()
    assert "src=\"http" not in page and "href=\"http" not in page and "data:image/png;base64," in page


def consumed(run, model):
    """The export answers in a process that has TensorFlow but not this package, as the demo asks it."""
    picture = str(sorted((run / "pictures").glob("*.png"))[0])
    scripts = {"cleaner": ("clean_images.py", "cleaned 1 image"), "retinanet": ("ask_export.py", "is a detector"),
               "extractor": ("ask_export.py", " 0.00"), "signer": ("ask_export.py", "unknown score"),
               "screener": ("ask_export.py", "anomaly score")}
    script, said = scripts.get(model, (None, "output"))
    program = [str(ROOT / "scripts" / script)] if script else ["-c", CONSUME]
    given = [picture, "--without-suite", "--out", str(run / "asked")] if script else []
    done = subprocess.run([sys.executable, "-I", *program, str(run / "export" / "1"), *given], capture_output=True, text=True)
    assert done.returncode == 0 and said in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("recipe", RECIPES)
def test_plan_and_check(recipe):
    plan = must("plan", recipe, "--ranks", 2).out
    for word in ("learning rate:", "steps:", "mpirun", "not taken"):
        assert word in plan
    assert must("data", "check", recipe, "--tiny").out.strip()


def test_data_show_draws_what_the_network_is_fed(tmp_path):
    must("data", "show", "cleaner", "--tiny", "--out", tmp_path / "batch.png")
    assert (tmp_path / "batch.png").stat().st_size > 1000 and Path(tmp_path / "batch.png").read_bytes()[:4] == b"\x89PNG"
