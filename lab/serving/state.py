"""What a deployment is to be: its releases and servers, who gets which share. Kept in `state.json`, so that whoever
comes after a Lab that was killed knows what to finish or to take back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import Any

from lab.dataclass import dataclass
from lab.errors import IntegrityError
from lab.serving.routing import SLOTS, Backend
from lab.stores.durable import write_json

#: What the weights of a version's servers add up to when it gets everything; many numbers divide it. HAProxy takes 256.
_WHOLE = 240


@dataclass(frozen=True)
class Server:
    """One server of a release: the job that runs it, and where its router finds it."""

    id: str
    slot: int
    host: str
    port: int


@dataclass(frozen=True)
class Release:
    """A model version as it is served. `number` counts the deployment's releases from 1."""

    number: int
    model: str
    version: int
    alias: str
    image: str
    servers: tuple[Server, ...] = ()
    #: What its servers find in their environment besides; see ServerOptions.
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def ref(self) -> str:
        return f"{self.model}:v{self.version}"

    @property
    def slots(self) -> list[int]:
        """Where the router has its servers."""
        return [server.slot for server in self.servers]


@dataclass(frozen=True)
class State:
    """`live` gets the requests; `green` is being tried, with `share` percent of them; `warm` is what served before, its
    servers up until `warm_until` (seconds since the epoch; 0: they are stopped). `rollout` is the id of what is under
    way. A deployment that is not `up` is stopped."""

    id: str
    name: str
    engine: str
    port: int
    router: str
    router_image: str
    token: bool = True
    up: bool = True
    live: Release | None = None
    green: Release | None = None
    warm: Release | None = None
    share: int = 0
    warm_until: float = 0.0
    rollout: str = ""
    releases: int = 0
    #: Starts of lost jobs in a row that did not help, and when the next one may be.
    tries: int = 0
    next_try: float = 0.0

    @property
    def router_job(self) -> str:
        return f"{self.id}-router"

    @property
    def running(self) -> Iterator[Release]:
        """The releases whose servers are to be up."""
        yield from (one for one in (self.live, self.green) if one is not None)
        if self.warm is not None and self.warm_until:
            yield self.warm

    def free_slots(self, count: int) -> list[int]:
        """`count` places at the router that nobody has."""
        taken = {server.slot for release in self.running for server in release.servers}
        return [slot for slot in range(1, SLOTS + 1) if slot not in taken][:count]

    def promoted(self, warm_until: float) -> State:
        """With `green` in the place of `live`."""
        return replace(self, live=self.green, green=None, warm=self.live, share=0, warm_until=warm_until)

    def rolled_back(self, warm_until: float) -> State:
        """With `warm` in the place of `live`, and the other way round."""
        return replace(self, live=self.warm, warm=self.live, green=None, share=0, warm_until=warm_until)


def backends(state: State) -> list[Backend]:
    """What the router of `state` is to know."""
    found = []
    for release in state.running:
        share = state.share if release is state.green else 100 - state.share if release is state.live else 0
        weight = max(1, round(_WHOLE * share / 100 / max(1, len(release.servers)))) if share else 0
        found += [Backend(server.slot, server.host, server.port, weight) for server in release.servers]
    return sorted(found, key=lambda backend: backend.slot)


def save(path: Path, state: State) -> None:
    """Keep `state` durably."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(path, asdict(state))


def load(path: Path) -> State | None:
    """The state that was kept, None where there is none. Raises IntegrityError for what is none."""
    try:
        raw = json.loads(path.read_bytes())
        return _state(raw)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(f"{path} is damaged: {error}", "stop the deployment and deploy again") from error


def _state(raw: Mapping[str, Any]) -> State:
    releases = {name: _release(raw[name]) for name in ("live", "green", "warm")}
    return State(**{**raw, **releases})


def _release(raw: Mapping[str, Any] | None) -> Release | None:
    if raw is None:
        return None
    return Release(**{**raw, "servers": tuple(Server(**server) for server in raw["servers"])})
