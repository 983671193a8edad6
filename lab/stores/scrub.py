"""Looking whether all bytes of the store are still what their names say. What to do about it is in `repair`."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from blake3 import blake3

from lab.dataclass import dataclass
from lab.errors import IntegrityError, LabError
from lab.paths import LabHome
from lab.stores import locks, marks
from lab.stores.durable import write_json
from lab.stores.manifests import ManifestStore
from lab.stores.marks import Shelf
from lab.stores.objects import ObjectStore

MISSING, SIZE, BYTES, LIST, ASSEMBLED, MANIFEST = "missing", "size", "bytes", "list", "assembled", "manifest"

DAY = 86_400.0
_CHUNK = 4 << 20
_REMEMBERED = 1000  # damaged objects that a scrub's state names


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with `id`, the hash of an object or (for `MANIFEST`) the id of a manifest. `kind` is
    `MISSING`, `SIZE`, `BYTES` for an object, `LIST` for a list of parts that does not make what it should, `ASSEMBLED`
    for a copy that may be made again; `detail` is a sentence part, `manifests` are those that need it."""

    kind: str
    id: str
    detail: str
    manifests: tuple[str, ...] = ()


@dataclass(frozen=True)
class VerifyReport:
    """`manifests` and `objects` looked at, `bytes` read; `complete` is False if it was stopped."""

    manifests: int
    objects: int
    bytes: int
    findings: tuple[Finding, ...]
    complete: bool = True

    @property
    def clean(self) -> bool:
        return not self.findings

    @property
    def affected(self) -> tuple[str, ...]:
        """The manifests that cannot be had whole, sorted."""
        return tuple(sorted({name for item in self.findings if item.kind != ASSEMBLED for name in item.manifests}))


@dataclass(frozen=True)
class Checked:
    """How far a check has come; `bytes_total` are of the objects to be read."""

    objects: int
    objects_total: int
    bytes: int
    bytes_total: int


