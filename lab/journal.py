"""The journal: append-only JSON lines, the truth about everything that is not bytes in the store or a run folder.

Each process appends to a segment that it holds alone (`flock`), one `os.write` per event, so that no writer waits for
another and no two lines are ever joined. A new process goes on with a segment that nobody holds any more: there are
as many segments as there were writers at one time, not as there were processes. Events of the durable types are
flushed to the disk before `append` returns, and each carries the SHA-256 of the durable line before it in its segment
(`prev`), so that an edit shows.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import stat
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.dataclass import dataclass
from lab.domain.event import EVENT_VERSION, Event
from lab.domain.ids import is_ulid, ulid
from lab.errors import LabError
from lab.paths import LabHome

SUFFIX = ".jsonl"

#: Read at most this much of a segment at once, so that a huge journal needs no huge memory.
CHUNK = 32 * 1024 * 1024

#: A segment of at least this many bytes is not gone on with, and at most this many are asked for one.
_FULL = 1024 * 1024
_ASKED = 32


#: The end of the year 9999, seconds since the epoch: a later time is no time.
LATEST = 253_402_300_799.0


class Journal:
    """This process's pen. Safe to share between threads and to carry through a fork."""

    def __init__(self, home: LabHome, durable: Collection[str]) -> None:
        self._folder = home.journal
        self._durable = frozenset(durable)
        self._lock = threading.Lock()
        self._fd = -1
        self._pid = 0
        self._prev = ""

    def append(self, type: str, subject: str, body: Mapping[str, Any] | None = None) -> Event:
        """Write one event. When this returns it is in the file; a durable one is on the disk.

        Raises LabError when the disk is full or the folder cannot be written; then nothing was written.
        """
        return self.append_all(type, [(subject, body or {})])[0]

    def append_all(self, type: str, told: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Event]:
        """Write one event for each (subject, body), all of them or none, at the cost of one flush to the disk.

        Raises as `append` does.
        """
        with self._lock:
            if self._pid != os.getpid():
                self._open()
            durable = type in self._durable
            events, lines, prev = [], [], self._prev
            for subject, body in told:
                event = Event(ulid(), time.time(), type, _sound(subject), _sound(dict(body)))
                line = _encode(event, prev if durable else None)
                prev = _digest(line) if durable else prev
                events.append(event)
                lines.append(line + b"\n")
            if lines:
                self._write(b"".join(lines), durable)
            self._prev = prev
            return events

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _open(self) -> None:
        self._drop()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd, self._prev = self._left_behind() or self._new()
        except OSError as error:
            raise LabError(
                f"cannot write the journal in {self._folder}: {error.strerror}", "free the disk or mend rights"
            ) from error
        self._pid = os.getpid()

    def _left_behind(self) -> tuple[int, str] | None:
        """A segment whose writer is gone, held, and the end of its chain. A torn one stays as it is: it is told of."""
        names = (name for name in sorted(os.listdir(self._folder), reverse=True) if name.endswith(SUFFIX))
        for name in itertools.islice(names, _ASKED):
            try:
                fd = os.open(self._folder / name, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
            except OSError:
                continue  # taken away, or another user's: there are others, and new ones
            about = os.fstat(fd)
            if stat.S_ISREG(about.st_mode) and about.st_size < _FULL and _hold(fd):
                content = os.pread(fd, 2 * _FULL, 0)
                if not content:
                    _flush_folder(self._folder)
                if not content or content.endswith(b"\n"):
                    return fd, _chain_end(name, content)
            os.close(fd)
        return None

    def _new(self) -> tuple[int, str]:
        while True:
            stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
            path = self._folder / f"{stamp}-{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if _hold(fd):  # else somebody was quicker to go on with it
                _flush_folder(self._folder)
                return fd, _chain_end(path.name, b"")
            os.close(fd)

    def _write(self, line: bytes, durable: bool) -> None:
        before = os.fstat(self._fd).st_size
        try:
            written = os.write(self._fd, line)
            if written != len(line):
                raise OSError(28, f"only {written} of {len(line)} bytes fitted")
            if durable:
                os.fdatasync(self._fd)
        except OSError as error:
            # Take the torn tail back: a reader never passes the last line break, so nobody has seen it.
            os.ftruncate(self._fd, before)
            raise LabError(
                f"cannot write the journal: {error.strerror}", "free some disk space, then try again"
            ) from error

    def _drop(self) -> None:
        # After a fork the descriptor is the parent's: closing our copy of it leaves the parent's open.
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._pid, self._prev = -1, 0, ""


def _sound(value: Any) -> Any:
    """`value` with `?` for lone surrogates (file names that are not UTF-8), which only Python takes in JSON."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_sound(key): _sound(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sound(item) for item in value]
    return value


def _encode(event: Event, prev: str | None) -> bytes:
    record: dict[str, Any] = {
        "id": event.id,
        "ts": event.ts,
        "v": EVENT_VERSION,
        "type": event.type,
        "subject": event.subject,
        "body": event.body,
    }
    if prev is not None:
        record["prev"] = prev
    return json.dumps(record, separators=(",", ":"), allow_nan=False).encode()


def decode(line: bytes) -> Event:
    """The event in one line. Raises ValueError, with a reason, for anything else."""
    try:
        record = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(record, dict):
        raise ValueError("not an object")
    match record:
        case {
            "id": str(id),
            "ts": int() | float() as ts,
            "type": str(type),
            "subject": str(subject),
            "body": dict(body),
        } if is_ulid(id) and 0 <= ts <= LATEST:
            return Event(id, float(ts), type, subject, body)
    raise ValueError("not an event: id, ts, type, subject or body is missing or wrong")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hold(fd: int) -> bool:
    """Hold the file as its only writer, until it is closed everywhere; False when somebody else does."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _chain_end(name: str, content: bytes) -> str:
    """What the next durable line of a segment names as `prev`."""
    for line in reversed(content.split(b"\n")):
        if b'"prev":' in line and _is_link(line):
            return _digest(line)
    return _digest(name.encode())


def _is_link(line: bytes) -> bool:
    try:
        decode(line)
    except ValueError:
        return False
    return "prev" in json.loads(line)


def _flush_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@dataclass(frozen=True)
class Segment:
    """One file of the journal and its size in bytes as last seen."""

    name: str
    size: int


def segments(home: LabHome) -> list[Segment]:
    """All segments, by name, which is by time of their beginning."""
    try:
        with os.scandir(home.journal) as entries:
            found = [
                Segment(entry.name, entry.stat().st_size)
                for entry in entries
                if entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False)
            ]
    except FileNotFoundError:
        return []
    return sorted(found, key=lambda segment: segment.name)


