"""Databases of other tools: a private copy is opened, so that nothing is ever locked, written or made beside them."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lab.experiments.readers.base import Unreadable
from lab.experiments.readers.files import opened

_SIZE_MAX = 8 << 30  # bytes
_TRIES = 8
_PAUSE = 0.05  # seconds, more at each try: whoever writes may do so in a beat
_LOG_HEADER = 32  # bytes
_MAGIC = b"SQLite format 3\0"
_LAST = "SELECT rowid, * FROM {table} ORDER BY rowid DESC LIMIT 1"
_NUMBERED = "SELECT rowid, * FROM {table} WHERE rowid = ?"
#: What belongs to a database beside its file: changes not yet in it, or not yet taken back.
_BESIDE = ("-wal", "-journal")


class Restless(Unreadable):
    """A database that changes while it is copied, again and again."""


def parts(path: Path) -> tuple[Path, ...]:
    """All files that the database `path` consists of."""
    return (path, *(Path(f"{path}{end}") for end in _BESIDE))


def tables(path: Path) -> frozenset[str]:
    """Names of the tables of a database; none for a file that is none. Raises Unreadable for one that is written too
    fast to be looked at."""
    return _tables_at(path, tuple(_state(path)))


@lru_cache(maxsize=256)  # every reader of databases asks
def _tables_at(path: Path, _state: tuple[object, ...]) -> frozenset[str]:
    try:
        with opened(path) as file:
            if file.read(16) != _MAGIC:
                return frozenset()
        return _settled_tables(path) or _logged_tables(path)
    except Restless:
        raise
    except (Unreadable, sqlite3.Error):
        return frozenset()


def _settled_tables(path: Path) -> frozenset[str]:
    """Those in the file itself. Immutable: no lock is taken, and no file is made beside it."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)) as con:
            return _tables(con)
    except sqlite3.Error:  # it is just being written
        return frozenset()


def _logged_tables(path: Path) -> frozenset[str]:
    """A young database may have its tables in its log alone."""
    if not any(part.exists() for part in parts(path)[1:]):
        return frozenset()
    with snapshot(path) as con:
        return _tables(con)


def _tables(con: sqlite3.Connection) -> frozenset[str]:
    return frozenset(row[0] for row in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))


@contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """The database as it is at one moment. Raises Unreadable."""
    with tempfile.TemporaryDirectory(prefix="lab-import-") as folder:
        copy = Path(folder) / "copy.db"
        _copy(path, copy)
        try:
            with closing(sqlite3.connect(f"file:{quote(str(copy))}?mode=rw", uri=True)) as con:
                con.execute("PRAGMA trusted_schema = OFF")
                con.execute("PRAGMA query_only = ON")
                yield con
        except sqlite3.Error as error:
            raise Unreadable(f"not a database that can be read: {error}") from error


def columns(con: sqlite3.Connection, table: str) -> frozenset[str]:
    """Names of a table's columns; none if there is no such table, or if it is a view."""
    if table not in _tables(con):
        return frozenset()
    return frozenset(row[0] for row in con.execute("SELECT name FROM pragma_table_info(?)", [table]))


def last_row(con: sqlite3.Connection, table: str) -> list[Any]:
    """Number and mark of the row of a table that was written last: what `goes_on` wants to know."""
    row = con.execute(_LAST.replace("{table}", table)).fetchone()
    return [row[0], _mark(row)] if row else [0, ""]


def goes_on(con: sqlite3.Connection, table: str, last: list[Any]) -> bool:
    """Whether the row that was the last one is still there as it was: then all that is new has a higher number. It is
    not where the database was put in place of another one, or its rows were numbered anew."""
    row = con.execute(_NUMBERED.replace("{table}", table), [last[0]]).fetchone() if last[0] else None
    return bool((_mark(row) if row else "") == last[1])


def _mark(row: tuple[Any, ...]) -> str:
    return hashlib.blake2b(repr(row).encode("utf-8", "replace"), digest_size=16).hexdigest()


def named(con: sqlite3.Connection, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
    """Rows by name of column."""
    cursor = con.execute(sql, parameters)
    names = [item[0] for item in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _copy(path: Path, copy: Path) -> None:
    """Copy a database that may be written meanwhile: once more, where what was copied is not of one moment.

    A log of changes may grow: what comes to its end is not read, or is whole (https://sqlite.org/walformat.html: a
    frame counts with those before it, by its checksum, and with the salt of the log's first bytes).
    """
    log = parts(path)[1]
    for attempt in range(_TRIES):
        time.sleep(_PAUSE * attempt)
        before, begun = _state(path), _beginning(log)
        for part in parts(path):
            target = Path(f"{copy}{part.name.removeprefix(path.name)}")
            target.unlink(missing_ok=True)
            if part == path or part.exists():
                _copy_file(part, target)
        after = _state(path)
        if after == before or (begun and _beginning(log) == begun and (after[0], after[2]) == (before[0], before[2])):
            return
    raise Restless("it is being written all the time: try again later")


def _beginning(log: Path) -> bytes:
    """The first bytes of a log of changes, which are others when it begins anew; b"" where there is none."""
    try:
        with opened(log) as file:
            return file.read(_LOG_HEADER)
    except (Unreadable, OSError):
        return b""


def _copy_file(part: Path, target: Path) -> None:
    with opened(part) as source:
        if os.fstat(source.fileno()).st_size > _SIZE_MAX:
            raise Unreadable(f"larger than {_SIZE_MAX >> 30} GB")
        with open(target, "wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)


def _state(path: Path) -> list[tuple[int, int] | None]:
    return [_stat(part) for part in parts(path)]


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        info = os.lstat(path)
    except OSError:
        return None
    return info.st_size, info.st_mtime_ns
