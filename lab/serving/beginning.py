"""What a rollout begins from: the deployment of a name as it stands, or a new one; and its address."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from lab.catalog import deployments as catalog_deployments
from lab.domain.ids import short_id
from lab.domain.models import ModelVersion
from lab.engine.base import Engine
from lab.engine.ports import in_turn, is_free
from lab.errors import ConflictError
from lab.events import DEPLOYMENT_CREATED
from lab.serving.parts import Parts
from lab.serving.state import State
from lab.serving.undoing import recover
from lab.settings.deploy import DeploySettings

_PORTS = range(8100, 9000)


class Beginning:
    """`defaults` are what the project that the user stands in wants of its deployments."""

    def __init__(
        self, parts: Parts, engine_of: Callable[[str], Engine], defaults: Callable[[], DeploySettings]
    ) -> None:
        self._parts = parts
        self._engine_of = engine_of
        self._defaults = defaults

    def state(self, name: str, version: ModelVersion, alias: str, port: int, engine: str, token: bool | None) -> State:
        """What a rollout begins from: the deployment of that name, or a new one."""
        known = [one for one in catalog_deployments.all_deployments(self._parts.catalog) if one.name == name]
        state = self._parts.load(known[0].id) if known else None
        if state is not None and (state.rollout or state.green):
            state = recover(self._parts, state)
        if state is not None and state.up and state.live is not None:
            other = engine and self._engine_of(engine).name != state.engine
            if other or (port and port != state.port):
                raise ConflictError(
                    f"deployment {name} is up, at {state.port} on {state.engine}", f"lab deployments stop {name}"
                )
            if token is not None and token != state.token:
                raise ConflictError(
                    f"deployment {name} is up, and clients know its ways", f"lab deployments stop {name}"
                )
            return state
        chosen = self._engine_of(engine or (known[0].engine if known else "")).name
        if state is not None:
            return replace(
                state,
                engine=chosen,
                port=port,
                up=True,
                live=None,
                warm=None,
                green=None,
                warm_until=0.0,
                tries=0,
                token=state.token if token is None else token,
            )
        fresh = State(short_id(), name, chosen, port, "", "", token=self._defaults().token if token is None else token)
        body = {"name": name, "model": version.model, "version": version.number, "alias": alias}
        self._parts.journal.append(DEPLOYMENT_CREATED, fresh.id, {**body, "engine": chosen, "port": port, "image": ""})
        return fresh

    def port(self, name: str, refused: Collection[int]) -> int:
        """The port that the name had before, if it is free; else the first free one nobody else is known by. None of
        the `refused` ones."""
        known = catalog_deployments.all_deployments(self._parts.catalog)
        before = [deployment.port for deployment in known if deployment.name == name and deployment.port]
        taken = {deployment.port for deployment in known if deployment.name != name}
        for port in [*before[:1], *(port for port in in_turn(self._parts.home, _PORTS) if port not in taken)]:
            if port not in refused and is_free(port):
                return port
        raise ConflictError(f"no free port from {_PORTS[0]} to {_PORTS[-1]}", "stop a deployment or give --port")
