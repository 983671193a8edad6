"""Deployments as rows and facts: the state, how much is asked, how quickly and how well it is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.domain.deployments import SERVING, Deployment, DeploymentStatus, Health, HealthPoint
from lab.domain.rollouts import Rollout
from lab.ui.render.glyphs import glyphs
from lab.ui.render.number import format_age, format_duration, format_number, format_size, format_time
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.sparkline import sparkline
from lab.ui.render.status import deployment_mark
from lab.ui.widgets.detail import Pair

#: Seconds of request rate that are kept and drawn.
MINUTE = 60
_SPARK, _WIDE_SPARK = 16, 40

COLUMNS = (
    Column("state", "state", width=13, sortable=False),
    Column("name", "name", min_width=8, max_width=30, sortable=False, flex=1),
    Column("model", "model", min_width=8, max_width=26, sortable=False),
    Column("url", "address", min_width=21, max_width=24, sortable=False),
    Column("rate", "req/s", width=7, align="right", sortable=False),
    Column("p95", "p95", width=7, align="right", sortable=False),
    Column("errors", "5xx/s", width=6, align="right", sortable=False),
    Column("spark", "last minute", width=_SPARK, sortable=False),
    Column("servers", "up", width=5, align="right", sortable=False),
    Column("memory", "memory", width=8, align="right", sortable=False),
    Column("age", "age", width=8, sortable=False),
)


def shown_status(one: Deployment, health: Health | None) -> DeploymentStatus:
    """What the last look says of a deployment that should serve."""
    if health is None or one.status not in SERVING:
        return one.status
    if health.asleep and health.asleep == health.servers_up:
        return DeploymentStatus.ASLEEP
    return DeploymentStatus.READY if health.ready else DeploymentStatus.UNHEALTHY


def rate_line(rates: Sequence[float], width: int) -> str:
    """Requests over the last minute; nothing while there were none, which is not the same as few."""
    return sparkline(rates, width) if any(rates) else ""


def deployment_row(
    one: Deployment, health: Health | None, rates: Sequence[float], now: float, coming: Rollout | None = None
) -> Row:
    """One deployment; `coming` is the rollout that is under way, if one is."""
    mark = deployment_mark(shown_status(one, health))
    up = one.status.active and health is not None
    cells = (
        Cell(mark.text, mark.token),
        Cell(one.name, "bold" if one.status.active else ""),
        Cell(_model(one, coming), "run" if coming is not None else ""),
        Cell(one.url if one.status.active else "", "primary"),
        Cell(format_number(health.rate, 3) if up and health and health.rate is not None else ""),
        Cell(format_duration(health.p95) if up and health and health.p95 is not None else ""),
        _errors(health) if up and health else Cell(""),
        Cell(rate_line(rates, _SPARK) if up else "", "primary"),
        Cell(f"{health.servers_up}/{health.servers}" if up and health else "", _up_token(health)),
        Cell(format_size(health.rss) if up and health and health.rss is not None else ""),
        Cell(format_age(one.created, now), "muted"),
    )
    return Row(one.id, cells)


def _model(one: Deployment, coming: Rollout | None) -> str:
    """What serves, and what is being rolled out: `churn:v1 › v2`."""
    serves = f"{one.model}:v{one.version}"
    if coming is None:
        return serves
    return f"{serves} {glyphs().more} {'' if coming.model == one.model else f'{coming.model}:'}v{coming.version}"


def coming_facts(coming: Rollout, now: float) -> list[Pair]:
    """The rollout that is under way: what comes, how, for how long so far, and the last step that is over."""
    told = f"{coming.model}:v{coming.version}, {coming.strategy}, for {format_duration(now - coming.started)}"
    last = f" ({coming.steps[-1].step}: {coming.steps[-1].told})" if coming.steps else ""
    return [Pair("rolling out", told + last, "run")]


def _errors(health: Health) -> Cell:
    rate = health.errors_5xx
    return Cell("" if rate is None else format_number(rate, 2), "fail" if rate else "muted")


def _up_token(health: Health | None) -> str:
    return "warn" if health is not None and health.servers_up < health.servers else "muted"


def deployment_facts(
    one: Deployment,
    health: Health | None,
    rates: Sequence[float],
    now: float,
    history: Sequence[Pair] = (),
    coming: Rollout | None = None,
) -> list[Pair]:
    """One deployment at length; `history` is as `history_facts` draws it, `coming` the rollout that is under way."""
    mark = deployment_mark(shown_status(one, health))
    pairs = [Pair("state", mark.text, mark.token)]
    pairs += coming_facts(coming, now) if coming is not None else []
    pairs += [Pair("why", one.cause, "warn")] if one.cause else []
    pairs += [Pair("not ready", health.reason, "warn")] if health and health.reason and one.status.active else []
    pairs += [Pair("address", one.url if one.status.active else f"{one.url} (not up)")]
    if health is not None and one.status.active:
        pairs += _health_facts(health, rates)
        pairs += history
    pairs += [
        Pair("model", f"{one.model}:v{one.version}" + (f" (as {one.alias})" if one.alias else "")),
        Pair("engine", one.engine),
        Pair("image", one.image or "–"),
        Pair("created", format_time(one.created, now)),
        Pair("serves since", format_time(one.ready, now) if one.ready else "–"),
        Pair("id", one.id),
    ]
    pairs += [Pair("ended", format_time(one.ended, now))] if one.ended else []
    return pairs


def _health_facts(health: Health, rates: Sequence[float]) -> list[Pair]:
    limit = f" of {format_size(health.memory_limit)}" if health.memory_limit else ""
    latency = "  ".join(f"{name} {format_duration(value)}" for name, value in
                        (("p50", health.p50), ("p95", health.p95), ("p99", health.p99)))  # fmt: skip
    rate = "–" if health.rate is None else f"{format_number(health.rate, 3)} /s"
    bad = [f"{name} {format_number(value, 2)}/s" for name, value in
           (("4xx", health.errors_4xx), ("5xx", health.errors_5xx)) if value]  # fmt: skip
    waiting = f"{health.in_flight} in flight, {health.queued} queued"
    waiting += f", {format_number(health.batch, 2)} rows a call" if health.batch else ""
    pairs = [
        Pair("requests", f"{rate}   {rate_line(rates, _WIDE_SPARK)}", "primary"),
        Pair("", f"{health.requests:,} in all, {health.errors:,} errors" + (f" ({', '.join(bad)})" if bad else "")),
        Pair("", waiting),
        Pair("latency", latency, "fail" if health.errors_5xx else ""),
        Pair(
            "servers",
            f"{health.servers_up} of {health.servers} up{_sleeping(health)}",
            _up_token(health).replace("muted", ""),
        ),
        Pair("cpu", "–" if health.cpu is None else f"{health.cpu:.2f} cores"),
        Pair("memory", "–" if health.rss is None else f"{format_size(health.rss)}{limit}"),
        Pair("up", format_duration(health.uptime)),
    ]
    if health.restarts:
        why = ", out of memory" if health.out_of_memory else ""
        pairs.append(Pair("restarts", f"{health.restarts}{why}", "warn"))
    return [*pairs, *(Pair("said" if at == 0 else "", line, "warn") for at, line in enumerate(health.last_errors))]


def _sleeping(health: Health) -> str:
    if not health.asleep:
        return ""
    return f", {health.asleep} asleep: a request wakes {'it' if health.asleep == 1 else 'them'}"


def history_facts(history: Sequence[HealthPoint]) -> list[Pair]:
    """The last hour: how much was asked, and how slow the slowest were."""
    drawn: list[tuple[str, list[float], Callable[[float], str]]] = [
        ("requests", [point.rate or 0.0 for point in history], lambda most: f"{format_number(most, 3)}/s"),
        ("p99", [point.p99 or 0.0 for point in history], format_duration),
        ("memory", [point.rss or 0.0 for point in history], format_size),
    ]
    pairs = [
        Pair(name, f"{sparkline(values, _WIDE_SPARK)}  {tell(max(values))} at most", "primary")
        for name, values, tell in drawn
        if any(values)
    ]
    return [Pair("The last hour"), *pairs, Pair("Deployment")] if pairs else []
