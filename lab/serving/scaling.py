"""More or fewer servers of the version that serves."""

from __future__ import annotations

from dataclasses import replace

from lab.errors import ConflictError, UsageError
from lab.serving.parts import Parts
from lab.serving.state import State
from lab.serving.undoing import recover

_READY_SECONDS = 60.0


def scale(parts: Parts, state: State, replicas: int) -> State:
    """Serve with `replicas` servers. New ones get requests when they are ready, old ones finish what they have.

    Raises ConflictError if the deployment is not up, UsageError for fewer than one.
    """
    if replicas < 1:
        raise UsageError("a deployment has at least one server", f"lab deployments stop {state.name} ends it")
    if state.rollout:
        state = recover(parts, state)
    if state.live is None or not state.up:
        raise ConflictError(f"deployment {state.name} is not up", "deploy it again")
    extra = replace(state.live, servers=state.live.servers[replicas:])
    wanted = parts.servers.place(state, state.live, replicas)
    if extra.servers:
        state = parts.keep(replace(state, live=wanted))
        parts.routers.apply(state)
        parts.servers.stop(state, extra)
    else:
        parts.servers.start(state, wanted)
        grown = parts.keep(replace(state, live=wanted))
        parts.routers.apply(grown)
        parts.servers.await_ready(
            grown, wanted, lambda slot: parts.ready(grown, slot), _READY_SECONDS, abort=lambda: None
        )
        state = grown
    parts.released(state, wanted)
    return state
