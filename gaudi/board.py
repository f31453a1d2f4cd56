"""TensorBoard beside a training, on a port the user names."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import contextmanager

from gaudi.errors import UserError


@contextmanager
def tensorboard(folder, port: int | None):
    """Serve `folder` on 127.0.0.1:`port` while the body runs; nothing where `port` is None."""
    if port is None:
        yield
        return
    check_port(port)
    process = subprocess.Popen([sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", str(port),
                                "--host", "127.0.0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(f"TensorBoard: http://127.0.0.1:{port}", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def check_port(port: int) -> None:
    """Raise UserError where the port cannot be had."""
    if not 1 <= port <= 65535:
        raise UserError(f"--tensorboard {port}: a port is 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(f"--tensorboard {port}: cannot be had ({error.strerror}); choose another") from error
