"""What a run uses of the machine, noted beside it while it runs: `$LAB_RUN_DIR/system.jsonl`. Standard library only.

A line is `{"t": unix seconds, "cpu": cores in use since the line before, "memory": bytes, "peak": most bytes so far,
"read": bytes a second, "write": …, "cpu_time": seconds so far, "log": bytes of stdout.log}`, with `"limit"` where
memory is limited and, where there is an NVIDIA driver, `"gpu": busy GPUs (1.5 is one and a half), "gpu_memory": bytes,
"gpu_limit": bytes`.

In a container the kernel counts for the whole control group: memory is what cannot be dropped (use less the inactive
part of the page cache, as kubelet's working set). Elsewhere the processes of the session are added up; what forked
workers share is then counted for each.

A look takes some hundred microseconds, first every second, later less often; the file stays below about 15,000 lines.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

#: (seconds since the start, seconds between looks from then on).
_PACE = ((0.0, 0.25), (1.0, 1.0), (180.0, 5.0), (1800.0, 15.0))
#: Looks are never closer than this part of the time that has passed: the file grows with its logarithm.
_SPARSEST = 2000.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: How often all processes are looked at again, also those that were not of the session.
_AGAIN = 30
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def interval(elapsed: float) -> float:
    """Seconds until the next look, when `elapsed` seconds have passed since the start."""
    wanted = next(every for since, every in reversed(_PACE) if elapsed >= since)
    return max(wanted, elapsed / _SPARSEST)


class Reading:
    """What was used up to one moment: `cpu` seconds, `memory` bytes now, bytes `read` and `written` in all."""

    __slots__ = ("cpu", "memory", "read", "written")

    def __init__(self, cpu: float = 0.0, memory: int = 0, read: int = 0, written: int = 0) -> None:
        self.cpu, self.memory, self.read, self.written = cpu, memory, read, written


class Group:
    """The counters of our own control group, of either version."""

    def __init__(self, root: str = "/sys/fs/cgroup", proc: str = "/proc") -> None:
        names = _group_names(proc)
        places = {kind: _place(root, kind, names) for kind in ("", "memory", "cpuacct", "blkio")}
        self._v2 = os.path.exists(os.path.join(places[""], "memory.current"))
        self._places = places

    @property
    def exists(self) -> bool:
        return self._v2 or os.path.exists(os.path.join(self._places["memory"], "memory.usage_in_bytes"))

    @property
    def limit(self) -> int:
        """Bytes of memory allowed; 0 for no limit."""
        text = _text(self._in("", "memory.max") if self._v2 else self._in("memory", "memory.limit_in_bytes")).strip()
        return int(text) if text.isdigit() and int(text) < 1 << 60 else 0

    def read(self) -> Reading:
        if self._v2:
            stat = _table(_text(self._in("", "memory.stat")))
            memory = _number(_text(self._in("", "memory.current"))) - stat.get("inactive_file", 0)
            cpu = _table(_text(self._in("", "cpu.stat"))).get("usage_usec", 0) / 1e6
            words = _text(self._in("", "io.stat")).split()
            read = sum(_number(word[7:]) for word in words if word.startswith("rbytes="))
            written = sum(_number(word[7:]) for word in words if word.startswith("wbytes="))
            return Reading(cpu, max(0, memory), read, written)
        stat = _table(_text(self._in("memory", "memory.stat")))
        memory = _number(_text(self._in("memory", "memory.usage_in_bytes"))) - stat.get("total_inactive_file", 0)
        cpu = _number(_text(self._in("cpuacct", "cpuacct.usage"))) / 1e9
        lines = [line.split() for line in _text(self._in("blkio", "blkio.throttle.io_service_bytes")).splitlines()]
        read = sum(_number(line[2]) for line in lines if len(line) == 3 and line[1] == "Read")
        written = sum(_number(line[2]) for line in lines if len(line) == 3 and line[1] == "Write")
        return Reading(cpu, max(0, memory), read, written)

    def _in(self, kind: str, name: str) -> str:
        return os.path.join(self._places[kind], name)


def _group_names(proc: str) -> dict[str, str]:
    """The path of our group in each hierarchy; "" is that of version 2."""
    names = {}
    for line in _text(f"{proc}/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        names.update(dict.fromkeys(kinds.split(","), path))
    return names


def _place(root: str, kind: str, names: dict[str, str]) -> str:
    """Our group by name, or the top, which is our own inside a container."""
    top = os.path.join(root, kind)
    own = top + names.get(kind, "").rstrip("/")
    return own if os.path.isdir(own) else top


class Session:
    """The processes of one session, added up; `but` is left out."""

    exists = True
    limit = 0

    def __init__(self, session: int, but: int = 0, proc: str = "/proc") -> None:
        self._session, self._but, self._proc = str(session), but, proc
        self._strangers: set[str] = set()
        self._looks = 0

    def read(self) -> Reading:
        """Processes of other sessions are not looked at again for a while: a pid is hardly reused so soon."""
        total = Reading()
        if not os.path.isdir(self._proc):
            return total
        if self._looks % _AGAIN == 0:
            self._strangers.clear()
        self._looks += 1
        pids = {name for name in os.listdir(self._proc) if name.isdigit()}
        self._strangers &= pids
        for pid in pids - self._strangers:
            fields = _text(f"{self._proc}/{pid}/stat").rpartition(")")[2].split()
            if len(fields) < 22:
                continue
            if fields[3] != self._session or int(pid) == self._but:
                self._strangers.add(pid)
                continue
            # With the time of children that were waited for, so that it does not go down when one ends.
            total.cpu += sum(map(int, fields[11:15])) / _TICKS
            total.memory += int(fields[21]) * _PAGE
            io = _table(_text(f"{self._proc}/{pid}/io").replace(":", ""))
            total.read += io.get("read_bytes", 0)
            total.written += io.get("write_bytes", 0)
        return total


class Sampler:
    """Looks at what a run uses, from the timer signal of the process that waits for it, until `stop`.

    Nothing here raises: a run must not suffer from being looked at.
    """

    def __init__(
        self,
        folder: str,
        source: Group | Session | None = None,
        gpus: Callable[[], dict[str, float]] | None = None,
    ) -> None:
        self._path = os.path.join(folder, "system.jsonl")
        self._log = os.path.join(folder, "stdout.log")
        self._source = source or _source()
        self._limit = self._source.limit
        self._began = self._at = time.monotonic()
        self._first = self._last = self._source.read()
        self._gpus = gpus or _gpus()
        self._gpu_peak = 0.0
        self._peak = 0
        self._file = -1

    def start(self) -> None:
        """Look now and then from here on. Only in a main thread that uses no other alarm."""
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return
        signal.signal(signal.SIGALRM, self._alarm)
        self._again()

    def _alarm(self, _number: int, _frame: FrameType | None) -> None:
        self.look()
        self._again()

    def _again(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, interval(time.monotonic() - self._began))

    def look(self) -> None:
        """Note one line."""
        now = time.monotonic()
        reading, before, span = self._source.read(), self._last, max(1e-3, now - self._at)
        self._at, self._last = now, reading
        self._peak = max(self._peak, reading.memory)
        line: dict[str, float] = {
            "t": round(time.time(), 3),
            "cpu": round(max(0.0, reading.cpu - before.cpu) / span, 3),
            "memory": reading.memory,
            "peak": self._peak,
            "read": round(max(0, reading.read - before.read) / span),
            "write": round(max(0, reading.written - before.written) / span),
            "cpu_time": round(max(0.0, reading.cpu - self._first.cpu), 3),
            "log": _size(self._log),
        }
        if self._limit:
            line["limit"] = self._limit
        line.update(self._gpus())
        self._gpu_peak = max(self._gpu_peak, line.get("gpu_memory", 0.0))
        try:
            os.write(self._file, json.dumps(line, separators=(",", ":")).encode() + b"\n")
        except OSError:
            return  # the disk is full: the run's own writes will tell

    def stop(self) -> None:
        """Look no more."""
        signal.setitimer(signal.ITIMER_REAL, 0.0)

    def usage(self) -> dict[str, float]:
        """The sums, once the run has ended and its processes were waited for.

        The kernel's own maximum of each process catches what was used for less than the time between two looks.
        """
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        last = self._source.read()
        found: dict[str, float] = {
            "peak_memory": max(self._peak, last.memory, spent.ru_maxrss * _RSS_UNIT),
            "cpu_time": round(max(last.cpu - self._first.cpu, spent.ru_utime + spent.ru_stime), 3),
            "read_bytes": max(0, max(last.read, self._last.read) - self._first.read),
            "written_bytes": max(0, max(last.written, self._last.written) - self._first.written),
        }
        if self._gpu_peak:
            found["peak_gpu_memory"] = self._gpu_peak
        return found


def _source() -> Group | Session:
    """The control group where an engine says that it is ours alone, else the session that we lead or belong to."""
    group = Group()
    if os.environ.get("LAB_OWN_CGROUP") == "1" and group.exists:
        return group
    return Session(os.getsid(0), but=os.getpid())


def _gpus() -> Callable[[], dict[str, float]]:
    """What tells of the GPUs; of none where no driver is loaded, without paying for a look."""
    if not any(map(os.path.exists, ("/dev/nvidiactl", "/dev/dxg"))):
        return dict
    from lab.runtime import nvml

    return nvml.open_gpus(os.environ.get("CUDA_VISIBLE_DEVICES"))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _text(path: str) -> str:
    """What a small file of the kernel holds; "" where there is none or it may not be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(file, 1 << 16).decode("ascii", "replace")
    except OSError:
        return ""  # the process has just ended
    finally:
        os.close(file)


def _table(text: str) -> dict[str, int]:
    """Lines of a name and a number."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if value.strip().isdigit():
            found[name] = int(value)
    return found


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isdigit() else 0
