"""The progress line: on terminals of any width, through pipes and mpirun, with its rate and time left."""

import fcntl
import io
import math
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from gaudi.progress import ProgressLine, duration, figure

ROOT = Path(__file__).resolve().parent.parent


class Clock:
    """A clock that moves when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def no_width_from_outside(monkeypatch):
    """Test runners tell their workers how wide the terminal is; lines must not depend on it."""
    monkeypatch.delenv("COLUMNS", raising=False)


def plain_lines(steps, seconds_a_step, total=None, **options):
    """What a pipe gets of so many steps."""
    clock, stream = Clock(), io.StringIO()
    line = ProgressLine(stream, total or steps, 10, clock=clock, **options)
    for step in range(1, steps + 1):
        clock.now += seconds_a_step
        line.update(step, 412.0, {"loss": 0.5, "l1": 0.25})
    line.close()
    return stream.getvalue()


def test_a_pipe_gets_a_line_for_every_twentieth(tmp_path):
    """1,000 steps of 0.1 s: the first step, each 5 % (5 s apart, so never 10 s of silence) and the last: 21 lines."""
    text = plain_lines(1000, 0.1)
    lines = text.splitlines()
    assert "\r" not in text and "\x1b" not in text and len(lines) == 21
    assert [line[:5] for line in lines[:4]] == ["  0 %", "  5 %", " 10 %", " 15 %"] and lines[-1].startswith(
        "100 % ━━━━"
    )
    assert "epoch 10/10  step 1000/1000  loss 0.5000" in lines[-1] and "412 images/s" in lines[-1]
    assert lines[-1].endswith("1 min 40 s in all")


def test_long_runs_stay_readable_and_short_ones_are_not_flooded():
    """A day in steps of 1 s: a line every sixtieth of the time so far, 10 to 300 s. That is 60 until 600 s,
    60 ln 30 = 204 until 18,000 s, then 68,400 / 300 = 228, and 20 for every twentieth.
    Of twenty quick steps the first and the last are shown.
    """
    assert len(plain_lines(86_400, 1.0).splitlines()) == pytest.approx(60 + 204 + 228 + 20, rel=0.05)
    assert len(plain_lines(20, 0.01).splitlines()) == 2


def test_time_left_follows_the_newer_half_of_the_steps():
    """Step 1 at 60 s (it compiles), then 0.1 s a step: at 100 of 400 steps 30 s are left, the slow start forgotten."""
    clock, stream = Clock(), io.StringIO()
    line = ProgressLine(stream, 400, 10, clock=clock)
    clock.now += 60
    line.update(1, 0.0, {"loss": 1.0})
    for step in range(2, 101):
        clock.now += 0.1
        line.update(step, 80.0, {"loss": 1.0})
    assert "-- left" in stream.getvalue().splitlines()[0]
    assert line.compose(100, 80.0, {}, "", 118).endswith("30 s left")


def test_a_resumed_run_counts_only_its_own_steps():
    """Resumed at 200 of 400; 0.5 s a step: at 300 of 400 it is 50 s, in epoch 8 of 10."""
    clock = Clock()
    line = ProgressLine(io.StringIO(), 400, 10, start_step=200, clock=clock)
    for step in range(201, 301):
        clock.now += 0.5
        line.update(step, 80.0, {})
    text = line.compose(300, 80.0, {}, "", 118)
    assert text.startswith(" 75 %") and "epoch  8/10" in text and text.endswith("50 s left")


@pytest.mark.parametrize("width", [5, 12, 20, 33, 40, 60, 80, 100, 132, 250])
def test_the_line_fits_any_width(width):
    """The share done survives even five columns, the loss longer than the time left, and that longer than the rest."""
    line = ProgressLine(io.StringIO(), 12345, 50, clock=Clock())
    text = line.compose(
        3703, 12950.4, {"loss": 0.0312, "generator": 123456.0, "ssim": math.nan}, "saving the best so far", width
    )
    assert len(text) <= width and text.startswith(" 29 %")
    assert ("loss 0.03120" in text, "-- left" in text, "12950 images/s" in text) == (
        width >= 33,
        width >= 60,
        width >= 80,
    )
    assert ("saving the best" in text, "ssim nan" in text) == (width >= 100, width >= 250)


def test_a_stream_without_line_drawing_gets_ascii():
    text = plain_ascii()
    assert text.startswith("100 % ####") and text.isascii()


def plain_ascii():
    """The last line on an ASCII stream."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    ProgressLine(stream, 4, 1, clock=Clock()).update(4, 1.0, {})
    stream.seek(0)
    return stream.read()


