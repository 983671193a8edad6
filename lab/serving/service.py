"""Deployments: a model version behind one stable loopback address, and how it comes to be another version."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from lab.catalog import deployments as catalog_deployments
from lab.catalog import rollouts as catalog_rollouts
from lab.catalog.connection import Catalog
from lab.domain.canary import Beside
from lab.domain.deployments import SERVING, Deployment, DeploymentStatus, Health, HealthPoint
from lab.domain.load_tests import LoadTest
from lab.domain.names import check_name
from lab.domain.rollouts import Rollout, RolloutPlan
from lab.domain.text import clean
from lab.engine.base import Engine
from lab.errors import ConflictError, EngineUnavailableError, NotFoundError, UsageError
from lab.events import DEPLOYMENT_STATUS
from lab.journal import Journal
from lab.paths import LabHome
from lab.serving import forgetting, load_tests, tokens
from lab.serving.beginning import Beginning
from lab.serving.canaries import Canaries
from lab.serving.gates import OWN_ID
from lab.serving.http import ASLEEP, Client
from lab.serving.parts import Parts
from lab.serving.rolling import Rolling
from lab.serving.routers import Routers
from lab.serving.scaling import scale
from lab.serving.servers import ModelSource, Servers
from lab.serving.state import Release, State
from lab.serving.tending import Tender, alone
from lab.serving.undoing import abandon, recover, swap_back
from lab.settings.deploy import DeploySettings

_ABORT_SECONDS = 30.0
_LIST_SECONDS = 5.0  # between two looks at which deployments there are to watch

Progress = Callable[[str], None]


class HealthSource(Protocol):
    """What serving needs of monitoring."""

    def look(self, deployment: Deployment, within: float = 0.0) -> Health: ...

    def keep_up(self, deployment: Deployment) -> None: ...

    def history(self, deployment: Deployment, seconds: float) -> Sequence[HealthPoint]: ...


class Deployments:
    """The serving room."""

    def __init__(
        self,
        home: LabHome,
        journal: Journal,
        catalog: Catalog,
        models: ModelSource,
        health: HealthSource,
        engine_of: Callable[[str], Engine],
        defaults: Callable[[], DeploySettings] = DeploySettings,
    ) -> None:
        """`defaults` are what the project that the user stands in wants of its deployments."""
        self._home = home
        self._defaults = defaults
        self._catalog = catalog
        self._models = models
        self._health = health
        self._engine_of = engine_of
        self._parts = Parts(
            home, journal, catalog, Servers(home, models, engine_of), Routers(home, engine_of), Client(home)
        )
        self._beginning = Beginning(self._parts, engine_of, defaults)
        self._tender = Tender(self._parts)
        self._canaries = Canaries(self._parts)
        self._up: Sequence[Deployment] = ()
        self._list_again = 0.0

    # -- changing -----------------------------------------------------------------------------------

    def deploy(
        self,
        ref: str,
        *,
        name: str = "",
        port: int = 0,
        engine: str = "",
        plan: RolloutPlan | None = None,
        token: bool | None = None,
        idle: float | None = None,
        progress: Progress | None = None,
    ) -> Deployment:
        """Serve the model version `ref`. Of a name that is up this is a rollout: the version that serves now goes on
        until the new one has shown that it is as good, and serves on if it is not.

        The address is kept for the name. `token` says whether requests must bring one; a deployment that there is
        keeps its way unless told. After `idle` seconds without a request its model leaves memory until the next one; 0
        is never, None as the project says.

        Raises GateRejectedError when a gate said no, ConflictError while another process changes the deployment or when
        the port is taken, EngineError when a server did not get ready, with its last words.
        """
        version = self._models.get(ref)
        name = check_name("deployment", name or version.model)
        plan = plan or self._defaults().plan
        with alone(self._parts, name):
            self._catalog.refresh()
            state = self._beginning.state(name, version, _alias(ref), port, engine, token)
            options, tell = self._defaults().server, progress or _silent
            options = options if idle is None else replace(options, idle=idle)
            Rolling(
                self._parts,
                state,
                version,
                _alias(ref),
                plan,
                tell,
                lambda refused: self._beginning.port(name, refused),
                options,
            ).run()
            return self.get(state.id)

    def served_before(self, ref: str) -> str:
        """The version that `rollback` gives the requests back to, such as `iris:v1`; empty where a rollout that is
        under way is the first. Raises ConflictError where there is nothing to go back to."""
        return self._served_before(self._needed(self.get(ref)))

    def _served_before(self, state: State) -> str:
        if state.rollout:
            return state.live.ref if state.live is not None else ""
        if state.warm is None or not state.up:
            raise ConflictError(
                f"deployment {state.name} has served nothing before", f"lab deployments history {state.name}"
            )
        return state.warm.ref

    def rollback(self, ref: str) -> Deployment:
        """Give the requests back to the version that served before; a rollout that is under way is taken back.

        Raises ConflictError where there is nothing to go back to.
        """
        deployment = self.get(ref)
        state = self._needed(deployment)
        if state.rollout:
            self._parts.folder(state).abort.touch()
        with alone(self._parts, deployment.name, timeout=_ABORT_SECONDS):
            current = self._needed(deployment)
            if state.rollout and current.rollout != state.rollout:
                return self.get(deployment.id)  # its driver took it back
            self._served_before(current)
            if current.rollout:
                recover(self._parts, current)
            else:
                swap_back(self._parts, current, "rolled back by hand")
        return self.get(deployment.id)

    def scale(self, ref: str, replicas: int) -> Deployment:
        """Serve with so many servers of the same version. Raises ConflictError if it is not up."""
        deployment = self.get(ref)
        with alone(self._parts, deployment.name):
            scale(self._parts, self._needed(deployment), replicas)
        return self.get(deployment.id)

    def stop(self, ref: str) -> Deployment:
        """End router and servers; requests that were taken are answered first. Raises ConflictError if it is not up."""
        deployment = self.get(ref)
        if not deployment.status.active:
            raise ConflictError(f"deployment {deployment.name} is {deployment.status.value} already")
        with alone(self._parts, deployment.name):
            state = self._parts.load(deployment.id)
            if state is None:  # of an earlier Lab: one server, called as the deployment
                return self._stop_lone(deployment)
            if state.rollout:
                state = abandon(self._parts, state)
            for release in state.running:
                self._parts.servers.stop(state, release)
            self._parts.routers.remove(state)
            state = self._parts.keep(replace(state, up=False, green=None, warm_until=0.0))
            self._parts.servers.sweep(state)
            self._parts.say(state, DeploymentStatus.STOPPED, "stopped by user", ended=time.time())
        return self.get(deployment.id)

    def _stop_lone(self, deployment: Deployment) -> Deployment:
        engine = self._engine_of(deployment.engine)
        engine.stop(deployment.id)
        engine.remove(deployment.id)
        body = {"status": DeploymentStatus.STOPPED.value, "cause": "stopped by user", "ended": time.time()}
        self._parts.journal.append(DEPLOYMENT_STATUS, deployment.id, body)
        self._catalog.refresh()
        return self.get(deployment.id)

    def forget(self, ref: str, ids: Collection[str]) -> int:
        """Take everything that was kept of these predictions out of captures and feedback: requests, answers, labels.
        Returns how many lines went.

        Raises LabError where a file cannot be rewritten; it is then as it was.
        """
        return forgetting.forget(self._home.deployment(self._known(ref).id), ids)

    def token(self, ref: str, *, rotate: bool = False) -> str:
        """What clients bring as `Authorization: Bearer …`; "" if the deployment asks for none. After a rotation the one
        before is taken for some minutes."""
        deployment = self.get(ref)
        folder = self._home.deployment(deployment.id)
        if not rotate:
            return tokens.read(folder)
        if not tokens.read(folder):
            raise ConflictError(
                f"deployment {deployment.name} asks for no token", "stop it, and deploy it with --token"
            )
        with alone(self._parts, deployment.name):
            return tokens.rotate(folder)

    @property
    def plan(self) -> RolloutPlan:
        """How a rollout goes that is not told otherwise."""
        return self._defaults().plan

    @property
    def idle(self) -> float:
        """Seconds without a request after which models leave memory, unless told otherwise; 0: never."""
        return self._defaults().server.idle

    # -- looking ------------------------------------------------------------------------------------

    def list(self) -> Sequence[Deployment]:
        """Every deployment, newest first; those that are up as they answer now."""
        self._tender.recover()
        return [self._as_it_is(deployment) for deployment in catalog_deployments.all_deployments(self._catalog)]

    def get(self, ref: str) -> Deployment:
        """The deployment with that id, or the one of that name that is up, else the last one of that name; one that is
        up as it answers now."""
        return self._as_it_is(self._known(ref))

    def _known(self, ref: str) -> Deployment:
        """As `get`, as the journal has it."""
        found = [
            deployment
            for deployment in catalog_deployments.all_deployments(self._catalog)
            if deployment.id == ref or deployment.name == ref
        ]
        if not found:
            raise NotFoundError(f"no deployment {clean(ref)!r}", "lab deployments ls shows what there is")
        return next((item for item in found if item.status.active), found[0])

    def history(self, ref: str) -> Sequence[Rollout]:
        """Its rollouts with their steps and numbers, newest first."""
        return catalog_rollouts.of_deployment(self._catalog, self._known(ref).id)

    def canary(self, ref: str) -> Beside | None:
        """The version that serves and the one that is tried, since the first look at that in this process; None where
        none is tried. Raises EngineError if its router does not answer."""
        state = self._needed(self._known(ref))
        rollouts = catalog_rollouts.of_deployment(self._catalog, state.id)
        current = next((one for one in rollouts if one.id == state.rollout), None)
        return self._canaries.look(state, current, self.plan.budget.p95_ratio)

    def health(self, ref: str, within: float = 0.0) -> Health:
        """One look at its servers over HTTP, or what one of the last `within` seconds has found; rates are since the
        look before in this process."""
        deployment = self._known(ref)
        return self._health.look(replace(deployment, slots=self._slots(deployment)), within)

    def health_history(self, ref: str, seconds: float) -> Sequence[HealthPoint]:
        """Its health over the last `seconds` (up to thirty days), oldest first, the coarser the longer."""
        return self._health.history(self._known(ref), seconds)

    def watch(self) -> None:
        """One look at the health of all that are up, for their history."""
        if time.monotonic() >= self._list_again:
            self._list_again = time.monotonic() + _LIST_SECONDS
            self._up = [
                replace(deployment, slots=self._slots(deployment))
                for deployment in catalog_deployments.all_deployments(self._catalog)
                if deployment.status in SERVING
            ]
        for deployment in self._up:
            self._health.keep_up(deployment)

    def predict(self, ref: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the server. `payload` is `{"rows": [{column: value}]}` or `{"data": [[…]]}`.

        Raises ConflictError when it is not up, UsageError with the reason when it refuses the input.
        """
        deployment = self._known(ref)
        if not deployment.status.active:
            raise ConflictError(f"deployment {deployment.name} is {deployment.status.value}", "deploy it again")
        return self._parts.client.predict(deployment, payload)

    def load_test(
        self, ref: str, payload: Mapping[str, Any] | None = None, *, connections: int = 32, seconds: float = 10.0
    ) -> LoadTest:
        """Ask it again and again for `seconds`, and keep what came of it. `payload` is as for `predict`; without one it
        is a reference row.

        Raises ConflictError when it is not up, UsageError when it refuses the payload or there is none.
        """
        deployment = self._known(ref)
        payload = {**(payload or self.example(ref)), "id": OWN_ID}
        if len(payload) == 1:
            raise UsageError(f"the model of {deployment.name} has no reference row to ask", "give rows as JSON")
        self.predict(ref, payload)
        token = tokens.read(self._home.deployment(deployment.id))
        test = load_tests.run(deployment, payload, token, connections, seconds)
        load_tests.keep(self._home.deployment(deployment.id).load_tests, test)
        return test

    def load_tests(self, ref: str) -> Sequence[LoadTest]:
        """What load tests of it have found, newest first."""
        return load_tests.kept(self._home.deployment(self._known(ref).id).load_tests)

    def signature(self, ref: str) -> Mapping[str, Any]:
        """What the model takes and gives: its `signature.json`."""
        deployment = self._known(ref)
        return self._models.get(f"{deployment.model}:v{deployment.version}").signature

    def example(self, ref: str) -> dict[str, Any]:
        """A payload that the model takes: its first golden row; empty where it has none."""
        deployment = self._known(ref)
        state, release = self._served(deployment)
        if state is None or release is None:
            return {}
        path = self._parts.servers.folder(state, release).model / "golden.jsonl"
        names = [column["name"] for column in self.signature(ref).get("inputs", ())]
        if not path.is_file():
            return {}
        with open(path, encoding="utf-8") as file:
            row = json.loads(file.readline())["data"]
        return {"rows": [dict(zip(names, row, strict=False))]}

    def log_path(self, ref: str) -> Path:
        """What its first server writes, whether it has or not."""
        deployment = self._known(ref)
        state, release = self._served(deployment)
        folder = self._home.deployment(deployment.id)
        return folder.release(release.number if state and release else 1).stdout(0)

    def log_tail(self, ref: str, lines: int = 200) -> Sequence[str]:
        """The last lines of its first server."""
        state, release = self._served(self._known(ref))
        return self._parts.servers.said(state, release, lines) if state and release else ()

    def settle(self) -> Sequence[str]:
        """Look after all that are up once: mend what can be, journal what has changed. Returns what went wrong, as
        sentences."""
        told: list[str] = []
        for deployment in catalog_deployments.all_deployments(self._catalog):
            if not deployment.status.active:
                continue
            try:
                self._tender.look(self._engine_of(deployment.engine), deployment)
            except EngineUnavailableError as error:
                told.append(f"deployment {deployment.name} could not be checked: {error.message}")
        return told

    # -- within -------------------------------------------------------------------------------------

    def _needed(self, deployment: Deployment) -> State:
        state = self._parts.load(deployment.id)
        if state is None:
            raise ConflictError(f"deployment {deployment.name} was made by another Lab", "deploy it anew")
        return state

    def _served(self, deployment: Deployment) -> tuple[State | None, Release | None]:
        """The release that serves, else the one that is to, else the one that did."""
        state = self._parts.load(deployment.id)
        return state, (state.live or state.green or state.warm) if state else None

    def _as_it_is(self, deployment: Deployment) -> Deployment:
        """With the status that it has at this moment, which nobody may have journalled yet."""
        if deployment.status not in SERVING:
            return deployment
        state = self._parts.load(deployment.id)
        client = self._parts.client
        ready, said = self._parts.answers(state, timeout=0.5) if state else client.ready(deployment, timeout=0.5)
        if ready:
            status, cause = DeploymentStatus.ASLEEP if said == ASLEEP else DeploymentStatus.READY, deployment.cause
        else:
            status, cause = DeploymentStatus.UNHEALTHY, said
        return replace(deployment, status=status, cause=cause, slots=self._slots(deployment))

    def _slots(self, deployment: Deployment) -> tuple[int, ...]:
        """Where its router has the servers that get its requests."""
        _, release = self._served(deployment)
        return tuple(server.slot for server in release.servers) if release else ()


def _alias(ref: str) -> str:
    wanted = ref.replace(":", "@", 1).partition("@")[2]
    return "" if wanted[:1] == "v" and wanted[1:].isdigit() else wanted


def _silent(_line: str) -> None:
    """Progress that nobody reads."""
