"""Datasets and their versions in the index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import Statement, first, last
from lab.catalog.values import json_list, json_object
from lab.domain.datasets import Column, Dataset, DatasetVersion, Verdict


def _mark(type: str, name: str) -> Statement:
    """Events of `type` that say what a version's mark `name` is from then on."""
    return last(type, "dataset_marks", "project, dataset, number, mark", "event", _MARK.replace("$name", name))


_MARK = """
    SELECT
        body->>'$.project' AS project, body->>'$.dataset' AS dataset,
        TRY_CAST(body->>'$.number' AS INTEGER) AS number, '$name' AS mark,
        arg_max_null(body->'$.value', id) AS value, max(id) AS event
    FROM incoming
    WHERE type = 'dataset.$name' AND project IS NOT NULL AND dataset IS NOT NULL AND number IS NOT NULL
    GROUP BY ALL
"""

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
                "message":"VARCHAR","auto":"BOOLEAN","origin":"JSON"}') AS b
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
    _mark("dataset.tagged", "tagged"),
    _mark("dataset.noted", "noted"),
    _mark("dataset.checked", "checked"),
    _mark("dataset.retired", "retired"),
)

# A dataset whose versions are all retired is shown by its last one.
_LATEST = """
    SELECT *, count(*) FILTER (NOT retired) OVER (PARTITION BY project, dataset) AS versions FROM dataset_table
    QUALIFY row_number() OVER (PARTITION BY project, dataset ORDER BY retired, number DESC) = 1
    ORDER BY project, dataset
"""
_ALIASES = "SELECT project, dataset, alias, number FROM dataset_aliases WHERE number IS NOT NULL ORDER BY ALL"
_BY_MANIFEST = (
    "SELECT * FROM dataset_table WHERE id IN (SELECT unnest($1::VARCHAR[])) ORDER BY project, dataset, number"
)
_REPORT = """
    SELECT value FROM dataset_marks WHERE mark = 'checked' AND project = $1 AND dataset = $2 AND number = $3
"""
_VERSIONS = "SELECT * FROM dataset_table WHERE project = $1 AND dataset = $2 ORDER BY number DESC"


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


def by_manifest(catalog: Reader, manifests: Sequence[str]) -> list[DatasetVersion]:
    """All versions, of any dataset, whose content is one of these manifests."""
    return [_version(row) for row in catalog.rows(_BY_MANIFEST, [list(manifests)])]


def report(catalog: Reader, version: DatasetVersion) -> dict[str, Any]:
    """What was found when the version's expectations were looked at; empty if they were not."""
    rows = catalog.rows(_REPORT, [version.project, version.dataset, version.number])
    return json_object(rows[0]["value"]) if rows else {}


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
        auto=bool(row["auto"]),
        origin={name: str(value) for name, value in json_object(row["origin"]).items()},
        tags=tuple(str(tag) for tag in json_list(row["tags"])),
        note=row["note"] or "",
        verdict=_verdict(json_object(row["checked"])),
        retired=row["retired"],
    )


def _verdict(report: dict[str, Any]) -> Verdict:
    text = report.get("verdict")
    return Verdict(text) if text in set(Verdict) else Verdict.NONE
