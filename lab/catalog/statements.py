"""Statements that take events in: which type of event each is about, and the shape that nearly all share."""

from __future__ import annotations

from lab.dataclass import dataclass


@dataclass(frozen=True)
class Statement:
    """SQL to run when `incoming` holds events of `type`."""

    type: str
    sql: str


#: Expressions for `said`: the value that nearly all edits carry, as a truth and as a number.
TRUTH = "TRY_CAST(body->>'$.value' AS BOOLEAN)"
COUNT = "TRY_CAST(body->>'$.value' AS INTEGER)"

_MERGE = """
    MERGE INTO $table AS old USING ($select) AS new ON ($match)
    WHEN NOT MATCHED THEN INSERT BY NAME
    WHEN MATCHED AND (old.$rank IS NULL OR new.$rank $better old.$rank) THEN UPDATE BY NAME
"""
_OF_KNOWN = "WITH incoming AS (SELECT * FROM temp.incoming WHERE subject IN (SELECT id FROM $table)) $select"
_INSERT = """
    INSERT INTO $table BY NAME
    WITH incoming AS (SELECT * FROM temp.incoming ANTI JOIN $table ON temp.incoming.subject = $table.id) $select
"""


def first(type: str, table: str, key: str, rank: str, select: str) -> Statement:
    """Of all events of `type` about one key, the one of the smallest `rank` says what its row holds.

    `select` gives at most one row per key from `incoming`, in columns of `table`; `key` and `rank` are columns
    (`key` several, separated by commas). Since the smallest is the smallest in whatever order they come, the outcome
    does not depend on the order.
    """
    return _merge(type, table, key, rank, "<", select)


def first_of_wide(type: str, table: str, rank: str, select: str) -> tuple[Statement, Statement]:
    """Like `first`, for a wide table of many rows, whose key is `id`, the subject of its events.

    DuckDB reads all columns of a table that a MERGE may write lists into, however few rows it is about. Most often
    it is about none: what is new is inserted by itself, and the MERGE is of what is there already.
    """
    known, fresh = (sql.replace("$table", table).replace("$select", select) for sql in (_OF_KNOWN, _INSERT))
    return _merge(type, table, "id", rank, "<", known), Statement(type, fresh)


def last(type: str, table: str, key: str, rank: str, select: str) -> Statement:
    """Like `first`, for the greatest `rank`."""
    return _merge(type, table, key, rank, ">", select)


def said(type: str, table: str, rank: str, *, key: str = "id", subject: str = "subject", **columns: str) -> Statement:
    """The last event of `type` about a subject says `columns` of its row: each an expression over the event's `body`,
    a null where it says nothing."""
    values = ", ".join(" ".join((f"arg_max_null({told}, id) AS", name)) for name, told in columns.items())
    select = " ".join(("SELECT", subject, "AS", key + ",", values + ", max(id) AS", rank))
    return last(type, table, key, rank, " ".join((select, "FROM incoming WHERE type = '" + type + "' GROUP BY ALL")))


def _merge(type: str, table: str, key: str, rank: str, better: str, select: str) -> Statement:
    """Only constants of this package go in here, never anything that a user wrote."""
    match = " AND ".join(" ".join(("old." + name, "= new." + name)) for name in key.split(", "))
    sql = _MERGE
    for slot, text in (("$match", match), ("$better", better), ("$rank", rank), ("$table", table), ("$select", select)):
        sql = sql.replace(slot, text)
    return Statement(type, sql)
