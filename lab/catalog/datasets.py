"""Datasets and their versions in the index."""

from __future__ import annotations

import json
from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import Statement
from lab.domain.datasets import Column, Dataset, DatasetVersion

INGEST = (
    Statement(
        "dataset.added",
        """
    INSERT INTO dataset_versions BY NAME
    SELECT DISTINCT ON (b.project, b.dataset, b.number) b.*, ts AS created FROM (
        SELECT id AS event, ts, json_transform(body, '{"project":"VARCHAR","dataset":"VARCHAR","number":"INTEGER",
            "id":"VARCHAR","path":"VARCHAR","files":"BIGINT","bytes":"BIGINT","rows":"BIGINT","columns":"JSON",
            "message":"VARCHAR"}') AS b
        FROM incoming WHERE type = 'dataset.added'
    ) ORDER BY b.project, b.dataset, b.number, event
    ON CONFLICT DO NOTHING
    """,
    ),
    Statement(
        "dataset.aliased",
        """
    INSERT INTO dataset_aliases
    SELECT body->>'$.project', body->>'$.dataset', body->>'$.alias',
        arg_max((body->>'$.number')::INTEGER, id), max(id)
    FROM incoming WHERE type = 'dataset.aliased' GROUP BY ALL
    ON CONFLICT (project, dataset, alias) DO UPDATE SET number = excluded.number, event = excluded.event
    WHERE excluded.event > event
    """,
    ),
)

_LATEST = """
    SELECT *, count(*) OVER (PARTITION BY project, dataset) AS versions FROM dataset_versions
    QUALIFY row_number() OVER (PARTITION BY project, dataset ORDER BY number DESC) = 1
    ORDER BY project, dataset
"""
_ALIASES = "SELECT project, dataset, alias, number FROM dataset_aliases"
_VERSIONS = "SELECT * FROM dataset_versions WHERE project = ? AND dataset = ? ORDER BY number DESC"


def all_datasets(catalog: Reader) -> list[Dataset]:
    """Every dataset with its latest version, by project and name."""
    aliases: dict[tuple[str, str], dict[str, int]] = {}
    for row in catalog.rows(_ALIASES):
        aliases.setdefault((row["project"], row["dataset"]), {})[row["alias"]] = row["number"]
    return [
        Dataset(
            project=row["project"],
            name=row["dataset"],
            path=row["path"],
            latest=_version(row),
            versions=row["versions"],
            aliases=aliases.get((row["project"], row["dataset"]), {}),
        )
        for row in catalog.rows(_LATEST)
    ]


def versions(catalog: Reader, project: str, dataset: str) -> list[DatasetVersion]:
    """All versions of one dataset, newest first."""
    return [_version(row) for row in catalog.rows(_VERSIONS, [project, dataset])]


def _version(row: dict[str, Any]) -> DatasetVersion:
    return DatasetVersion(
        id=row["id"],
        dataset=row["dataset"],
        project=row["project"],
        number=row["number"],
        created=row["created"],
        files=row["files"],
        bytes=row["bytes"],
        rows=row["rows"],
        columns=tuple(Column(**column) for column in json.loads(row["columns"] or "[]")),
        message=row["message"] or "",
    )
