"""From journal lines to rows, in one transaction with the offsets, so that a kill at any point repeats or resumes.

Every noun's module declares the statements that take its events in. They read the temporary table `incoming` (new
events only, each once) and are written so that the order in which events arrive does not change the outcome.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Collection, Iterable
from dataclasses import field, replace
from typing import NamedTuple

from lab.catalog import (
    datasets,
    deployments,
    edits,
    firings,
    models,
    projects,
    queue,
    rollouts,
    runs,
    sweeps,
    tombstones,
    views,
)
from lab.catalog.driver import duckdb
from lab.catalog.statements import Statement
from lab.dataclass import dataclass
from lab.domain.event import Event
from lab.domain.ids import observe
from lab.journal import LATEST, Damage, decode, ends_line, read_lines, segments
from lab.paths import LabHome

#: From this many lines on, DuckDB parses them from a file rather than from parameters.
BULK = 2000
#: Take in at most about this many bytes in one transaction.
BATCH_BYTES = 64 * 1024 * 1024

STATEMENTS: tuple[Statement, ...] = (
    *projects.INGEST,
    *datasets.INGEST,
    *runs.INGEST,
    *edits.INGEST,
    *tombstones.INGEST,
    *firings.INGEST,
    *queue.INGEST,
    *sweeps.INGEST,
    *models.INGEST,
    *deployments.INGEST,
    *rollouts.INGEST,
    *views.INGEST,
)

_OFFSETS = "SELECT name, read_to FROM segments"
_NEWEST = "SELECT coalesce(max(id), '') FROM events"
INCOMING = """
    CREATE TEMP TABLE IF NOT EXISTS incoming (id VARCHAR, ts DOUBLE, type VARCHAR, subject VARCHAR, body JSON)
"""
_KNOWN = "SELECT id FROM events WHERE id >= $1 AND id IN (SELECT unnest($2::VARCHAR[]))"
_FROM_LISTS = """
    INSERT INTO incoming SELECT unnest($1::VARCHAR[]), unnest($2::DOUBLE[]), unnest($3::VARCHAR[]),
        unnest($4::VARCHAR[]), unnest($5::JSON[])
"""
# DuckDB takes twice the size of the longest line as a buffer for every thread.
_FROM_FILE = """
    INSERT INTO incoming SELECT id, ts, type, subject, body FROM read_json($path, format='newline_delimited',
        ignore_errors=true, maximum_object_size=$longest,
        columns={id: 'VARCHAR', ts: 'DOUBLE', type: 'VARCHAR', subject: 'VARCHAR', body: 'JSON'})
"""
_CENSUS = """
    SELECT
        count(*) FILTER (regexp_full_match(id, '[0-7][0-9a-hjkmnp-tv-z]{25}') AND ts BETWEEN 0 AND $latest
            AND type IS NOT NULL AND subject IS NOT NULL AND starts_with(body::VARCHAR, '{')) AS good,
        count(DISTINCT id) AS ids, min(id) AS oldest, max(id) AS newest, list(DISTINCT type) AS types
    FROM incoming
"""
_FORGET_TWINS = "DELETE FROM incoming WHERE rowid NOT IN (SELECT min(rowid) FROM incoming GROUP BY id)"
_FORGET_KNOWN = "DELETE FROM incoming WHERE id IN (SELECT id FROM events WHERE id >= $1)"
_REMEMBER = "INSERT INTO events SELECT id, ts, type, subject FROM incoming"
_DONE = "TRUNCATE incoming"
_BEGIN_SEGMENTS = "INSERT INTO segments SELECT unnest($1::VARCHAR[]), unnest($2::BIGINT[])"
_MOVE_ON = """
    UPDATE segments SET read_to = new.read_to
    FROM (SELECT unnest($1::VARCHAR[]) AS name, unnest($2::BIGINT[]) AS read_to) AS new
    WHERE segments.name = new.name
"""
_NOTE_DAMAGE = """
    INSERT INTO damage SELECT * FROM (
        SELECT unnest($1::VARCHAR[]) AS segment, unnest($2::BIGINT[]) AS line, unnest($3::VARCHAR[]) AS reason
    ) EXCEPT SELECT * FROM damage
