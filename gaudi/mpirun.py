"""Starts mpirun and minds it: hands on its ranks' output, passes a stop on in time to save, and says why it ended."""
from __future__ import annotations

import contextlib
import ctypes
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time

from gaudi.errors import DONE, FAILED, STOPPED, WRONG_INPUT

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
SAVE_SECONDS = 300  # a stop may have to wait for the step, an evaluation and the checkpoint
KILL_SECONDS = 15
POLL_SECONDS = 0.5
FENCE = b"-" * 74
OWN_ERROR = b"gaudi: "
FORWARDING = b"mpirun: Forwarding signal"
PR_SET_PDEATHSIG = 1


class Banners:
    """Takes mpirun's own notices out of the ranks' stderr, without holding back anything else.

    `notices` keeps the text of those that only say that ranks ended; others, such as a failure to start, go through.
    An error line of gaudi that all ranks print alike goes through once.
    """

    HIDDEN = (b"Primary job", b"mpirun detected that one or more processes", b"mpirun noticed that process rank")

    def __init__(self):
        self.notices = ""
        self._held = b""
        self._at_start = True
        self._said = set()

    def feed(self, data: bytes) -> bytes:
        """What of `data`, and of what was held back, can be shown now."""
        self._held += data
        shown = b""
        while self._held:
            part = self._next()
            if part is None:
                break
            shown += part
        return shown

    def flush(self) -> bytes:
        """What was held back, for no more is to come for a while."""
        rest, self._held = self._held, b""
        self._at_start = rest.endswith((b"\n", b"\r")) if rest else self._at_start
        return rest

    def _next(self) -> bytes | None:
        """The next piece to show; b"" for one hidden, None where it cannot be told yet."""
        for handle in (self._banner, self._line):
            piece = handle()
            if piece is not False:
                return piece
        return self._plain()

    def _banner(self):
        """A fenced notice at the head of what is held; False if there is none."""
        if not self._held.startswith(FENCE + b"\n"):
            return False
        end = self._held.find(FENCE + b"\n", len(FENCE))
        if end < 0:
            return None
        whole = self._take(end + len(FENCE) + 1)
        if not any(words in whole for words in self.HIDDEN):
            return whole
        self.notices += whole.decode(errors="replace")
        return b""

    def _line(self):
        """A line that is hidden, or shown once only; False if there is none at the head."""
        if not self._at_start or not self._may_start(OWN_ERROR, FORWARDING):
            return False
        end = self._held.find(b"\n")
        if end < 0:
            return None
        line = self._take(end + 1)
        if line.startswith(FORWARDING) or line in self._said:
            return b""
        self._said.add(line)
        return line

    def _plain(self) -> bytes | None:
        """All up to the next line's start or a possible fence."""
        if self._may_start(FENCE + b"\n"):
            return None
        dashes = self._held.find(b"-", 1)
        ends = [self._held.find(mark) + 1 or len(self._held) for mark in (b"\n", b"\r")]
        return self._take(min(*ends, dashes if dashes > 0 else len(self._held)))

    def _may_start(self, *words: bytes) -> bool:
        return any(self._held.startswith(word) or word.startswith(self._held) for word in words)

    def _take(self, size: int) -> bytes:
        piece, self._held = self._held[:size], self._held[size:]
        self._at_start = piece.endswith((b"\n", b"\r"))
        return piece


class Stop:
    """Turns signals to this process into a stop of the ranks: once, they save first; twice or too late, they end.

    mpirun hands SIGUSR1 on to every rank; a SIGTERM or SIGINT to it would end them within seconds.
    """

    def __init__(self, process):
        self.asked = ""
        self._process = process
        self._deadlines = []

    def note(self, number, _frame=None) -> None:
        """A signal has come."""
        if self.asked:
            self._deadlines = [(0.0, signal.SIGTERM), (time.monotonic() + KILL_SECONDS, signal.SIGKILL)]
            return
        self.asked = signal.Signals(number).name
        self._process.send_signal(signal.SIGUSR1)
        late = time.monotonic() + SAVE_SECONDS
        self._deadlines = [(late, signal.SIGTERM), (late + KILL_SECONDS, signal.SIGKILL)]

    def enforce(self) -> None:
        """Send what is due."""
        while self._deadlines and time.monotonic() >= self._deadlines[0][0]:
            self._process.send_signal(self._deadlines.pop(0)[1])


