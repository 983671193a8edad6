"""Rollouts in the index."""

from __future__ import annotations

import json
from typing import Any

from lab.catalog.reader import Reader
from lab.catalog.statements import Statement, first
from lab.domain.rollouts import Outcome, Rollout, RolloutStep

INGEST = (
    first(
        "rollout.started",
        "rollouts",
        "id",
        "started_event",
        """
        SELECT DISTINCT ON (subject) subject AS id, b.*, ts AS started, event AS started_event FROM (
            SELECT subject, ts, id AS event, json_transform(body, '{"deployment":"VARCHAR","number":"INTEGER",
                "model":"VARCHAR","version":"INTEGER","alias":"VARCHAR","strategy":"VARCHAR","before":"VARCHAR"}') AS b
            FROM incoming WHERE type = 'rollout.started'
        )
        ORDER BY subject, event
        """,
    ),
    first(
        "rollout.ended",
        "rollouts",
        "id",
        "ended_event",
        """
        SELECT DISTINCT ON (subject) subject AS id, b.*, ts AS ended, event AS ended_event FROM (
            SELECT subject, ts, id AS event, json_transform(body, '{"outcome":"VARCHAR","cause":"VARCHAR"}') AS b
            FROM incoming WHERE type = 'rollout.ended'
        )
        ORDER BY subject, event
        """,
    ),
    Statement(
        "rollout.step",
        """
        INSERT INTO rollout_steps BY NAME
        SELECT subject AS rollout, b.step, b.ok, ts AS "at", b.seconds, b.told, body->'$.evidence' AS evidence,
            event
        FROM (
            SELECT subject, ts, id AS event, body, json_transform(body,
                '{"step":"VARCHAR","ok":"BOOLEAN","seconds":"DOUBLE","told":"VARCHAR"}') AS b
            FROM incoming WHERE type = 'rollout.step'
        )
        """,
    ),
)

_OUTCOMES = frozenset(Outcome)
_OF_DEPLOYMENT = "SELECT * FROM rollouts WHERE deployment = $1 AND started IS NOT NULL ORDER BY started DESC, id"
_STEPS = """SELECT s.* FROM rollout_steps AS s JOIN rollouts AS r ON s.rollout = r.id
WHERE r.deployment = $1 ORDER BY s.event"""


def of_deployment(catalog: Reader, deployment_id: str) -> list[Rollout]:
    """All rollouts of a deployment with their steps, newest first."""
    steps: dict[str, list[RolloutStep]] = {}
    for row in catalog.rows(_STEPS, [deployment_id]):
        steps.setdefault(row["rollout"], []).append(_step(row))
    return [_rollout(row, tuple(steps.get(row["id"], ()))) for row in catalog.rows(_OF_DEPLOYMENT, [deployment_id])]


def _rollout(row: dict[str, Any], steps: tuple[RolloutStep, ...]) -> Rollout:
    return Rollout(
        id=row["id"],
        deployment=row["deployment"] or "",
        number=row["number"] or 0,
        model=row["model"] or "",
        version=row["version"] or 0,
        alias=row["alias"] or "",
        strategy=row["strategy"] or "",
        before=row["before"] or "",
        started=row["started"],
        outcome=_outcome(row["outcome"]),
        cause=row["cause"] or "",
        ended=row["ended"],
        steps=steps,
    )


def _outcome(text: str | None) -> Outcome:
    """What is not said is going on; a word that this Lab does not know is no success."""
    if text is None:
        return Outcome.GOING
    return Outcome(text) if text in _OUTCOMES else Outcome.FAILED


def _step(row: dict[str, Any]) -> RolloutStep:
    evidence = json.loads(row["evidence"] or "{}")
    return RolloutStep(
        step=row["step"] or "",
        ok=bool(row["ok"]),
        at=row["at"],
        seconds=row["seconds"] or 0.0,
        told=row["told"] or "",
        evidence=evidence if isinstance(evidence, dict) else {},
    )