def verify(
    home: LabHome,
    manifests: Iterable[str] | None = None,
    quick: bool = False,
    progress: Callable[[Checked], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> VerifyReport:
    """Check these manifests and their objects, or everything in the store; changes nothing.

    `quick` only looks whether things are there with their size; otherwise every byte is read and hashed. `stop` is
    asked between objects. Takes no lock: what a sweep takes away meanwhile together with all that needs it is no
    finding.
    """
    names = sorted(set(marks.manifests(home) if manifests is None else manifests))
    findings: list[Finding] = []
    sizes: dict[str, int] = {}
    needs: dict[str, set[str]] = defaultdict(set)
    for name in names:
        try:
            contents = marks.named(home, name)
        except (LabError, OSError) as error:
            findings.append(Finding(MANIFEST, name, _reason(error), (name,)))
            continue
        sizes |= contents
        for digest in contents:
            needs[digest].add(name)
    check = _Check(home, marks.shelf(home), quick)
    check.spread(needs)
    wanted = sorted({*needs, *check.shelf.whole, *check.shelf.parted} if manifests is None else needs)
    total = 0 if quick else sum(check.cost(digest) for digest in wanted)
    complete = True
    for number, digest in enumerate(wanted, 1):
        if stop is not None and stop():
            complete, wanted = False, wanted[: number - 1]
            break
        for found in check.object(digest, sizes.get(digest)):
            needed_by = tuple(sorted(needs.get(found.id, ())))
            if not needed_by or any(ManifestStore(home).has(name) for name in needed_by):
                findings.append(replace(found, manifests=needed_by))
        if progress:
            progress(Checked(number, len(wanted), min(check.bytes, total), total))
    return VerifyReport(len(names), len(wanted), check.bytes, tuple(dict.fromkeys(findings)), complete)


def needed_by(home: LabHome, digests: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Which manifests of the store need these objects, as they are or as parts of what they name."""
    needs: dict[str, set[str]] = defaultdict(set)
    for name in marks.manifests(home):
        try:
            for digest in marks.named(home, name):
                needs[digest].add(name)
        except (LabError, OSError):  # `verify` tells it
            continue
    _Check(home, marks.shelf(home), quick=True).spread(needs)
    return {digest: tuple(sorted(needs.get(digest, ()))) for digest in digests}


class _Check:
    """Checks one object after the other; each part is judged once."""

    def __init__(self, home: LabHome, shelf: Shelf, quick: bool) -> None:
        self.shelf = shelf
        self.bytes = 0
        self._home = home
        self._objects = ObjectStore(home)
        self._quick = quick
        self._judged: dict[str, Finding | None] = {}
        self._buffer = memoryview(bytearray(_CHUNK))

    def spread(self, needs: dict[str, set[str]]) -> None:
        """Let what an object in parts is needed by count for its parts, too."""
        for digest in [digest for digest in needs if digest in self.shelf.parted]:
            for name in self.shelf.lists(digest):
                for part, _ in marks.listed(self._home, name):
                    needs[part] |= needs[digest]

    def cost(self, digest: str) -> int:
        """Bytes to be read for it."""
        info = self.shelf.whole.get(digest)
        if info:
            return info.st_size
        return sum(size for _, size in marks.listed(self._home, digest)) if digest in self.shelf.parted else 0

    def object(self, digest: str, size: int | None) -> Iterator[Finding]:
        """All that is wrong with it; `size` is what a manifest says."""
        if digest in self.shelf.whole:
            found = self._whole(digest, size)
            if found:
                yield found
        elif digest in self.shelf.parted:
            yield from self._in_parts(digest, size)
        elif not self._objects.has(digest):
            yield Finding(MISSING, digest, "is not there")

    def _whole(self, digest: str, size: int | None) -> Finding | None:
        there = self.shelf.whole[digest].st_size
        if size is not None and there != size:
            return Finding(SIZE, digest, f"has {there} bytes, not {size}")
        if self._quick:
            return None
        if digest not in self._judged:
            self._judged[digest] = self._read(digest, blake3())
        return self._judged[digest]

    def _in_parts(self, digest: str, size: int | None) -> Iterator[Finding]:
        try:
            parts = self._objects.parts(digest)
        except IntegrityError as error:
            if not self._objects.has(digest) and not self._gone(digest):
                yield from self._absent(digest)
                yield Finding(LIST, digest, f"cannot be made of its parts: {_reason(error)}")
            return
        total = sum(length for _, length in parts)
        if size is not None and total != size:
            yield Finding(LIST, digest, f"its parts have {total} bytes, not {size}")
        elif not self._quick:
            hasher = blake3()
            bad = [found for part, _ in parts if (found := self._read(part, hasher))]
            yield from bad
            if not bad and hasher.hexdigest() != digest:
                yield Finding(LIST, digest, "its parts make something else")
        yield from self._assembled(digest, total)

    def _absent(self, digest: str) -> Iterator[Finding]:
        """Parts that the list names and that are not there, or not as long as it says."""
        for part, size in marks.listed(self._home, digest):
            there = self._objects.size(part)
            if there is None:
                yield Finding(MISSING, part, "is not there")
            elif there != size:
                yield Finding(SIZE, part, f"has {there} bytes, not {size}")

    def _assembled(self, digest: str, size: int) -> Iterator[Finding]:
        for path in self._objects.files(digest):
            if not path.is_relative_to(self._home.assembled):
                continue
            try:
                if path.stat().st_size != size:
                    yield Finding(ASSEMBLED, digest, "its assembled copy has another size")
                elif not self._quick and self._hash(path, blake3()) != digest:
                    yield Finding(ASSEMBLED, digest, "its assembled copy has other bytes")
            except OSError as error:
                if path.exists():
                    yield Finding(ASSEMBLED, digest, f"its assembled copy cannot be read: {error.strerror}")

    def _gone(self, digest: str) -> bool:
        return not marks.file_of(self._home, digest, parted=True).exists()

    def _read(self, digest: str, whole: blake3) -> Finding | None:
        """Judge a whole object; its bytes also go into `whole`."""
        try:
            if self._hash(self._objects.path(digest), whole) != digest:
                return Finding(BYTES, digest, "its bytes are not what its name says")
        except FileNotFoundError:
            return None if self._objects.has(digest) else Finding(MISSING, digest, "is not there")
        except OSError as error:
            return Finding(BYTES, digest, f"cannot be read: {error.strerror}")
        return None

    def _hash(self, path: Path, whole: blake3) -> str:
        own = blake3()
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(self._buffer):
                own.update(self._buffer[:count])
                whole.update(self._buffer[:count])
                self.bytes += count
        return str(own.hexdigest())


@dataclass(frozen=True)
class ScrubState:
    """Where a scrub is: the last object checked in this round, when the round began and (0: never) one last ended, in
    seconds since the epoch, bytes read in the round and on `day` (UTC), and the objects found damaged so far."""

    cursor: str = ""
    began: float = 0.0
    ended: float = 0.0
    bytes: int = 0
    day: str = ""
    day_bytes: int = 0
    bad: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """What one step of a scrub did. `rests` if there was nothing to do for now, `finished` if it ended a round."""

    objects: int
    bytes: int
    findings: tuple[Finding, ...]
    finished: bool
    rests: bool


class Scrubber:
    """Checks every object's bytes in rounds, a little at a time, and goes on where it was, also in another process.

    `per_day` bounds the bytes read on a day, `every` is the least time in seconds from the end of a round to the next.
    A round reads what is there: let `verify(quick=True)` look for what is missing.
    """

    def __init__(self, home: LabHome, per_day: int = 50 << 30, every: float = 7 * DAY) -> None:
        self._home = home
        self._per_day = per_day
        self._every = every

    def state(self) -> ScrubState:
        """The state on disk; a fresh one where there is none or it is damaged."""
        try:
            return _decode(json.loads(self._home.scrub_state.read_bytes()))
        except (OSError, ValueError, TypeError, KeyError):
            return ScrubState()

    def step(self, limit: int = 256 << 20, now: float | None = None, stop: Callable[[], bool] | None = None) -> Step:
        """Check the next objects, until `limit` bytes are read (one object at least), the day's share is used up, the
        round is over, or `stop` says so. Raises ConflictError if another process is at it.
        """
        moment = time.time() if now is None else now
        with locks.hold(self._home.locks / "scrub.lock"):
            state = self._today(moment)
            if state is None:
                return Step(0, 0, (), False, True)
            check = _Check(self._home, marks.shelf(self._home), quick=False)
            waiting = sorted(digest for digest in {*check.shelf.whole, *check.shelf.parted} if digest > state.cursor)
            findings: list[Finding] = []
            bad = dict.fromkeys(state.bad)
            count, cursor = 0, state.cursor
            for digest in waiting:
                if check.bytes >= limit or state.day_bytes + check.bytes >= self._per_day or (stop and stop()):
                    break
                found = list(check.object(digest, None))
                findings += found
                bad.pop(digest, None)
                bad.update(dict.fromkeys(item.id for item in found))
                count, cursor = count + 1, digest
            finished = count == len(waiting)
            self._save(
                replace(
                    state,
                    cursor="" if finished else cursor,
                    ended=moment if finished else state.ended,
                    bytes=state.bytes + check.bytes,
                    day_bytes=state.day_bytes + check.bytes,
                    bad=tuple(bad)[:_REMEMBERED],
                )
            )
        return Step(count, check.bytes, tuple(dict.fromkeys(findings)), finished, False)

    def _today(self, moment: float) -> ScrubState | None:
        """The state to go on from, None if it is time to rest."""
        state = self.state()
        day = f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"
        if state.day != day:
            state = replace(state, day=day, day_bytes=0)
        if state.day_bytes >= self._per_day or (not state.cursor and moment < state.ended + self._every):
            return None
        return state if state.cursor else replace(state, began=moment, bytes=0)

    def _save(self, state: ScrubState) -> None:
        self._home.scrub_state.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._home.scrub_state, asdict(state))


def _decode(data: dict[str, object]) -> ScrubState:
    fresh = ScrubState()
    values = {name: data[name] for name in asdict(fresh)}
    bad = values["bad"]
    if not isinstance(bad, list) or not all(isinstance(item, str) for item in bad):
        raise ValueError("not a list of hashes")
    for name in ("cursor", "day"):
        if not isinstance(values[name], str):
            raise ValueError(f"{name} is no text")
    for name in ("began", "ended", "bytes", "day_bytes"):
        if type(values[name]) not in (int, float):
            raise ValueError(f"{name} is no number")
    return ScrubState(**{**values, "bad": tuple(bad)})  # type: ignore[arg-type]


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, LabError) else str(error)
