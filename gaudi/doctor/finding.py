"""What one check of `gaudi doctor` says."""
from dataclasses import dataclass

STATES = ("ok", "info", "warn", "fail")


@dataclass(frozen=True)
class Finding:
    """`state`: ok; info (a fact, neither good nor bad); warn (trains, but worse); fail (training will not start)."""

    name: str
    state: str
    detail: str
    remedy: str = ""


def judge(name, bad, detail, remedy, state="fail"):
    """`state` with its remedy where `bad` holds, else ok."""
    return Finding(name, state, detail, remedy) if bad else Finding(name, "ok", detail)
