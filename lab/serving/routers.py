"""The routers of deployments: which kind, started when it is not there, and told who gets what."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from lab.engine.base import BuildsRouters, Engine, JobState, Progress
from lab.errors import EngineError
from lab.paths import LabHome
from lab.serving.forwarding import Forwarder
from lab.serving.haproxy import HAProxy
from lab.serving.routing import BackendStats, Router, RouterFolder, listens
from lab.serving.state import State, backends
from lab.stores import runtimes

_START_SECONDS = 30.0
_POLL = 0.02


class Routers:
    """The routers of one lab home."""

    def __init__(self, home: LabHome, engine_of: Callable[[str], Engine]) -> None:
        self._home = home
        self._engine_of = engine_of

    def choose(self, state: State, image: str, tell: Progress) -> State:
        """With the kind of router that the engine can run; `image` is an environment that has Python."""
        engine = self._engine_of(state.engine)
        routed = engine.router_image(tell) if isinstance(engine, BuildsRouters) else ""
        kind = HAProxy.kind if routed else Forwarder.kind
        return replace(state, router=kind, router_image=routed or image)

    def ensure(self, state: State) -> None:
        """See to it that the router runs, with its address on loopback, and routes as `state` says.

        Raises ConflictError when something else has the port, EngineError when it does not start.
        """
        engine, folder = self._engine_of(state.engine), self._folder(state)
        router = self._router(state)
        router.write(folder, backends(state))
        if engine.status(state.router_job).state is not JobState.RUNNING:
            engine.remove(state.router_job)
            job = router.job(state.router_job, state.router_image, folder, state.port, runtimes.publish(self._home))
            engine.submit(replace(job, labels={**job.labels, "lab.deployment": state.id}))
            self._await(state, router, folder)
        else:
            router.apply(folder, backends(state))

    def apply(self, state: State) -> None:
        """Route as `state` says from now on, also after a restart of the router."""
        router, folder = self._router(state), self._folder(state)
        router.apply(folder, backends(state))
        router.write(folder, backends(state))

    def stats(self, state: State) -> dict[int, BackendStats]:
        """By slot. Raises EngineError if the router does not answer."""
        return {one.slot: one for one in self._router(state).stats(self._folder(state))}

    def is_up(self, state: State) -> bool:
        """Whether it is there to be asked."""
        return listens(self._folder(state))

    def remove(self, state: State) -> None:
        engine = self._engine_of(state.engine)
        engine.stop(state.router_job)
        engine.remove(state.router_job)

    def _await(self, state: State, router: Router, folder: RouterFolder) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                router.stats(folder)
                return
            except EngineError:
                if time.monotonic() > deadline:
                    said = self._engine_of(state.engine).logs(state.router_job, 5)
                    raise EngineError(
                        f"the router of {state.name} does not start: {' '.join(said[-2:])}", "deploy again"
                    ) from None
            time.sleep(_POLL)

    def _router(self, state: State) -> Router:
        if state.router == HAProxy.kind:
            return HAProxy()
        return Forwarder(self._engine_of(state.engine).available().isolated)

    def _folder(self, state: State) -> RouterFolder:
        return RouterFolder(self._home.deployment(state.id).router)
