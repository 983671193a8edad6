"""Looking after deployments: what is lost is started again, what is warm too long is stopped, what nobody drives any
more is finished or taken back. Whoever is there does it; a lock per deployment keeps it to one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from lab.catalog import deployments as catalog_deployments
from lab.domain.deployments import Deployment, DeploymentStatus
from lab.engine.base import Engine, JobState
from lab.errors import ConflictError, EngineError, EngineUnavailableError
from lab.serving import tokens
from lab.serving.parts import Parts
from lab.serving.state import State
from lab.serving.undoing import recover, swap_back
from lab.stores import locks

#: So many looks in a row must fail before a deployment is called unhealthy.
PATIENCE = 3
_TRIES = 6
_FIRST_PAUSE = 2.0  # seconds between two starts of what was lost: doubled each time
_LOCK_SECONDS = 5.0


class BusyError(ConflictError):
    """Another process rolls the deployment out or changes it."""


@contextmanager
def alone(parts: Parts, name: str, timeout: float = _LOCK_SECONDS) -> Iterator[None]:
    """Hold the deployment's lock. Raises BusyError while another process has it."""
    path = parts.home.locks / f"deployment-{name}.lock"
    try:
        with locks.hold(path, timeout=timeout):
            yield
    except ConflictError as error:
        if path.stem not in error.message:
            raise
        holder = error.message.rpartition(" in use by ")[2]
        raise BusyError(
            f"deployment {name} is being changed by {holder}",
            f"wait for it, or take its rollout back: lab deployments rollback {name}",
        ) from error


class Tender:
    """One look after another at all that should be up."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._failures: dict[str, int] = {}

    def recover(self) -> None:
        """Finish or take back the rollouts whose drivers are gone."""
        for deployment in catalog_deployments.all_deployments(self._parts.catalog):
            state = self._parts.load(deployment.id) if deployment.status.active else None
            if state is not None and (state.rollout or state.green):
                self._recover(state, deployment)

    def _recover(self, state: State, deployment: Deployment) -> None:
        try:
            with alone(self._parts, state.name, timeout=0.0):
                current = self._parts.load(state.id)
                if current is not None:
                    recover(self._parts, current)
        except BusyError:
            return  # somebody drives it
        except ConflictError as error:
            if deployment.status is not DeploymentStatus.UNHEALTHY:  # told once: who lists deployments comes here often
                self._parts.say(state, DeploymentStatus.UNHEALTHY, error.message)

    def look(self, engine: Engine, deployment: Deployment) -> None:
        """One look at one deployment that should be up: journal what has changed, and mend what can be."""
        try:
            with alone(self._parts, deployment.name, timeout=0.0):
                state = self._parts.load(deployment.id)
                if state is not None:
                    self._look(engine, deployment, state)
                elif deployment.status is not DeploymentStatus.STARTING:
                    self._note(deployment, *self._parts.client.ready(deployment))
        except BusyError:
            return  # somebody is at it
        except ConflictError as error:  # its port is somebody else's by now
            self._note(deployment, False, error.message)

    def _look(self, engine: Engine, deployment: Deployment, state: State) -> None:
        if state.rollout or state.green:
            state = recover(self._parts, state)
        if not state.up:
            return
        tokens.retire(self._parts.folder(state))
        if state.warm is not None and 0 < state.warm_until < time.time():
            self._parts.servers.stop(state, state.warm)
            state = self._parts.keep(replace(state, warm_until=0.0))
            self._parts.routers.apply(state)
        ready, reason = self._parts.answers(state)
        if not ready and self._lost(engine, state):
            self._restart(state, deployment)
            return
        if ready and state.tries:
            self._parts.keep(replace(state, tries=0, next_try=0.0))
        if (
            self._note(deployment, ready, "" if ready else reason) >= PATIENCE
            and state.warm is not None
            and state.warm_until
        ):
            swap_back(self._parts, state, f"rolled back by itself: {reason}")

    def _note(self, deployment: Deployment, ready: bool, reason: str) -> int:
        """Tell the journal of a change; how many looks in a row have failed."""
        if ready:
            self._failures.pop(deployment.id, None)
            if deployment.status is not DeploymentStatus.READY:
                self._say(deployment, DeploymentStatus.READY, "")
            return 0
        failures = self._failures[deployment.id] = self._failures.get(deployment.id, 0) + 1
        if failures == PATIENCE and deployment.status is DeploymentStatus.READY:
            self._say(deployment, DeploymentStatus.UNHEALTHY, reason)
        return failures

    def _lost(self, engine: Engine, state: State) -> bool:
        """Whether the engine does not run something that it should: it was removed, or the machine started anew."""
        jobs = [state.router_job, *(server.id for release in state.running for server in release.servers)]
        return any(engine.status(job).state is not JobState.RUNNING for job in jobs)

    def _restart(self, state: State, deployment: Deployment) -> None:
        now = time.time()
        if now < state.next_try:
            return
        if state.tries >= _TRIES:
            self._give_up(state)
            return
        pause = _FIRST_PAUSE * 2**state.tries
        state = self._parts.keep(replace(state, tries=state.tries + 1, next_try=now + pause))
        if deployment.status is not DeploymentStatus.UNHEALTHY:
            self._say(deployment, DeploymentStatus.UNHEALTHY, "its servers were gone: they are started again")
        try:
            for release in state.running:
                self._parts.servers.start(state, release)
            self._parts.routers.ensure(state)
        except EngineUnavailableError:
            raise
        except (EngineError, ConflictError) as error:  # the next look tries again, after a longer pause
            self._say(deployment, DeploymentStatus.UNHEALTHY, error.message)

    def _give_up(self, state: State) -> None:
        for release in state.running:
            self._parts.servers.stop(state, release)
        self._parts.routers.remove(state)
        self._parts.keep(replace(state, up=False, warm_until=0.0, tries=0))
        cause = f"the server died, and {_TRIES} starts did not help"
        self._parts.say(state, DeploymentStatus.FAILED, cause, ended=time.time())

    def _say(self, deployment: Deployment, status: DeploymentStatus, cause: str) -> None:
        state = self._parts.load(deployment.id)
        if state is not None:
            self._parts.say(state, status, cause)
