"""More or fewer servers of the version that serves."""

from __future__ import annotations

from dataclasses import replace

from lab.errors import ConflictError, LabError, UsageError
from lab.serving.parts import Parts
from lab.serving.state import Release, State
from lab.serving.undoing import recover, undo

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
    live = state.live
    extra = replace(live, servers=live.servers[replicas:])
    wanted = parts.servers.place(state, live, replicas)
    if extra.servers:
        state = parts.keep(replace(state, live=wanted))
        parts.routers.apply(state)
        parts.servers.stop(state, extra)
    else:
        state = _grown(parts, state, live, wanted)
    parts.released(state, wanted)
    return state


def _grown(parts: Parts, state: State, live: Release, wanted: Release) -> State:
    """With the servers of `wanted`. Until they are ready the new ones stand beside those of `live`, without a share of
    the requests, as a version that is tried; so they are also taken away if this is cut short."""
    fresh = replace(wanted, servers=wanted.servers[len(live.servers) :])
    beside = parts.keep(replace(state, green=fresh, share=0))
    try:
        parts.servers.start(beside, wanted)
        parts.routers.apply(beside)
        parts.servers.await_ready(
            beside, fresh, lambda slot: parts.ready(beside, slot), _READY_SECONDS, abort=lambda: None
        )
    except LabError as error:
        undo(parts, beside, error.message)
        raise
    grown = parts.keep(replace(state, live=wanted))
    parts.routers.apply(grown)
    return grown
