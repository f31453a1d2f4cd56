"""Recipes: dataclasses hold every default, a YAML file overrides them, key=value arguments override that."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import importlib
import json
import math
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml

from gaudi.errors import UserError

MODELS = Path(__file__).resolve().parent.parent / "models"
CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def number(default, *, above=None, least=None, most=None, unit="", why=""):
    """A numeric field with its limits, unit and reason: `above` is exclusive, `least` and `most` are inclusive."""
    return field(default=default, metadata={"above": above, "least": least, "most": most, "unit": unit, "why": why})


@dataclass
class Optimizer:
    """How one player's variables move."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = number(1e-3, above=0, why="peak, at base_batch images a step")
    base_batch: int = number(32, least=1, unit="images", why="the batch learning_rate was tuned for")
    scaling: Literal["linear", "sqrt", "none"] = "linear"
    momentum: float = number(0.9, least=0, most=1, why="sgd only")
    beta_1: float = number(0.9, least=0, most=1, why="adam, adamw")
    beta_2: float = number(0.999, least=0, most=1, why="adam, adamw")
    epsilon: float = number(1e-7, above=0, why="adam, adamw")
    weight_decay: float = number(0.0, least=0, why="adamw and sgd: decoupled, on kernels only")
    clip_norm: float = number(0.0, least=0, why="largest global gradient norm; 0 is off")


@dataclass
class Schedule:
    """How the learning rate moves between warm-up and end, in epochs, so that one recipe yields 1 and 8 cards."""

    name: Literal["constant", "cosine", "steps"] = "cosine"
    warmup_epochs: float = number(0.0, least=0, unit="epochs")
    warmup_start: float = number(0.1, least=0, most=1, unit="share of the peak")
    final_fraction: float = number(0.0, least=0, most=1, unit="share of the peak", why="cosine ends here")
    drop_epochs: list[float] = field(default_factory=list, metadata={"unit": "epochs", "why": "steps: drops happen here"})
    drop_factor: float = number(0.1, above=0, most=1, why="steps: each drop multiplies by this")


@dataclass
class Train:
    """The training loop's settings; every duration is in epochs, the batch is the global one."""

    global_batch: int = number(32, least=1, unit="images", why="over all ranks")
    epochs: float = number(10.0, above=0, unit="epochs")
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    gradient_compression: Literal["none", "bf16"] = "none"
    log_steps: int = number(10, least=1, unit="steps")
    evaluate_epochs: float = number(1.0, above=0, unit="epochs")
    checkpoint_epochs: float = number(1.0, above=0, unit="epochs")
    keep_checkpoints: int = number(3, least=2, why="the newest ones; the best is kept besides")
    early_stop_epochs: float = number(0.0, least=0, unit="epochs", why="stop when the monitor has not improved; 0 is off")
    tensorboard: bool = True
    profile_steps: int = number(0, least=0, unit="steps", why="of rank 0, recorded by tf.profiler after the first ones")


@dataclass
class Data:
    """Where the examples come from; an empty root means the embedded synthetic data."""

    root: str = ""
    on_corrupt: Literal["fail", "skip"] = "fail"


@dataclass
class Export:
    """What `gaudi export` writes."""

    version: int = number(1, least=1, why="the numbered folder TF Serving looks for")


@dataclass
class Recipe:
    """What every recipe has; a model's config.py subclasses it."""

    model: str = ""
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    deterministic: bool = False
    seed: int = number(1, least=0, most=2**31 - 1)
    data: Data = field(default_factory=Data)
    train: Train = field(default_factory=Train)
    export: Export = field(default_factory=Export)

    def splits(self) -> dict[str, int]:
        """Number of examples of `train` and `validation` (and `test` where there is one), without TensorFlow."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise UserError where fields contradict each other; models extend it."""
        drops = self.train.schedule.drop_epochs
        if drops != sorted(drops):
            raise UserError(f"train.schedule.drop_epochs: {drops} must rise")
        if self.train.schedule.warmup_epochs >= self.train.epochs:
            raise UserError(f"train.schedule.warmup_epochs: {self.train.schedule.warmup_epochs:g} must be less than "
                            f"train.epochs ({self.train.epochs:g})")


