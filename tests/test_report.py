"""The journal: log.jsonl, TensorBoard events, sample pictures and the progress line, also after kill -9 and resume."""

import fcntl
import io
import json
import math
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gaudi.errors import UserError
from gaudi.progress import ProgressLine, duration, figure
from gaudi.report import Journal, SilentJournal, read_log, replace_file

ROOT = Path(__file__).resolve().parent.parent


def record(step, **losses):
    """A log record of step `step`, 100 steps an epoch."""
    return {"step": step, "epoch": step / 100, "images": step * 8, "seconds": step * 0.5, "images_per_second": 16.0,
            "learning_rate": 1e-3, **losses}


def journal(folder, **options):
    """A journal that prints into a string."""
    return Journal(folder, **{"total_steps": 1000, "epochs": 10, "stream": io.StringIO(), "tensorboard": False} | options)


def run_python(program, *arguments, **options):
    """Run a program of its own with the suite importable."""
    return subprocess.run([sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT,
                          timeout=60, **options)


def test_lines_are_strict_json_with_six_digits(tmp_path):
    """1/3 to six significant digits is 0.333333; NaN and infinities, which JSON does not know, are texts."""
    with journal(tmp_path) as log:
        log.log(record(10, loss=np.float32(1 / 3), bce=math.nan, generator={"l1": math.inf, "gan": -math.inf}, count=np.int64(7)))

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    (line,) = (tmp_path / "log.jsonl").read_text().splitlines()
    written = json.loads(line, parse_constant=refuse)
    assert written == {**record(10), "loss": 0.333333, "bce": "nan", "generator/l1": "inf", "generator/gan": "-inf", "count": 7}
    (read,) = read_log(tmp_path)
    assert math.isnan(read["bce"]) and read["generator/l1"] == math.inf and read["step"] == 10


def test_a_record_without_the_required_keys_is_a_mistake(tmp_path):
    with journal(tmp_path) as log, pytest.raises(ValueError, match="lacks seconds, learning_rate"):
        log.log({key: value for key, value in record(1).items() if key not in ("seconds", "learning_rate")})


def test_resume_forgets_what_came_after_the_checkpoint(tmp_path):
    picture = {"cleaned": np.zeros((4, 4, 3), np.uint8)}
    with journal(tmp_path) as log:
        for step in (10, 20, 30, 40):
            log.log(record(step, loss=1.0 / step))
            log.pictures(step, picture)
    path = tmp_path / "log.jsonl"
    kept = b"".join(path.read_bytes().splitlines(keepends=True)[:2])
    with open(path, "ab") as file:
        file.write(b'{"step": 50, "epo')  # killed within a line
    assert [line["step"] for line in read_log(tmp_path)] == [10, 20, 30, 40]
    with journal(tmp_path, start_step=20) as log:
        assert path.read_bytes() == kept
        log.log(record(30, loss=0.5))
    assert [(line["step"], line["loss"]) for line in read_log(tmp_path)] == [(10, 0.1), (20, 0.05), (30, 0.5)]
    assert sorted(file.name for file in (tmp_path / "samples").iterdir()) == ["cleaned_0000010.png", "cleaned_0000020.png"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log.jsonl", "samples"]


def test_a_start_from_nothing_forgets_all(tmp_path):
    (tmp_path / "log.jsonl").write_text(json.dumps(record(0)) + "\n" + json.dumps(record(10)) + "\n")
    journal(tmp_path, start_step=0).close()
    assert read_log(tmp_path) == []


def test_kill_9_loses_at_most_the_line_being_written(tmp_path):
    program = ("import sys, io, itertools\nfrom pathlib import Path\nfrom gaudi.report import Journal\n"
               "log = Journal(Path(sys.argv[1]), total_steps=10**9, epochs=1, tensorboard=False, stream=io.StringIO())\n"
               "for step in itertools.count(1):\n"
               "    log.log(dict(step=step, epoch=0, images=0, seconds=0, images_per_second=0, learning_rate=0))\n"
               "    print(step, flush=True)\n")
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    while int(child.stdout.readline()) < 50:
        pass
    child.send_signal(signal.SIGKILL)
    told = [int(line) for line in child.stdout.read().split()]
    child.wait()
    steps = [line["step"] for line in read_log(tmp_path)]
    assert steps == list(range(1, len(steps) + 1)) and len(steps) >= max(told, default=50)


def test_sample_pictures_stay_few_and_spread(tmp_path):
    """Of 100 pictures 20 stay: the first, the last, and no hole wider than four times the even gap of 99 / 19."""
    with journal(tmp_path) as log:
        for step in range(1, 101):
            log.pictures(step, {"clean/pairs": np.full((6, 5, 3), step, np.uint8)})
    steps = sorted(int(path.stem.rpartition("_")[2]) for path in (tmp_path / "samples").glob("clean-pairs_*.png"))
    assert len(steps) == 20 and steps[0] == 1 and steps[-1] == 100
    assert max(np.diff(steps)) <= 4 * 99 / 19
    last = np.asarray(Image.open(tmp_path / "samples" / "clean-pairs_0000100.png"))
    assert last.shape == (6, 5, 3) and (last == 100).all()


def test_other_names_keep_their_own_pictures(tmp_path):
    with journal(tmp_path) as log:
        for step in range(1, 31):
            log.pictures(step, {"a": np.zeros((2, 2, 3), np.uint8), "a-b": np.zeros((2, 2), np.uint8)})
    names = [path.name.rpartition("_")[0] for path in (tmp_path / "samples").iterdir()]
    assert (names.count("a"), names.count("a-b")) == (20, 20)


def test_a_picture_that_is_none_is_refused(tmp_path):
    with journal(tmp_path) as log, pytest.raises(ValueError, match=r"uint8 \[H, W, 3\], not float32 \[4, 4, 3\]"):
        log.pictures(1, {"x": np.zeros((4, 4, 3), np.float32)})


def events(folder):
    """TensorBoard's own reading of a run's events."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    return EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0, "scalars": 0}).Reload()


def test_tensorboard_reads_it_and_drops_the_abandoned_steps(tmp_path):
    """Steps 10, 20, 30, then a resume at 20 that writes another 30: TensorBoard shows 10, 20 and the new 30."""
    with journal(tmp_path, tensorboard=True) as log:
        for step in (10, 20, 30):
            log.log(record(step, loss=1.0, validation={"psnr": 20.0}))
        log.pictures(10, {"cleaned": np.full((8, 9, 3), 200, np.uint8)})
    for path in (tmp_path / "tensorboard").iterdir():
        path.rename(path.with_name(path.name.replace("tfevents.", "tfevents.0")))  # older, though within the same second
    with journal(tmp_path, tensorboard=True, start_step=20) as log:
        log.log(record(30, loss=0.5))
    read = events(tmp_path)
    assert [(event.step, event.value) for event in read.Scalars("train/loss")] == [(10, 1.0), (20, 1.0), (30, 0.5)]
    assert [event.step for event in read.Scalars("validation/psnr")] == [10, 20]
    assert {"train/learning_rate", "train/images_per_second"} <= set(read.Tags()["scalars"])
    (image,) = read.Images("samples/cleaned")
    assert (image.step, image.width, image.height) == (10, 9, 8)
    assert (np.asarray(Image.open(io.BytesIO(image.encoded_image_string))) == 200).all()


def test_nothing_here_needs_tensorflow(tmp_path):
    program = ("import sys, io; sys.modules['tensorflow'] = None\nfrom pathlib import Path\nimport numpy as np\n"
               "from gaudi.report import Journal, REQUIRED\nfrom gaudi.page import write_page\n"
               "log = Journal(Path(sys.argv[1]), total_steps=2, epochs=1, stream=io.StringIO())\n"
               "log.log(dict.fromkeys(REQUIRED, 1)); log.pictures(1, {'x': np.zeros((4, 4, 3), np.uint8)}); log.close()\n"
               "write_page(Path(sys.argv[1]))\n")
    done = run_python(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert events(tmp_path).Tags()["scalars"] and (tmp_path / "report.html").exists()


def test_a_full_disk_is_one_line_and_keeps_the_old_file(tmp_path):
    """A limit on file size stands in for the full disk: writes past 2,000 bytes fail with an OSError of the system."""
    program = ("import sys, io, signal, resource\nfrom pathlib import Path\nfrom gaudi.errors import UserError\n"
               "from gaudi.report import Journal, replace_file, REQUIRED\n"
               "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
               "folder = Path(sys.argv[1])\n"
               "replace_file(folder / 'page', b'old')\n"
               "try: replace_file(folder / 'page', b'n' * 5000); print('written')\n"
               "except OSError: print((folder / 'page').read_text())\n"
               "log = Journal(folder, total_steps=2, epochs=1, tensorboard=False, stream=io.StringIO())\n"
               "try:\n    while True: log.log(dict.fromkeys(REQUIRED, 1))\n"
               "except UserError as error: print(error)\n")
    done = run_python(program, tmp_path)
    old, message = done.stdout.splitlines()
    assert old == "old" and message.startswith(f"{tmp_path / 'log.jsonl'}: cannot be written (File too large)"), done.stderr
    assert len(read_log(tmp_path)) > 10 and sorted(path.name for path in tmp_path.iterdir()) == ["log.jsonl", "page"]


def test_a_folder_that_cannot_be_made_is_the_users_fault(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        journal(tmp_path / "file" / "run")


def test_replace_file_leaves_nothing_beside_it(tmp_path):
    replace_file(tmp_path / "a.html", b"one")
    replace_file(tmp_path / "a.html", b"two")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.html", b"two")]


def test_the_other_ranks_write_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    methods = {name for name in vars(Journal) if not name.startswith("_")}
    assert methods == {name for name in vars(SilentJournal) if not name.startswith("_")}
    with SilentJournal() as silent:
        silent.log({"step": 1})
        silent.progress(1, 2.0, {"loss": 3.0}, note="x")
        silent.say("hello")
        silent.pictures(1, {"x": None})
    assert list(tmp_path.iterdir()) == [] and capfd.readouterr() == ("", "")


class Clock:
    """A clock that moves when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


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
    assert [line[:5] for line in lines[:4]] == ["  0 %", "  5 %", " 10 %", " 15 %"] and lines[-1].startswith("100 % ━━━━")
    assert "epoch 10/10  step 1000/1000  loss 0.5000" in lines[-1] and "412 images/s" in lines[-1]
    assert lines[-1].endswith("1 min 40 s in all")


def test_long_runs_stay_readable_and_short_ones_are_not_flooded():
    """A day in steps of 1 s: a line every sixtieth of the time so far, 10 to 300 s: 60 until 600 s, 60 ln 30 = 204 until
    18,000 s, then 68,400 / 300 = 228, and 20 for every twentieth. Twenty quick steps: the first and the last.
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
    text = line.compose(3703, 12950.4, {"loss": 0.0312, "generator": 123456.0, "ssim": math.nan}, "saving the best so far", width)
    assert len(text) <= width and text.startswith(" 29 %")
    assert ("loss 0.03120" in text, "-- left" in text, "12950 images/s" in text) == (width >= 33, width >= 60, width >= 80)
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
            shown = piece if cleared else piece + shown[len(piece):]
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
    assert rows[0] == "epoch 3: psnr 21.25" and rows[1].startswith("100 % ━") and "loss 0.02000" in rows[1] and rows[2:] == [""]


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
    program = ("import os, sys, tempfile\nfrom pathlib import Path\nfrom gaudi.report import Journal, SilentJournal\n"
               "first = os.environ['OMPI_COMM_WORLD_RANK'] == '0'\n"
               "folder = Path(tempfile.mkdtemp())\n"
               "log = Journal(folder, total_steps=3, epochs=1, tensorboard=False) if first else SilentJournal()\n"
               "for step in (1, 2, 3): log.progress(step, 5.0, {'loss': 1.0})\n"
               "log.say('done'); log.close()\n")
    mpirun = Path(sys.executable).with_name("mpirun")
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    done = subprocess.run([mpirun, "--oversubscribe", "--tag-output", "-np", "2", sys.executable, "-c", program],
                          capture_output=True, text=True, cwd=ROOT, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    lines = [re.sub(r"^\[\d+,(\d+)\]<std(out|err)>: ?", r"\1|", line) for line in done.stderr.splitlines()]
    assert [line.replace(" ", "")[:6] for line in lines] == ["0|33%━", "0|100%", "0|done"], done.stderr
    assert all(len(line) <= 132 for line in done.stderr.splitlines())


@pytest.mark.parametrize("seconds, text", [(0, "0 s"), (0.34, "0.3 s"), (41, "41 s"), (59.6, "1 min 00 s"), (724, "12 min 04 s"),
                                           (11_220, "3 h 07 min"), (190_800, "2 d 05 h"), (math.inf, "?")])
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("value, text", [(0.0312, "0.03120"), (1.0, "1.000"), (0, "0.000"), (423.26, "423.3"), (12950.4, "12950"),
                                         (3.2e-7, "3.20e-07"), (math.nan, "nan"), (-0.5, "-0.5000")])
def test_figures_keep_their_width(value, text):
    assert figure(value) == text
