"""What users get wrong, through the real command line: exit code 2, one line, nothing written and nothing lost."""

import os
import shutil
import socket
import subprocess

import pytest
from conftest import EXACT, command, log_of, must, picture, refused

TINY = ("cleaner", "--tiny")


@pytest.fixture
def pictures(tmp_path):
    """A folder of twenty pictures."""
    folder = tmp_path / "pictures"
    for number in range(20):
        picture(folder / f"{number:02d}.png", number)
    return folder


@pytest.mark.parametrize("argument,words", [
    ("train.global_batc=3", "did you mean global_batch?"),
    ("train.epochs=soon", "train.epochs: must be a number"),
    ("train.global_batch=0", "must be at least 1"),
    ("train.global_batch=-8", "must be at least 1"),
    ("precision=float16", "must be one of auto, float32, bfloat16"),
    ("model=cleanr", "did you mean cleaner?"),
    ("device=gpu", "device=gpu was asked for"),
    ("device=hpu", "device=hpu was asked for"),
    ("device=tpu", "allowed are auto, hpu, gpu, cpu"),
    ("data.root=/nowhere/at/all", "/nowhere/at/all"),
])
def test_wrong_value(tmp_path, argument, words):
    if argument == "device=gpu" and shutil.which("nvidia-smi"):
        pytest.skip("this machine may have a GPU")
    run = tmp_path / "run"
    assert words in refused("train", *TINY, "--run", run, argument)
    assert not run.exists()


def test_batch_that_does_not_divide_names_both_numbers(tmp_path):
    line = refused("train", *TINY, "--run", tmp_path / "run", "--ranks", 2, "train.global_batch=7")
    assert "7 images do not divide over 2 ranks; take 6 or 8" in line
    assert not (tmp_path / "run").exists()


def test_more_ranks_than_slots(tmp_path):
    many = 8 * len(os.sched_getaffinity(0))
    line = refused("train", *TINY, "--run", tmp_path / "run", "--ranks", many, f"train.global_batch={many}",
                   env={"GAUDI_OVERSUBSCRIBE": ""})
    assert str(many) in line and not (tmp_path / "run").exists()


@pytest.mark.parametrize("ranks", [0, -1])
def test_no_ranks(ranks):
    assert "must be at least 1" in refused("train", *TINY, "--ranks", ranks)


