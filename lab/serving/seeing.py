"""What only the engine, the router and the log know of a deployment's servers. It takes some milliseconds, so it is
asked seldom."""

from __future__ import annotations

import re
from contextlib import suppress

from lab.domain.deployments import Deployment, ServersSeen
from lab.domain.text import clean
from lab.engine.base import Engine, JobState
from lab.errors import EngineError
from lab.paths import LabHome
from lab.serving.routers import Routers
from lab.serving.state import load
from lab.stores import runfolder

_TAIL, _ERRORS = 200, 3
_ERROR = re.compile(r"error|exception|traceback|not ready|refused|failed|fatal|killed", re.IGNORECASE)


def see(home: LabHome, engine: Engine, deployment: Deployment) -> ServersSeen:
    """Restarts, memory, queue and the last lines of the log that tell of an error."""
    state = load(home.deployment(deployment.id).state)
    if state is None or state.live is None:
        return ServersSeen()
    found = [engine.status(server.id) for server in state.live.servers]
    queued = 0
    with suppress(EngineError):  # a router that does not answer is seen elsewhere
        queued = sum(one.queued for one in Routers(home, lambda _: engine).stats(state).values())
    lines: list[str] = []
    folder = home.deployment(deployment.id).release(state.live.number)
    for index in range(len(state.live.servers)):
        lines += [clean(line, 200) for line in runfolder.tail(folder.stdout(index), _TAIL) if _ERROR.search(line)]
    return ServersSeen(
        restarts=sum(one.restarts + (one.state is not JobState.RUNNING) for one in found),
        out_of_memory=any(one.out_of_memory for one in found),
        queued=queued,
        errors=tuple(lines[-_ERRORS:]),
    )
