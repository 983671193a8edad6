"""What users have edited lately, of all runs: the index's part of undo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.values import json_object

_LATEST = """
    SELECT event, run, type, body FROM run_edits WHERE type IN (SELECT unnest($1))
    ORDER BY event DESC LIMIT $2
"""


@dataclass(frozen=True)
class EditEvent:
    """One edit as the journal has it; `event` is its id."""

    event: str
    run: str
    type: str
    body: dict[str, Any]


def latest(catalog: Reader, types: list[str], most: int) -> list[EditEvent]:
    """The last edits of these types, oldest first."""
    rows = catalog.rows(_LATEST, [types, most])
    return [EditEvent(row["event"], row["run"], row["type"], json_object(row["body"])) for row in reversed(rows)]


_BEFORE = "SELECT body FROM run_edits WHERE run = $1 AND type = $2 AND event < $3 ORDER BY event DESC LIMIT 1"
_BORN = "SELECT born FROM run_table WHERE id = $1"


def before(catalog: Reader, edit: EditEvent) -> dict[str, Any] | None:
    """The body of the edit of the same kind before this one; None where it was the run's first."""
    rows = catalog.rows(_BEFORE, [edit.run, edit.type, edit.event])
    return json_object(rows[0]["body"]) if rows else None


def born(catalog: Reader, run: str) -> str:
    """What the run was called at first; "" where it is not known."""
    rows = catalog.rows(_BORN, [run])
    return str(rows[0]["born"] or "") if rows else ""