def known_models() -> list[str]:
    """The folders in models/ that are models: those with a config.py and a task.py."""
    return sorted(path.parent.name for path in MODELS.glob("*/task.py") if (path.parent / "config.py").exists())


def known_configs() -> list[str]:
    """The YAML files in configs/, without their ending."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def load(path, overrides=(), tiny=False) -> Recipe:
    """The recipe in the YAML file `path` (or of that name in configs/), its `tiny:` block and key=value overrides applied."""
    path = find(path)
    values, lines = read_yaml(path)
    tiny_values = values.pop("tiny", None) or {}
    if not isinstance(tiny_values, dict):
        raise UserError(f"{path}: tiny: must be a block of keys, not {tiny_values!r}")
    given = parse_overrides(overrides)
    config = config_class(given.get("model", values.get("model")), "argument" if "model" in given else path)

    def place(key):
        return f"{path}:{lines[key]}" if key in lines else str(path)

    recipe = fill(config, values, place)
    if tiny:
        values = merge(values, tiny_values)
        recipe = fill(config, values, lambda key: place(f"tiny.{key}" if f"tiny.{key}" in lines else key))
    elif tiny_values:
        fill(config, merge(values, tiny_values), lambda key: place(f"tiny.{key}" if f"tiny.{key}" in lines else key))
    if given:
        values = merge(values, given)
        recipe = fill(config, values, lambda key: "argument" if _given(key, overrides) else place(key))
    recipe.check()
    return recipe


def find(path) -> Path:
    """The YAML file named: a path, or the stem of a file in configs/."""
    path = Path(path)
    if path.is_file():
        return path
    named = CONFIGS / f"{path.name}.yaml"
    if path.suffix == "" and path.parent == Path(".") and named.is_file():
        return named
    raise UserError(f"{path}: no such config; known are {', '.join(known_configs()) or 'none'}")


def config_class(model, place) -> type[Recipe]:
    """The Config dataclass of the model of that name."""
    names = known_models()
    if model not in names:
        raise UserError(f"{place}: model: {model!r} is not known{near(model, names)}; known are {', '.join(names)}")
    return importlib.import_module(f"models.{model}.config").Config


def from_dict(values: dict, place: str) -> Recipe:
    """The recipe that `to_dict` wrote, checked as strictly as a file written by hand."""
    return fill(config_class(values.get("model"), place), values, lambda key: place)


def to_dict(recipe) -> dict:
    """Plain values of every field, in the order of definition."""
    return dataclasses.asdict(recipe)


def digest(recipe) -> str:
    """A hash of all values that shape the training: two recipes with one digest train the same model."""
    return hashlib.sha256(json.dumps(to_dict(recipe), sort_keys=True).encode()).hexdigest()[:16]


def differences(old: dict, new: dict, prefix="") -> list[str]:
    """Dotted keys in which two plain recipes differ, as `key: old -> new`."""
    rows = []
    for key in sorted(set(old) | set(new)):
        was, now = old.get(key), new.get(key)
        if isinstance(was, dict) and isinstance(now, dict):
            rows += differences(was, now, f"{prefix}{key}.")
        elif was != now:
            rows.append(f"{prefix}{key}: {was!r} -> {now!r}")
    return rows


def read_yaml(path) -> tuple[dict, dict[str, int]]:
    """The mapping in a YAML file and the line of every dotted key."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: must hold keys and values, such as `model: cleaner`")
    lines: dict[str, int] = {}
    _collect_lines(node, "", lines, path)
    return values, lines


def _collect_lines(node, prefix, lines, path):
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        if name in lines:
            raise UserError(f"{path}:{key.start_mark.line + 1}: {name}: given twice (first in line {lines[name]})")
        lines[name] = key.start_mark.line + 1
        if isinstance(value, yaml.MappingNode):
            _collect_lines(value, f"{name}.", lines, path)