def read_lines(home: LabHome, name: str, offset: int) -> tuple[list[bytes], int]:
    """Whole lines of a segment from `offset`, at most about CHUNK bytes, and the offset behind the last of them.

    A tail without a line break is left for later: its writer is still at it, or died before it was acknowledged.
    """
    with open(home.journal / name, "rb") as file:
        file.seek(offset)
        data = file.read(CHUNK)
        end = data.rfind(b"\n") + 1
        while not end and len(data) >= CHUNK:  # one line longer than a chunk
            more = file.read(CHUNK)
            if not more:
                break
            data += more
            end = data.rfind(b"\n") + 1
    return data[:end].split(b"\n")[:-1], offset + end


def ends_line(home: LabHome, name: str, offset: int) -> bool:
    """Whether a line of a segment ends at `offset`, above 0: what was read up to there is what a writer left."""
    with open(home.journal / name, "rb") as file:
        file.seek(offset - 1)
        return file.read(1) == b"\n"


@dataclass(frozen=True)
class Damage:
    """A place in the journal that is not what a writer of Lab leaves. `line` counts from 1, 0 for the whole segment."""

    segment: str
    line: int
    reason: str

    def __str__(self) -> str:
        where = f"journal/{self.segment}" + (f", line {self.line}" if self.line else "")
        return f"{where}: {self.reason}"


def verify(home: LabHome, name: str) -> Iterator[Damage]:
    """Walk one segment: garbage lines, a torn tail whose writer is dead, breaks in the hash chain."""
    prev = _digest(name.encode())
    *lines, tail = (home.journal / name).read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            decode(line)
        except (ValueError, RecursionError) as error:
            yield Damage(name, number, f"not readable, skipped ({error})")
            continue
        if "prev" in record:
            if record["prev"] != prev:
                yield Damage(name, number, "the hash chain is broken: a line before it was changed, added or removed")
            prev = _digest(line)
    if tail and not _held(home, name):
        yield Damage(name, len(lines) + 1, _UNFINISHED)


def unfinished(home: LabHome) -> list[Damage]:
    """Torn ends that dead writers left. Nothing of them was acknowledged, so nothing is lost."""
    torn = []
    for segment in segments(home):
        if segment.size and not ends_line(home, segment.name, segment.size) and not _held(home, segment.name):
            lines = (home.journal / segment.name).read_bytes().count(b"\n")
            torn.append(Damage(segment.name, lines + 1, _UNFINISHED))
    return torn


_UNFINISHED = "an unfinished event at its end, which was never acknowledged"


def _held(home: LabHome, name: str) -> bool:
    """Whether a segment has a writer."""
    with open(home.journal / name, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
