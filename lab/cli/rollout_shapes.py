"""The JSON of rollouts: a public contract as lab.cli.shapes."""

from __future__ import annotations

from typing import Any

from lab.cli.formats import format_utc
from lab.domain.rollouts import Rollout


def rollout_shape(rollout: Rollout) -> dict[str, Any]:
    """`outcome` is going, done, compared, rolled back or failed; `evidence` are the numbers that decided a step."""
    return {
        "id": rollout.id,
        "deployment": rollout.deployment,
        "number": rollout.number,
        "model": rollout.model,
        "version": rollout.version,
        "alias": rollout.alias,
        "strategy": rollout.strategy,
        "before": rollout.before or None,
        "outcome": rollout.outcome.value,
        "cause": rollout.cause,
        "started": format_utc(rollout.started),
        "ended": format_utc(rollout.ended),
        "steps": [
            {
                "step": step.step,
                "ok": step.ok,
                "at": format_utc(step.at),
                "seconds": step.seconds,
                "told": step.told,
                "evidence": dict(step.evidence),
            }
            for step in rollout.steps
        ],
    }
