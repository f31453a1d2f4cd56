"""The progress line: one live line on a terminal, now and then a plain line through pipes, mpirun and CI."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from dataclasses import dataclass

LIVE_SECONDS = 0.1          # a terminal is redrawn at most this often
PLAIN_SECONDS = (10.0, 300.0)  # a pipe gets a line this often: at first, and in runs of many hours
PLAIN_SHARE = 0.05          # or whenever this share of the run is done, but not within PLAIN_LEAST seconds
PLAIN_LEAST = 2.0
PLAIN_WIDTH = 118           # leaves room for mpirun's tags in a 132 column window
WIDEST_BAR, NARROWEST_BAR = 28, 8


@dataclass
class Part:
    """A piece of the line; where the line is too wide, the part with the highest `spare` goes first."""

    text: str
    spare: int


class ProgressLine:
    """Draws how far `total_steps` are; `start_step` were done by an earlier process."""

    def __init__(self, stream, total_steps: int, epochs: float, start_step: int = 0, clock=time.monotonic):
        self.stream, self.total, self.epochs, self.start, self.clock = stream, total_steps, epochs, start_step, clock
        self.live = is_live(stream)
        self.glyphs = glyphs_of(stream)
        self.began = clock()
        self.marks: deque[tuple[float, int]] = deque()
        self.drawn_at, self.drawn_step, self.line = -math.inf, start_step, ""

    def update(self, step: int, images_per_second: float, losses: dict, note: str = "") -> None:
        """Show this state if it is time to; the last step is always shown."""
        now = self.clock()
        self._mark(now, step)
        if not self._due(now, step):
            return
        self.drawn_at, self.drawn_step = now, step
        if self.live:
            self.line = self.compose(step, images_per_second, losses, note, width_of(self.stream) - 1)
            self._write("\r" + self._coloured(self.line) + "\x1b[K")
        else:
            width = int(os.environ.get("COLUMNS") or PLAIN_WIDTH)
            self._write(self.compose(step, images_per_second, losses, note, width) + "\n")

    def say(self, text: str) -> None:
        """Print a message above the live line, whole."""
        if self.live and self.line:
            self._write("\r\x1b[K" + text + "\n" + self._coloured(self.line))
        else:
            self._write(text + "\n")

    def close(self) -> None:
        """Leave the last state on the screen and the cursor on a line of its own."""
        if self.line:
            self._write("\n")
            self.line = ""

    def compose(self, step: int, images_per_second: float, losses: dict, note: str, width: int) -> str:
        """The line in at most `width` characters."""
        share = min(1.0, step / self.total) if self.total else 1.0
        parts = fit(self._parts(step, images_per_second, losses, note), width - 6 - NARROWEST_BAR)
        text = "".join("  " + part.text for part in parts)
        room = min(WIDEST_BAR, width - 6 - len(text))
        bar = draw_bar(share, room, self.glyphs) if room >= 3 else ""
        return f"{math.floor(share * 100):3d} % {bar}{text}"[:max(width, 5)].rstrip()

    def _parts(self, step, images_per_second, losses, note) -> list[Part]:
        epochs = max(1, math.ceil(self.epochs - 1e-9))
        epoch = min(epochs, max(1, math.ceil(step / max(1, self.total) * self.epochs - 1e-9)))
        counter = f"step {step:{len(str(self.total))}d}/{self.total}"
        parts = [Part(f"epoch {epoch:{len(str(epochs))}d}/{epochs}", 3), Part(counter, 6)]
        for position, (name, value) in enumerate(losses.items()):
            parts.append(Part(f"{name} {figure(value):<7}", 1 if position == 0 else 10 + position))
        rate = figure(images_per_second, 3) if images_per_second else "--"  # nothing is measured while it compiles
        parts.append(Part(f"{rate} images/s", 4))
        parts.append(Part(f"{self._left(step):<16}", 2))
        return parts + ([Part(note, 5)] if note else [])

    def _mark(self, now: float, step: int) -> None:
        """Remember when steps were done: the newer half of them foretells the rest (compiling is left out)."""
        if not self.marks or step > self.marks[-1][1]:
            self.marks.append((now, step))
        while len(self.marks) > 2 and self.marks[1][1] < self.start + (step - self.start) / 2:
            self.marks.popleft()

    def _left(self, step: int) -> str:
        if step >= self.total:
            return f"{duration(self.clock() - self.began)} in all"
        if len(self.marks) < 2:
            return "-- left"
        (first, done), (last, now_done) = self.marks[0], self.marks[-1]
        return f"{duration(math.ceil((last - first) / (now_done - done) * (self.total - step)))} left"

    def _due(self, now: float, step: int) -> bool:
        passed = now - self.drawn_at
        if step >= self.total and self.drawn_step < self.total:
            return True
        if self.live:
            return passed >= LIVE_SECONDS
        least, most = PLAIN_SECONDS
        calm = min(most, max(least, (now - self.began) / 60))
        moved = step // (PLAIN_SHARE * self.total) > self.drawn_step // (PLAIN_SHARE * self.total)
        return passed >= calm or (moved and passed >= PLAIN_LEAST)

    def _coloured(self, line: str) -> str:
        """The done part of the bar in colour, the rest dim; the text is left alone."""
        if "NO_COLOR" in os.environ or not self.glyphs.colour:
            return line
        done, rest = self.glyphs.done, self.glyphs.rest
        first = min((line.find(glyph) for glyph in (done, rest) if glyph in line), default=-1)
        if first < 0:
            return line
        end, middle = first, first
        while end < len(line) and line[end] in done + rest:
            end += 1
            middle = end if line[end - 1] == done else middle
        return f"{line[:first]}\x1b[36m{line[first:middle]}\x1b[0;2m{line[middle:end]}\x1b[0m{line[end:]}"

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (BrokenPipeError, ValueError):  # whoever watched has gone (`| head`); training goes on without them
            self.stream = open(os.devnull, "w", encoding="utf-8")
            self.live = False


@dataclass(frozen=True)
class Glyphs:
    """What the bar is made of; ASCII where the stream cannot say more."""

    done: str
    rest: str
    colour: bool


def glyphs_of(stream) -> Glyphs:
    """Line-drawing characters if the stream's encoding has them."""
    try:
        "━─".encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return Glyphs("#", ".", colour=False)
    return Glyphs("━", "─", colour=True)


