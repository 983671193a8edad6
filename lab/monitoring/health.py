"""Live health of deployments, from their servers' own `/metrics`: one to three milliseconds a look."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace

from lab.dataclass import dataclass
from lab.domain.deployments import Deployment, Health, HealthPoint, ServersSeen
from lab.domain.exposition import OWN_ROUTES, Sample, parse, quantile
from lab.errors import EngineError
from lab.monitoring.history import HealthLog

#: Asks (method GET) a deployment for a path, at one of its servers by slot or, for 0, at any; status and body, or
#: EngineError.
Ask = Callable[[Deployment, str, int], tuple[int, bytes]]
#: What engine and router know of its servers; asked seldom.
See = Callable[[Deployment], ServersSeen]

#: Who looks for the history's sake need not where somebody else does so every second.
_FRESH = 1.5
_SEE_SECONDS = 10.0


@dataclass(frozen=True)
class _Look:
    """What counts of all servers stood at."""

    at: float
    requests: float = 0.0
    failed: Mapping[str, float] = field(default_factory=dict)  # by the first digit of the status
    cpu: float = 0.0
    batches: float = 0.0
    rows: float = 0.0
    buckets: Mapping[float, float] = field(default_factory=dict)


class HealthWatch:
    """Remembers the look before, per deployment, so that rates can be told. Safe to use from any thread."""

    def __init__(
        self, ask: Ask, memory_limit: int, see: See = lambda _: ServersSeen(), log: HealthLog | None = None
    ) -> None:
        self._ask = ask
        self._memory_limit = memory_limit
        self._see = see
        self._log = log
        self._before: dict[str, _Look] = {}
        self._asked: dict[str, float] = {}  # when somebody wanted to know
        self._last: dict[str, tuple[float, Health]] = {}
        self._seen: dict[str, tuple[float, ServersSeen]] = {}
        self._lock = threading.Lock()

    def look(self, deployment: Deployment, within: float = 0.0) -> Health:
        """How it is now; a look of the last `within` seconds does as well. A deployment none of whose servers answers
        is neither live nor ready; `reason` says why."""
        now = time.monotonic()
        with self._lock:
            then, last = self._last.get(deployment.id, (0.0, None))
            if last is not None and now - then < within:
                return last
            self._asked[deployment.id] = now
        return self._look_and_keep(deployment)

    def keep_up(self, deployment: Deployment) -> None:
        """Look, for the history's sake, unless somebody just did."""
        with self._lock:
            stale = time.monotonic() - self._asked.get(deployment.id, -_FRESH) >= _FRESH
        if stale:
            self._look_and_keep(deployment)

    def _look_and_keep(self, deployment: Deployment) -> Health:
        health = self._look(deployment)
        if self._log is not None and health.live:
            self._log.add(health)
        with self._lock:
            self._last[deployment.id] = time.monotonic(), health
        return health

    def history(self, deployment: Deployment, seconds: float) -> list[HealthPoint]:
        """Health over the last `seconds`, oldest first."""
        now = time.time()
        return self._log.points(deployment.id, now - seconds, now) if self._log else []

    def _look(self, deployment: Deployment) -> Health:
        at, slots = time.time(), deployment.slots or (0,)
        pages: list[Sequence[Sample]] = []
        reason = ""
        for slot in slots:
            try:
                status, body = self._ask(deployment, "/metrics", slot)
            except EngineError as error:
                reason = reason or error.message
                continue
            if status != 200:
                reason = reason or f"/metrics answers {status}"
            else:
                pages.append(parse(_relevant(body.decode("utf-8", "replace"))))
        seen = self._servers(deployment)
        if not pages:
            with self._lock:
                self._before.pop(deployment.id, None)
            return _with(Health(deployment.id, at, live=False, ready=False, reason=reason, servers=len(slots)), seen)
        ready = [page for page in pages if _single(page).get("lab_ready", 1.0) > 0]
        if not ready:
            reason = self._reason(deployment, slots[0])
        return _with(self._health(deployment, at, pages, len(ready), "" if ready else reason, len(slots)), seen)

    def _reason(self, deployment: Deployment, slot: int) -> str:
        try:
            status, body = self._ask(deployment, "/readyz", slot)
        except EngineError as error:
            return error.message
        match = re.search(rb'"reason"\s*:\s*"((?:[^"\\]|\\.){0,200})', body)
        return match[1].decode("utf-8", "replace") if match else f"/readyz answers {status}"

    def _servers(self, deployment: Deployment) -> ServersSeen | None:
        """As last seen, and again when that is too long ago; None if nobody can tell."""
        moment = time.monotonic()
        with self._lock:
            then, seen = self._seen.get(deployment.id, (-_SEE_SECONDS, None))
        if seen is not None and moment - then < _SEE_SECONDS:
            return seen
        try:
            seen = self._see(deployment)
        except EngineError:
            return None
        with self._lock:
            self._seen[deployment.id] = (moment, seen)
        return seen

    def _health(
        self,
        deployment: Deployment,
        at: float,
        pages: Sequence[Sequence[Sample]],
        ready: int,
        reason: str,
        servers: int,
    ) -> Health:
        now = _sum(pages)
        singles = [_single(page) for page in pages]
        names = dict.fromkeys(name for single in singles for name in single)
        counters = {name: sum(single.get(name, 0.0) for single in singles) for name in names}
        with self._lock:
            before = self._before.get(deployment.id)
            self._before[deployment.id] = now
        if before is not None and before.requests > now.requests:
            before = None  # a server has started again: its counters are new
        recent = _since(now, before)
        uptimes = [single["lab_uptime_seconds"] for single in singles if "lab_uptime_seconds" in single]
        memory = [single["process_resident_memory_bytes"] for single in singles if _RSS in single]
        return Health(
            deployment=deployment.id,
            at=at,
            live=True,
            ready=ready > 0,
            reason=reason,
            uptime=min(uptimes) if uptimes else None,
            requests=int(now.requests),
            errors=int(sum(now.failed.values())),
            rate=_rate(now.requests, before.requests, now, before) if before else None,
            p50=quantile(recent, 0.50),
            p95=quantile(recent, 0.95),
            p99=quantile(recent, 0.99),
            # The looks themselves are one at each server that is awake.
            in_flight=sum(max(0, int(single.get("lab_requests_in_flight", 1)) - 1) for single in singles),
            cpu=_rate(now.cpu, before.cpu, now, before) if before else None,
            rss=int(max(memory)) if memory else None,
            memory=int(sum(memory)) if memory else None,
            memory_limit=self._memory_limit,
            counters=counters,
            errors_4xx=_rate(now.failed.get("4", 0), before.failed.get("4", 0), now, before) if before else None,
            errors_5xx=_rate(now.failed.get("5", 0), before.failed.get("5", 0), now, before) if before else None,
            queued=int(counters.get("lab_requests_waiting", 0)),
            batch=_batch(now, before),
            servers=servers,
            servers_up=ready,
            asleep=int(counters.get("lab_asleep", 0)),
            restarts=int(counters.get("lab_worker_restarts_total", 0)),
            out_of_memory=counters.get("lab_out_of_memory_total", 0) > 0,
        )


