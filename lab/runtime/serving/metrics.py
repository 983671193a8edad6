"""Counters of one server, as Prometheus text (exposition format 0.0.4).

Counters only grow while the process lives; whoever reads them takes differences.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from bisect import bisect_left

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BATCH_BUCKETS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0, 4096.0)
_STATM = "/proc/self/statm"


class Histogram:
    """Counts per bucket of upper bounds, with sum and count."""

    def __init__(self, buckets: tuple[float, ...]) -> None:
        self._buckets = buckets
        self._counts = [0] * (len(buckets) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._buckets, value)] += 1
        self._sum += value

    def lines(self, name: str) -> list[str]:
        lines, total = [], 0
        for bound, count in zip(self._buckets, self._counts, strict=False):
            total += count
            lines.append(f'{name}_bucket{{le="{bound:g}"}} {total}')
        total += self._counts[-1]
        return [*lines, f'{name}_bucket{{le="+Inf"}} {total}', f"{name}_sum {self._sum!r}", f"{name}_count {total}"]


class Metrics:
    """Everything that `/metrics` tells; touched by the event loop alone."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        self.latency = Histogram(LATENCY_BUCKETS)
        self.queue = Histogram(LATENCY_BUCKETS)
        self.batches = Histogram(BATCH_BUCKETS)
        self.in_flight = 0
        self.rows = 0
        self._started = time.time()
        self._began = time.monotonic()

    def count(self, route: str, status: int) -> None:
        key = (route, status)
        self.requests[key] = self.requests.get(key, 0) + 1

    def render(self, *, ready: bool, waiting: int, model: dict[str, str]) -> bytes:
        """The whole page; `model` are the labels of `lab_model_info`."""
        requests = [
            f'lab_requests_total{{route="{route}",code="{code}"}} {count}'
            for (route, code), count in sorted(self.requests.items())
        ]
        info = ",".join(f'{name}="{_escape(value)}"' for name, value in model.items())
        sections = (
            ("lab_requests_total", "counter", "Requests answered, by route and status code.", requests),
            (
                "lab_request_seconds",
                "histogram",
                "Seconds from the head of a /predict request to its answer.",
                self.latency.lines("lab_request_seconds"),
            ),
            (
                "lab_queue_seconds",
                "histogram",
                "Seconds that a /predict request waited for the model.",
                self.queue.lines("lab_queue_seconds"),
            ),
            ("lab_batch_rows", "histogram", "Rows per call of the model.", self.batches.lines("lab_batch_rows")),
            _single("lab_requests_in_flight", "gauge", "Requests being answered.", self.in_flight),
            _single("lab_requests_waiting", "gauge", "Requests waiting for the model.", waiting),
            _single("lab_rows_total", "counter", "Rows predicted.", self.rows),
            _single("lab_ready", "gauge", "Whether /readyz says yes.", int(ready)),
            _single("lab_uptime_seconds", "gauge", "Seconds since the start.", time.monotonic() - self._began),
            ("lab_model_info", "gauge", "The model that is served.", [f"lab_model_info{{{info}}} 1"]),
            _single("process_cpu_seconds_total", "counter", "Processor time used, in seconds.", time.process_time()),
            _single("process_resident_memory_bytes", "gauge", "Memory in use, in bytes.", resident_bytes()),
            _single("process_start_time_seconds", "gauge", "Start, in seconds since the epoch.", self._started),
        )
        lines: list[str] = []
        for name, kind, text, samples in sections:
            lines += (f"# HELP {name} {text}", f"# TYPE {name} {kind}", *samples)
        return ("\n".join(lines) + "\n").encode()


def _single(name: str, kind: str, text: str, value: float) -> tuple[str, str, str, list[str]]:
    return name, kind, text, [f"{name} {value!r}"]


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def resident_bytes() -> int:
    """Memory in use now; where the system does not tell, the most that was ever in use."""
    try:
        with open(_STATM, encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
