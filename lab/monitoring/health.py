"""Live health of deployments, from their own `/metrics` and `/readyz`: one to three milliseconds a look."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.domain.deployments import Deployment, Health
from lab.domain.exposition import Sample, parse, quantile
from lab.errors import EngineError

#: Asks (method GET) a deployment for a path; status and body, or EngineError.
Ask = Callable[[Deployment, str], tuple[int, bytes]]


@dataclass(frozen=True)
class _Look:
    at: float
    requests: float
    cpu: float
    buckets: Mapping[float, float]


class HealthWatch:
    """Remembers the look before, per deployment, so that rates can be told. Safe to use from any thread."""

    def __init__(self, ask: Ask, memory_limit: int) -> None:
        self._ask = ask
        self._memory_limit = memory_limit
        self._before: dict[str, _Look] = {}
        self._lock = threading.Lock()

    def look(self, deployment: Deployment) -> Health:
        """How it is now. A server that does not answer is neither live nor ready; `reason` says why."""
        at = time.time()
        try:
            status, body = self._ask(deployment, "/readyz")
            page = self._ask(deployment, "/metrics")[1].decode("utf-8", "replace")
        except EngineError as error:
            with self._lock:
                self._before.pop(deployment.id, None)
            return Health(deployment.id, at, live=False, ready=False, reason=error.message)
        return self._health(deployment, at, status == 200, "" if status == 200 else _reason(body), parse(page))

    def _health(self, deployment: Deployment, at: float, ready: bool, reason: str, samples: Sequence[Sample]) -> Health:
        single = {sample.name: sample.value for sample in samples if not sample.labels}
        requests = [sample for sample in samples if sample.name == "lab_requests_total"]
        predictions = [sample for sample in requests if sample.labels.get("route") == "/predict"]
        buckets = {
            float(sample.labels["le"]): sample.value
            for sample in samples
            if sample.name == "lab_request_seconds_bucket" and "le" in sample.labels
        }
        now = _Look(
            time.monotonic(),
            sum(sample.value for sample in predictions),
            single.get("process_cpu_seconds_total", 0.0),
            buckets,
        )
        with self._lock:
            before = self._before.get(deployment.id)
            self._before[deployment.id] = now
        if before is not None and before.requests > now.requests:
            before = None  # the server has started again: its counters are new
        recent = _since(now, before)
        return Health(
            deployment=deployment.id,
            at=at,
            live=True,
            ready=ready,
            reason=reason,
            uptime=single.get("lab_uptime_seconds"),
            requests=int(now.requests),
            errors=int(sum(s.value for s in predictions if s.labels.get("code", "")[:1] in "45")),
            rate=_rate(now.requests, now.at, before.requests, before.at) if before else None,
            p50=quantile(recent, 0.50),
            p95=quantile(recent, 0.95),
            p99=quantile(recent, 0.99),
            in_flight=max(0, int(single.get("lab_requests_in_flight", 0)) - 1),  # the look itself is one
            cpu=_rate(now.cpu, now.at, before.cpu, before.at) if before else None,
            rss=int(single["process_resident_memory_bytes"]) if "process_resident_memory_bytes" in single else None,
            memory_limit=self._memory_limit,
            counters=single,
        )


def _since(now: _Look, before: _Look | None) -> list[tuple[float, float]]:
    """Bucket counts since the look before, or since the start when nothing came in between."""
    if before is not None and now.requests > before.requests:
        return [(bound, count - before.buckets.get(bound, 0.0)) for bound, count in now.buckets.items()]
    return list(now.buckets.items())


def _rate(value: float, at: float, before: float, before_at: float) -> float | None:
    seconds = at - before_at
    return (value - before) / seconds if seconds > 0 else None


def _reason(body: bytes) -> str:
    match = re.search(rb'"reason"\s*:\s*"((?:[^"\\]|\\.){0,200})', body)
    return match[1].decode("utf-8", "replace") if match else "not ready"
