"""Children that begin with TensorFlow imported but not started: a fresh state for 0.1 s instead of 3 s."""
import json
import os
import resource
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass


@dataclass
class Done:
    """How a child ended: a negative return code is the signal that ended it."""

    returncode: int
    stdout: str
    stderr: str


class Forks:
    """A process that has imported TensorFlow and forks for every piece of code it is sent."""

    def __init__(self, environment, python=sys.executable):
        self.process = subprocess.Popen([python, __file__], env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def run(self, code, folder, **environment):
        """Runs `code` with these variables set beside the process's own; `folder` keeps what it prints."""
        files = [str(folder / name) for name in ("forked.out", "forked.err")]
        self.process.stdin.write(json.dumps([code, environment, files]) + "\n")
        self.process.stdin.flush()
        status = int(self.process.stdout.readline())
        texts = [open(file, encoding="utf-8").read() for file in files]
        return Done(os.waitstatus_to_exitcode(status), *texts)

    def close(self):
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait(timeout=30)


def child(code, environment, files):
    """What a fork does: its own output, its own environment, then the code."""
    for stream, file in zip((1, 2), files):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), stream)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # many of them are meant to be ended by a signal
    os.environ.update(environment)
    tempfile.tempdir = None  # read TMPDIR anew
    status = 1
    try:
        exec(compile(code, "<forked>", "exec"), {"__name__": "__main__"})
        status = 0
    except BaseException:  # whatever ended the code is what the test wants to see
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def serve():
    """Reads requests, forks, answers with the child's wait status."""
    answers = os.fdopen(os.dup(1), "w")
    import tensorflow  # noqa: F401
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(*json.loads(line))
        answers.write(f"{os.waitpid(pid, 0)[1]}\n")
        answers.flush()


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of tests, so that a fork sees what the command sees
    serve()
