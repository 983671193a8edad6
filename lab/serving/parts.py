"""What rollouts and those who look after deployments work with."""

from __future__ import annotations

from dataclasses import replace

from lab.catalog.connection import Catalog
from lab.dataclass import dataclass
from lab.domain.deployments import Deployment, DeploymentStatus
from lab.domain.text import clean
from lab.errors import EngineError
from lab.events import DEPLOYMENT_RELEASED, DEPLOYMENT_STATUS
from lab.journal import Journal
from lab.paths import DeploymentFolder, LabHome
from lab.serving.http import Client
from lab.serving.routers import Routers
from lab.serving.servers import Servers
from lab.serving.state import Release, State, load, save


@dataclass(frozen=True)
class Parts:
    home: LabHome
    journal: Journal
    catalog: Catalog
    servers: Servers
    routers: Routers
    client: Client

    def folder(self, state: State) -> DeploymentFolder:
        return self.home.deployment(state.id)

    def load(self, deployment_id: str) -> State | None:
        """Raises IntegrityError if what is kept of it is damaged."""
        return load(self.home.deployment(deployment_id).state)

    def keep(self, state: State) -> State:
        save(self.folder(state).state, state)
        return state

    def say(self, state: State, status: DeploymentStatus, cause: str = "", **times: float) -> None:
        body = {"status": status.value, "cause": clean(cause, 400), **times}
        self.journal.append(DEPLOYMENT_STATUS, state.id, body)
        self.catalog.refresh()

    def released(self, state: State, release: Release) -> None:
        """Let everybody know what the deployment serves."""
        body = {"model": release.model, "version": release.version, "alias": release.alias, "image": release.image}
        more = {"port": state.port or None, "replicas": max(1, len(release.servers))}
        self.journal.append(DEPLOYMENT_RELEASED, state.id, {**body, **more})
        self.catalog.refresh()

    def ready(self, state: State, slot: int = 0, timeout: float = 1.0) -> tuple[bool, str]:
        """Whether a server says that it is ready; slot 0 is whoever gets requests."""
        return self.client.ready(address(state), timeout=timeout, slot=slot)

    def page(self, state: State, slot: int) -> str:
        """A server's own metrics page; "" where it gives none."""
        try:
            return self.client.get(address(state), "/metrics", slot)[1].decode("utf-8", "replace")
        except EngineError:
            return ""

    def answers(self, state: State, timeout: float = 1.0) -> tuple[bool, str]:
        """Whether it is ready at its address, and by its own router: after that is gone anybody may have the port."""
        ready, reason = self.ready(state, timeout=timeout)
        if ready and not self.routers.is_up(state):
            return False, f"another program answers at port {state.port}"
        return ready, reason


def address(state: State) -> Deployment:
    """`state` as those who ask over HTTP need it."""
    release = state.live or state.green
    model, version, alias, image = (
        (release.model, release.version, release.alias, release.image) if release else ("", 0, "", "")
    )
    return Deployment(
        id=state.id,
        name=state.name,
        model=model,
        version=version,
        alias=alias,
        status=DeploymentStatus.READY,
        engine=state.engine,
        port=state.port,
        image=image,
        created=0.0,
    )


def without_green(state: State) -> State:
    return replace(state, green=None, share=0, rollout="")
