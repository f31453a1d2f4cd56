"""The two ways a command ends early on purpose: the user's mistake, and a stop that saved first."""

DONE, FAILED, WRONG_INPUT, STOPPED = 0, 1, 2, 75


class UserError(Exception):
    """The user's input is wrong; the message is one line saying what, where and what is allowed (exit code 2)."""


class Stopped(Exception):
    """A signal asked for the end and the run was saved; starting it again continues it (exit code 75)."""
