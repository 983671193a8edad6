"""Rollouts: how a deployment comes to serve another model version, step by step, and back if a step fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from lab.dataclass import dataclass
from lab.errors import UsageError


class Strategy(StrEnum):
    BLUE_GREEN = "blue-green"  # the new one is started and tried beside the old one, then gets everything at once
    CANARY = "canary"  # it gets a share for a while, and is compared with the old one
    SHADOW = "shadow"  # it answers what the old one was or is asked, and nobody sees its answers; the old one stays
    RECREATE = "recreate"  # the old one is stopped first: for machines without room for both


class Step(StrEnum):
    """In their order; a strategy leaves some out."""

    BUILD = "build"
    START = "start"
    READY = "ready"
    PROBE = "probe"
    REPLAY = "replay"
    MIRROR = "mirror"
    CANARY = "canary"
    SWITCH = "switch"
    KEEP = "keep"


class Outcome(StrEnum):
    GOING = "going"
    DONE = "done"
    COMPARED = "compared"  # a shadow: tried, and taken away again
    ROLLED_BACK = "rolled back"  # a step failed, somebody asked for it, or whoever drove it died
    FAILED = "failed"  # it failed, and there was nothing to go back to


def steps_of(strategy: Strategy, *, first: bool, mirrored: bool = False) -> tuple[Step, ...]:
    """What a rollout goes through; the `first` one of a deployment has nothing to be compared with. A shadow that is
    `mirrored` answers live requests, and others what was captured."""
    begin = (Step.BUILD, Step.START, Step.READY, Step.PROBE)
    if first:
        return (*begin, Step.SWITCH)
    if strategy is Strategy.SHADOW:
        return (*begin, Step.MIRROR if mirrored else Step.REPLAY)
    if strategy is Strategy.RECREATE:
        return (*begin, Step.SWITCH)
    middle = (Step.REPLAY, Step.CANARY) if strategy is Strategy.CANARY else (Step.REPLAY,)
    return (*begin, *middle, Step.SWITCH, Step.KEEP)


@dataclass(frozen=True)
class Budget:
    """What a new version must keep to. Seconds, and shares from 0 to 1.

    `p99` is of single rows, asked one after the other; `memory` a share of the server's limit; `disagreement` the
    share of captured or mirrored rows that it answers otherwise than they were answered, `errors` of those requests;
    `p95_ratio` how much slower than the old one it may be beside it.
    """

    p99: float = 0.5
    memory: float = 0.9
    disagreement: float = 0.25
    errors: float = 0.0
    p95_ratio: float = 1.5


@dataclass(frozen=True)
class RolloutPlan:
    """How to roll out. `share` is the canary's, in percent, for `hold` seconds; the old version is kept warm for
    `warm` seconds after the switch. `replicas` 0 means as many as there are. A shadow gets copies of live requests for
    `mirror` seconds; with 0, captured ones are replayed."""

    strategy: Strategy = Strategy.BLUE_GREEN
    share: int = 10
    hold: float = 60.0
    warm: float = 600.0
    mirror: float = 0.0
    replicas: int = 0
    budget: Budget = field(default_factory=Budget)
    ready_seconds: float = 60.0


@dataclass(frozen=True)
class RolloutStep:
    """One step as it went. `evidence` are the numbers that decided."""

    step: str
    ok: bool
    at: float
    seconds: float
    told: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rollout:
    """A rollout as the catalog knows it. `before` is the model version that served until then, "" for the first."""

    id: str
    deployment: str
    number: int
    model: str
    version: int
    alias: str
    strategy: str
    before: str
    started: float
    outcome: Outcome = Outcome.GOING
    cause: str = ""
    ended: float | None = None
    steps: tuple[RolloutStep, ...] = ()


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)?")
_UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


def parse_seconds(text: str) -> float:
    """Seconds in `250ms`, `60s`, `10m`, `1.5h` or a plain number of seconds. Raises UsageError for anything else."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"{text!r} is not a time", "write a number with ms, s, m or h, such as 60s")
    return float(match[1]) * _UNITS[match[2] or ""]
