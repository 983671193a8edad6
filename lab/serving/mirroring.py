"""Live requests, copied to a version that is tried: it answers after the client has been answered, and only Lab sees.

The servers that serve keep copies for Lab in memory (lab.runtime.serving.mirror); Lab fetches them and asks the new
version one after the other. What it does not get through meanwhile is dropped: the old version never waits for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lab.dataclass import dataclass
from lab.domain.canary import Traffic, Verdict, compare, disagreement
from lab.domain.deployments import Deployment
from lab.domain.rollouts import Budget
from lab.errors import EngineError
from lab.runtime.serving.keys import HEADER
from lab.serving import gates
from lab.serving.gates import Sources, Trial
from lab.serving.http import Client

PATH = "/mirror"
_LOOK_SECONDS = 0.1
_FETCH_SECONDS = 5.0
_MOST_ROWS = 100_000  # are compared


@dataclass(frozen=True)
class Copies:
    """Requests that the old version has answered, `{"data": rows, "predictions": its answers}`, and how many more there
    were that it did not keep."""

    requests: Sequence[dict[str, Any]] = ()
    dropped: int = 0


def fetch(client: Client, where: Deployment, slots: Sequence[int], headers: dict[str, str]) -> Copies:
    """What the servers at `slots` were asked since the last time. Raises EngineError where one gives no copies."""
    assert HEADER in headers
    found: list[dict[str, Any]] = []
    dropped = 0
    for slot in slots:
        status, body = client.request(where, "POST", PATH, b"", timeout=_FETCH_SECONDS, slot=slot, headers=headers)
        if status != 200:
            raise EngineError(
                f"a server of {where.name} gives no copies of its requests: it answers {status}",
                f"lab deploy {where.model}:v{where.version} --name {where.name} starts it anew",
            )
        page = json.loads(body)
        found += page["copies"]
        dropped += page["dropped"]
    return Copies(found, dropped)


class Seen:
    """How the new version has answered so far: `given` where the old one's answers were `wanted`."""

    def __init__(self) -> None:
        self.requests = self.failed = self.dropped = 0
        self.wanted: list[Any] = []
        self.given: list[Any] = []

    @property
    def full(self) -> bool:
        return len(self.wanted) >= _MOST_ROWS

    def add(self, status: int, answers: Sequence[Any], wanted: Sequence[Any]) -> None:
        self.requests += 1
        if status != 200 or len(answers) != len(wanted):
            self.failed += 1
            return
        self.wanted += wanted
        self.given += answers


def mirror(
    trial: Trial,
    copies: Callable[[], Copies],
    sources: Sources,
    slots: tuple[Sequence[int], Sequence[int]],
    seconds: float,
    budget: Budget,
    abort: Callable[[], None],
) -> Verdict:
    """Let the new version answer copies for so long. `slots` are the old version's servers and the new one's; red at
    once when one of the latter dies, else by errors, disagreement and p95 at the end. Raises what `abort` raises."""
    before = {slot: gates.look(sources, slot) for side in slots for slot in side}
    deaths, seen = sources.deaths(), Seen()
    copies()  # from now on they are kept
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        abort()
        if died := sources.deaths() - deaths:
            evidence = {**_evidence(seen, budget), "deaths": died}
            return Verdict(False, "its server died on copies of live requests", evidence)
        _answer(trial, copies(), seen, deadline)
        time.sleep(min(_LOOK_SECONDS, max(0.0, deadline - time.monotonic())))
    now = sources.stats()
    sides = [gates.traffic(sources, before, now, side, pages=True) for side in slots]
    return _verdict(seen, sides[0], replace(sides[1], requests=seen.requests, failed=seen.failed), budget)


def _answer(trial: Trial, copies: Copies, seen: Seen, deadline: float) -> None:
    seen.dropped += copies.dropped
    for place, copy in enumerate(copies.requests):
        if time.monotonic() >= deadline or seen.full:
            seen.dropped += len(copies.requests) - place
            return
        seen.add(*trial.predict(copy["data"]), copy["predictions"])


def _verdict(seen: Seen, old: Traffic, new: Traffic, budget: Budget) -> Verdict:
    beside = compare(old, new, budget.p95_ratio)
    counted = _evidence(seen, budget)
    evidence = {**counted, **beside.evidence, "old_p50": old.p50, "new_p50": new.p50}
    rows, share = counted["rows"], counted["disagreement"]
    if not seen.requests:
        return Verdict(True, "nobody asked meanwhile: there was nothing to copy", evidence)
    if seen.failed > budget.errors * seen.requests:
        return Verdict(False, f"{seen.failed} of {seen.requests} copies of live requests failed", evidence)
    if share > budget.disagreement:
        told = f"it answers {share:.0%} of {rows} rows otherwise"
        return Verdict(False, f"{told}, over the budget of {budget.disagreement:.0%}", evidence)
    if not beside.ok:
        return replace(beside, evidence=evidence)
    told = f"{seen.requests} live requests copied, {seen.dropped} not; {share:.1%} of {rows} rows answered otherwise"
    return Verdict(True, told, evidence)


def _evidence(seen: Seen, budget: Budget) -> dict[str, Any]:
    rows, differing = len(seen.wanted), disagreement(seen.wanted, seen.given)
    return {
        "requests": seen.requests,
        "failed": seen.failed,
        "dropped": seen.dropped,
        "rows": rows,
        "differing": differing,
        "disagreement": differing / rows if rows else 0.0,
        "disagreement_budget": budget.disagreement,
    }
