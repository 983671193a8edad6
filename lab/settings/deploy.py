"""`[deploy]` of a `lab.toml`: how new model versions come to serve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, replace
from typing import Any

from lab.dataclass import dataclass
from lab.domain.deployments import ServerOptions
from lab.domain.rollouts import Budget, RolloutPlan, Strategy, parse_seconds
from lab.errors import UsageError
from lab.settings.schema import BOOLEAN, SIZE, Table, Value, Wrong, check_count, describe, one_of


@dataclass(frozen=True)
class DeploySettings:
    """`plan` as a rollout without options goes; `token` whether clients must bring one; `server` how servers treat what
    they are asked."""

    plan: RolloutPlan = field(default_factory=RolloutPlan)
    token: bool = True
    server: ServerOptions = field(default_factory=ServerOptions)


def _seconds(raw: Any) -> float:
    try:
        return parse_seconds(raw) if isinstance(raw, str) else float(_number(0.0, 1e9)(raw))
    except UsageError as error:
        raise Wrong(describe(raw), error.hint) from error


def _number(low: float, high: float) -> Callable[[Any], float]:
    def read(raw: Any) -> float:
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not low <= raw <= high:
            raise Wrong(describe(raw))
        return float(raw)

    return read


def _percent(raw: Any) -> int:
    count = check_count(raw, 1)
    if count > 99:
        raise Wrong(describe(raw))
    return count


_SECONDS = Value('a time such as "60s"', _seconds)
_SHARE = Value("a number from 0 to 1", _number(0.0, 1.0))

_BUDGET = Table(
    {
        "p99": _SECONDS,
        "memory": _SHARE,
        "disagreement": _SHARE,
        "errors": _SHARE,
        "p95_ratio": Value("a number from 1 up", _number(1.0, 1e6)),
    },
    build=lambda table: Budget(**table),
)


_POLICY = one_of("count", "warn", "reject")

_SERVER = Table(
    {
        "unseen": _POLICY,
        "outside": _POLICY,
        "missing": _POLICY,
        "exact": BOOLEAN,
        "capture": _SHARE,
        "capture_size": SIZE,
        "capture_days": Value("a number from 1 up", lambda raw: check_count(raw, 1)),
    },
    build=lambda table: ServerOptions(
        **{"capture_bytes" if name == "capture_size" else name: value for name, value in table.items()}
    ),
)


def _build(table: dict[str, Any]) -> DeploySettings:
    token, server = table.pop("token", True), table.pop("server", ServerOptions())
    server = replace(server, idle=table.pop("idle", 0.0))
    if "canary" in table:
        table["share"] = table.pop("canary")
    if "strategy" in table:
        table["strategy"] = Strategy(table["strategy"])
    return DeploySettings(RolloutPlan(**table), token, server)


DEPLOY = Table(
    {
        "strategy": one_of(*(strategy.value for strategy in Strategy)),
        "canary": Value("a percentage from 1 to 99", _percent),
        "hold": _SECONDS,
        "warm": _SECONDS,
        "mirror": _SECONDS,
        "replicas": Value("a number from 1 up", lambda raw: check_count(raw, 1)),
        "token": BOOLEAN,
        "idle": _SECONDS,
        "budget": _BUDGET,
        "server": _SERVER,
    },
    build=_build,
)
