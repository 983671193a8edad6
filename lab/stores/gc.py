"""Garbage collection: what nothing needs any more goes to the trash, and caches that nobody used for long go for good.

A manifest stays if the caller names it as a root, if it is in use, or if it was written lately. An object stays if a
manifest that stays has it, or if it was written lately. A root that cannot be read might name anything, so that all
objects stay then. `plan` only looks; `collect` looks again while publishers are kept out, so that what came to be
needed after the plan was made stays too.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from lab.dataclass import dataclass
from lab.errors import IntegrityError, LabError
from lab.paths import LabHome
from lab.stores import locks, marks, trash
from lab.stores.durable import sync_filesystem
from lab.stores.manifests import ManifestStore
from lab.stores.marks import Shelf
from lab.stores.staging import sweep
from lab.stores.trees import remove_tree

DAY = 86_400.0
GRACE = DAY  # seconds for which everything that was written stays
CACHE_AGE = 7 * DAY  # seconds after which a tree or an assembled copy that nobody used goes
STAT_AGE = 30 * DAY  # the same for what stat said of a dataset's files
PATIENCE = 60.0  # seconds to wait for publishers

_T = TypeVar("_T")

NEEDED, IN_USE, YOUNG, UNNEEDED = "needed", "in use", "written lately", ""


@dataclass(frozen=True)
class Live:
    """What must stay: `roots` are ids of manifests that a version, run, model, deployment or such needs, `in_use`
    those whose trees are mounted right now."""

    roots: frozenset[str]
    in_use: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Cost:
    """What a manifest costs: `bytes` of all that it names, `exclusive` of what no other manifest names (it is what
    dropping this one alone would free). `why` it stays: `NEEDED`, `IN_USE`, `YOUNG`; `UNNEEDED` if it goes."""

    id: str
    why: str
    files: int
    bytes: int
    exclusive: int


@dataclass(frozen=True)
class BadRoot:
    """A root that cannot be read; `reason` is a sentence."""

    id: str
    reason: str


@dataclass(frozen=True)
class Garbage:
    """An object that goes; `parted` for a list of parts, whose bytes are other objects."""

    digest: str
    bytes: int
    parted: bool = False


@dataclass(frozen=True)
class Cached:
    """Something that can be made again: `kind` is `tree`, `assembled` or `stat`; `idle` seconds since its last use."""

    kind: str
    path: Path
    bytes: int
    idle: float


@dataclass(frozen=True)
class Plan:
    """What would go, and what would stay for what reason. `made` in seconds since the epoch; `young` are bytes of
    objects that nothing names and that stay for having been written lately, `held` of those that stay because of a
    bad root."""

    made: float
    grace: float
    cache_age: float
    goes: tuple[Cost, ...] = ()
    stays: tuple[Cost, ...] = ()
    objects: tuple[Garbage, ...] = ()
    caches: tuple[Cached, ...] = ()
    bad_roots: tuple[BadRoot, ...] = ()
    kept_bytes: int = 0
    young: int = 0
    held: int = 0

    @property
    def object_bytes(self) -> int:
        """Bytes that go to the trash."""
        return sum(item.bytes for item in self.objects)

    @property
    def cache_bytes(self) -> int:
        """Bytes that are free at once."""
        return sum(item.bytes for item in self.caches)


@dataclass(frozen=True)
class Freed:
    """What went. `batch` names it in the trash, "" if nothing went there; `complete` is False if it was stopped."""

    batch: str
    manifests: int
    objects: int
    bytes: int
    cache_bytes: int
    complete: bool


def plan(
    home: LabHome, live: Live, now: float | None = None, grace: float = GRACE, cache_age: float = CACHE_AGE
) -> Plan:
    """Look what could go; changes nothing. Never raises for what is damaged: that stays."""
    moment = time.time() if now is None else now
    shelf = marks.shelf(home)
    names = sorted({*marks.manifests(home), *live.roots, *live.in_use})
    why = {name: _why(home, name, live, moment - grace) for name in names}
    found = _read(home, shelf, why)
    counts = Counter(digest for holders in found.holders.values() for digest in holders)
    costs = [_cost(name, why[name], found, counts, shelf) for name in names]
    kept = {digest for name, holders in found.holders.items() if why[name] for digest in holders}
    named = {digest for name, contents in found.contents.items() if why[name] for digest in contents}
    named |= {part for digest in named for part in shelf.lists(digest)}
    since = moment - grace
    old, young = _loose(shelf, kept, named, since)
    old_bytes = sum(item.bytes for item in old)
    return Plan(
        made=moment,
        grace=grace,
        cache_age=cache_age,
        goes=_largest_first(cost for cost in costs if not cost.why),
        stays=_largest_first(cost for cost in costs if cost.why),
        objects=() if found.bad else old,
        caches=tuple(_caches(home, live, {name for name in names if why[name]}, named, moment, cache_age)),
        bad_roots=tuple(found.bad),
        kept_bytes=shelf.bytes - old_bytes - young,
        young=young,
        held=old_bytes if found.bad else 0,
    )


def collect(
    home: LabHome,
    intended: Plan,
    fresh: Callable[[], Live],
    *,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    timeout: float = PATIENCE,
    batch: Path | None = None,
) -> Freed:
    """Carry out a plan: caches are erased, manifests and then objects move to the trash, to `batch` or a new one.

    `fresh` is asked once, while publishers are kept out, what must stay by now: only what goes by the plan and by
    that answer goes. It must not wait for a publisher. May be stopped, or die, between any two files: what has not
    gone yet stays, and what has gone is in the trash. `progress` hears (done, total) files.
    Raises ConflictError if publishers keep the store busy for longer than `timeout` seconds.
    """
    with locks.hold(home.store_lock, timeout):
        sweep(home.tmp)
        again = plan(home, fresh(), intended.made, intended.grace, intended.cache_age)
        caches = {item.path for item in intended.caches}
        manifests, digests = {cost.id for cost in intended.goes}, {item.digest for item in intended.objects}
        work = _Work(home, progress, stop, batch)
        return work.run(
            [item for item in again.caches if item.path in caches],
            [cost.id for cost in again.goes if cost.id in manifests],
            [item for item in again.objects if item.digest in digests],
        )


class _Work:
    """The moves of one sweep."""

    def __init__(
        self,
        home: LabHome,
        progress: Callable[[int, int], None] | None,
        stop: Callable[[], bool] | None,
        batch: Path | None,
    ) -> None:
        self._home = home
        self._progress = progress
        self._stop = stop
        self._done = self._total = 0
        self._stopped = False
        self._batch = batch

    def run(self, caches: list[Cached], manifests: list[str], objects: list[Garbage]) -> Freed:
        self._total = len(caches) + len(manifests) + len(objects)
        cache_bytes = sum(_drop(self._home, item) for item in self._each(caches))
        # What names others goes before them (manifests, lists of parts, objects): what is in the store is whole.
        store = ManifestStore(self._home)
        gone = sum(self._put(store.path(name)) for name in self._each(manifests))
        moved = [item for item in self._each(objects) if self._put(marks.file_of(self._home, item.digest, item.parted))]
        if self._batch:
            sync_filesystem(self._home.store)
        return Freed(
            self._batch.name if self._batch else "",
            gone,
            len(moved),
            sum(item.bytes for item in moved),
            cache_bytes,
            not self._stopped,
        )

    def _each(self, items: list[_T]) -> Iterator[_T]:
        for item in items:
            self._stopped = self._stopped or (self._stop is not None and self._stop())
            if self._stopped:
                return
            yield item
            self._done += 1
            if self._progress:
                self._progress(self._done, self._total)

    def _put(self, path: Path) -> bool:
        self._batch = self._batch or trash.begin(self._home, time.time())
        try:
            trash.put(self._home, self._batch, path)
        except FileNotFoundError:  # gone, by another hand
            return False
        return True


def _why(home: LabHome, name: str, live: Live, since: float) -> str:
    if name in live.roots:
        return NEEDED
    if name in live.in_use:
        return IN_USE
    try:
        return YOUNG if ManifestStore(home).path(name).stat().st_mtime >= since else UNNEEDED
    except FileNotFoundError:
        return UNNEEDED


@dataclass
class _Named:
    """What each readable manifest names: `contents` (hash → size) and the whole objects behind them, `holders`."""

    contents: dict[str, dict[str, int]]
    holders: dict[str, set[str]]
    bad: list[BadRoot]


def _read(home: LabHome, shelf: Shelf, why: Mapping[str, str]) -> _Named:
    found = _Named({}, {}, [])
    for name, reason in why.items():
        try:
            contents = marks.named(home, name)
            found.holders[name] = {holder for digest in contents for holder in shelf.holders(digest)}
            found.contents[name] = contents
        except (LabError, OSError) as error:
            if reason:
                found.bad.append(BadRoot(name, str(error)))
    return found


def _cost(name: str, why: str, found: _Named, counts: Counter[str], shelf: Shelf) -> Cost:
    contents, holders = found.contents.get(name, {}), found.holders.get(name, set())
    alone = sum(shelf.size(digest) for digest in holders if counts[digest] == 1)
    return Cost(name, why, len(contents), sum(contents.values()), alone)


def _loose(shelf: Shelf, kept: set[str], named: set[str], since: float) -> tuple[tuple[Garbage, ...], int]:
    """What no manifest that stays names: old objects, lists of parts first, and the bytes of young ones."""
    lists = {digest: info for digest, info in shelf.parted.items() if digest not in named}
    # A list that stays for its youth may be found by an add, so that its parts must stay too.
    fresh = [digest for digest, info in lists.items() if info.st_mtime >= since]
    kept = kept.union(*(_parts(shelf, digest) for digest in fresh))
    inner = {part for digest in fresh for part in shelf.lists(digest)}
    lists = {digest: info for digest, info in lists.items() if digest not in inner or info.st_mtime >= since}
    whole = {digest: info for digest, info in shelf.whole.items() if digest not in kept}
    old = [Garbage(digest, info.st_size, True) for digest, info in lists.items() if info.st_mtime < since]
    old += [Garbage(digest, info.st_size) for digest, info in whole.items() if info.st_mtime < since]
    young = sum(info.st_size for info in (*lists.values(), *whole.values()) if info.st_mtime >= since)
    return tuple(old), young


def _parts(shelf: Shelf, digest: str) -> tuple[str, ...]:
    try:
        return tuple(part for part, _ in shelf.parts(digest))
    except IntegrityError:  # damaged, and nothing names it
        return ()


def _caches(
    home: LabHome, live: Live, kept: set[str], named: set[str], moment: float, cache_age: float
) -> Iterator[Cached]:
    """What may be made again and is old, or belongs to nothing that stays."""
    for path in _listing(home.mounts):
        name, idle = f"b3:{path.name}", _idle(path, moment)
        if name not in live.in_use and (name not in kept or idle >= cache_age):
            yield Cached("tree", path, _own_bytes(path), idle)
    used = {digest for name in live.in_use & kept for digest in _contents(home, name)}
    for folder in _listing(home.assembled):
        for path in _listing(folder):
            digest, idle = folder.name + path.name, _idle(path, moment)
            if digest not in used and (digest not in named or idle >= cache_age):
                yield Cached("assembled", path, _own_bytes(path), idle)
    for path in _listing(home.stat_cache):
        if (idle := _idle(path, moment)) >= STAT_AGE:
            yield Cached("stat", path, _own_bytes(path), idle)


def _contents(home: LabHome, name: str) -> Mapping[str, int]:
    try:
        return marks.named(home, name)
    except (LabError, OSError):  # told as a bad root
        return {}


def _drop(home: LabHome, item: Cached) -> int:
    """Erase a cache; returns its bytes."""
    if item.kind == "tree":
        remove_tree(home, item.path)
    else:
        item.path.unlink(missing_ok=True)
    return item.bytes


def _listing(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _idle(path: Path, moment: float) -> float:
    """Seconds since its users last touched it. (Not by atime, which moves whenever sizes are counted.)"""
    try:
        return max(0.0, moment - path.lstat().st_mtime)
    except FileNotFoundError:
        return 0.0


def _own_bytes(path: Path) -> int:
    """Bytes that are free when the file or tree goes: what is a hard link costs nothing."""
    if not path.is_dir():
        files = [path]
    else:
        files = [Path(root, name) for root, _, names in os.walk(path) for name in names]
    total = 0
    for file in files:
        with suppress(FileNotFoundError):
            info = file.lstat()
            total += info.st_size if info.st_nlink == 1 else 0
    return total


def _largest_first(costs: Iterable[Cost]) -> tuple[Cost, ...]:
    return tuple(sorted(costs, key=lambda cost: (-cost.exclusive, -cost.bytes, cost.id)))
