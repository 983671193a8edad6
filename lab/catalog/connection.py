"""The index: who may write it, how it is opened, rebuilt, published and asked.

The process that holds `flock(index.lock)` writes the index file; every other one works on a copy in memory, made
from the last published snapshot and the journal's tail. Both answer the same SQL and both see their own writes.
DuckDB's own file lock is never relied on: it is a POSIX lock, lost when its owner opens and closes the file again.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from lab.catalog import ingest
from lab.domain.event import Event
from lab.events import Listener
from lab.journal import Damage
from lab.paths import LabHome

#: A run launched from a laptop shares it with the index, so the index stays small.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {"threads": 2, "memory_limit": "1GB"}

_MIGRATIONS = sorted((Path(__file__).parent / "migrations").glob("*.sql"))
SCHEMA_VERSION = len(_MIGRATIONS)

#: What DuckDB raises when the file itself is at fault, rather than the statement.
_DAMAGED = (duckdb.IOException, duckdb.InternalException, duckdb.FatalException, duckdb.SerializationException)

#: Publish for readers at most this often, seconds.
PUBLISH_EVERY = 2.0
#: On close, publish only when readers would otherwise replay more events than this.
PUBLISH_BEHIND = 500

_GET_META = "SELECT value FROM meta WHERE key = ?"
_SET_META = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
_COUNT_EVENTS = "SELECT count(*) FROM events"
_DAMAGE = "SELECT segment, line, reason FROM damage ORDER BY segment, line"


class Catalog:
    """One process's view of the index. Safe to use from any thread.

    `listener`, when set, hears of new events whoever asked for them, on that thread.
    `notices` are sentences about what was found wrong and mended at opening; a user must see them.
    """

    def __init__(self, home: LabHome, *, wait: float = 0.05) -> None:
        """Open it, waiting up to `wait` seconds for the lock, and read what is new in the journal."""
        self._home = home
        self._lock = threading.RLock()
        self._lock_fd = -1
        self._con: duckdb.DuckDBPyConnection | None = None
        self._offsets: dict[str, int] = {}
        self._dirty = False
        self._published = 0.0
        self.notices: list[str] = []
        self.listener: Listener | None = None
        if self._take_lock(wait):
            self._open_file()
        else:
            self._open_copy()
        self.refresh()

    @property
    def holder(self) -> bool:
        """Whether this process writes the index file."""
        return self._lock_fd >= 0

    def rows(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[dict[str, Any]]:
        """All rows of a query, each by column name. A damaged index file is rebuilt and asked again, once."""
        try:
            return self._rows(sql, parameters)
        except _DAMAGED as error:
            with self._lock:
                self._rebuild(f"it could not be read ({_first_line(error)})")
            return self._rows(sql, parameters)

    def refresh(self) -> list[Event]:
        """Take in what the journal has gained since the last time.

        Returns the new events, oldest first. After a bulk of more than `ingest.BULK` lines the list is cut to
        those of the last batch: whoever listens then reads everything afresh anyway.
        """
        with self._lock:
            if not self.holder and self._take_lock(0.0):
                self._open_file()
            try:
                events = self._ingest()
            except _DAMAGED as error:
                self._rebuild(f"it could not be written ({_first_line(error)})")
                events = self._ingest()
            if self.holder and self._dirty and time.monotonic() - self._published >= PUBLISH_EVERY:
                self._publish_if_behind(0 if self._published else PUBLISH_BEHIND)
        if events and self.listener is not None:
            self.listener(events)
        return events

    def damage(self) -> list[Damage]:
        """Places in the journal that could not be read when they were met."""
        return [Damage(row["segment"], row["line"], row["reason"]) for row in self.rows(_DAMAGE)]

    def rebuild(self) -> int:
        """Throw the index away and make it again from the files. Returns the number of events."""
        with self._lock:
            self._rebuild("")
            self._ingest()
            return int(self._rows(_COUNT_EVENTS, ())[0]["count_star()"])

    def publish(self) -> None:
        """Give readers beside this holder a fresh snapshot."""
        with self._lock:
            if self.holder:
                self._publish()

    def close(self) -> None:
        with self._lock:
            if self._con is None:
                return
            if self.holder and self._dirty:
                self._publish_if_behind(PUBLISH_BEHIND)
            self._con.close()
            self._con = None
            self._drop_lock()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same index, for one query in one thread."""
        with self._lock:
            assert self._con is not None, "the catalog is closed"
            return self._con.cursor()

    # -- opening ------------------------------------------------------------------------------------

    def _take_lock(self, wait: float) -> bool:
        self._home.index.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._home.index_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(fd)
                    return False
                time.sleep(0.005)
            else:
                self._lock_fd = fd
                return True

    def _drop_lock(self) -> None:
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def _open_file(self) -> None:
        path = self._home.index_db
        reason = ""
        existed = path.exists()
        try:
            con = duckdb.connect(str(path), config=_CONFIG)
            if not existed:
                _migrate(con)
            version = _schema_version(con)
            if version != SCHEMA_VERSION:
                con.close()
                reason = f"it has schema {version}, this Lab has {SCHEMA_VERSION}"
        except duckdb.Error as error:
            reason = f"it could not be opened ({_first_line(error)})"
        if reason:
            con = self._replace(reason)
        self._adopt(con)

    def _replace(self, reason: str) -> duckdb.DuckDBPyConnection:
        """Set the index file aside and begin an empty one."""
        path = self._home.index_db
        aside = path.with_name(f"{path.name}.bad-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}")
        if path.exists():
            path.rename(aside)
        path.with_name(path.name + ".wal").unlink(missing_ok=True)
        if reason:
            self.notices.append(f"the index was rebuilt from the journal: {reason}; the old file is {aside.name}")
        con = duckdb.connect(str(path), config=_CONFIG)
        _migrate(con)
        return con

    def _open_copy(self) -> None:
        con = duckdb.connect(":memory:", config=_CONFIG)
        if self._home.index_snapshot.exists():
            try:
                _copy_snapshot(con, self._home.index_snapshot)
            except duckdb.Error as error:
                # The holder will publish a better one; until then the journal alone answers.
                self.notices.append(
                    f"the published index could not be read ({_first_line(error)}); read the journal instead"
                )
                con.close()
                con = duckdb.connect(":memory:", config=_CONFIG)
                _migrate(con)
        else:
            _migrate(con)
        self._adopt(con)

    def _adopt(self, con: duckdb.DuckDBPyConnection) -> None:
        old, self._con = self._con, con
        self._offsets = ingest.offsets(con)
        if old is not None:
            old.close()

    def _rebuild(self, reason: str) -> None:
        if self._con is not None:
            self._con.close()
            self._con = None
        if self.holder:
            self._adopt(self._replace(reason))
        else:
            con = duckdb.connect(":memory:", config=_CONFIG)
            _migrate(con)
            self._adopt(con)
        self._dirty = True

    # -- working ------------------------------------------------------------------------------------

    def _ingest(self) -> list[Event]:
        assert self._con is not None, "the catalog is closed"
        events = ingest.catch_up(self._con, self._home, self._offsets)
        self._dirty = self._dirty or bool(events)
        return events

    def _rows(self, sql: str, parameters: Sequence[object] | dict[str, object]) -> list[dict[str, Any]]:
        cursor = self.cursor()
        try:
            cursor.execute(sql, parameters)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            cursor.close()

    def _publish_if_behind(self, limit: int) -> None:
        known = self._rows(_GET_META, ["published"])
        behind = self._rows(_COUNT_EVENTS, ())[0]["count_star()"] - int(known[0]["value"] if known else 0)
        if behind > limit:
            self._publish()

    def _publish(self) -> None:
        assert self._con is not None
        target = self._home.index_snapshot
        fresh = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        for leftover in target.parent.glob(f"{target.name}.*.tmp*"):  # of a holder that was killed
            leftover.unlink()
        self._con.execute(_SET_META, ["published", str(self._rows(_COUNT_EVENTS, ())[0]["count_star()"])])
        self._con.execute("ATTACH '" + str(fresh).replace("'", "''") + "' AS published")
        try:
            self._con.execute("COPY FROM DATABASE catalog TO published")
        finally:
            self._con.execute("DETACH published")
        fresh.rename(target)
        self._published = time.monotonic()
        self._dirty = False


def _copy_snapshot(con: duckdb.DuckDBPyConnection, snapshot: Path) -> None:
    con.execute("ATTACH '" + str(snapshot).replace("'", "''") + "' AS published (READ_ONLY)")
    try:
        con.execute("COPY FROM DATABASE published TO memory")
    finally:
        con.execute("DETACH published")
    if _schema_version(con) != SCHEMA_VERSION:
        raise duckdb.InvalidInputException("it is of another schema version")


def _migrate(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("BEGIN")
    for script in _MIGRATIONS:
        con.execute(script.read_text(encoding="utf-8"))
    con.execute(_SET_META, ["schema", str(SCHEMA_VERSION)])
    con.execute("COMMIT")


def _schema_version(con: duckdb.DuckDBPyConnection) -> int:
    row = con.execute(_GET_META, ["schema"]).fetchone()
    return int(row[0]) if row else 0


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__
