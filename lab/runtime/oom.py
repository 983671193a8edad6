"""How often the kernel has killed here for want of memory. Standard library only."""

from __future__ import annotations


def oom_kills() -> int:
    """How often the kernel has killed for want of memory in this process's control group; 0 where none says."""
    for path in _memory_files():
        try:
            with open(path, encoding="ascii") as file:
                counts = dict(line.split(None, 1) for line in file)
        except (OSError, ValueError):
            continue
        if "oom_kill" in counts:
            return int(counts["oom_kill"])
    return 0


def _memory_files() -> list[str]:
    """Where the count may be: our own group by name, else the top, which is our own inside a container."""
    named, top = [], ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"]
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return top
    for _, controllers, path in (line for line in lines if len(line) == 3):
        if not controllers:
            named.append(f"/sys/fs/cgroup{path}/memory.events")
        elif "memory" in controllers.split(","):
            named.append(f"/sys/fs/cgroup/memory{path}/memory.oom_control")
    return named + top
