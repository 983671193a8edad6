"""Datasets and their versions in the index."""

from __future__ import annotations

from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import first, last
from lab.catalog.values import json_list
from lab.domain.datasets import Column, Dataset, DatasetVersion

INGEST = (
    # A number is given once: of several versions that claim it, the first holds.
    first(
        "dataset.added",
        "dataset_versions",
        "project, dataset, number",
        "event",
        """
        SELECT DISTINCT ON (b.project, b.dataset, b.number) b.*, ts AS created, event FROM (
            SELECT id AS event, ts, json_transform(body, '{"project":"VARCHAR","dataset":"VARCHAR","number":"INTEGER",
                "id":"VARCHAR","path":"VARCHAR","files":"BIGINT","bytes":"BIGINT","rows":"BIGINT","columns":"JSON",
                "message":"VARCHAR"}') AS b
            FROM incoming WHERE type = 'dataset.added'
        )
        WHERE b.project IS NOT NULL AND b.dataset IS NOT NULL AND b.number IS NOT NULL AND b.id IS NOT NULL
        ORDER BY b.project, b.dataset, b.number, event
        """,
    ),
    last(
        "dataset.aliased",
        "dataset_aliases",
        "project, dataset, alias",
        "event",
        """
        SELECT b.project, b.dataset, b.alias, arg_max_null(b.number, event) AS number, max(event) AS event FROM (
            SELECT id AS event, json_transform(body, '{"project":"VARCHAR","dataset":"VARCHAR","alias":"VARCHAR",
                "number":"INTEGER"}') AS b
            FROM incoming WHERE type = 'dataset.aliased'
        )
        WHERE b.project IS NOT NULL AND b.dataset IS NOT NULL AND b.alias IS NOT NULL
        GROUP BY ALL
        """,
    ),
)

_LATEST = """
    SELECT *, count(*) OVER (PARTITION BY project, dataset) AS versions FROM dataset_versions
    QUALIFY row_number() OVER (PARTITION BY project, dataset ORDER BY number DESC) = 1
    ORDER BY project, dataset
"""
_ALIASES = "SELECT project, dataset, alias, number FROM dataset_aliases WHERE number IS NOT NULL ORDER BY ALL"
_VERSIONS = "SELECT * FROM dataset_versions WHERE project = $1 AND dataset = $2 ORDER BY number DESC"


def all_datasets(catalog: Reader) -> list[Dataset]:
    """Every dataset with its latest version, by project and name."""
    aliases: dict[tuple[str, str], dict[str, int]] = {}
    for row in catalog.rows(_ALIASES):
        aliases.setdefault((row["project"], row["dataset"]), {})[row["alias"]] = row["number"]
    return [
        Dataset(
            project=row["project"],
            name=row["dataset"],
            path=row["path"] or "",
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
        files=row["files"] or 0,
        bytes=row["bytes"] or 0,
        rows=row["rows"],
        columns=tuple(
            Column(str(column.get("name", "")), str(column.get("type", "")))
            for column in json_list(row["columns"])
            if isinstance(column, dict)
        ),
        message=row["message"] or "",
    )
