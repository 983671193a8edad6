"""Statements that take events in: which type of event each is about, and the two shapes that recur."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """SQL to run when `incoming` holds events of `type`."""

    type: str
    sql: str


_FORGET_LATER = (
    "DELETE FROM $table AS t USING incoming i WHERE i.type = '$type' AND i.subject = t.run AND i.ts < t.$value"
)
_KEEP_FIRST = """
    INSERT INTO $table SELECT subject, min(ts) FROM incoming
    WHERE type = '$type' AND subject NOT IN (SELECT run FROM $table) GROUP BY subject
"""
_FORGET_OLDER = (
    "DELETE FROM $table AS t USING incoming i WHERE i.type = '$type' AND i.subject = t.run AND i.id > t.event"
)
_KEEP_LAST = """
    INSERT INTO $table SELECT subject, arg_max($value, id), max(id) FROM incoming
    WHERE type = '$type' AND subject NOT IN (SELECT run FROM $table) GROUP BY subject
"""


def earliest(type: str, table: str, column: str) -> tuple[Statement, Statement]:
    """Keep, in `table(run, column)`, when an event of `type` first happened to each subject."""
    return _fill(_FORGET_LATER, type, table, column), _fill(_KEEP_FIRST, type, table, column)


def latest(type: str, table: str, value: str) -> tuple[Statement, Statement]:
    """Keep, in `table(run, value, event)`, what the last event of `type` says; `value` is SQL over `body`."""
    return _fill(_FORGET_OLDER, type, table, value), _fill(_KEEP_LAST, type, table, value)


def _fill(template: str, type: str, table: str, value: str) -> Statement:
    """Only constants of this package go in here, never anything that a user wrote."""
    sql = template.replace("$type", type).replace("$table", table).replace("$value", value)
    return Statement(type, sql)
