"""Deployments: a model version behind one stable local address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from lab.dataclass import dataclass


class DeploymentStatus(StrEnum):
    STARTING = "starting"
    READY = "ready"
    ASLEEP = "asleep"  # nobody has asked for a while: a request wakes it. As it is seen; the journal says ready
    UNHEALTHY = "unhealthy"  # it runs but does not answer as ready
    FAILED = "failed"  # it never became ready, or its server died
    STOPPED = "stopped"

    @property
    def active(self) -> bool:
        return self in (DeploymentStatus.STARTING, *SERVING)


#: Those that answer, or should.
SERVING = (DeploymentStatus.READY, DeploymentStatus.ASLEEP, DeploymentStatus.UNHEALTHY)


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
    """One look at a deployment, over all its servers. Rates are per second, latencies seconds, sizes bytes, since the
    look before (or since the start, for the first); `None` where nothing is known yet. `errors_4xx` and `errors_5xx`
    are rates. `batch` is the mean number of rows per call of the model; `restarts` are the engine's and the servers'
    own. `asleep` are the servers whose model is not in memory because nobody asks; they are up. `memory` is of all
    servers, `rss` of the largest."""

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
    memory: int | None = None
    memory_limit: int = 0
    counters: Mapping[str, float] = field(default_factory=dict)
    errors_4xx: float | None = None
    errors_5xx: float | None = None
    queued: int = 0
    batch: float | None = None
    servers: int = 1
    servers_up: int = 0
    asleep: int = 0
    restarts: int | None = None
    out_of_memory: bool = False
    last_errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class HealthPoint:
    """Health over an interval that began `at`: means of `looks` looks; of `p99` and `rss` the most."""

    at: float
    looks: int
    rate: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    errors_4xx: float | None = None
    errors_5xx: float | None = None
    in_flight: float | None = None
    cpu: float | None = None
    rss: float | None = None


@dataclass(frozen=True)
class ServerOptions:
    """How servers treat what they are asked. `unseen` categories, values `outside` the range of training and `missing`
    ones are counted, told of (warn), or refused (reject). `capture` is the share of requests that is kept, in at most
    `capture_bytes` and for `capture_days`; 0 keeps none. `exact` allows only ways to compute that give the model's own
    numbers to the last bit. After `idle` seconds without a question the model leaves memory until the next one; 0:
    never."""

    unseen: str = "count"
    outside: str = "count"
    missing: str = "reject"
    exact: bool = False
    idle: float = 0.0
    capture: float = 0.1
    capture_bytes: int = 64 << 20
    capture_days: int = 30

    def variables(self) -> dict[str, str]:
        """As a server reads them from its environment."""
        return {
            "LAB_ON_UNSEEN": self.unseen,
            "LAB_ON_OUTSIDE": self.outside,
            "LAB_ON_MISSING": self.missing,
            "LAB_EXACT": "1" if self.exact else "0",
            "LAB_IDLE": f"{self.idle:g}",
            "LAB_CAPTURE_RATE": f"{self.capture:g}",
            "LAB_CAPTURE_BYTES": str(self.capture_bytes),
            "LAB_CAPTURE_DAYS": str(self.capture_days),
        }


@dataclass(frozen=True)
class ServersSeen:
    """What engine and router know of a deployment's servers. `errors` are the last lines that tell of one."""

    restarts: int = 0
    out_of_memory: bool = False
    queued: int = 0
    errors: tuple[str, ...] = ()
