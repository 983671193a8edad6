"""Two versions that serve beside each other, as whoever looks sees them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lab.domain.canary import Beside, Side, compare
from lab.domain.rollouts import Rollout, Step
from lab.serving import gates
from lab.serving.gates import Look, Sources
from lab.serving.parts import Parts
from lab.serving.state import State


class Canaries:
    """Counts from the first look at a rollout on, in this process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._begun: dict[str, tuple[float, Mapping[int, Look]]] = {}

    def look(self, state: State, rollout: Rollout | None, p95_ratio: float) -> Beside | None:
        """None where no new version has servers. Raises EngineError if the router does not answer."""
        old, new = state.live, state.green
        if old is None or new is None or not new.servers:
            return None
        sources = Sources(
            lambda: self._parts.routers.stats(state), lambda slot: self._parts.page(state, slot), lambda: 0
        )
        slots = [old.slots, new.slots]
        if state.rollout not in self._begun:
            known = {slot: gates.look(sources, slot) for slot in (*slots[0], *slots[1])}
            self._begun = {state.rollout: (time.monotonic(), known)}
        begun, before = self._begun[state.rollout]
        before = {slot: before.get(slot) or gates.look(sources, slot) for slot in (*slots[0], *slots[1])}
        now = sources.stats()
        traffic = [gates.traffic(sources, before, now, side, pages=True) for side in slots]
        verdict = compare(traffic[0], traffic[1], p95_ratio)
        return Beside(
            time.monotonic() - begun,
            Side(old.ref, 100 - state.share, len(old.servers), traffic[0]),
            Side(new.ref, state.share, len(new.servers), traffic[1]),
            replace(verdict, evidence={}),
            _replayed(rollout),
        )


def _replayed(rollout: Rollout | None) -> float | None:
    steps = rollout.steps if rollout is not None else ()
    evidence: Mapping[str, Any] = next((step.evidence for step in steps if step.step == Step.REPLAY), {})
    share = evidence.get("disagreement")
    return share if isinstance(share, float) and evidence.get("rows") else None
