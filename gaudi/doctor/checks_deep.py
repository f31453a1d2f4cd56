"""What `gaudi doctor --deep` tries for real, in processes of their own: open the device, reduce over two ranks."""
import json
import subprocess
import sys

from gaudi import launch
from gaudi.doctor import checks_software
from gaudi.doctor.finding import Finding
from gaudi.errors import UserError

OPEN_SECONDS, REDUCE_SECONDS = 120, 180


def check_tensorflow(here):
    """TensorFlow is imported, the device opened and a matrix multiplied on it."""
    state, answer = _try([sys.executable, "-m", "gaudi.doctor.selftest"], OPEN_SECONDS)
    if state == "ok":
        fact = json.loads(answer)
        return [Finding("tensorflow works", "ok", f"{fact['version']} multiplied on {fact['device']} in "
                        f"{fact['precision']}, ready after {fact['seconds']:.1f} s")]
    return [Finding("tensorflow works", "fail", answer, "see what ends it: python -m gaudi.doctor.selftest")]


def check_two_ranks(here):
    """Two ranks start under mpirun and average their numbers; a warning at most, for one rank trains without."""
    if here.kind != "cpu" and here.count < 2:
        return [Finding("two ranks", "info", f"not tried: there is one {here.kind} card")]
    command = [sys.executable, "-m", "gaudi.doctor.selftest"]
    try:
        line = launch.mpirun_line(2, command, kind=here.kind, oversubscribe=here.kind == "cpu")
    except UserError as error:
        return [Finding("two ranks", "warn", f"not tried: {error}", checks_software.SETUP)]
    state, answer = _try(line, REDUCE_SECONDS, launch.environment())
    if state == "ok" and json.loads(answer)["mean"] == 0.5:
        return [Finding("two ranks", "ok", "started and averaged 0 and 1 to 0.5")]
    return [Finding("two ranks", "warn", answer, "one rank still trains; see horovod and open mpi above")]


def _try(command, seconds, environment=None):
    """("ok", the last line of JSON printed), or ("bad", why the process ended)."""
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
