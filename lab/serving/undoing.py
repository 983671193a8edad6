"""Taking a rollout back, or finishing one whose driver died. Each may itself be cut short and done again."""

from __future__ import annotations

import time
from dataclasses import replace

from lab.domain.deployments import DeploymentStatus
from lab.domain.rollouts import Outcome
from lab.domain.text import clean
from lab.events import ROLLOUT_ENDED
from lab.serving.parts import Parts, without_green
from lab.serving.state import Release, State

#: Seconds for which a version that was rolled back from is kept up, to be looked at or gone forward to again.
WARM_SECONDS = 600.0
_READY_SECONDS = 60.0


def end(parts: Parts, state: State, outcome: Outcome, cause: str = "") -> State:
    """Note that the rollout under way is over."""
    if state.rollout:
        parts.journal.append(ROLLOUT_ENDED, state.rollout, {"outcome": outcome.value, "cause": clean(cause, 400)})
        parts.catalog.refresh()
    parts.folder(state).abort.unlink(missing_ok=True)
    return parts.keep(replace(state, rollout=""))


def undo(parts: Parts, state: State, cause: str, outcome: Outcome = Outcome.ROLLED_BACK) -> State:
    """Take away what was being tried; what served before serves on, or again."""
    green = state.green
    if green is None:
        return end(parts, state, outcome, cause)
    if state.live is None:
        return _nothing_left(parts, state, green, cause)
    parts.servers.start(state, state.live)  # a strategy may have stopped them
    back = parts.keep(replace(state, share=0))
    parts.routers.ensure(back)
    _await(parts, back, state.live)
    parts.servers.stop(back, green)
    calm = replace(back, green=None)
    parts.routers.apply(calm)
    return end(parts, calm, outcome, cause)


def finish(parts: Parts, state: State) -> State:
    """Go on from where traffic had been switched when the driver died."""
    if state.live is None:
        return end(parts, state, Outcome.FAILED, "it was interrupted")
    parts.servers.start(state, state.live)
    parts.routers.ensure(state)
    parts.released(state, state.live)
    parts.say(state, DeploymentStatus.READY, ready=time.time())
    return end(parts, state, Outcome.DONE, "finished by the Lab that came next")


def swap_back(parts: Parts, state: State, cause: str, warm: float = WARM_SECONDS) -> State:
    """Give everything to the version that served before; the one that served until now is kept warm.

    The weights move first; what takes longer comes after. The caller sees to it that there is such a version.
    """
    if state.warm is None:
        return state
    if not state.warm_until:
        placed = parts.servers.place(state, replace(state.warm, servers=()), max(1, len(state.warm.servers)))
        state = parts.keep(replace(state, warm=placed, warm_until=time.time() + warm))
        parts.servers.start(state, placed)
        parts.routers.ensure(state)
        _await(parts, state, placed)
    back = parts.keep(state.rolled_back(time.time() + warm))
    parts.routers.apply(back)
    if back.live is not None:
        parts.released(back, back.live)
    parts.say(back, DeploymentStatus.READY, cause, ready=time.time())
    return end(parts, back, Outcome.ROLLED_BACK, cause)


def recover(parts: Parts, state: State) -> State:
    """What to do with a rollout that nobody drives any more. The caller holds the deployment's lock."""
    if state.green is not None:
        state = undo(parts, state, "it was interrupted")
    elif state.rollout:
        state = finish(parts, state)
    parts.servers.sweep(state)
    return state


def abandon(parts: Parts, state: State) -> State:
    """End the rollout of a deployment that is to be stopped; nothing is started or routed for its sake."""
    back = Outcome.ROLLED_BACK if state.green else Outcome.DONE
    return end(parts, state, back if state.live else Outcome.FAILED, "the deployment was stopped")


def _nothing_left(parts: Parts, state: State, green: Release, cause: str) -> State:
    parts.servers.stop(state, green)
    parts.routers.remove(state)
    parts.say(state, DeploymentStatus.FAILED, cause, ended=time.time())
    return end(parts, replace(without_green(state), rollout=state.rollout, up=False), Outcome.FAILED, cause)


def _await(parts: Parts, state: State, release: Release) -> None:
    parts.servers.await_ready(state, release, lambda slot: parts.ready(state, slot), _READY_SECONDS, lambda: None)
