"""Deployments in the index."""

from __future__ import annotations

from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import Statement
from lab.domain.deployments import Deployment, DeploymentStatus

INGEST = (
    Statement(
        "deployment.created",
        """
    INSERT INTO deployments BY NAME
    SELECT subject AS id, b.*, ts AS created FROM (
        SELECT subject, ts, json_transform(body, '{"name":"VARCHAR","model":"VARCHAR","version":"INTEGER",
            "alias":"VARCHAR","engine":"VARCHAR","port":"INTEGER","image":"VARCHAR"}') AS b
        FROM incoming WHERE type = 'deployment.created'
    )
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, model = excluded.model, version = excluded.version,
        alias = excluded.alias, engine = excluded.engine, port = excluded.port, image = excluded.image,
        created = excluded.created
    """,
    ),
    Statement(
        "deployment.status",
        """
    INSERT INTO deployments BY NAME
    SELECT subject AS id, b.*, event AS status_event FROM (
        SELECT subject, id AS event, json_transform(body, '{"status":"VARCHAR","cause":"VARCHAR","ready":"DOUBLE",
            "ended":"DOUBLE"}') AS b
        FROM incoming WHERE type = 'deployment.status'
        QUALIFY row_number() OVER (PARTITION BY subject ORDER BY id DESC) = 1
    )
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, cause = excluded.cause,
        ready = coalesce(excluded.ready, ready), ended = excluded.ended, status_event = excluded.status_event
    WHERE excluded.status_event > coalesce(status_event, '')
    """,
    ),
)

_ALL = "SELECT * FROM deployments WHERE created IS NOT NULL ORDER BY created DESC"
_ONE = "SELECT * FROM deployments WHERE id = ? AND created IS NOT NULL"


def all_deployments(catalog: Reader) -> list[Deployment]:
    """Every deployment, newest first."""
    return [_deployment(row) for row in catalog.rows(_ALL)]


def get(catalog: Reader, deployment_id: str) -> Deployment | None:
    rows = catalog.rows(_ONE, [deployment_id])
    return _deployment(rows[0]) if rows else None


def _deployment(row: dict[str, Any]) -> Deployment:
    return Deployment(
        id=row["id"],
        name=row["name"],
        model=row["model"],
        version=row["version"],
        alias=row["alias"] or "",
        status=DeploymentStatus(row["status"] or "starting"),
        engine=row["engine"],
        port=row["port"] or 0,
        image=row["image"] or "",
        created=row["created"],
        cause=row["cause"] or "",
        ready=row["ready"],
        ended=row["ended"],
    )
