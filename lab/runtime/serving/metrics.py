"""Counters of one server, as Prometheus text (exposition format 0.0.4).

Counters only grow while the process lives; whoever reads them takes differences.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

#: A request's header, of any value: leave out what was seen of the model's inputs, which makes most of the page.
BRIEF = "X-Lab-Brief"

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BATCH_BUCKETS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0, 4096.0)
_STATM = "/proc/self/statm"


@dataclass(frozen=True)
class Family:
    """One metric: its name, kind, meaning, and sample lines."""

    name: str
    kind: str
    text: str
    samples: Sequence[str]


class Histogram:
    """Counts per bucket of upper bounds (inclusive), with sum and count."""

    def __init__(self, buckets: Sequence[float]) -> None:
        self.buckets = tuple(buckets)
        self.counts = [0] * (len(self.buckets) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.buckets, value)] += 1
        self.sum += value

    def lines(self, name: str, labels: Mapping[str, str] | None = None) -> list[str]:
        inside = "".join(f'{key}="{escape(value)}",' for key, value in (labels or {}).items())
        outside = f"{{{inside[:-1]}}}" if inside else ""
        lines, total = [], 0
        for bound, count in zip(self.buckets, self.counts, strict=False):
            total += count
            lines.append(f'{name}_bucket{{{inside}le="{_bound(bound)}"}} {total}')
        total += self.counts[-1]
        lines.append(f'{name}_bucket{{{inside}le="+Inf"}} {total}')
        return [*lines, f"{name}_sum{outside} {self.sum!r}", f"{name}_count{outside} {total}"]


@dataclass
class Metrics:
    """What the server counts itself; touched by the event loop alone."""

    requests: dict[tuple[str, int], int] = field(default_factory=dict)
    latency: Histogram = field(default_factory=lambda: Histogram(LATENCY_BUCKETS))
    queue: Histogram = field(default_factory=lambda: Histogram(LATENCY_BUCKETS))
    batches: Histogram = field(default_factory=lambda: Histogram(BATCH_BUCKETS))
    in_flight: int = 0
    rows: int = 0
    feedback: int = 0
    started: float = field(default_factory=time.time)
    began: float = field(default_factory=time.monotonic)

    def count(self, route: str, status: int) -> None:
        key = (route, status)
        self.requests[key] = self.requests.get(key, 0) + 1

    def families(self) -> list[Family]:
        requests = [
            sample("lab_requests_total", count, route=route, code=str(code))
            for (route, code), count in sorted(self.requests.items())
        ]
        return [
            Family("lab_requests_total", "counter", "Requests answered, by route and status code.", requests),
            Family(
                "lab_request_seconds",
                "histogram",
                "Seconds from the head of a request to predict to its answer.",
                self.latency.lines("lab_request_seconds"),
            ),
            Family(
                "lab_queue_seconds",
                "histogram",
                "Seconds that a request waited for the model.",
                self.queue.lines("lab_queue_seconds"),
            ),
            Family("lab_batch_rows", "histogram", "Rows per call of the model.", self.batches.lines("lab_batch_rows")),
            single("lab_requests_in_flight", "gauge", "Requests being answered.", self.in_flight),
            single("lab_rows_total", "counter", "Rows predicted.", self.rows),
            single("lab_feedback_labels_total", "counter", "Labels that came by feedback.", self.feedback),
            single("lab_uptime_seconds", "gauge", "Seconds since the start.", time.monotonic() - self.began),
            single("process_cpu_seconds_total", "counter", "Processor time used, in seconds.", time.process_time()),
            single("process_resident_memory_bytes", "gauge", "Memory in use, in bytes.", resident_bytes()),
            single("process_start_time_seconds", "gauge", "Start, in seconds since the epoch.", self.started),
        ]


def page(families: Sequence[Family]) -> bytes:
    """The whole page; a family without samples is left out."""
    lines: list[str] = []
    for family in families:
        if family.samples:
            lines += (f"# HELP {family.name} {family.text}", f"# TYPE {family.name} {family.kind}", *family.samples)
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def single(name: str, kind: str, text: str, value: float) -> Family:
    return Family(name, kind, text, [sample(name, value)])


def sample(name: str, value: float, /, **labels: str) -> str:
    inside = ",".join(f'{key}="{escape(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {value!r}" if inside else f"{name} {value!r}"


def escape(value: str) -> str:
    """A label's value, on one line whatever it holds."""
    lined = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return "".join(char if char.isprintable() else "�" for char in lined)


def _bound(bound: float) -> str:
    return str(int(bound)) if float(bound).is_integer() and abs(bound) < 1e15 else repr(float(bound))


def resident_bytes() -> int:
    """Memory in use now; where the system does not tell, the most that was ever in use."""
    try:
        with open(_STATM, encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