def test_port_in_use(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert str(port) in refused("train", *TINY, "--run", tmp_path / "run", "--tensorboard", port)
    assert not (tmp_path / "run").exists()


def test_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty" in refused("train", *TINY, "--run", tmp_path / "run", f"data.root={tmp_path / 'empty'}")
    assert not (tmp_path / "run").exists()


def test_corrupt_images_are_named_and_can_be_skipped(tmp_path, pictures):
    whole = (pictures / "03.png").read_bytes()
    (pictures / "03.png").write_bytes(whole[:len(whole) // 2])
    (pictures / "letter.png").write_text("no picture at all\n")
    line = refused("train", *TINY, "--run", tmp_path / "run", f"data.root={pictures}", "data.limit=0")
    assert "03.png" in line and "letter.png" in line and not (tmp_path / "run").exists()
    assert "03.png" in refused("data", "check", *TINY, f"data.root={pictures}", "data.limit=0")
    done = must("train", *TINY, "--run", tmp_path / "run", f"data.root={pictures}", "data.limit=0",
                "data.on_corrupt=skip", "train.epochs=1")
    assert "03.png" in done.out + done.err


def test_corrupt_images_on_two_ranks_are_one_line(tmp_path, pictures):
    (pictures / "letter.png").write_text("no picture at all\n")
    line = refused("train", *TINY, "--run", tmp_path / "run", f"data.root={pictures}", "data.limit=0", "--ranks", 2)
    assert "letter.png" in line and not (tmp_path / "run").exists()


def test_run_of_another_config_is_kept(exact_run):
    before = log_of(exact_run)
    line = refused("train", *TINY, "--run", exact_run, *EXACT, "seed=5")
    assert "seed: " in line and "--run" in line
    assert log_of(exact_run) == before


def test_folder_that_is_no_run(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "is no run" in refused("train", *TINY, "--run", tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("action", ["evaluate", "export"])
def test_run_that_is_none(tmp_path, action):
    assert "no run here" in refused(action, tmp_path / "nothing")


def test_trained_network_cannot_be_changed_afterwards(exact_run):
    assert "a trained run keeps its network.name" in refused("evaluate", exact_run, "network.name=signver")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB, read-only on request."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
        if done.returncode:
            pytest.skip("mounting a small file system needs root")
        return folder
    yield mount
    subprocess.run(["umount", str(folder)], capture_output=True)


def test_full_disk(small_disk):
    disk = small_disk("size=64k")
    line = refused("train", *TINY, "--run", disk / "run")
    assert "MB free" in line or "No space left" in line


def test_disk_that_fills_up_keeps_the_checkpoint_before(small_disk, exact_run):
    """Room for what is there, not for a second one: the run ends in one line and its first checkpoint still loads."""
    size = sum(path.stat().st_size for path in (exact_run / "checkpoints").glob("step-*/*")) // 2
    disk = small_disk(f"size={int(2.6 * size / 1024)}k")
    arguments = ("train", *TINY, "--run", disk / "run", *EXACT, "train.keep_checkpoints=50", "train.checkpoint_epochs=0.25")
    done = command(*arguments)
    assert done.code == 2, done.err
    assert "cannot be written" in done.err and "Traceback" not in done.err
    assert list((disk / "run" / "checkpoints").glob("step-*"))
    subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
    must(*arguments)


def test_read_only_disk(small_disk):
    disk = small_disk("ro")
    assert "Read-only file system" in refused("train", *TINY, "--run", disk / "run")


def test_unknown_command_and_option_are_one_line():
    assert "invalid choice" in refused("trian")
    assert "--rnaks" in refused("train", "cleaner", "--rnaks", "2")


@pytest.fixture
def people(tmp_path):
    """A folder of eight people with six signatures each."""
    for person in range(8):
        for number in range(6):
            picture(tmp_path / "people" / f"p{person}" / f"{number}.png", 10 * person + number)
    return tmp_path / "people"


def signer(folder, *overrides):
    """The one line by which training the signer on the folder is refused; nothing is written."""
    run = folder.parent / "run"
    line = refused("train", "signer", "--tiny", "--run", run, f"data.root={folder}", *overrides)
    assert not (run / "checkpoints").exists()
    return line


def test_person_with_one_image(people):
    for path in sorted((people / "p3").iterdir())[1:]:
        path.unlink()
    assert "p3" in signer(people)


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_signature_that_cannot_be_read(people, content):
    (people / "p2" / "1.png").write_bytes(content)
    assert "p2/1.png" in signer(people)


def test_person_without_validation_once_broken_files_are_left_out(people):
    for path in (people / "p5").iterdir():
        path.write_bytes(b"")
    done = command("train", "signer", "--tiny", "--run", people.parent / "run", f"data.root={people}", "data.on_corrupt=skip")
    *left_out, line = done.err.splitlines()
    assert done.code == 2 and line.startswith("gaudi:") and "p5" in line, done.err
    assert all(text.startswith("left out: ") for text in left_out)


@pytest.fixture
def screened(tmp_path):
    """valid/ of twelve signatures and invalid/FAMILY of as many pictures, in five families."""
    root = tmp_path / "screened"
    for place, folder in enumerate(("valid", *(f"invalid/{name}" for name in ("lines", "text", "circles", "logo", "scribble")))):
        for number in range(12):
            picture(root / folder / f"{number}.png", 100 * place + number)
    return root


def screener(root, *overrides):
    """The one line by which training the screener on the folder is refused."""
    return refused("train", "screener", "--tiny", "--run", root.parent / "run", f"data.root={root}",
                   "data.held_out_families=[scribble]", "data.development_families=[circles, logo]", *overrides)


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_screeners_picture_that_cannot_be_read(screened, content):
    (screened / "invalid" / "text" / "3.png").write_bytes(content)
    assert "text/3.png" in screener(screened)


def test_all_of_the_screeners_pictures_unusable(screened):
    for path in (screened / "invalid").rglob("*.png"):
        path.write_bytes(b"")
    done = command("train", "screener", "--tiny", "--run", screened.parent / "run", f"data.root={screened}",
                   "data.held_out_families=[scribble]", "data.development_families=[circles, logo]", "data.on_corrupt=skip")
    assert done.code == 2 and "unusable" in done.err.splitlines()[-1], done.err
    assert not (screened.parent / "run" / "checkpoints").exists()


def test_family_with_one_picture(screened):
    for path in sorted((screened / "invalid" / "lines").iterdir())[1:]:
        path.unlink()
    assert "lines" in screener(screened)
