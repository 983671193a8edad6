"""One DuckDB database that holds the index, in a file or in memory, and how far it has read the journal.

The file is written without a write-ahead log: a commit is kept only by the next checkpoint. Nothing is lost by that,
for the offsets of the journal are committed with the rows; whoever opens the file next reads on from there.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lab.catalog import ingest
from lab.catalog.answers import Answers, question
from lab.catalog.driver import duckdb
from lab.domain.event import Event
from lab.paths import LabHome

_MIGRATIONS = sorted((Path(__file__).parent / "migrations").glob("*.sql"))

#: What DuckDB raises when the file itself is at fault, rather than a statement.
DAMAGED = (duckdb.IOException, duckdb.InternalException, duckdb.FatalException, duckdb.SerializationException)

#: Of what was read of the file so much stays in memory when nothing is asked; the system has the rest in its cache.
_KEPT = "12MB"
_LIMIT = "1GB"

#: Where an instance is closing the same file, it is waited for this long, seconds.
_CLOSING = 5.0

_SERIALS = itertools.count()

_USE = "USE lab_index"
_COUNT_TABLES = "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'lab_index' AND NOT temporary"
_GET_SCHEMA = "SELECT value FROM meta WHERE key = 'schema'"
_SET_SCHEMA = "INSERT INTO meta VALUES ('schema', $1)"
_COUNT_EVENTS = "SELECT count(*) FROM events"
_KEEP_LITTLE = f"SET memory_limit = '{_KEPT}'"
_TAKE_MORE = f"SET memory_limit = '{_LIMIT}'"


class ForeignIndexError(Exception):
    """The database is sound but not of this version of Lab."""


class ClosedIndexError(Exception):
    """The index was closed: another one has taken its place, or Lab is ending."""


def schema() -> str:
    """Names the tables of this version of Lab: another text, another schema."""
    text = "".join(script.read_text(encoding="utf-8") for script in _MIGRATIONS)
    return f"{len(_MIGRATIONS)}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


class Index:
    """An open index. Queries may come from any thread at any time; `ingest` and `checkpoint` from one at a time."""

    def __init__(self, home: LabHome, path: Path | None = None) -> None:
        """Open the file, or begin an empty index in it or, without `path`, in memory.

        Raises duckdb.Error for a file that cannot be opened and ForeignIndexError for another version's.
        """
        self._home = home
        self._serial = next(_SERIALS)
        self._gate = threading.Condition()
        self._queries = 0
        self._asked = False
        self._answers = Answers()
        self._in_file = path is not None
        self._closed = False
        self._base = duckdb.connect(":memory:", config=_config(home))
        try:
            self._attach(path)
            # Queries take their connections from one that itself never runs any, so that they wait for no writer.
            self._con = self._base.cursor()
            self._con.execute(_USE)
            self._begin(checkpoint=path is not None)
            self._position = ingest.position(self._con)
            self._kept = self.events()
        except BaseException:
            self._base.close()
            raise

    @property
    def state(self) -> tuple[int, int]:
        """Another one after anything was taken in, and for another index."""
        return self._serial, self._position.commits

    @property
    def behind(self) -> int:
        """How many events a reader of the file would have to take in again."""
        return self.events() - self._kept

    def events(self) -> int:
        return int(self.query(_COUNT_EVENTS)[0]["count_star()"])

    def query(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[dict[str, Any]]:
        """All rows, each by column name; as they were, while nothing was taken in since. Raises ClosedIndexError
        behind `close`."""
        if self._closed:
            raise ClosedIndexError
        state, asked = self._position.commits, question(sql, parameters)
        known = self._answers.get(state, asked) if asked else None
        if known is not None:
            return known
        with self._cursor() as cursor:
            cursor.execute(_USE)
            cursor.execute(sql, parameters)
            names = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        if asked:
            self._answers.put(state, asked, rows)
        return rows

    def ingest(self) -> list[Event]:
        """Take in what the journal has gained; see `ingest.catch_up`."""
        return ingest.catch_up(self._con, self._home, self._position)

    def checkpoint(self) -> None:
        """Keep in the file all that was committed."""
        self._con.execute("FORCE CHECKPOINT lab_index")
        self._kept = self.events()

    def trim(self) -> None:
        """Give up memory that queries since the last time have filled with what stands in the file too. Nothing where
        a query is running: it would find no memory meanwhile."""
        with self._gate:
            if self._closed or self._queries or not self._asked or not self._in_file:
                return
            self._asked = False
            try:
                with suppress(duckdb.OutOfMemoryException):  # more than that is not in the file yet
                    self._con.execute(_KEEP_LITTLE)
            finally:
                self._con.execute(_TAKE_MORE)

    def close(self) -> None:
        """Wait for the queries that are running, and refuse others."""
        with self._gate:
            self._closed = True
            self._gate.wait_for(lambda: not self._queries)
        self._con.close()
        self._base.close()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one query. DuckDB refuses two calls at a time on one connection rather than waiting, and
        closing the base would close it too."""
        with self._gate:
            if self._closed:
                raise ClosedIndexError
            cursor = self._base.cursor()
            self._queries += 1
            self._asked = True
        try:
            with cursor:
                yield cursor
        finally:
            with self._gate:
                self._queries -= 1
                self._gate.notify_all()

    def _attach(self, path: Path | None) -> None:
        if path is None:
            self._base.execute("ATTACH ':memory:' AS lab_index")
            return
        sql = " ".join(("ATTACH", _quoted(path), "AS lab_index (RECOVERY_MODE no_wal_writes)"))
        deadline = time.monotonic() + _CLOSING
        while True:
            try:
                self._base.execute(sql)
            except duckdb.ResourceInUseException:
                # This process has just given the file up, and some query on it is about to end.
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def _begin(self, *, checkpoint: bool) -> None:
        """Make sure that the tables are there and of this version; an empty database gets them."""
        found = self._schema()
        if found is None and self._con.execute(_COUNT_TABLES).fetchone() == (0,):
            for script in _MIGRATIONS:
                self._con.execute(script.read_text(encoding="utf-8"))
            self._con.execute(_SET_SCHEMA, [schema()])
            if checkpoint:
                self._con.execute("CHECKPOINT lab_index")
            found = schema()
        if found != schema():
            raise ForeignIndexError("another version of Lab made it")

    def _schema(self) -> str | None:
        try:
            row = self._con.execute(_GET_SCHEMA).fetchone()
        except duckdb.CatalogException:
            return None
        return str(row[0]) if row else ""


def open_copy(home: LabHome, snapshot: Path) -> Index:
    """A copy of a published index, for this process alone: the file goes when the process does.

    Raises what Index raises, and OSError where the copy cannot be made.
    """
    private = snapshot.with_name(f"reader.{os.getpid()}-{os.urandom(4).hex()}.duckdb")
    try:
        shutil.copyfile(snapshot, private)
        return Index(home, private)
    finally:
        private.unlink(missing_ok=True)


def _config(home: LabHome) -> dict[str, str | bool | int | float | list[str]]:
    """The index shares the machine with training, never asks the network, and spills nowhere but beside itself."""
    return {
        "threads": 2,
        "memory_limit": _LIMIT,
        "temp_directory": str(home.index / "spill"),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "checkpoint_on_detach": "DISABLED",
    }


def _quoted(path: Path) -> str:
    """A path as SQL: ATTACH takes no parameter."""
    return "'" + str(path).replace("'", "''") + "'"
