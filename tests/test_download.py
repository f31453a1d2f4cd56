"""Fetching data sets: resume over a real HTTP server, hostile and damaged archives, credentials never shown."""
import http.server
import importlib.util
import os
import re
import stat
import subprocess
import threading
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
KEY = "0123456789abcdef-secret"


@pytest.fixture
def downloads(monkeypatch):
    """The script as a module, for a data set of three images, without credentials or waiting."""
    spec = importlib.util.spec_from_file_location("download_data", ROOT / "scripts" / "download_data.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "download_data", module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(module.DATASETS, "cedar", module.Dataset("owner/three", {"*.png": 3}))
    monkeypatch.setattr(module, "WAIT_SECONDS", 0)
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return module


def archive(path, members, mode=stat.S_IFREG | 0o644):
    """A zip of {name: bytes}."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(info, data)
    return path


def images(count=3):
    """What a whole data set holds, hard to compress as images are."""
    return {f"signatures/{number}.png": os.urandom(200_000) for number in range(count)}


class Server(http.server.BaseHTTPRequestHandler):
    """Answers as Kaggle does: authorises, redirects to the file's place, which knows ranges; may break off."""

    payload, break_at, asked, status = b"", [], [], 200

    def do_GET(self):
        cls = type(self)
        if self.path.startswith("/api/"):
            if cls.status != 200:
                self.send_error(cls.status)
                return
            self.send_response(302)
            self.send_header("Location", "/storage")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        begin = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
        cls.asked.append(begin)
        code = 200 if not begin else 206 if begin < len(cls.payload) else 416
        body = cls.payload[begin:]
        self.send_response(code)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(len(body)))
        if begin:
            self.send_header("Content-Range", f"bytes {begin if body else '*'}/{len(cls.payload)}")
        self.end_headers()
        self.wfile.write(body[:cls.break_at.pop(0)] if cls.break_at else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def kaggle(monkeypatch):
    """A server on this machine in Kaggle's place, and credentials for it."""
    from kagglesdk import kaggle_env
    handler = type("Handler", (Server,), {"asked": [], "break_at": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setenv("KAGGLE_USERNAME", "somebody")
    monkeypatch.setenv("KAGGLE_KEY", KEY)


def test_broken_download_is_continued(downloads, kaggle, known, tmp_path, capfd):
    """Breaks off twice; each try asks for what is missing only, and the result is whole."""
    members = images()
    kaggle.payload = archive(tmp_path / "made.zip", members).read_bytes()
    kaggle.break_at = [200_000, 100_000]
    assert downloads.main(["cedar", str(tmp_path / "data")]) == 0
    first, second, third = kaggle.asked
    assert first == 0 < second <= 200_000 and second < third <= second + 100_000
    for name, data in members.items():
        assert (tmp_path / "data/cedar" / name).read_bytes() == data
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["cedar"]
    assert KEY not in "".join(capfd.readouterr())


def test_part_of_an_earlier_run_is_continued(downloads, kaggle, known, tmp_path):
    for have in (1000, None):
        data = tmp_path / f"data{have}"
        data.mkdir()
        kaggle.payload = archive(tmp_path / "made.zip", images()).read_bytes()
        (data / "three.zip.part").write_bytes(kaggle.payload[:have])
        assert downloads.main(["cedar", str(data)]) == 0
        assert kaggle.asked[-1] == (have or len(kaggle.payload))


def test_done_is_not_done_again(downloads, kaggle, known, tmp_path):
    kaggle.payload = archive(tmp_path / "made.zip", images()).read_bytes()
    assert [downloads.main(["cedar", str(tmp_path)]) for _ in range(2)] == [0, 0]
    assert len(kaggle.asked) == 1


def test_archive_fetched_by_hand_is_unpacked_and_kept(downloads, tmp_path):
    archive(tmp_path / "three.zip", images())
    assert downloads.main(["cedar", str(tmp_path)]) == 0
    assert (tmp_path / "cedar/signatures/2.png").exists() and (tmp_path / "three.zip").exists()


@pytest.mark.parametrize("status, code", [(401, 2), (403, 2), (404, 1), (500, 1)])
def test_refusals_are_one_line_without_the_key(downloads, kaggle, known, tmp_path, capfd, status, code):
    kaggle.status = status
    assert downloads.main(["cedar", str(tmp_path)]) == code
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and f"HTTP {status}" in said and "in a browser" in said and KEY not in said


def test_no_network_is_one_line(downloads, known, tmp_path, capfd, monkeypatch):
    from kagglesdk import kaggle_env
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert downloads.main(["cedar", str(tmp_path)]) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "no connection" in said and "in a browser" in said and KEY not in said


def test_credentials_from_file(downloads, kaggle, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "kaggle.json").write_text('{"username": "somebody", "key": "%s"}' % KEY)
    kaggle.payload = archive(tmp_path / "made.zip", images()).read_bytes()
    assert downloads.main(["cedar", str(tmp_path / "data")]) == 0
    (tmp_path / "kaggle.json").write_text('{"username": "somebody", "key": "%s' % KEY)
    assert downloads.main(["cedar", str(tmp_path / "other")]) == 2
    assert KEY not in "".join(capfd.readouterr())


@pytest.mark.parametrize("name", ["../out.png", "/tmp/out.png", "a/../../out.png", "a\\..\\out.png", "C:/out.png"])
def test_paths_that_lead_out_are_refused(downloads, tmp_path, capfd, name):
    data = tmp_path / "data"
    data.mkdir()
    archive(data / "three.zip", images() | {name: b"x"})
    assert downloads.main(["cedar", str(data)]) == 2
    assert "not safe" in capfd.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["data", "three.zip"]


def test_symbolic_link_is_refused(downloads, tmp_path, capfd):
    archive(tmp_path / "three.zip", {"link.png": b"/etc/passwd"}, stat.S_IFLNK | 0o777)
    assert downloads.main(["cedar", str(tmp_path)]) == 2
    assert "no ordinary file" in capfd.readouterr().err and not (tmp_path / "cedar").exists()


def test_bomb_is_refused_before_it_is_unpacked(downloads, tmp_path, capfd):
    """10 MB of zeros shrink about a thousandfold; 20 is allowed."""
    archive(tmp_path / "three.zip", {f"{number}.png": bytes(10_000_000) for number in range(3)})
    assert downloads.main(["cedar", str(tmp_path)]) == 2
    assert "30000000 bytes" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["three.zip"]


def test_understated_sizes_do_not_get_past(downloads, tmp_path, capfd):
    """The directory says 9 bytes where more are packed: what is unpacked does not match and nothing is left."""
    made = bytearray(archive(tmp_path / "three.zip", images()).read_bytes())
    size = (200_000).to_bytes(4, "little")
    made = made.replace(size, (9).to_bytes(4, "little"))
    (tmp_path / "three.zip").write_bytes(made)
    assert downloads.main(["cedar", str(tmp_path)]) == 2
    assert "damaged" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["three.zip"]


@pytest.mark.parametrize("harm", ["cut", "changed", "missing", "twice"])
def test_damaged_archives_are_named_and_leave_nothing(downloads, tmp_path, capfd, harm):
    file = archive(tmp_path / "three.zip", images(2 if harm == "missing" else 3))
    data = bytearray(file.read_bytes())
    if harm == "cut":
        data = data[:len(data) // 2]
    if harm == "changed":
        data[100_000] ^= 255
    file.write_bytes(data)
    if harm == "twice":
        with zipfile.ZipFile(file, "a") as made, pytest.warns(UserWarning):
            made.writestr("signatures/1.png", b"other")
    assert downloads.main(["cedar", str(tmp_path)]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and str(tmp_path) in said
    assert [path.name for path in tmp_path.iterdir()] == ["three.zip"]


@pytest.mark.parametrize("arguments, says", [(["cedar"], "KAGGLE_USERNAME"), (["sedar"], "cedar|signverod"), ([], "usage")])
def test_shell_command_says_what_is_missing(tmp_path, arguments, says):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    run = subprocess.run(["bash", "scripts/download_data.sh", *arguments], cwd=ROOT, env=environment,
                         capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1 and says in run.stderr
    assert not list(tmp_path.iterdir())
