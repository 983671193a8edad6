"""The model registry in the index."""

from __future__ import annotations

from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import first, last
from lab.catalog.values import json_object, number
from lab.domain.models import Model, ModelVersion

INGEST = (
    # A number is given once: of several versions that claim it, the first holds.
    first(
        "model.registered",
        "model_versions",
        "model, number",
        "event",
        """
        SELECT DISTINCT ON (b.model, b.number) b.*, ts AS created, event FROM (
            SELECT id AS event, ts, json_transform(body, '{"model":"VARCHAR","number":"INTEGER","manifest":"VARCHAR",
                "framework":"VARCHAR","run":"VARCHAR","project":"VARCHAR","bytes":"BIGINT","signature":"JSON",
                "metrics":"JSON","datasets":"JSON"}') AS b
            FROM incoming WHERE type = 'model.registered'
        )
        WHERE b.model IS NOT NULL AND b.number IS NOT NULL AND b.manifest IS NOT NULL
        ORDER BY b.model, b.number, event
        """,
    ),
    last(
        "model.aliased",
        "model_aliases",
        "model, alias",
        "event",
        """
        SELECT model, b.alias, arg_max_null(b.number, event) AS number, max(event) AS event FROM (
            SELECT subject AS model, id AS event, json_transform(body, '{"alias":"VARCHAR","number":"INTEGER"}') AS b
            FROM incoming WHERE type = 'model.aliased'
        )
        WHERE b.alias IS NOT NULL
        GROUP BY ALL
        """,
    ),
)

_LATEST = """
    SELECT *, count(*) OVER (PARTITION BY model) AS versions FROM model_versions
    QUALIFY row_number() OVER (PARTITION BY model ORDER BY number DESC) = 1 ORDER BY model
"""
_ALIASES = "SELECT model, alias, number FROM model_aliases WHERE number IS NOT NULL ORDER BY ALL"
_VERSIONS = "SELECT * FROM model_versions WHERE model = $1 ORDER BY number DESC"


def all_models(catalog: Reader) -> list[Model]:
    """Every model with its latest version, by name."""
    aliases: dict[str, dict[str, int]] = {}
    for row in catalog.rows(_ALIASES):
        aliases.setdefault(row["model"], {})[row["alias"]] = row["number"]
    return [
        Model(
            name=row["model"],
            latest=_version(row),
            versions=row["versions"],
            aliases=aliases.get(row["model"], {}),
        )
        for row in catalog.rows(_LATEST)
    ]


def versions(catalog: Reader, model: str) -> list[ModelVersion]:
    """All versions of one model, newest first."""
    return [_version(row) for row in catalog.rows(_VERSIONS, [model])]


def _version(row: dict[str, Any]) -> ModelVersion:
    return ModelVersion(
        model=row["model"],
        number=row["number"],
        manifest=row["manifest"],
        framework=row["framework"] or "",
        run=row["run"] or "",
        project=row["project"] or "",
        created=row["created"],
        bytes=row["bytes"] or 0,
        signature=json_object(row["signature"]),
        metrics={key: number(value) for key, value in json_object(row["metrics"]).items()},
        datasets=json_object(row["datasets"]),
    )
