"""What a new version must show before it gets requests, and while it gets a few: each gate a verdict with numbers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from lab.dataclass import dataclass
from lab.domain.canary import Traffic, Verdict, compare, disagreement
from lab.domain.exposition import OWN_ROUTES, parse, quantile
from lab.domain.resources import format_size
from lab.domain.rollouts import Budget
from lab.errors import EngineError
from lab.serving.routing import BackendStats
from lab.serving.servers import RESOURCES

_PROBES, _PROBE_SECONDS, _LEAST_PROBES = 200, 10.0, 20
_REPLAYED = 500
_LINE_MAX = 1 << 20
#: The id of requests that gates make, so that captures of them are not taken for a client's.
OWN_ID = "lab-gate"
_LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Trial:
    """One server to try. `ask` sends (method, path, body) to it by name; status and body, or EngineError."""

    ask: Callable[[str, str, bytes | None], tuple[int, bytes]]

    def predict(self, rows: Sequence[Any]) -> tuple[int, list[Any]]:
        """Status and predictions; status 0 and why where it does not answer."""
        try:
            status, body = self.ask("POST", "/predict", json.dumps({"data": rows, "id": OWN_ID}).encode())
            answer = json.loads(body)
            return status, list(answer["predictions"]) if status == 200 else []
        except EngineError as error:
            return 0, [error.message]
        except (ValueError, KeyError, TypeError):
            return 0, []

    def memory(self) -> int:
        """Bytes in use."""
        page = self.ask("GET", "/metrics", None)[1].decode("utf-8", "replace")
        return int(single(page, "process_resident_memory_bytes"))


def single(page: str, name: str) -> float:
    """The value of a metric without labels; 0 where a page has none."""
    line = next((line for line in page.splitlines() if line.startswith(f"{name} ")), "")
    return next((sample.value for sample in parse(line)), 0.0)


def probe(trial: Trial, golden: Path, budget: Budget) -> Verdict:
    """Ask single reference rows one after the other: how long the slowest hundredth takes, and the memory then."""
    rows = [line["data"] for line in _lines(golden)]
    if not rows:
        return Verdict(True, "the model has no reference rows to ask")
    took: list[float] = []
    begun = time.monotonic()
    for row in islice(cycle(rows), _PROBES):
        start = time.perf_counter()
        status, said = trial.predict([row])
        took.append(time.perf_counter() - start)
        if status != 200:
            why = f": {said[0]}" if said else ""
            return Verdict(False, f"it answers {status or 'nothing'} to a reference row{why}", {"status": status})
        if len(took) >= _LEAST_PROBES and time.monotonic() - begun > _PROBE_SECONDS:
            break
    took.sort()
    memory = trial.memory()
    p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
    evidence = {
        "requests": len(took),
        "p50": took[len(took) // 2],
        "p99": p99,
        "p99_budget": budget.p99,
        "memory": memory,
        "memory_limit": RESOURCES.memory,
    }
    if p99 > budget.p99:
        return Verdict(False, f"p99 is {p99 * 1000:.0f} ms, over the budget of {budget.p99 * 1000:.0f} ms", evidence)
    if memory > budget.memory * RESOURCES.memory:
        told = f"it uses {format_size(memory)} of {format_size(RESOURCES.memory)}"
        return Verdict(False, f"{told}, over {budget.memory:.0%}", evidence)
    return Verdict(True, f"p99 {p99 * 1000:.1f} ms over {len(took)} requests, {format_size(memory)}", evidence)


def replay(trial: Trial, folders: Sequence[Path], version: int, budget: Budget) -> Verdict:
    """Ask what the old version was asked lately, and compare the answers. `folders` are what its servers write."""
    captured = [line for line in _captured(folders) if line.get("version") in (f"v{version}", str(version), version)]
    captured = captured[-_REPLAYED:]
    if not captured:
        return Verdict(True, "nothing was captured to replay", {"requests": 0})
    failed = refused = 0
    wanted: list[Any] = []
    given: list[Any] = []
    for line in captured:
        status, answers = trial.predict(line["data"])
        if 400 <= status < 500:  # personal columns are captured as hashes, which nobody can predict from
            refused += 1
            continue
        if status != 200 or len(answers) != len(line["predictions"]):
            failed += 1
            continue
        wanted += line["predictions"]
        given += answers
    rows, differing = len(wanted), disagreement(wanted, given)
    share, errors = differing / rows if rows else 0.0, failed / len(captured)
    evidence = {
        "requests": len(captured),
        "failed": failed,
        "refused": refused,
        "rows": rows,
        "differing": differing,
        "disagreement": share,
        "disagreement_budget": budget.disagreement,
    }
    if errors > budget.errors:
        return Verdict(False, f"{failed} of {len(captured)} captured requests failed", evidence)
    if share > budget.disagreement:
        told = f"it answers {share:.0%} of {rows} captured rows otherwise"
        return Verdict(False, f"{told}, over the budget of {budget.disagreement:.0%}", evidence)
    return Verdict(True, f"{share:.1%} of {rows} captured rows answered otherwise", evidence)


@dataclass(frozen=True)
class Sources:
    """What is looked at while two versions serve beside each other, by slot: the router's counts, a server's own
    metrics page, and how often servers of the new version have died."""

    stats: Callable[[], Mapping[int, BackendStats]]
    page: Callable[[int], str]
    deaths: Callable[[], int]


def canary(
    sources: Sources, old: Sequence[int], new: Sequence[int], hold: float, ratio: float, abort: Callable[[], None]
) -> Verdict:
    """Watch for `hold` seconds; at once red when the new version is worse beyond doubt or one of its servers dies."""
    before = {slot: look(sources, slot) for slot in (*old, *new)}
    deaths = sources.deaths()
    deadline = time.monotonic() + hold
    while True:
        last = time.monotonic() >= deadline
        died = sources.deaths() - deaths
        if died > 0:
            return Verdict(False, f"its server died {died} times" if died > 1 else "its server died", {"deaths": died})
        now = sources.stats()
        both = [traffic(sources, before, now, slots, pages=last) for slots in (old, new)]
        verdict = compare(both[0], both[1], ratio)
        if last or not verdict.ok:
            return verdict
        abort()
        time.sleep(min(_LOOK_SECONDS, max(0.0, deadline - time.monotonic())))


@dataclass(frozen=True)
class Look:
    """What one server has done since it began."""

    requests: int
    failed: int
    buckets: Mapping[float, float]


def look(sources: Sources, slot: int) -> Look:
    stats = sources.stats().get(slot)
    return Look(
        stats.requests if stats else 0,
        stats.errors_5xx + stats.failures if stats else 0,
        _buckets(sources.page(slot)),
    )


def traffic(
    sources: Sources, before: Mapping[int, Look], now: Mapping[int, BackendStats], slots: Sequence[int], *, pages: bool
) -> Traffic:
    """What the servers of one version did since `before`. With `pages`, which costs a request each, there are
    latencies, and of what the router counts only predictions; a client's requests and Lab's looks are alike to it."""
    requests = failed = 0
    buckets: dict[float, float] = {}
    for slot in slots:
        stats, begin = now.get(slot), before[slot]
        if stats is None:
            continue
        requests += max(0, stats.requests - begin.requests)
        failed += max(0, stats.errors_5xx + stats.failures - begin.failed)
        if pages:
            for bound, count in _buckets(sources.page(slot)).items():
                buckets[bound] = buckets.get(bound, 0.0) + count - begin.buckets.get(bound, 0.0)
    counts = list(buckets.items())
    if pages:
        requests = max(failed, int(buckets.get(math.inf, 0.0)))
    return Traffic(requests, failed, quantile(counts, 0.95), quantile(counts, 0.50))


def _buckets(page: str) -> dict[float, float]:
    """Counts of answered predictions by upper bound in seconds, over all routes that a client asks."""
    found: dict[float, float] = {}
    for sample in parse(page):
        if sample.name == "lab_request_seconds_bucket" and sample.labels.get("route", "/predict") not in OWN_ROUTES:
            bound = float(sample.labels.get("le", "inf"))
            found[bound] = found.get(bound, 0.0) + sample.value
    return found


def _captured(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Captured requests of all servers, oldest first."""
    found: list[dict[str, Any]] = []
    for folder in folders:
        for path in sorted((folder / "capture").glob("*.jsonl")):
            found += (line for line in _lines(path) if _is_capture(line))
    return sorted(found, key=lambda line: float(line["at"]))


def _is_capture(line: Mapping[str, Any]) -> bool:
    data, answers, at = line.get("data"), line.get("predictions"), line.get("at")
    known = isinstance(data, list) and isinstance(answers, list) and isinstance(at, int | float)
    return known and line.get("id") != OWN_ID


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects in a file of JSON lines, which a server wrote; what is none is passed over."""
    try:
        with open(path, "rb") as file:
            while line := file.readline(_LINE_MAX):
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(value, dict):
                    yield value
    except (FileNotFoundError, IsADirectoryError):
        return


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The first that failed, else the last, with `servers` counted."""
    chosen = next((verdict for verdict in verdicts if not verdict.ok), verdicts[-1])
    return replace(chosen, evidence={**chosen.evidence, "servers": len(verdicts)})
