"""The journal: log.jsonl, TensorBoard events and sample pictures, also after kill -9, resume and on a full disk."""

import io
import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gaudi.errors import UserError
from gaudi.report import Journal, SilentJournal, read_log, replace_file

ROOT = Path(__file__).resolve().parent.parent


def record(step, **losses):
    """A log record of step `step`, 100 steps an epoch."""
    return {
        "step": step,
        "epoch": step / 100,
        "images": step * 8,
        "seconds": step * 0.5,
        "images_per_second": 16.0,
        "learning_rate": 1e-3,
        **losses,
    }


def journal(folder, **options):
    """A journal that prints into a string."""
    return Journal(
        folder, **{"total_steps": 1000, "epochs": 10, "stream": io.StringIO(), "tensorboard": False} | options
    )


def run_python(program, *arguments, **options):
    """Run a program of its own with the suite importable."""
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        **options,
    )


def test_lines_are_strict_json_with_six_digits(tmp_path):
    """1/3 to six significant digits is 0.333333; NaN and infinities, which JSON does not know, are texts."""
    with journal(tmp_path) as log:
        log.log(
            record(
                10,
                loss=np.float32(1 / 3),
                bce=math.nan,
                generator={"l1": math.inf, "gan": -math.inf},
                count=np.int64(7),
            )
        )

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    (line,) = (tmp_path / "log.jsonl").read_text().splitlines()
    written = json.loads(line, parse_constant=refuse)
    assert written == {
        **record(10),
        "loss": 0.333333,
        "bce": "nan",
        "generator/l1": "inf",
        "generator/gan": "-inf",
        "count": 7,
    }
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
    assert sorted(file.name for file in (tmp_path / "samples").iterdir()) == [
        "cleaned_0000010.png",
        "cleaned_0000020.png",
    ]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log.jsonl", "samples"]


def test_a_start_from_nothing_forgets_all(tmp_path):
    (tmp_path / "log.jsonl").write_text(json.dumps(record(0)) + "\n" + json.dumps(record(10)) + "\n")
    journal(tmp_path, start_step=0).close()
    assert read_log(tmp_path) == []


def test_kill_9_loses_at_most_the_line_being_written(tmp_path):
    program = (
        "import sys, io, itertools\nfrom pathlib import Path\nfrom gaudi.report import Journal\n"
        "log = Journal(Path(sys.argv[1]), total_steps=10**9, epochs=1, tensorboard=False, stream=io.StringIO())\n"
        "for step in itertools.count(1):\n"
        "    log.log(dict(step=step, epoch=0, images=0, seconds=0, images_per_second=0, learning_rate=0))\n"
        "    print(step, flush=True)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
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
        path.rename(
            path.with_name(path.name.replace("tfevents.", "tfevents.0"))
        )  # older, though within the same second
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
    program = (
        "import sys, io; sys.modules['tensorflow'] = None\nfrom pathlib import Path\nimport numpy as np\n"
        "from gaudi.report import Journal, REQUIRED\nfrom gaudi.page import write_page\n"
        "log = Journal(Path(sys.argv[1]), total_steps=2, epochs=1, stream=io.StringIO())\n"
        "log.log(dict.fromkeys(REQUIRED, 1)); log.pictures(1, {'x': np.zeros((4, 4, 3), np.uint8)}); log.close()\n"
        "write_page(Path(sys.argv[1]))\n"
    )
    done = run_python(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert events(tmp_path).Tags()["scalars"] and (tmp_path / "report.html").exists()


def test_a_full_disk_is_one_line_and_keeps_the_old_file(tmp_path):
    """A limit on file size stands in for the full disk: writes past 2,000 bytes fail with an OSError of the system."""
    program = (
        "import sys, io, signal, resource\nfrom pathlib import Path\nfrom gaudi.errors import UserError\n"
        "from gaudi.report import Journal, replace_file, REQUIRED\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "folder = Path(sys.argv[1])\n"
        "replace_file(folder / 'page', b'old')\n"
        "try: replace_file(folder / 'page', b'n' * 5000); print('written')\n"
        "except OSError: print((folder / 'page').read_text())\n"
        "log = Journal(folder, total_steps=2, epochs=1, tensorboard=False, stream=io.StringIO())\n"
        "try:\n    while True: log.log(dict.fromkeys(REQUIRED, 1))\n"
        "except UserError as error: print(error)\n"
    )
    done = run_python(program, tmp_path)
    old, message = done.stdout.splitlines()
    assert old == "old" and message.startswith(
        f"{tmp_path / 'log.jsonl'}: cannot be written (File too large)"
    ), done.stderr
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
