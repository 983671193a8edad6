"""Whether the Lab process that launched a run is still there: its pid, told apart from a later one of that number."""

from __future__ import annotations

import os
from pathlib import Path


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