def draw_bar(share: float, width: int, glyphs: Glyphs) -> str:
    """`width` characters, the first `share` of them done."""
    done = math.floor(share * width + 1e-9)
    return glyphs.done * done + glyphs.rest * (width - done)


def fit(parts: list[Part], room: int) -> list[Part]:
    """The parts that fit into `room` characters when each takes two more; the most spare ones go first."""
    parts = list(parts)
    while parts and sum(len(part.text) + 2 for part in parts) > room:
        parts.remove(max(parts, key=lambda part: part.spare))
    return parts


def is_live(stream) -> bool:
    """Whether \\r works: on a terminal, but not behind mpirun, which hands on whole lines of many ranks.

    A launcher that knows better sets GAUDI_PROGRESS to `live` or `plain`.
    """
    wish = os.environ.get("GAUDI_PROGRESS", "")
    if wish in ("live", "plain"):
        return wish == "live"
    relayed = any(name in os.environ for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK"))
    return not relayed and os.environ.get("TERM") != "dumb" and bool(getattr(stream, "isatty", lambda: False)())


def width_of(stream) -> int:
    """Columns of the terminal behind `stream`, now; else COLUMNS; else 80."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError, AttributeError):
        columns = 0
    return columns or int(os.environ.get("COLUMNS") or 80)


def figure(value, digits: int = 4) -> str:
    """A number in `digits` significant digits, trailing zeros kept so that columns do not jump."""
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    if value and not 1e-4 <= abs(value) < 10 ** (digits + 3):
        return f"{value:.{max(0, digits - 2)}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else digits - 1
    return f"{value:.{min(decimals, digits + 2)}f}"


def duration(seconds: float) -> str:
    """Seconds for people: `41 s`, `12 min 04 s`, `3 h 07 min`, `2 d 05 h`."""
    if not math.isfinite(seconds):
        return "?"
    whole = int(round(seconds))
    if whole < 10 and seconds != whole:
        return f"{seconds:.1f} s"
    for unit, small, size, name, small_name in ((86400, 3600, 24, "d", "h"), (3600, 60, 60, "h", "min"),
                                                (60, 1, 60, "min", "s")):
        if whole >= unit:
            return f"{whole // unit} {name} {whole // small % size:02d} {small_name}"
    return f"{whole} s"
