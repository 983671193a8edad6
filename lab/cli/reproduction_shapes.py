"""The JSON shapes of reproductions: part of the public contract, like those in `shapes`. Pure functions."""

from __future__ import annotations

from dataclasses import asdict

from lab.cli.shapes import Shape
from lab.domain.reproduction import Attempt, Preflight, Reproduction, cause_name, tell


def preflight_shape(flight: Preflight) -> Shape:
    """`missing` is empty where the run can be reproduced."""
    return {
        "id": flight.run.id,
        "name": flight.run.name,
        "ready": flight.ready,
        "rebuild": flight.rebuild,
        "missing": [asdict(lack) for lack in flight.missing],
        "notes": list(flight.notes),
    }


def reproduction_shape(found: Reproduction) -> Shape:
    """`deterministic` is null where that was not seen; `spreads` are over the attempts and, where all that went in is
    the same, the first run."""
    return {
        "id": found.run.id,
        "name": found.run.name,
        "badge": found.badge.value if found.attempts else found.run.badge.value,
        "reproduced": bool(found.attempts) and found.badge.reproduced,
        "sentence": tell(found),
        "deterministic": found.deterministic,
        "tolerance": asdict(found.tolerance),
        "swapped": found.swapped,
        "change": found.change,
        "runs": [_attempt(one) for one in found.attempts],
        "spreads": {name: asdict(spread) for name, spread in found.spreads.items()},
        "missing": list(found.missing),
    }


def _attempt(one: Attempt) -> Shape:
    return {
        "id": one.run.id,
        "name": one.run.name,
        "status": one.run.status.value,
        "agreement": one.agreement.value,
        "rebuilt": one.rebuilt,
        "metrics": [
            {
                "name": item.name,
                "agreement": item.agreement.value,
                "old": item.old,
                "new": item.new,
                "delta": item.delta,
                "limit": item.limit,
                "step": item.step,
            }
            for item in one.metrics
        ],
        "predictions": [{**asdict(item), "agreement": item.agreement.value} for item in one.predictions],
        "outputs": [{"path": item.path, "kind": item.kind, "agreement": item.agreement.value} for item in one.outputs],
        "causes": [
            {"cause": cause_name(item.cause), "name": item.name, "old": item.old, "new": item.new}
            for item in one.causes
        ],
    }
