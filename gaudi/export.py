"""`gaudi export RUN`: a SavedModel, reloaded in a clean process and compared with the trained network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gaudi import finished, fitting, page, run as runs
from gaudi.errors import UserError

CLEAN_PROCESS = Path(__file__).with_name("reload.py")


class ExportDiffers(RuntimeError):
    """The reloaded model does not answer as the trained one."""


def export(folder, overrides=()) -> dict:
    """Write export/VERSION and its model card; raises where the reloaded model differs. Returns the card."""
    opened = finished.open_run(folder, [*overrides, "precision=float32"])
    fitting.fit(opened, opened.task.sources)
    serving = opened.task.serving()
    target = opened.run.folder / "export" / str(opened.recipe.export.version)
    scratch = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        save(serving, scratch)
        compared = compare(serving, scratch)
        shutil.rmtree(target, ignore_errors=True)
        scratch.rename(target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    card = model_card(opened, serving, compared, target)
    write_card(target.parent, card)
    page.write_page(opened.run.folder)
    print(f"{target}: largest difference to the trained network {compared['max_difference']:.2e} over "
          f"{compared['values']} values (allowed {serving.tolerance:.0e}); reloaded in a process without this package", flush=True)
    return card


def save(serving, folder: Path) -> None:
    """Save a Keras model the Keras way (so that `load_model` takes it), anything else as a plain SavedModel."""
    import tensorflow as tf
    tf.get_logger().setLevel("ERROR")  # Keras warns that a model which is not compiled has no metrics
    if isinstance(serving.model, tf.keras.Model):
        serving.model.save(str(folder), save_format="tf", include_optimizer=False, signatures=serving.signatures or None)
    else:
        tf.saved_model.save(serving.model, str(folder), signatures=serving.signatures or None)


def compare(serving, folder: Path) -> dict:
    """Ask the SavedModel in a process that cannot import this package; raise ExportDiffers above the tolerance."""
    with tempfile.TemporaryDirectory() as scratch:
        asked, answered = Path(scratch) / "inputs.npz", Path(scratch) / "outputs.npz"
        np.savez(asked, **serving.inputs)
        command = [sys.executable, "-I", str(CLEAN_PROCESS), str(folder), str(asked), str(answered)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OMPI_")}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise ExportDiffers(f"{folder}: a clean process could not load it: {done.stderr.strip()[-800:]}")
        with np.load(answered) as answers:
            outputs = {name: answers[name] for name in answers.files}
    return differences(serving, outputs, folder)


def differences(serving, outputs, folder) -> dict:
    """The largest absolute difference between the trained network's and the reloaded model's answers."""
    missing = sorted(set(serving.outputs) - set(outputs))
    if missing:
        raise ExportDiffers(f"{folder}: the reloaded model has no output {', '.join(missing)}; it has {', '.join(outputs)}")
    worst, values = 0.0, 0
    for name, expected in serving.outputs.items():
        got = outputs[name]
        if got.shape != expected.shape:
            raise ExportDiffers(f"{folder}: {name} has shape {got.shape} reloaded and {expected.shape} trained")
        worst = max(worst, farthest(got, expected))
        values += expected.size
    if not worst <= serving.tolerance:
        raise ExportDiffers(f"{folder}: differs from the trained network by {worst:.3g}, allowed is {serving.tolerance:.3g}")
    return {"max_difference": worst, "allowed": serving.tolerance, "values": values}


def farthest(got, expected) -> float:
    """The largest absolute difference between two arrays of numbers; of text, infinite where any differs, else 0."""
    if expected.dtype.kind in "OSU":
        same = got.astype("S") == expected.astype("S")
        return 0.0 if same.all() else float("inf")
    return float(np.max(np.abs(got.astype(np.float64) - expected), initial=0.0))


def model_card(opened, serving, compared, target: Path) -> dict:
    """What a user of the export must know: contract, data, metrics, origin, versions."""
    facts = opened.run.facts()
    return {"model": opened.recipe.model, "contract": serving.contract, "version": opened.recipe.export.version,
            "exported": time.strftime("%Y-%m-%d"), "step": opened.state["step"],
            "data": {"root": opened.recipe.data.root or "embedded synthetic data", "examples": facts.get("examples"),
                     "digest": facts.get("data")},
            "metrics": runs.read_json(opened.run.metrics_file) or "not evaluated: run `gaudi evaluate` before the export",
            "config_digest": facts.get("config"), "code_digest": facts.get("code"), "parameters": facts.get("parameters"),
            "trained_on": {key: facts.get(key) for key in ("device", "device_name", "precision", "ranks")},
            "parity": compared, "bytes": sum(path.stat().st_size for path in target.rglob("*") if path.is_file()),
            "versions": runs.versions()}


def write_card(folder: Path, card: dict) -> None:
    """model_card.json for programs and model_card.md for people, beside the version folders."""
    runs.write_json(folder / "model_card.json", card)
    lines = [f"# {card['model']}, version {card['version']}", "", card["contract"], ""]
    for name, value in card.items():
        if isinstance(value, dict):
            lines += [f"## {name}", "", "```json", json.dumps(value, indent=1, default=float), "```", ""]
        elif name != "contract":
            lines.append(f"- {name}: {value}")
    runs.write_text(folder / "model_card.md", "\n".join(lines) + "\n")