def mind(line: list[str], plain: bool = False) -> int:
    """Run the mpirun `line` to its end; its ranks' exit code: 0, 2, 75, else 1 with a line that says why.

    plain: the progress is written as lines, for every line gets its rank in front.
    """
    banners = Banners()
    process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0,
                               env=clean_environment(plain), preexec_fn=part_from_terminal(os.getpid()))
    stop = Stop(process)
    with signals_to(stop.note):
        hand_on(process, banners, stop)
        code = process.wait()
    return judge(code, banners.notices, stop.asked)


def clean_environment(plain: bool = False) -> dict[str, str]:
    """This environment without what another mpirun left in it, with the way to show progress behind a relay."""
    inside = "OMPI_COMM_WORLD_SIZE" in os.environ
    kept = {name: value for name, value in os.environ.items()
            if not (inside and name.startswith(("OMPI_", "PMIX_", "ORTE_", "OPAL_")))}
    live = not plain and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    kept.setdefault("GAUDI_PROGRESS", "live" if live else "plain")
    return kept


def part_from_terminal(parent: int):
    """What mpirun does before it starts: Ctrl-C reaches only the parent, and it ends if the parent is killed."""
    libc = ctypes.CDLL(None)

    def prepare():
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # killed before the line above
            os._exit(FAILED)

    return prepare


@contextlib.contextmanager
def signals_to(handler):
    """Send stop signals to `handler`; outside the main thread, where Python cannot, they keep their way."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def hand_on(process, banners: Banners, stop: Stop) -> None:
    """Write mpirun's stderr to ours as it comes, until it closes; stdout is ours already."""
    source = process.stderr.fileno()
    while True:
        stop.enforce()
        ready = select.select([source], [], [], POLL_SECONDS)[0]
        data = os.read(source, 1 << 16) if ready else b""
        show(banners.feed(data) if data else banners.flush())
        if ready and not data:
            return


def show(data: bytes) -> None:
    """To stderr at once, past Python's line buffer."""
    if data:
        sys.stderr.flush()
        with contextlib.suppress(BrokenPipeError):  # whoever read it has gone; the training need not
            os.write(2, data)


def judge(code: int, notices: str, stopped_by: str) -> int:
    """The exit code to hand on; says in one line what the ranks could not say themselves."""
    if code in (DONE, WRONG_INPUT, STOPPED):
        return code
    killed = re.search(r"process rank (\d+) with PID \d+ on node (\S+) exited on signal (\d+) \(([^)]*)\)", notices)
    ended = re.search(r"Process name: \[\[\d+,\d+\],(\d+)\]\s+Exit code:\s+(\d+)", notices)
    if stopped_by:
        say(f"stopped by {stopped_by} before the ranks were ready to save: what an earlier checkpoint holds is kept")
    elif killed:
        rank, node, number, name = killed.groups()
        hint = "; if nobody sent it, the memory ran out" if int(number) == signal.SIGKILL else ""
        say(f"rank {rank} on {node} died of signal {number} ({name}){hint}; the other ranks were ended")
    elif ended:
        say(f"rank {ended[1]} ended with exit code {ended[2]}; the other ranks were ended")
    elif code < 0:
        say(f"mpirun died of signal {-code}; its ranks were ended")
    else:
        say(f"mpirun ended with exit code {code}")
    return FAILED


def say(text: str) -> None:
    """One line on stderr."""
    print(f"gaudi: {text}", file=sys.stderr, flush=True)
