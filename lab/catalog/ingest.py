"""From journal lines to rows, in one transaction with the offsets, so that a kill at any point repeats or resumes.

Every noun's module declares the statements that take its events in. They read the temporary table `incoming` (new
events only, each once) and are written so that the order in which events arrive does not change the outcome.
"""

from __future__ import annotations

import os

import duckdb

from lab.catalog import datasets, deployments, models, projects, runs
from lab.catalog.statements import Statement
from lab.domain.event import Event
from lab.domain.ids import observe
from lab.journal import Damage, decode, read_lines, segments
from lab.paths import LabHome

#: From this many lines on, DuckDB parses them from a file rather than from a parameter.
BULK = 2000
#: Take in at most this many bytes in one transaction.
BATCH_BYTES = 64 * 1024 * 1024

_STATEMENTS: tuple[Statement, ...] = (
    *projects.INGEST,
    *datasets.INGEST,
    *runs.INGEST,
    *models.INGEST,
    *deployments.INGEST,
)

_OFFSETS = "SELECT name, read_to FROM segments"
_FROM_LINES = """
    CREATE OR REPLACE TEMP TABLE staged AS SELECT r.* FROM (
        SELECT json_transform(line,
            '{"id":"VARCHAR","ts":"DOUBLE","type":"VARCHAR","subject":"VARCHAR","body":"JSON"}') AS r
        FROM (SELECT unnest($1::VARCHAR[]) AS line)
    )
"""
_FROM_FILE = """
    CREATE OR REPLACE TEMP TABLE staged AS SELECT id, ts, type, subject, body FROM read_json($1,
        format='newline_delimited', ignore_errors=true, maximum_object_size=$2,
        columns={id: 'VARCHAR', ts: 'DOUBLE', type: 'VARCHAR', subject: 'VARCHAR', body: 'JSON'})
"""
_COUNT_STAGED = """
    SELECT count(*) FROM staged
    WHERE id IS NOT NULL AND ts IS NOT NULL AND type IS NOT NULL AND subject IS NOT NULL AND body IS NOT NULL
"""
_NEW_ONLY = """
    CREATE OR REPLACE TEMP TABLE incoming AS
    SELECT DISTINCT ON (id) * FROM staged WHERE id NOT IN (SELECT id FROM events) ORDER BY id
"""
_TYPES = "SELECT DISTINCT type FROM incoming"
_REMEMBER = "INSERT INTO events SELECT id, ts, type, subject FROM incoming"
_MOVE_ON = "INSERT OR REPLACE INTO segments VALUES (?, ?)"
_DAMAGED = "INSERT OR REPLACE INTO damage VALUES (?, ?, ?)"


def offsets(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How far each segment has been read."""
    return dict(con.execute(_OFFSETS).fetchall())


def catch_up(con: duckdb.DuckDBPyConnection, home: LabHome, known: dict[str, int]) -> list[Event]:
    """Read all segments to their last line break; `known` is moved on as the rows are committed.

    Returns the events of the last batch, oldest first.
    """
    events: list[Event] = []
    while True:
        batch, ends, damage = _next_batch(home, known)
        if not ends:
            return events
        fresh = _commit(con, home, batch, ends, damage)
        known.update(ends)
        events = fresh or events


def _next_batch(
    home: LabHome, known: dict[str, int]
) -> tuple[list[tuple[str, int, bytes]], dict[str, int], list[Damage]]:
    """Lines (segment, offset, line) to take in next, the offsets behind them, and what is wrong already."""
    lines: list[tuple[str, int, bytes]] = []
    ends: dict[str, int] = {}
    damage: list[Damage] = []
    budget = BATCH_BYTES
    for segment in segments(home):
        start = known.get(segment.name, 0)
        if segment.size < start:
            # Cut behind our back. What it held is in the index still; read it again from the start (ids are unique).
            damage.append(Damage(segment.name, 0, f"shorter than it was: {start - segment.size} bytes were cut off"))
            start = 0
        elif segment.size == start:
            continue
        found, end = read_lines(home, segment.name, start)
        if end != known.get(segment.name, 0):
            ends[segment.name] = end
        offset = start
        for line in found:
            lines.append((segment.name, offset, line))
            offset += len(line) + 1
        budget -= end - start
        if budget <= 0:
            break
    return lines, ends, damage


def _commit(
    con: duckdb.DuckDBPyConnection,
    home: LabHome,
    lines: list[tuple[str, int, bytes]],
    ends: dict[str, int],
    damage: list[Damage],
) -> list[Event]:
    con.execute("BEGIN")
    try:
        if len(lines) >= BULK and _stage_file(con, home, lines):
            events = [_last_event(lines)]
        else:
            good, events, bad = _sift(home, lines)
            damage = damage + bad
            con.execute(_FROM_LINES, [good])
        con.execute(_NEW_ONLY)
        types = {row[0] for row in con.execute(_TYPES).fetchall()}
        for statement in _STATEMENTS:
            if statement.type in types:
                con.execute(statement.sql)
        con.execute(_REMEMBER)
        for name, end in ends.items():
            con.execute(_MOVE_ON, [name, end])
        for item in damage:
            con.execute(_DAMAGED, [item.segment, item.line, item.reason])
        con.execute("COMMIT")
    except duckdb.Error:
        con.execute("ROLLBACK")
        raise
    if events:
        observe(max(event.id for event in events))
    return events


def _stage_file(con: duckdb.DuckDBPyConnection, home: LabHome, lines: list[tuple[str, int, bytes]]) -> bool:
    """Stage many lines through a file. False when any line is not an event; then they must be sifted."""
    path = home.index / f"incoming.{os.getpid()}.tmp"
    try:
        with open(path, "wb") as file:
            file.writelines(line + b"\n" for _, _, line in lines)
        # DuckDB takes twice this size as a buffer for every thread.
        longest = max(len(line) for _, _, line in lines)
        con.execute(_FROM_FILE, [str(path), max(1 << 20, 2 * longest)])
    finally:
        path.unlink(missing_ok=True)
    row = con.execute(_COUNT_STAGED).fetchone()
    return row is not None and row[0] == len(lines)


def _last_event(lines: list[tuple[str, int, bytes]]) -> Event:
    return decode(lines[-1][2])


def _sift(home: LabHome, lines: list[tuple[str, int, bytes]]) -> tuple[list[str], list[Event], list[Damage]]:
    good: list[str] = []
    events: list[Event] = []
    damage: list[Damage] = []
    for name, offset, line in lines:
        try:
            events.append(decode(line))
            good.append(line.decode())
        except ValueError as error:
            number = (home.journal / name).read_bytes()[:offset].count(b"\n") + 1
            damage.append(Damage(name, number, f"not readable, skipped ({error})"))
    return good, sorted(events, key=lambda event: event.id), damage
