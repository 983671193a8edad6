"""What users have edited, of all runs, datasets and models: the index's part of undo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import Statement
from lab.catalog.values import json_object
from lab.dataclass import dataclass

#: Types of events that are kept as edits, in whatever order they come.
TYPES = (
    *("run.tagged", "run.noted", "run.renamed", "run.starred", "run.archived", "run.pruned"),
    *("dataset.tagged", "dataset.noted", "dataset.retired", "dataset.aliased", "model.aliased"),
)

INGEST = tuple(
    Statement(
        type,
        "INSERT INTO edits SELECT subject, id, ts, type, json(body) FROM incoming WHERE type = '$type'".replace(
            "$type", type
        ),
    )
    for type in TYPES
)

_LATEST = """
    SELECT event, subject, type, body FROM edits WHERE type IN (SELECT unnest($1)) ORDER BY event DESC LIMIT $2
"""


@dataclass(frozen=True)
class EditEvent:
    """One edit as the journal has it; `event` is its id, `subject` a run's id, `project/dataset` or a model's name."""

    event: str
    subject: str
    type: str
    body: dict[str, Any]


def latest(catalog: Reader, types: Sequence[str], most: int) -> list[EditEvent]:
    """The last edits of these types, oldest first."""
    rows = catalog.rows(_LATEST, [list(types), most])
    return [_edit(row) for row in reversed(rows)]


_EARLIER = """
    SELECT event, subject, type, body FROM edits WHERE subject = $1 AND type = $2 AND event < $3 ORDER BY event DESC
"""
_BORN = "SELECT born FROM run_table WHERE id = $1"


def before(catalog: Reader, edit: EditEvent, scope: Sequence[str] = ()) -> dict[str, Any] | None:
    """The body of the edit of the same thing before this one; None where it was the first. What is the same thing the
    keys `scope` of the body say, together with subject and type."""
    for row in catalog.rows(_EARLIER, [edit.subject, edit.type, edit.event]):
        body = json_object(row["body"])
        if all(body.get(key) == edit.body.get(key) for key in scope):
            return body
    return None


def born(catalog: Reader, run: str) -> str:
    """What the run was called at first; "" where it is not known."""
    rows = catalog.rows(_BORN, [run])
    return str(rows[0]["born"] or "") if rows else ""


def _edit(row: dict[str, Any]) -> EditEvent:
    return EditEvent(row["event"], row["subject"], row["type"], json_object(row["body"]))
