"""What `gaudi doctor --deep` tries for real, in processes of their own: open the device, reduce over two ranks."""
import json
import os
import subprocess
import sys

from gaudi import checks_software
from gaudi.finding import Finding

OPEN_SECONDS, REDUCE_SECONDS = 120, 180


def check_tensorflow(here):
    """TensorFlow is imported, the device opened and a matrix multiplied on it."""
    state, answer = _try([sys.executable, "-m", "gaudi.selftest"], OPEN_SECONDS)
    if state == "ok":
        fact = json.loads(answer)
        return [Finding("tensorflow works", "ok", f"{fact['version']} multiplied on {fact['device']} in "
                        f"{fact['precision']}, ready after {fact['seconds']:.1f} s")]
    return [Finding("tensorflow works", "fail", answer, "send the end of this to us: gaudi doctor --deep --report")]


def check_two_ranks(here):
    """Two ranks start under mpirun and average a number; judged like Horovod and Open MPI, as needed for ranks only."""
    if checks_software.mpirun() is None or not checks_software.horovod_built():
        return [Finding("two ranks", "warn", "not tried: Open MPI or Horovod is missing")]
    from gaudi import launch
    command = launch.mpirun_line(2, [sys.executable, "-m", "gaudi.selftest"], kind="cpu")
    state, answer = _try(command, REDUCE_SECONDS)
    if state == "ok" and json.loads(answer)["mean"] == 0.5:
        return [Finding("two ranks", "ok", "started and averaged 0 and 1 to 0.5")]
    return [Finding("two ranks", "warn", answer or "no answer", "one rank still trains; " + checks_software.SETUP)]


def _try(command, seconds):
    """("ok", the last line printed), or ("bad", why it ended)."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment)
    except subprocess.TimeoutExpired:
        return "bad", f"no answer within {seconds} s"
    except OSError as error:
        return "bad", str(error)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode == 0 and lines:
        return "ok", lines[-1]
    if done.returncode < 0:
        return "bad", f"ended by signal {-done.returncode}"
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return "bad", f"exit code {done.returncode}: {said[-1] if said else 'nothing said'}"


CHECKS = (check_tensorflow, check_two_ranks)
