"""What this machine has for runs."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from lab.domain.queue import Machine

#: So many free bytes of disk no run is to take.
DISK_FLOOR = 1 << 30
#: The share of the memory that runs may have: the system and its cache need some.
_SHARE = 0.9
_TOTAL = re.compile(r"MemTotal:\s+(\d+) kB")
_GPU = re.compile(r"nvidia\d+")
#: The limit of the control group that Lab itself is in, of version 2 and 1.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def look(home: Path) -> Machine:
    """Cores and memory that Lab may use, NVIDIA GPUs, and the disk of the lab home."""
    return Machine(cores(), round(_memory() * _SHARE), _gpus(), shutil.disk_usage(home).free, DISK_FLOOR)


def cores() -> int:
    """How many this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


def _memory() -> int:
    """Bytes in all; 16 GB where the system does not tell."""
    try:
        found = _TOTAL.search(Path("/proc/meminfo").read_text(encoding="ascii"))
        total = int(found[1]) * 1024 if found else 0
    except OSError:
        total = 0
    if not total:
        try:
            total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (ValueError, OSError):
            total = 16 << 30
    for path in _LIMITS:
        try:
            text = Path(path).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


def _gpus() -> int:
    try:
        return sum(bool(_GPU.fullmatch(name)) for name in os.listdir("/dev"))
    except OSError:
        return 0
