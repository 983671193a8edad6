"""Deployments in the index."""

from __future__ import annotations

from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import first, last
from lab.domain.deployments import Deployment, DeploymentStatus

INGEST = (
    first(
        "deployment.created",
        "deployment_facts",
        "id",
        "created_event",
        """
        SELECT DISTINCT ON (subject) subject AS id, b.name, b.model AS first_model, b.version AS first_version,
            b.alias AS first_alias, b.engine, b.port AS first_port, b.image AS first_image, ts AS created,
            event AS created_event
        FROM (
            SELECT subject, ts, id AS event, json_transform(body, '{"name":"VARCHAR","model":"VARCHAR",
                "version":"INTEGER","alias":"VARCHAR","engine":"VARCHAR","port":"INTEGER","image":"VARCHAR"}') AS b
            FROM incoming WHERE type = 'deployment.created'
        )
        ORDER BY subject, event
        """,
    ),
    last(
        "deployment.released",
        "deployment_facts",
        "id",
        "released_event",
        """
        SELECT DISTINCT ON (subject) subject AS id, b.*, event AS released_event FROM (
            SELECT subject, id AS event, json_transform(body, '{"model":"VARCHAR","version":"INTEGER",
                "alias":"VARCHAR","port":"INTEGER","image":"VARCHAR","replicas":"INTEGER"}') AS b
            FROM incoming WHERE type = 'deployment.released'
        )
        ORDER BY subject, event DESC
        """,
    ),
    last(
        "deployment.status",
        "deployment_facts",
        "id",
        "status_event",
        """
        SELECT DISTINCT ON (subject) subject AS id, b.*, event AS status_event FROM (
            SELECT subject, id AS event,
                json_transform(body, '{"status":"VARCHAR","cause":"VARCHAR","ended":"DOUBLE"}') AS b
            FROM incoming WHERE type = 'deployment.status'
        )
        ORDER BY subject, event DESC
        """,
    ),
    # Only some statuses tell when it became ready; the last that does holds.
    last(
        "deployment.status",
        "deployment_facts",
        "id",
        "ready_event",
        """
        SELECT subject AS id, arg_max(ready, event) AS ready, max(event) AS ready_event FROM (
            SELECT subject, id AS event, TRY_CAST(body->>'$.ready' AS DOUBLE) AS ready
            FROM incoming WHERE type = 'deployment.status'
        )
        WHERE ready IS NOT NULL GROUP BY subject
        """,
    ),
)

_STATUSES = frozenset(DeploymentStatus)
_ALL = "SELECT * FROM deployments WHERE created IS NOT NULL ORDER BY created DESC, id"
_ONE = "SELECT * FROM deployments WHERE id = $1 AND created IS NOT NULL"


def all_deployments(catalog: Reader) -> list[Deployment]:
    """Every deployment, newest first."""
    return [_deployment(row) for row in catalog.rows(_ALL)]


def get(catalog: Reader, deployment_id: str) -> Deployment | None:
    rows = catalog.rows(_ONE, [deployment_id])
    return _deployment(rows[0]) if rows else None


def _deployment(row: dict[str, Any]) -> Deployment:
    return Deployment(
        id=row["id"],
        name=row["name"] or "",
        model=row["model"] or "",
        version=row["version"] or 0,
        alias=row["alias"] or "",
        status=_status(row["status"]),
        engine=row["engine"] or "",
        port=row["port"] or 0,
        image=row["image"] or "",
        created=row["created"],
        replicas=row["replicas"],
        cause=row["cause"] or "",
        ready=row["ready"],
        ended=row["ended"],
    )


def _status(text: str | None) -> DeploymentStatus:
    """What is not said is starting; a word that this Lab does not know tells of a server in no good state."""
    if text is None:
        return DeploymentStatus.STARTING
    return DeploymentStatus(text) if text in _STATUSES else DeploymentStatus.FAILED
