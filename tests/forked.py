"""Children that begin with TensorFlow imported but not started: a fresh state for 0.1 s instead of 3 s."""
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass


@dataclass
class Done:
    """How a child ended: a negative return code is the signal that ended it."""

    returncode: int
    stdout: str
    stderr: str


class Forks:
    """A process that has imported TensorFlow, and other modules asked for, and forks for every piece of code it is sent."""

    def __init__(self, environment, python=sys.executable, modules=()):
        self.environment = dict(environment)
        self.process = subprocess.Popen([python, __file__, *modules], env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def run(self, code, folder, **environment):
        """Runs `code` here, with these variables beside the process's own, for five minutes at most.

        `folder` keeps what it prints. What is read when TensorFlow is imported must be in the process's own environment.
        """
        return self.send(code, folder, {**self.environment, **environment}, 300)

    def send(self, code, folder, environment, seconds):
        """The same with `environment` instead of the process's own, for so many seconds at most."""
        files = [str(folder / name) for name in ("forked.out", "forked.err")]
        request = {"code": code, "environment": environment, "files": files, "folder": os.getcwd(), "seconds": seconds}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        status = int(self.process.stdout.readline())
        texts = [open(file, encoding="utf-8").read() for file in files]
        return Done(os.waitstatus_to_exitcode(status), *texts)

    def close(self):
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait(timeout=30)


def child(code, environment, files, folder, seconds):
    """What a fork does: its own streams, environment, folder and time, then the code; it ends as Python ends."""
    for stream, file, how in zip((0, 1, 2), (os.devnull, *files), (os.O_RDONLY, *2 * [os.O_WRONLY | os.O_CREAT | os.O_TRUNC])):
        os.dup2(os.open(file, how, 0o600), stream)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # many of them are meant to be ended by a signal
    signal.alarm(seconds)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    tempfile.tempdir = None  # read TMPDIR anew
    exec(compile(code, "<forked>", "exec"), {"__name__": "__main__"})
    sys.exit()


def serve():
    """Reads requests, forks, answers with the child's wait status."""
    answers = os.fdopen(os.dup(1), "w")
    import tensorflow as tf
    tf.keras.Model  # loads Keras, which is imported when it is first asked for
    for module in sys.argv[1:]:
        importlib.import_module(module)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(**json.loads(line))
        answers.write(f"{os.waitpid(pid, 0)[1]}\n")
        answers.flush()


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of tests, so that a fork sees what the command sees
    serve()
