"""`gaudi doctor`: what this machine is, whether training will start here, and if not why."""

from gaudi.doctor.report import findings, run, text, verdict

__all__ = ["findings", "run", "text", "verdict"]