"""

#: What DuckDB raises when it is one event that it cannot take in.
_INDIGESTIBLE = (
    duckdb.DataError,
    duckdb.InvalidInputException,
    duckdb.ConstraintException,
    duckdb.OutOfMemoryException,
)


class Line(NamedTuple):
    """One line of the journal and where it begins."""

    segment: str
    offset: int
    text: bytes


@dataclass(frozen=True)
class Batch:
    """Lines to take in, how far their segments have been read then, and what is wrong with the segments."""

    lines: list[Line] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)
    damage: list[Damage] = field(default_factory=list)

    def halves(self) -> tuple[Batch, Batch]:
        first = self.lines[: len(self.lines) // 2]
        ends = {line.segment: line.offset + len(line.text) + 1 for line in first}
        return Batch(first, ends), replace(self, lines=self.lines[len(first) :])


@dataclass
class Position:
    """How far an index has read each segment, the greatest event id in it, and how often it has changed since."""

    offsets: dict[str, int]
    newest: str
    commits: int = 0


def position(con: duckdb.DuckDBPyConnection) -> Position:
    """What is committed. Later ids of this process sort after it, also when the clock was set back."""
    row = con.execute(_NEWEST).fetchone()
    newest = str(row[0]) if row else ""
    if newest:
        observe(newest)
    return Position(dict(con.execute(_OFFSETS).fetchall()), newest)


def catch_up(con: duckdb.DuckDBPyConnection, home: LabHome, at: Position) -> list[Event]:
    """Read all segments to their last line break; `at` is moved on as the rows are committed.

    Returns the new events, oldest first; of a bulk only the last one.
    """
    events: list[Event] = []
    while True:
        batch = _next_batch(home, at.offsets)
        if not batch.ends and not batch.damage:
            return events
        if at.offsets or batch.lines:
            con.execute(INCOMING)
        events = _take_in(con, home, batch, at) or events


def _next_batch(home: LabHome, known: dict[str, int]) -> Batch:
    batch = Batch()
    budget = BATCH_BYTES
    listed = segments(home)
    for name in known.keys() - {segment.name for segment in listed}:
        if known[name]:
            batch.ends[name] = 0
            batch.damage.append(Damage(name, 0, f"gone: {known[name]} bytes had been read from it"))
    for segment in listed:
        start = known.get(segment.name, 0)
        if segment.size == start:
            continue
        if segment.size < start:
            # Cut behind our back. What it held is in the index still; read it again from the start (ids are unique).
            batch.damage.append(Damage(segment.name, 0, f"cut short: {start - segment.size} bytes are gone"))
            batch.ends[segment.name] = start = 0
        try:
            if start and not ends_line(home, segment.name, start):
                batch.damage.append(Damage(segment.name, 0, "changed before what had been read of it"))
                batch.ends[segment.name] = start = 0
            found, end = read_lines(home, segment.name, start)
        except FileNotFoundError:
            continue  # taken away since it was listed: told of next time
        if found:
            batch.ends[segment.name] = end
        for text in found:
            batch.lines.append(Line(segment.name, start, text))
            start += len(text) + 1
        budget -= sum(len(text) for text in found)
        if budget <= 0:
            break
    return batch


def _take_in(con: duckdb.DuckDBPyConnection, home: LabHome, batch: Batch, at: Position) -> list[Event]:
    """Commit a batch. If DuckDB refuses it, find the event at fault by halving, and note that as damage."""
    try:
        return _commit(con, home, batch, at)
    except _INDIGESTIBLE as error:
        if len(batch.lines) > 1:
            first, second = batch.halves()
            return [*_take_in(con, home, first, at), *_take_in(con, home, second, at)]
        reason = f"cannot be taken in, skipped ({str(error).splitlines()[0][:160]})"
        damage = [*batch.damage, *_damage(home, [(line, reason) for line in batch.lines])]
        return _commit(con, home, Batch([], batch.ends, damage), at)


def _commit(con: duckdb.DuckDBPyConnection, home: LabHome, batch: Batch, at: Position) -> list[Event]:
    con.execute("BEGIN")
    try:
        bulk = _stage_bulk(con, home, batch.lines, at.newest) if len(batch.lines) >= BULK else None
        if bulk is not None:
            events, types, newest, damage = bulk
        else:
            events, damage = _sift(home, batch.lines)
            events = _stage_few(con, events, at.newest)
            types, newest = {event.type for event in events}, max((event.id for event in events), default="")
        for statement in STATEMENTS:
            if statement.type in types:
                con.execute(statement.sql)
        if types:
            con.execute(_REMEMBER)
            con.execute(_DONE)
        _move_on(con, batch.ends, at.offsets)
        damage = batch.damage + damage
        if damage:
            con.execute(_NOTE_DAMAGE, _columns((item.segment, item.line, item.reason) for item in damage))
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    at.commits += 1  # only now: who asks meanwhile must not take what was there before for what is there after
    at.offsets.update(batch.ends)
    if newest > at.newest:
        at.newest = newest
        observe(newest)
    return events


def _move_on(con: duckdb.DuckDBPyConnection, ends: dict[str, int], known: dict[str, int]) -> None:
    moved = [(name, end) for name, end in ends.items() if name in known]
    begun = [(name, end) for name, end in ends.items() if name not in known]
    if moved:
        con.execute(_MOVE_ON, _columns(moved))
    if begun:
        con.execute(_BEGIN_SEGMENTS, _columns(begun))


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _stage_few(con: duckdb.DuckDBPyConnection, events: list[Event], newest: str) -> list[Event]:
    """Put into `incoming` those of `events` (by id) that the index has not met, and return them."""
    fresh = list({event.id: event for event in reversed(events)}.values())[::-1]
    if fresh and fresh[0].id <= newest:
        met = {row[0] for row in con.execute(_KNOWN, [fresh[0].id, [event.id for event in fresh]]).fetchall()}
        fresh = [event for event in fresh if event.id not in met]
    if fresh:
        con.execute(_FROM_LISTS, _columns((e.id, e.ts, e.type, e.subject, json.dumps(e.body)) for e in fresh))
    return fresh


def _stage_bulk(
    con: duckdb.DuckDBPyConnection, home: LabHome, lines: list[Line], newest: str
) -> tuple[list[Event], Collection[str], str, list[Damage]] | None:
    """Like `_stage_few`, through a file. Returns the last event, all types, the greatest id, and damage; None where
    no file can be written."""
    damage: list[Damage] = []
    try:
        _read_file(con, home, [line.text for line in lines])
        good, ids, oldest, latest, types = con.execute(_CENSUS, {"latest": LATEST}).fetchall()[0]
        if good != len(lines):
            con.execute(_DONE)
            events, damage = _sift(home, lines)
            _read_file(con, home, [_encode(event) for event in events])
            good, ids, oldest, latest, types = con.execute(_CENSUS, {"latest": LATEST}).fetchall()[0]
    except OSError:
        return None
    if ids != good:
        con.execute(_FORGET_TWINS)
    if ids and oldest <= newest:
        con.execute(_FORGET_KNOWN, [oldest])
    last = next((event for event in (_readable(line.text) for line in reversed(lines)) if event), None)
    return [last] if last else [], types or (), latest or "", damage


def _read_file(con: duckdb.DuckDBPyConnection, home: LabHome, lines: list[bytes]) -> None:
    path = home.index / f"incoming.{os.getpid()}.tmp"
    try:
        with open(path, "wb") as file:
            file.writelines(line + b"\n" for line in lines)
        longest = max((len(line) for line in lines), default=0)
        con.execute(_FROM_FILE, {"path": str(path), "longest": max(1 << 20, 2 * longest)})
    finally:
        path.unlink(missing_ok=True)


def _encode(event: Event) -> bytes:
    record = {"id": event.id, "ts": event.ts, "type": event.type, "subject": event.subject, "body": event.body}
    return json.dumps(record, separators=(",", ":")).encode()


def _readable(text: bytes) -> Event | None:
    try:
        return decode(text)
    except ValueError:
        return None


def _sift(home: LabHome, lines: list[Line]) -> tuple[list[Event], list[Damage]]:
    """The events in `lines`, by id, and the lines that hold none."""
    events: list[Event] = []
    bad: list[tuple[Line, str]] = []
    for line in lines:
        try:
            events.append(decode(line.text))
        except ValueError as error:
            bad.append((line, f"not readable, skipped ({error})"))
    return sorted(events, key=lambda event: event.id), _damage(home, bad)


def _damage(home: LabHome, bad: list[tuple[Line, str]]) -> list[Damage]:
    """Where in their segments lines are; those of one segment come together and in order."""
    damage: list[Damage] = []
    for segment, group in itertools.groupby(bad, key=lambda item: item[0].segment):
        number, at = 1, 0
        with open(home.journal / segment, "rb") as file:
            for line, reason in group:
                number += file.read(line.offset - at).count(b"\n")
                at = line.offset
                damage.append(Damage(segment, number, reason))
    return damage
