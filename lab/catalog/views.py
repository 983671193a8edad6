"""Saved views of the run table in the index."""

from __future__ import annotations

from lab.catalog.reader import Reader
from lab.catalog.statements import last
from lab.catalog.values import json_list
from lab.domain.views import RunView

INGEST = (
    last(
        "view.saved",
        "run_views",
        "project, name",
        "event",
        """
        SELECT b.*, event FROM (
            SELECT DISTINCT ON (subject) id AS event, json_transform(body, '{"project":"VARCHAR","name":"VARCHAR",
                "filter":"VARCHAR","sort":"VARCHAR","columns":"JSON","removed":"BOOLEAN"}') AS b
            FROM incoming WHERE type = 'view.saved' ORDER BY subject, id DESC
        )
        """,
    ),
)

_ALL = """
    SELECT project, name, coalesce(filter, '') AS filter, coalesce(sort, '') AS sort, columns FROM run_views
    WHERE project = $1 AND NOT coalesce(removed, false) ORDER BY name
"""


def views(catalog: Reader, project: str) -> list[RunView]:
    """The views of a project, by name."""
    return [
        RunView(
            row["project"],
            row["name"],
            row["filter"],
            row["sort"],
            tuple(column for column in json_list(row["columns"]) if isinstance(column, str)),
        )
        for row in catalog.rows(_ALL, [project])
    ]
