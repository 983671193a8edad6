"""The catalog: the index as one process sees it.

The process that holds `flock(index.lock)` writes the index file; every other one works on a copy of its own, made
from the last published snapshot and the journal's tail. Both answer the same SQL and both see their own writes.
DuckDB's own file lock is never relied on: it is a POSIX lock, lost when its owner opens and closes the file again.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.catalog.driver import duckdb
from lab.catalog.index import DAMAGED, ClosedIndexError, ForeignIndexError, Index, open_copy
from lab.catalog.lock import IndexLock
from lab.catalog.recent import Recent
from lab.domain.event import Event
from lab.domain.runs import Run
from lab.errors import LabError
from lab.events import Listener
from lab.journal import Damage, unfinished
from lab.paths import LabHome

#: Keep and publish the index when those who open it next would otherwise take in more events than this again.
PUBLISH_BEHIND = 250
#: And at most this often, seconds.
PUBLISH_EVERY = 2.0

_DAMAGE = "SELECT segment, line, reason FROM damage ORDER BY segment, line, reason"

_UNUSABLE = (*DAMAGED, duckdb.Error, ForeignIndexError, OSError)


@contextmanager
def _interruptible() -> Iterator[None]:
    """ctrl-c is ctrl-c: DuckDB makes an error of its own of one that comes while it works."""
    try:
        yield
    except RuntimeError as error:
        if str(error) != "Query interrupted":
            raise
        raise KeyboardInterrupt from error


class Catalog:
    """One process's view of the index. Safe to use from any thread.

    `listener`, when set, hears of new events whoever asked for them, on that thread.
    `notices` are sentences about what was found wrong and mended; a user must see them.
    """

    def __init__(self, home: LabHome, *, wait: float = 0.05) -> None:
        """Open it, waiting up to `wait` seconds for the lock, and read what is new in the journal."""
        self._home = home
        self._lock = threading.RLock()  # of all that changes the index or swaps it
        self._claim = IndexLock(home.index_lock)
        self._index: Index | None = None
        self._closed = False
        self._may_hold = True
        self._published = -PUBLISH_EVERY
        self._unpublished = True
        self.recent_runs: Recent[Run] = Recent()
        self.notices: list[str] = []
        self.listener: Listener | None = None
        self._open(wait)
        self.refresh()
        _catalogs.add(self)

    @property
    def holder(self) -> bool:
        """Whether this process writes the index file."""
        return self._claim.held

    @property
    def state(self) -> tuple[int, int]:
        """Another one whenever the index has taken in anything."""
        return self._current().state

    def rows(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[dict[str, Any]]:
        """All rows of a query, each by column name. A damaged index is rebuilt and asked again, once."""
        index = self._current()
        with _interruptible():
            try:
                return index.query(sql, parameters)
            except (*DAMAGED, ClosedIndexError) as error:
                with self._lock:
                    if self._index is index:  # else another thread has put another in its place meanwhile
                        self._rebuild(f"it could not be read ({_first_line(error)})")
                return self._current().query(sql, parameters)

    def refresh(self) -> list[Event]:
        """Take in what the journal has gained since the last time.

        Returns the new events, oldest first. After a bulk of more than `ingest.BULK` lines the list is cut to
        those of the last batch: whoever listens then reads everything afresh anyway.
        """
        with self._lock, _interruptible():
            index = self._current()
            if self._may_hold and not self.holder and self._claim.take(0.0):
                events = self._become_holder(index)
            else:
                events = self._ingest(index)
            self._unpublished = self._unpublished or bool(events)  # an idle lab must not count its events all day
            if self._unpublished and self.holder and time.monotonic() - self._published >= PUBLISH_EVERY:
                self._unpublished = False
                self._publish_if_behind()
        if events and self.listener is not None:
            self.listener(events)
        return events

    def trim(self) -> None:
        """Give up memory that the last queries have filled; see `Index.trim`."""
        with self._lock:
            self._current().trim()

    def damage(self) -> list[Damage]:
        """Places in the journal that could not be read: those met so far, and torn ends that dead writers left."""
        met = [Damage(row["segment"], row["line"], row["reason"]) for row in self.rows(_DAMAGE)]
        return met + unfinished(self._home)

    def rebuild(self) -> int:
        """Throw the index away and make it again from the files. Returns the number of events."""
        with self._lock:
            self._current()
            self._rebuild("")
            return self._current().events()

    def publish(self) -> None:
        """Keep the index, and give readers beside this holder a fresh snapshot."""
        with self._lock:
            if self.holder:
                self._publish(self._current())

    def close(self) -> None:
        """Give up the index and the lock. Harmless when done before."""
        with self._lock:
            self._closed = True
            if self._index is None:
                return
            if self.holder:
                self._publish_if_behind()
            self._index.close()
            self._index = None
            self._claim.release()

    # -- opening ------------------------------------------------------------------------------------

    def _current(self) -> Index:
        index = self._index
        if index is not None:
            return index
        with self._lock:
            if self._closed:
                raise LabError("the index is closed", "this is a fault in Lab: it was asked while it was ending")
            if self._index is None:  # a forked child begins anew
                self._open(0.0)
            assert self._index is not None
            return self._index

    def _open(self, wait: float) -> None:
        try:
            self._home.index.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = self._claim.take(wait)
        except OSError as error:
            self._work_in_memory(f"the index cannot be kept in {self._home.index}: {error.strerror}")
            return
        self._index = self._open_file() if held else self._open_copy()

    def _open_file(self) -> Index:
        """The index file; one that cannot be used is set aside and an empty one begun."""
        path = self._home.index_db
        try:
            return Index(self._home, path)
        except _UNUSABLE as error:
            return self._replace(_first_line(error))

    def _replace(self, reason: str) -> Index:
        """Set the index file aside and begin an empty one; in memory, where that cannot be."""
        path = self._home.index_db
        try:
            kept = _set_aside(path)
            fresh = Index(self._home, path)
        except _UNUSABLE as error:
            self._work_in_memory(f"the index cannot be written: {_first_line(error)}")
            assert self._index is not None
            return self._index
        if reason:
            self.notices.append(f"the index was rebuilt from the journal: {reason}; the old file is {kept}")
        return fresh

    def _open_copy(self) -> Index:
        snapshot = self._home.index_snapshot
        if snapshot.exists():
            try:
                return open_copy(self._home, snapshot)
            except _UNUSABLE as error:
                # The holder will publish a better one; until then the journal alone answers.
                self.notices.append(
                    f"the published index was of no use ({_first_line(error)}): read the journal instead"
                )
        return Index(self._home)

    def _work_in_memory(self, reason: str) -> None:
        """Do without files: the journal alone answers as well, only slower at the start."""
        self._may_hold = False
        self._claim.release()
        self.notices.append(f"{reason}; it is kept in memory until Lab ends")
        self._index = Index(self._home)

    def _become_holder(self, index: Index) -> list[Event]:
        """Go over from our copy to the file. The news is what the copy did not know; the file may be ahead of it."""
        self._index = self._open_file()
        try:
            news = self._ingest(self._index)
            return index.ingest()
        except DAMAGED:
            return news  # our copy is of no use any more; what it did not know is among this
        finally:
            index.close()

    def _rebuild(self, reason: str) -> list[Event]:
        old, self._index = self._index, None
        if old is not None:
            old.close()
        if self.holder:
            self._index = self._replace(reason)
        else:
            if reason:
                self.notices.append(f"the index was read from the journal again: {reason}")
            self._index = Index(self._home)
        return self._index.ingest()

    # -- working ------------------------------------------------------------------------------------

    def _ingest(self, index: Index) -> list[Event]:
        try:
            return index.ingest()
        except DAMAGED as error:
            return self._rebuild(f"it could not be written ({_first_line(error)})")

    def _publish_if_behind(self) -> None:
        index = self._current()
        if index.behind > PUBLISH_BEHIND:
            self._publish(index)

    def _publish(self, index: Index) -> None:
        """Checkpoint, then put a copy in place of the snapshot, which appears whole or not at all."""
        target = self._home.index_snapshot
        fresh = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        self._published = time.monotonic()
        try:
            index.checkpoint()
            for leftover in target.parent.glob(f"{target.name}.*.tmp"):  # of a holder that was killed
                leftover.unlink(missing_ok=True)
            # Not by this process: closing any descriptor of the file would drop DuckDB's own lock on it.
            subprocess.run(["cp", "--", self._home.index_db, fresh], check=True, capture_output=True)
            fresh.rename(target)
        except DAMAGED as error:
            self._rebuild(f"it could not be kept ({_first_line(error)})")
        except (OSError, subprocess.CalledProcessError) as error:
            fresh.unlink(missing_ok=True)
            self._say_once(f"the index cannot be published, other Lab processes start slower: {_first_line(error)}")

    def _say_once(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)

    def _after_fork(self) -> None:
        """In a child: drop our copy of the claim, and leave the parent's database alone, whose threads are not here."""
        _orphans.append(self._index)
        self._index = None
        self._lock = threading.RLock()
        self._claim.release()


_catalogs: weakref.WeakSet[Catalog] = weakref.WeakSet()
_orphans: list[Index | None] = []


def _disown() -> None:
    for catalog in list(_catalogs):
        catalog._after_fork()


os.register_at_fork(after_in_child=_disown)


def _set_aside(path: Path) -> str:
    """Rename a file that is of no use, keeping the latest such one. Returns its new name, or "" if there was none."""
    for older in path.parent.glob(f"{path.name}.bad-*"):
        older.unlink(missing_ok=True)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)
    if not path.exists():
        return ""
    aside = path.with_name(f"{path.name}.bad-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}")
    path.rename(aside)
    return aside.name


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:160] or type(error).__name__