def on_terminal(monkeypatch, columns, draw):
    """What a terminal of so many columns receives from draw(stream)."""
    for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "GAUDI_PROGRESS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    received = []
    reader = threading.Thread(target=lambda: received.extend(chunks(leader)))
    reader.start()
    with open(follower, "w", encoding="utf-8") as stream:
        draw(stream)
    reader.join(timeout=10)
    os.close(leader)
    return b"".join(received).decode()


def chunks(descriptor):
    """Whatever arrives until the other side has closed."""
    while True:
        try:
            data = os.read(descriptor, 4096)
        except OSError:  # Linux says so when the terminal's last user has gone
            return
        if not data:
            return
        yield data


def screen(received):
    """The rows a terminal would show (carriage return, clear to end of line, colours)."""
    rows = []
    for row in re.sub(r"\x1b\[[0-9;]*m", "", received).replace("\r\n", "\n").split("\n"):
        shown = ""
        for piece in row.split("\r"):
            cleared = "\x1b[K" in piece
            piece = piece.replace("\x1b[K", "")
            shown = piece if cleared else piece + shown[len(piece) :]
        rows.append(shown)
    return rows


def test_a_terminal_shows_one_line_that_messages_do_not_tear(monkeypatch):
    clock = Clock()

    def draw(stream):
        line = ProgressLine(stream, 50, 5, clock=clock)
        for step in range(1, 51):
            clock.now += 1
            line.update(step, 100.0, {"loss": 1 / step}, note="" if step % 7 else "checkpoint saved just now")
            if step == 25:
                line.say("epoch 3: psnr 21.25")
        line.close()

    received = on_terminal(monkeypatch, 60, draw)
    for drawn in re.findall(r"\r([^\r\n]*?)\x1b\[K", re.sub(r"\x1b\[[0-9;]*m", "", received)):
        assert len(drawn) <= 59, "a line as wide as the terminal would wrap and leave its pieces behind"
    assert "\x1b[36m━" in received
    rows = screen(received)
    assert (
        rows[0] == "epoch 3: psnr 21.25"
        and rows[1].startswith("100 % ━")
        and "loss 0.02000" in rows[1]
        and rows[2:] == [""]
    )


def test_no_color_is_respected(monkeypatch):
    def draw(stream):
        monkeypatch.setenv("NO_COLOR", "1")
        ProgressLine(stream, 2, 1, clock=Clock()).update(1, 1.0, {})

    assert "\x1b[36m" not in on_terminal(monkeypatch, 80, draw)


def test_training_survives_its_reader():
    read, write = os.pipe()
    os.close(read)
    stream = open(write, "w", encoding="utf-8")
    line = ProgressLine(stream, 10, 1, clock=Clock())
    line.update(10, 1.0, {"loss": 1.0})
    line.say("still here")
    line.close()
    assert line.stream is not stream
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_mpirun_hands_on_whole_lines():
    """Two real ranks through a pipe: rank 0's lines arrive whole and tagged, rank 1 says nothing."""
    program = (
        "import os, sys, tempfile\nfrom pathlib import Path\nfrom gaudi.report import Journal, SilentJournal\n"
        "first = os.environ['OMPI_COMM_WORLD_RANK'] == '0'\n"
        "folder = Path(tempfile.mkdtemp())\n"
        "log = Journal(folder, total_steps=3, epochs=1, tensorboard=False) if first else SilentJournal()\n"
        "for step in (1, 2, 3): log.progress(step, 5.0, {'loss': 1.0})\n"
        "log.say('done'); log.close()\n"
    )
    mpirun = Path(sys.executable).with_name("mpirun")
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    done = subprocess.run(
        [mpirun, "--oversubscribe", "--tag-output", "-np", "2", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    lines = [re.sub(r"^\[\d+,(\d+)\]<std(out|err)>: ?", r"\1|", line) for line in done.stderr.splitlines()]
    assert [line.replace(" ", "")[:6] for line in lines] == ["0|33%━", "0|100%", "0|done"], done.stderr
    assert all(len(line) <= 132 for line in done.stderr.splitlines())


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 s"),
        (0.34, "0.3 s"),
        (41, "41 s"),
        (59.6, "1 min 00 s"),
        (724, "12 min 04 s"),
        (11_220, "3 h 07 min"),
        (190_800, "2 d 05 h"),
        (math.inf, "?"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    "value, text",
    [
        (0.0312, "0.03120"),
        (1.0, "1.000"),
        (0, "0.000"),
        (423.26, "423.3"),
        (12950.4, "12950"),
        (3.2e-7, "3.20e-07"),
        (math.nan, "nan"),
        (-0.5, "-0.5000"),
    ],
)
def test_figures_keep_their_width(value, text):
    assert figure(value) == text
