"""Whether the process that launched a run, or is it, is still there: its pid, told apart from a later one of that
number."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from lab.domain.runs import Run
from lab.engine.base import JobState, JobStatus
from lab.paths import LabHome


def identity() -> str:
    """This process as `pid:start@boot`; start and boot are empty where the system does not tell them."""
    return f"{os.getpid()}:{_start(os.getpid())}@{_boot()}"


def alive(who: str) -> bool:
    """Whether the process that `identity()` named is still running."""
    pid, _, rest = who.partition(":")
    start, _, boot = rest.partition("@")
    if not pid.isdigit() or boot != _boot():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return start == _start(int(pid))
    return start == _start(int(pid))


def status(home: LabHome, run: Run) -> JobStatus:
    """How the process of an own run stands. Its exit record goes before whether it lives: a notebook's kernel goes on
    when the run has ended."""
    if home.run(run.id).exit.exists():
        return JobStatus(run.id, JobState.EXITED)
    return JobStatus(run.id, JobState.RUNNING if alive(run.launcher) else JobState.GONE)


def interrupt(run: Run) -> None:
    """What Ctrl-C does to the process of an own run; one that ignores that, as all do that a shell started in the
    background, is terminated. Harmless when it is gone."""
    if alive(run.launcher):
        pid = int(run.launcher.partition(":")[0])
        os.kill(pid, signal.SIGTERM if _ignores(pid, signal.SIGINT) else signal.SIGINT)


def _ignores(pid: int, number: int) -> bool:
    """Whether a process ignores a signal; False where the system does not tell (proc(5), SigIgn)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    mask = next((line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:")), "0")
    return bool(int(mask, 16) >> (number - 1) & 1)


def _start(pid: int) -> str:
    """Clock ticks from boot to the start of `pid` (proc(5), field 22)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
