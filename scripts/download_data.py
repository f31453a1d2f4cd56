"""Fetches a public data set with Kaggle's client: resumable, unpacked safely, checked; credentials are never shown."""
from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import stat
import sys
import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gaudi.errors import DONE, FAILED, WRONG_INPUT, UserError

ROOT = Path(__file__).resolve().parent.parent
CHUNK = 1 << 16
TRIES = 5
WAIT_SECONDS = 2
NETWORK_SECONDS = 60
PARTIAL, NOTHING_LEFT = 206, 416
# An archive of images hardly shrinks; one that grows more than this is made to fill the disk.
LARGEST_RATIO = 20
LARGEST_BYTES = 30 << 30
MOST_FILES = 100_000
DISK_MARGIN = 64 << 20


class Failed(RuntimeError):
    """Not the user's fault; the message is one line."""


@dataclass(frozen=True)
class Dataset:
    """A Kaggle data set and what a complete copy holds: at least `count` files of each pattern."""

    slug: str
    parts: dict[str, int]

    @property
    def archive(self) -> str:
        return self.slug.split("/")[1] + ".zip"

    @property
    def page(self) -> str:
        return f"https://www.kaggle.com/datasets/{self.slug}"


DATASETS = {
    "cedar": Dataset("shreelakshmigp/cedardataset", {"original_*_*.png": 1320, "forgeries_*_*.png": 1320}),
    "signverod": Dataset("victordibia/signverod", {"*.[pj][np]g": 2576, "*.csv": 1}),
}


def download(name: str, folder: Path) -> Path:
    """The folder of data set `name` below `folder`, complete; fetched and unpacked as far as it is not there yet."""
    dataset, target, archive = DATASETS[name], folder / name, folder / DATASETS[name].archive
    if target.exists():
        check_complete(dataset, target)
        return target
    own = not archive.exists()
    if own:
        username, key = credentials(dataset, archive)
        folder.mkdir(parents=True, exist_ok=True)
        fetch(dataset, archive, username, key)
    unpack(dataset, archive, target)
    if own:
        archive.unlink()
    return target


def by_hand(dataset: Dataset, archive: Path) -> str:
    """How to go on without this program's network or credentials."""
    return f"or download {dataset.page} in a browser, save it as {archive} and start again"


def credentials(dataset: Dataset, archive: Path) -> tuple[str, str]:
    """(user name, key) from the environment or Kaggle's file; UserError that says where they are looked for."""
    if os.environ.get("KAGGLE_API_TOKEN"):  # the client takes it from there itself
        return "", ""
    if os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"):
        return os.environ["KAGGLE_USERNAME"], os.environ["KAGGLE_KEY"]
    for file in credential_files():
        if file.exists():
            try:
                found = json.loads(file.read_text())
                return str(found["username"]), str(found["key"])
            except (OSError, ValueError, KeyError, TypeError):
                raise UserError(f"{file} cannot be read as Kaggle's credentials: create a new token on kaggle.com "
                                "(Settings, API)") from None
    raise UserError("no Kaggle credentials: set KAGGLE_USERNAME and KAGGLE_KEY, or put kaggle.json into ~/.kaggle, "
                    + by_hand(dataset, archive))


def credential_files() -> list[Path]:
    """Where Kaggle's client keeps them, first to last."""
    own = os.environ.get("KAGGLE_CONFIG_DIR")
    home = Path(os.environ.get("HOME") or "/nonexistent")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    folders = [Path(own)] if own else [home / ".kaggle", config / "kaggle"]
    return [folder / "kaggle.json" for folder in folders]


def fetch(dataset: Dataset, archive: Path, username: str, key: str) -> None:
    """Download `archive` whole; what an earlier try left in its .part file is kept and continued."""
    import requests
    part = archive.with_name(archive.name + ".part")
    for attempt in range(TRIES):
        try:
            continue_part(dataset, part, username, key)
            os.replace(part, archive)
            return
        except requests.HTTPError as error:
            refuse(error.response.status_code, dataset, archive)
        except (requests.RequestException, Incomplete):
            time.sleep(WAIT_SECONDS * attempt)
    have = f"; {part.stat().st_size >> 20} MiB are kept and continued next time" if part.exists() else ""
    raise Failed(f"no connection to kaggle.com for {dataset.slug} in {TRIES} tries{have}: try again, "
                 + by_hand(dataset, archive))


def refuse(status: int, dataset: Dataset, archive: Path) -> None:
    """Say what an answer of Kaggle's means."""
    if status in (401, 403):
        raise UserError(f"Kaggle refuses these credentials for {dataset.slug} (HTTP {status}): create a new token on "
                        "kaggle.com (Settings, API), " + by_hand(dataset, archive))
    raise Failed(f"Kaggle answers HTTP {status} for {dataset.slug}: try again later, " + by_hand(dataset, archive))


class Incomplete(Exception):
    """The connection ended before the file did."""


def continue_part(dataset: Dataset, part: Path, username: str, key: str) -> None:
    """Append to `part` until it has the size the server names."""
    have = part.stat().st_size if part.exists() else 0
    with answer(dataset, have, username, key) as response:
        total = total_size(response)
        if response.status_code == NOTHING_LEFT and have == total:
            return
        if response.status_code != PARTIAL:  # the server sends all from the beginning
            have = 0
        check_disk(part.parent, total - have)
        with open(part, "ab" if have else "wb") as file:
            for chunk in response.iter_content(CHUNK) if response.ok else ():
                file.write(chunk)
                have += len(chunk)
                progress(dataset, have, total)
    if have != total:
        if have > total:
            part.unlink()
        raise Incomplete