def parse_overrides(arguments) -> dict:
    """`a.b=1` arguments as nested plain values; a value is read as YAML reads it."""
    values: dict = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not equals or not key:
            raise UserError(f"argument {argument!r}: write key=value, such as train.epochs=3")
        try:
            value = yaml.safe_load(text) if text else ""
        except yaml.YAMLError as error:
            raise UserError(f"argument {argument!r}: not YAML: {' '.join(str(error).split())}") from error
        *parents, last = key.split(".")
        inner = values
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return values


def merge(base: dict, over: dict) -> dict:
    """`base` with the values of `over` laid on it, block by block."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = merge(base[key], value) if both else value
    return merged


def near(name, names) -> str:
    """`; did you mean X?` where one of `names` is close to `name`, else nothing."""
    matches = difflib.get_close_matches(str(name), list(names), n=1)
    return f"; did you mean {matches[0]}?" if matches else ""


def _given(key, overrides):
    return any(argument.partition("=")[0] == key or argument.startswith(f"{key}.") for argument in overrides)


def fill(cls, values: dict, place, prefix=""):
    """An instance of the dataclass `cls` from plain `values`; `place(dotted key)` names the file in error messages."""
    hints = typing.get_type_hints(cls)
    fields = {item.name: item for item in dataclasses.fields(cls)}
    arguments = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if key not in fields:
            raise UserError(f"{place(name)}: {name}: unknown key{near(key, fields)}; "
                            f"{prefix[:-1] or 'a recipe'} has {', '.join(fields)}")
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, dict):
                raise UserError(f"{place(name)}: {name}: must be a block of keys, not {value!r}")
            arguments[key] = fill(hints[key], value, place, f"{name}.")
        else:
            arguments[key] = _typed(value, hints[key], f"{place(name)}: {name}")
            _check_limits(arguments[key], fields[key].metadata, f"{place(name)}: {name}")
    return cls(**arguments)


def _typed(value, kind, where):
    """`value` as the annotated type, or a UserError that says what is allowed."""
    origin, choices = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return _choice(value, choices, where)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _typed(value, next(c for c in choices if c is not type(None)), where)
    if origin in (list, tuple):
        if not isinstance(value, (list, tuple)):
            raise UserError(f"{where}: must be a list, not {value!r}")
        return origin(_typed(item, choices[0], where) for item in value)
    if kind is float:
        return _float(value, where)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not kind:
        hint = "; put it in quotes" if kind is str and isinstance(value, (bool, int, float)) else ""
        raise UserError(f"{where}: must be {_NAMES.get(kind, kind)}, not {value!r}{hint}")
    return value


_NAMES = {bool: "true or false", int: "a whole number", str: "text"}


def _choice(value, choices, where):
    if value is False and "off" in choices:  # YAML 1.1 reads a bare off as false
        return "off"
    if value is None and "none" in choices:
        return "none"
    if value not in choices:
        raise UserError(f"{where}: must be one of {', '.join(map(str, choices))}, not {value!r}{near(value, choices)}")
    return value


def _float(value, where):
    if isinstance(value, str):  # PyYAML reads 1e-4 (no dot) as text
        try:
            value = float(value)
        except ValueError:
            raise UserError(f"{where}: must be a number, not {value!r}") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UserError(f"{where}: must be a finite number, not {value!r}")
    return float(value)


def _check_limits(value, limits, where):
    above, least, most = limits.get("above"), limits.get("least"), limits.get("most")
    unit = f" {limits['unit']}" if limits.get("unit") else ""
    if above is not None and not value > above:
        raise UserError(f"{where}: {value}{unit} must be above {above}")
    if least is not None and value < least:
        raise UserError(f"{where}: {value}{unit} must be at least {least}")
    if most is not None and value > most:
        raise UserError(f"{where}: {value}{unit} must be at most {most}")
