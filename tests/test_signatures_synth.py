"""gaudi data synth signatures: a whole set in the CEDAR layout, or nothing and one clear line."""
import json
import os

import numpy as np
import pytest

from gaudi.cli import main
from gaudi.errors import UserError
from models.ink.files import read_gray
from models.signatures.cedar import list_signatures
from models.signatures.synth import synthetic_set, write_set


def test_the_folder_equals_the_set_in_memory(tmp_path, capsys):
    folder = tmp_path / "new" / "set"
    code = main(["data", "synth", "signatures", "--out", str(folder), "--writers", "3", "--genuine", "2",
                 "--forged", "1", "--seed", "5", "--height", "80"])
    captured = capsys.readouterr()
    assert code == 0 and "9 signatures of 3 writers" in captured.out and "3/3 writers" in captured.err
    listed, drawn = list_signatures(folder), synthetic_set(3, 2, 1, seed=5, height=80)
    assert [(s.writer, s.index, s.genuine) for s in listed] == [(d.writer, d.index, d.kind == "genuine") for d in drawn]
    assert all(np.array_equal(read_gray(s.path), d.image) for s, d in zip(listed, drawn))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["seed"] == 5 and set(manifest["names"]) == {"1", "2", "3"}
    assert sorted(path.name for path in folder.parent.iterdir()) == ["set"]


def test_genuine_only(tmp_path):
    write_set(tmp_path / "set", 2, 2, 0, seed=0, height=40, processes=1)
    assert [s.genuine for s in list_signatures(tmp_path / "set")] == [True] * 4


def test_progress_counts_writers(tmp_path):
    seen = []
    write_set(tmp_path / "set", 4, 1, 0, seed=0, height=40, processes=1, progress=seen.append)
    assert seen == [1, 2, 3, 4]


@pytest.mark.parametrize("option, value, reason", [
    ("--writers", "0", "writers: 0 is not possible"), ("--forged", "-1", "forged: -1"), ("--height", "5", "height: 5"),
    ("--seed", "-3", "seed: -3"), ("--genuine", "many", "invalid int"), ("--colour", "blue", "--colour"),
    ("--processes", "0", "processes: 0")])
def test_wrong_numbers_write_nothing(tmp_path, capsys, option, value, reason):
    code = main(["data", "synth", "signatures", "--out", str(tmp_path / "set"), option, value])
    error = capsys.readouterr().err
    assert code == 2 and reason in error and error.count("\n") == 1 and not list(tmp_path.iterdir())


def test_an_existing_folder_is_never_touched(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UserError, match="is not empty"):
        write_set(tmp_path, 1, 1, 0, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_interrupted_set_leaves_nothing(tmp_path):
    def stop(done):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        write_set(tmp_path / "set", 2, 1, 0, seed=0, height=40, processes=1, progress=stop)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    code = main(["data", "synth", "signatures", "--out", str(tmp_path / "file" / "set"), "--writers", "1"])
    error = capsys.readouterr().err
    assert code == 2 and "cannot be written" in error and error.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_one_line(tmp_path, capsys):
    """/dev/full as the partly written folder's first image: every write to it ends with "no space left"."""
    import models.signatures.synth as synth
    original = synth._write_manifest

    def fill(folder, **settings):
        (folder / "manifest.json").symlink_to("/dev/full")
        original(folder, **settings)
    synth._write_manifest = fill
    try:
        code = main(["data", "synth", "signatures", "--out", str(tmp_path / "set"), "--writers", "1", "--genuine", "1",
                     "--forged", "0"])
    finally:
        synth._write_manifest = original
    assert code == 2 and "No space left" in capsys.readouterr().err and not list(tmp_path.iterdir())
