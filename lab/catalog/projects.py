"""Projects in the index."""

from __future__ import annotations

from lab.catalog.reader import Reader
from lab.catalog.statements import Statement
from lab.domain.projects import Project

INGEST = (
    Statement(
        "project.added",
        """
    INSERT INTO projects
    SELECT subject, arg_max(body->>'$.root', id), min(ts), max(id)
    FROM incoming WHERE type = 'project.added' GROUP BY subject
    ON CONFLICT (name) DO UPDATE SET
        root = CASE WHEN excluded.event > event THEN excluded.root ELSE root END,
        created = least(created, excluded.created),
        event = greatest(event, excluded.event)
    """,
    ),
)

_ALL = "SELECT name, root, created FROM projects ORDER BY created"
_ONE = "SELECT name, root, created FROM projects WHERE name = ?"


def all_projects(catalog: Reader) -> list[Project]:
    return [Project(**row) for row in catalog.rows(_ALL)]


def get(catalog: Reader, name: str) -> Project | None:
    rows = catalog.rows(_ONE, [name])
    return Project(**rows[0]) if rows else None
