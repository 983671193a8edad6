"""Projects in the index."""

from __future__ import annotations

from lab.catalog.reader import Reader
from lab.catalog.statements import first, last
from lab.domain.projects import Project

INGEST = (
    last(
        "project.added",
        "projects",
        "name",
        "event",
        """
        SELECT subject AS name, arg_max_null(body->>'$.root', id) AS root, max(id) AS event
        FROM incoming WHERE type = 'project.added' GROUP BY subject
        """,
    ),
    first(
        "project.added",
        "project_starts",
        "name",
        "created",
        "SELECT subject AS name, min(ts) AS created FROM incoming WHERE type = 'project.added' GROUP BY subject",
    ),
)

_ALL = """
    SELECT name, coalesce(root, '') AS root, created FROM projects JOIN project_starts USING (name)
    ORDER BY created, name
"""
_ONE = """
    SELECT name, coalesce(root, '') AS root, created FROM projects JOIN project_starts USING (name) WHERE name = $1
"""


def all_projects(catalog: Reader) -> list[Project]:
    return [Project(**row) for row in catalog.rows(_ALL)]


def get(catalog: Reader, name: str) -> Project | None:
    rows = catalog.rows(_ONE, [name])
    return Project(**rows[0]) if rows else None
