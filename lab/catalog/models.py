"""The model registry in the index."""

from __future__ import annotations

import json
from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import Statement
from lab.domain.models import Model, ModelVersion
from lab.domain.numbers import decode_float

INGEST = (
    Statement(
        "model.registered",
        """
    INSERT INTO model_versions BY NAME
    SELECT DISTINCT ON (b.model, b.number) b.*, ts AS created FROM (
        SELECT id AS event, ts, json_transform(body, '{"model":"VARCHAR","number":"INTEGER","manifest":"VARCHAR",
            "framework":"VARCHAR","run":"VARCHAR","project":"VARCHAR","bytes":"BIGINT","signature":"JSON",
            "metrics":"JSON","datasets":"JSON"}') AS b
        FROM incoming WHERE type = 'model.registered'
    ) ORDER BY b.model, b.number, event
    ON CONFLICT DO NOTHING
    """,
    ),
    Statement(
        "model.aliased",
        """
    INSERT INTO model_aliases
    SELECT subject, body->>'$.alias', arg_max((body->>'$.number')::INTEGER, id), max(id)
    FROM incoming WHERE type = 'model.aliased' GROUP BY ALL
    ON CONFLICT (model, alias) DO UPDATE SET number = excluded.number, event = excluded.event
    WHERE excluded.event > event
    """,
    ),
)

_LATEST = """
    SELECT *, count(*) OVER (PARTITION BY model) AS versions FROM model_versions
    QUALIFY row_number() OVER (PARTITION BY model ORDER BY number DESC) = 1 ORDER BY model
"""
_ALIASES = "SELECT model, alias, number FROM model_aliases"
_VERSIONS = "SELECT * FROM model_versions WHERE model = ? ORDER BY number DESC"


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
    metrics = json.loads(row["metrics"] or "{}")
    return ModelVersion(
        model=row["model"],
        number=row["number"],
        manifest=row["manifest"],
        framework=row["framework"] or "",
        run=row["run"] or "",
        project=row["project"] or "",
        created=row["created"],
        bytes=row["bytes"] or 0,
        signature=json.loads(row["signature"] or "{}"),
        metrics={key: decode_float(value) for key, value in metrics.items()},
        datasets=json.loads(row["datasets"] or "{}"),
    )
