"""What a run says while it trains: log.jsonl, TensorBoard events, sample pictures and the progress line."""

from __future__ import annotations

import json
import math
import os
import re
import socket
import sys
import time
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np

from gaudi.errors import UserError
from gaudi.progress import ProgressLine

LOG, SAMPLES, EVENTS = "log.jsonl", "samples", "tensorboard"
REQUIRED = ("step", "epoch", "images", "seconds", "images_per_second", "learning_rate")
MOST_PICTURES = 20
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
SAMPLE_NAME = re.compile(r"(?P<name>.+)_(?P<step>\d{7,})\.png")


class SilentJournal:
    """The journal of every rank but 0: the same methods, and nothing is written."""

    def log(self, record: dict) -> None:
        """Nothing."""

    def progress(self, step: int, images_per_second: float, losses: dict, note: str = "") -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def pictures(self, step: int, images: dict) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Journal(SilentJournal):
    """Rank 0's journal of the run in `folder`; what an earlier process wrote past `start_step` is dropped.

    Lines, pictures and events past the checkpoint that training goes on from belong to a history that no longer
    happened. Where the folder cannot be written, every method raises UserError.
    """

    def __init__(self, folder: Path, *, total_steps: int, epochs: float, start_step: int = 0, tensorboard: bool = True,
                 stream=None):
        self.folder, self.total_steps = Path(folder), total_steps
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            forget_lines(self.folder / LOG, start_step)
            forget_pictures(self.folder / SAMPLES, start_step)
            self._file = open(self.folder / LOG, "a", encoding="utf-8")
        self._events = Events(self.folder / EVENTS, start_step) if tensorboard else None
        self._line = ProgressLine(stream or sys.stderr, total_steps, epochs, start_step)

    def log(self, record: dict) -> None:
        """Append one line: REQUIRED keys and every loss by name; nested dicts become `outer/inner` keys."""
        record = flatten(record)
        missing = [key for key in REQUIRED if key not in record]
        if missing:
            raise ValueError(f"log record lacks {', '.join(missing)}; it has {', '.join(record)}")
        line = json.dumps({key: plain(value) for key, value in record.items()}, ensure_ascii=False, allow_nan=False)
        with writing(self.folder / LOG):
            self._file.write(line + "\n")
            self._file.flush()
        if self._events:
            self._events.scalars(int(record["step"]), record)

    def progress(self, step: int, images_per_second: float, losses: dict, note: str = "") -> None:
        """Show where training is; cheap enough to call every step."""
        self._line.update(step, images_per_second, losses, note)

    def say(self, text: str) -> None:
        """Print a message that does not tear the progress line."""
        self._line.say(text)

    def pictures(self, step: int, images: dict) -> None:
        """Keep each uint8 [H, W, 3] picture as samples/NAME_STEP.png, at most MOST_PICTURES of a name."""
        for name, image in images.items():
            png = encode_png(image)
            path = self.folder / SAMPLES / sample_name(name, step)
            with writing(path):
                path.parent.mkdir(exist_ok=True)
                replace_file(path, png)
                thin_out(path.parent, path.name.rpartition("_")[0])
            if self._events:
                self._events.picture(step, name, png, np.asarray(image).shape)

    def close(self) -> None:
        """End the progress line and close the files; a second call does nothing."""
        self._line.close()
        with writing(self.folder / LOG):
            self._file.close()
        if self._events:
            self._events.close()