#: Of what has labels only this is read: a page may hold hundreds of histograms of features.
_LABELLED = ("lab_requests_total{", "lab_request_seconds_bucket{")


def _relevant(page: str) -> str:
    """The lines of a page that tell of health."""
    return "\n".join(line for line in page.splitlines() if "{" not in line or line.startswith(_LABELLED))


_RSS = "process_resident_memory_bytes"


def _single(page: Sequence[Sample]) -> dict[str, float]:
    return {sample.name: sample.value for sample in page if not sample.labels}


def _with(health: Health, seen: ServersSeen | None) -> Health:
    if seen is None:
        return health
    return replace(
        health,
        restarts=(health.restarts or 0) + (seen.restarts or 0),
        out_of_memory=health.out_of_memory or seen.out_of_memory,
        queued=health.queued + seen.queued,
        last_errors=seen.errors,
    )


def _sum(pages: Sequence[Sequence[Sample]]) -> _Look:
    """The counts of all servers together."""
    requests = cpu = batches = rows = 0.0
    failed: dict[str, float] = {}
    buckets: dict[float, float] = {}
    for page in pages:
        for sample in page:
            route = sample.labels.get("route", "/predict")
            if sample.name == "lab_requests_total" and route not in OWN_ROUTES:
                requests += sample.value
                kind = sample.labels.get("code", "")[:1]
                if kind in ("4", "5"):
                    failed[kind] = failed.get(kind, 0.0) + sample.value
            elif sample.name == "lab_request_seconds_bucket" and route not in OWN_ROUTES and "le" in sample.labels:
                bound = float(sample.labels["le"])
                buckets[bound] = buckets.get(bound, 0.0) + sample.value
            elif sample.name == "process_cpu_seconds_total":
                cpu += sample.value
            elif sample.name == "lab_batch_rows_count":
                batches += sample.value
            elif sample.name == "lab_batch_rows_sum":
                rows += sample.value
    return _Look(time.monotonic(), requests, failed, cpu, batches, rows, buckets)


def _since(now: _Look, before: _Look | None) -> list[tuple[float, float]]:
    """Bucket counts since the look before, or since the start when nothing came in between."""
    if before is not None and now.requests > before.requests:
        return [(bound, count - before.buckets.get(bound, 0.0)) for bound, count in now.buckets.items()]
    return list(now.buckets.items())


def _batch(now: _Look, before: _Look | None) -> float | None:
    """Mean rows per call of the model, lately or else since the start."""
    if before is not None and now.batches > before.batches:
        return (now.rows - before.rows) / (now.batches - before.batches)
    return now.rows / now.batches if now.batches else None


def _rate(value: float, before_value: float, now: _Look, before: _Look) -> float | None:
    seconds = now.at - before.at
    return (value - before_value) / seconds if seconds > 0 else None
