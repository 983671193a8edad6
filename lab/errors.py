"""Every error that Lab raises on purpose, by what the user can do about it.

A message says what happened and where; the hint says what mends it. The exit
codes are a public contract (README, "Exit codes").
"""

from __future__ import annotations


class LabError(Exception):
    """Something failed. `code` names the class in JSON output, `exit_code` ends the process."""

    code = "failed"
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def of_system(error: OSError) -> LabError:
    """What the system says, and of which file: a disk is full, a name is too long, a file may not be read."""
    where = f"{error.filename}: " if error.filename else ""
    return LabError(f"{where}{error.strerror or error}")


class UsageError(LabError):
    """The command or an argument is not one that Lab understands."""

    code = "usage"
    exit_code = 2


class SettingsError(UsageError):
    """A settings file is wrong; the message names file, line and key."""

    code = "settings"


class NotFoundError(LabError):
    """No object of that name or id."""

    code = "not_found"
    exit_code = 3


class ConflictError(LabError):
    """The object is in a state, or has a name, that does not admit this."""

    code = "conflict"
    exit_code = 4


class EngineError(LabError):
    """The engine refused or failed at what it was asked."""

    code = "engine"
    exit_code = 1


class EngineUnavailableError(EngineError):
    """No engine answers, or the one asked for is not installed."""

    code = "engine_unavailable"
    exit_code = 5


class GateRejectedError(LabError):
    """A check that a candidate must pass said no."""

    code = "gate_rejected"
    exit_code = 6


class IntegrityError(LabError):
    """Bytes on disk are not what their name or record says."""

    code = "integrity"
    exit_code = 7
