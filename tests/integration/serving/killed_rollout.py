"""Rolls a model version out and kills itself, hard, at one place. Run as a script by test_rollout_kills."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from lab.domain.rollouts import Budget, RolloutPlan, Step, Strategy
from lab.serving.rolling import Rolling
from lab.serving.routers import Routers
from lab.workspace import Workspace

home, engine, ref, name, when, step = sys.argv[1:]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


perform, apply = Rolling.perform, Routers.apply


def performed(self: Rolling, one: Step) -> None:
    if (when, one.value) == ("before", step):
        die()
    perform(self, one)
    if (when, one.value) == ("after", step):
        die()


def applied(self: Routers, state: Any) -> None:
    """Between what is kept and what the router is told."""
    if when == "within" and (state.share if step == "canary" else state.green is None):
        die()
    apply(self, state)


Rolling.perform, Routers.apply = performed, applied  # type: ignore[method-assign]
with Workspace(Path(home), Path(home).parent, engine=engine) as ws:
    # A busy machine makes any version slow, and here it is to come through.
    plan = RolloutPlan(Strategy.CANARY, hold=0.5, budget=Budget(p99=10.0, p95_ratio=1000.0))
    ws.deployments.deploy(ref, name=name, plan=plan, progress=print)