class Events:
    """TensorBoard events, written without TensorFlow: no op, no thread, and nothing allocated on the device.

    The file is opened with the first event. It begins with a session start, upon which TensorBoard drops what an
    earlier process wrote from the following step on.
    """

    def __init__(self, folder: Path, start_step: int):
        self.folder, self.start_step, self._writer = folder, start_step, None

    def scalars(self, step: int, record: dict) -> None:
        """Every number of the record, `train/NAME` where the name has no group of its own."""
        from tensorboard.compat.proto import summary_pb2

        values = [summary_pb2.Summary.Value(tag=tag(name), simple_value=float(value))
                  for name, value in record.items() if name not in ("step", "epoch") and is_number(value)]
        self._write(step=step, summary=summary_pb2.Summary(value=values))

    def picture(self, step: int, name: str, png: bytes, shape) -> None:
        """A picture of that shape [H, W, ...], encoded as PNG."""
        from tensorboard.compat.proto import summary_pb2

        image = summary_pb2.Summary.Image(height=shape[0], width=shape[1], colorspace=3, encoded_image_string=png)
        value = summary_pb2.Summary.Value(tag=f"samples/{name}", image=image)
        self._write(step=step, summary=summary_pb2.Summary(value=[value]))

    def close(self) -> None:
        """Close the file if one was opened."""
        if self._writer:
            self._writer.close()
            self._writer = None

    def _write(self, **fields) -> None:
        from tensorboard.compat.proto import event_pb2

        with writing(self.folder):
            self._writer = self._writer or self._open()
            self._writer.write(event_pb2.Event(wall_time=time.time(), **fields).SerializeToString())
            self._writer.flush()

    def _open(self):
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self.folder.mkdir(exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
        writer = RecordWriter(open(self.folder / name, "ab"))
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        for event in (event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2"),
                      event_pb2.Event(wall_time=time.time(), step=self.start_step + 1, session_log=start)):
            writer.write(event.SerializeToString())
        return writer


def read_log(folder) -> list[dict]:
    """The records of FOLDER/log.jsonl, "nan" and "inf" as floats; a torn line (the process was killed) is left out."""
    path = Path(folder) / LOG
    if not path.exists():
        return []
    records = (parse_line(line) for line in path.read_bytes().splitlines())
    return [{key: NOT_FINITE.get(value, value) if type(value) is str else value for key, value in record.items()}
            for record in records if record]


def parse_line(line: bytes) -> dict | None:
    """The record in a line of log.jsonl, None if it is torn."""
    try:
        record = json.loads(line)
    except ValueError:  # also UnicodeDecodeError: a character cut in two
        return None
    return record if isinstance(record, dict) and type(record.get("step")) is int else None


def forget_lines(path: Path, start_step: int) -> None:
    """Drop torn lines and those past `start_step` (all of them where it is 0), by an atomic rewrite."""
    if not path.exists():
        return
    old = path.read_bytes()
    kept = []
    for line in old.splitlines():
        record = parse_line(line)
        if record and 0 < start_step >= record["step"]:
            kept.append(line + b"\n")
    new = b"".join(kept)
    if new != old:
        replace_file(path, new)


def forget_pictures(folder: Path, start_step: int) -> None:
    """Delete samples past `start_step` (all of them where it is 0)."""
    for path in folder.glob("*.png"):
        match = SAMPLE_NAME.fullmatch(path.name)
        if match and not 0 < start_step >= int(match["step"]):
            path.unlink()


def sample_name(name: str, step: int) -> str:
    """The file name of a sample; file managers sort it by name, then by step."""
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '-', name).strip('-.') or 'sample'}_{step:07d}.png"


def thin_out(folder: Path, name: str, most: int = MOST_PICTURES) -> None:
    """Delete pictures of that name until `most` are left: the first, the last, and evenly spread ones between."""
    found = (SAMPLE_NAME.fullmatch(path.name) for path in folder.glob(f"{name}_*.png"))
    steps = sorted(int(match["step"]) for match in found if match and match["name"] == name)
    while len(steps) > most:
        # The one whose neighbours are closest to each other leaves the smallest hole.
        middle = min(range(1, len(steps) - 1), key=lambda i: steps[i + 1] - steps[i - 1])
        (folder / sample_name(name, steps.pop(middle))).unlink()


def encode_png(image) -> bytes:
    """A uint8 [H, W, 3], [H, W, 1] or [H, W] picture as the bytes of a PNG file."""
    from PIL import Image

    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.ndim == 3 and pixels.shape[2] not in (1, 3):
        raise ValueError(f"a picture must be uint8 [H, W, 3], not {pixels.dtype} {list(pixels.shape)}")
    buffer = BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` so that a reader, or a crash, sees the old file or the new one, nothing between."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(scratch, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def writing(path: Path):
    """Turns a full disk or a read-only folder into one line that names the path and the way on."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error}); free some space or choose another "
                        "folder with --run, then start the same command again") from error


def flatten(record: dict, prefix: str = "") -> dict:
    """{"a": {"b": 1}} as {"a/b": 1}."""
    flat = {}
    for key, value in record.items():
        flat.update(flatten(value, f"{prefix}{key}/") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return flat


def plain(value):
    """A value of the record as JSON has it: floats to 6 significant digits, NaN and infinities as text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    array = np.asarray(value)
    if array.ndim:
        return [plain(item) for item in array.tolist()]
    if array.dtype.kind in "biu":
        return array.item()
    number = float(array)
    return float(f"{number:.6g}") if math.isfinite(number) else str(number)


def is_number(value) -> bool:
    """Whether TensorBoard can draw it."""
    return not isinstance(value, (str, list, tuple, dict, type(None))) and np.ndim(value) == 0


def tag(name: str) -> str:
    """TensorBoard groups curves by what stands before the slash."""
    return name if "/" in name else f"train/{name}"
