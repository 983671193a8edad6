"""Deployments: a model version behind one stable local address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class DeploymentStatus(StrEnum):
    STARTING = "starting"
    READY = "ready"
    UNHEALTHY = "unhealthy"  # it runs but does not answer as ready
    FAILED = "failed"  # it never became ready, or its server died
    STOPPED = "stopped"

    @property
    def active(self) -> bool:
        return self in (DeploymentStatus.STARTING, DeploymentStatus.READY, DeploymentStatus.UNHEALTHY)


@dataclass(frozen=True)
class Deployment:
    """A deployment as the catalog knows it. `port` is on loopback and stays the same for as long as there is the name.

    `slots` are where its router has the servers that get its requests; only who asked the router knows them.
    """

    id: str
    name: str
    model: str
    version: int
    alias: str
    status: DeploymentStatus
    engine: str
    port: int
    image: str
    created: float
    cause: str = ""
    replicas: int = 1
    ready: float | None = None
    ended: float | None = None
    slots: tuple[int, ...] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Health:
    """One look at a deployment. Rates are per second, latencies seconds, sizes bytes, since the look before
    (or since the start, for the first); `None` where nothing is known yet."""

    deployment: str
    at: float
    live: bool
    ready: bool
    reason: str = ""
    uptime: float | None = None
    requests: int = 0
    errors: int = 0
    rate: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    in_flight: int = 0
    cpu: float | None = None  # cores
    rss: int | None = None
    memory_limit: int = 0
    counters: Mapping[str, float] = field(default_factory=dict)