@contextlib.contextmanager
def answer(dataset: Dataset, have: int, username: str, key: str):
    """Kaggle's streamed answer for the archive from byte `have` on.

    The client's own download reads the whole file into memory, and its resume does not fit the connection it opens
    (kaggle 1.7.4); so the request is the client's, with streaming and the range set on its session.
    """
    import requests
    from kagglesdk import KaggleClient
    from kagglesdk.datasets.types.dataset_api_service import ApiDownloadDatasetRequest
    from kagglesdk.kaggle_env import KaggleEnv
    request = ApiDownloadDatasetRequest()
    request.owner_slug, request.dataset_slug = dataset.slug.split("/")
    with KaggleClient(env=KaggleEnv.PROD, username=username, password=key) as client:
        session = client.http_client()._init_session()
        session.stream = True
        session.headers["Accept-Encoding"] = "identity"
        if have:
            session.headers["Range"] = f"bytes={have}-"
        session.send = functools.partial(session.send, timeout=NETWORK_SECONDS)
        try:
            response = client.datasets.dataset_api_client.download_dataset(request)
        except requests.HTTPError as error:
            if error.response.status_code != NOTHING_LEFT:
                raise
            response = error.response
        yield response


def total_size(response) -> int:
    """Bytes of the whole file, of which the answer may bring a part."""
    whole = response.headers.get("Content-Range", "").rpartition("/")[2] or response.headers.get("Content-Length", "")
    if not whole.isdigit():
        raise Failed("Kaggle does not name the size of the file: try again later")
    return int(whole)


def check_disk(folder: Path, needed: int) -> None:
    """UserError if `needed` bytes and a margin are not free."""
    free = shutil.disk_usage(folder).free
    if free < needed + DISK_MARGIN:
        raise UserError(f"the disk is too full: {needed + DISK_MARGIN >> 20} MiB are needed in {folder}, "
                        f"{free >> 20} MiB are free")


def progress(dataset: Dataset, have: int, total: int) -> None:
    """How much has come, on a terminal."""
    if sys.stderr.isatty():
        end = "\n" if have == total else ""
        print(f"\r{dataset.slug}: {have >> 20} of {total >> 20} MiB", end=end, file=sys.stderr, flush=True)


def unpack(dataset: Dataset, archive: Path, target: Path) -> None:
    """Unpack `archive` beside `target`, check it, and move it into place: a folder there is a whole one."""
    new = target.with_name(target.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as source:
            members = checked_members(source, archive)
            check_disk(archive.parent, sum(member.file_size for member in members))
            for member in members:
                place = new / member.filename
                place.parent.mkdir(parents=True, exist_ok=True)
                with source.open(member) as data, open(place, "xb") as file:
                    shutil.copyfileobj(data, file, CHUNK)
        check_complete(dataset, new)
        os.replace(new, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UserError(f"{archive} is damaged ({error}): remove it and start again") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)


def checked_members(source: zipfile.ZipFile, archive: Path) -> list[zipfile.ZipInfo]:
    """The files in the archive; UserError that names the first that must not be written, or a size that cannot be true."""
    members = [member for member in source.infolist() if not member.is_dir()]
    seen = set()
    for member in members:
        why = unsafe(member) or ("it is in there twice" if member.filename in seen else "")
        if why:
            raise UserError(f"{archive} is not safe to unpack: {member.filename!r}: {why}")
        seen.add(member.filename)
    size, limit = sum(member.file_size for member in members), archive.stat().st_size * LARGEST_RATIO
    if size > min(limit, LARGEST_BYTES) or len(members) > MOST_FILES:
        raise UserError(f"{archive} is not safe to unpack: it would grow to {size} bytes in {len(members)} files; allowed "
                        f"are {min(limit, LARGEST_BYTES)} bytes ({LARGEST_RATIO} times its own) in {MOST_FILES}")
    return members


def unsafe(member: zipfile.ZipInfo) -> str:
    """Why a member must not be written, or an empty string."""
    name = member.orig_filename
    path = PurePosixPath(name)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in name:
        return "its path leads out of the folder"
    if kind not in (0, stat.S_IFREG):
        return "it is no ordinary file"
    return "it is encrypted" if member.flag_bits & 1 else ""


def check_complete(dataset: Dataset, folder: Path) -> None:
    """UserError if files of a data set are missing."""
    for pattern, count in dataset.parts.items():
        found = sum(1 for _ in folder.rglob(pattern))
        if found < count:
            raise UserError(f"{folder} is not a whole {dataset.slug}: {found} files {pattern}, there must be {count}; "
                            "remove it and start again")


def main(arguments=None) -> int:
    """The command; exit code 0 done, 2 the user can mend it, 1 anything else."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if not 1 <= len(given) <= 2 or given[0] not in DATASETS:
            raise UserError(f"usage: scripts/download_data.sh {'|'.join(DATASETS)} [FOLDER]")
        print(download(given[0], Path(given[1] if len(given) == 2 else ROOT / "data").absolute()))
        return DONE
    except (UserError, Failed, OSError) as error:
        text = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.strerror else str(error)
        print(f"download_data: {text}", file=sys.stderr)
        return WRONG_INPUT if isinstance(error, UserError) else FAILED


if __name__ == "__main__":
    sys.exit(main())
