"""How active runs do: what they use of the machine, how far they are, and when they will have ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from lab.catalog import runs as catalog_runs
from lab.catalog.connection import Catalog
from lab.dataclass import dataclass
from lab.domain.progress import (
    printed_share,
    progress_of,
    remaining_by_pace,
    remaining_by_share,
    total_of,
    typical_of,
)
from lab.domain.runs import IMPORTED, Run
from lab.domain.system import Sample, SystemHistory
from lab.experiments.live import LiveMetrics
from lab.paths import LabHome
from lab.stores import runfolder, systemlog
from lab.stores.systemlog import SystemTail

_LINES = 30  # of the output that may tell how far a run is
_EARLIER = 5  # runs of the same entry that tell how long one takes
_FRESH = 600.0  # seconds for which what those tell is believed


@dataclass(frozen=True)
class _Typical:
    """Of earlier runs of an entry: steps and seconds; None where they differ too much or there are none."""

    steps: float | None
    seconds: float | None
    at: float


class Vitals:
    """Looks into run folders. Safe to use from any thread."""

    def __init__(self, home: LabHome, catalog: Catalog, live: LiveMetrics) -> None:
        self._home = home
        self._catalog = catalog
        self._live = live
        self._typical: dict[tuple[str, str], _Typical] = {}
        self._tails: dict[str, tuple[SystemTail, list[Sample]]] = {}
        self._lock = threading.Lock()

    def fill(self, run: Run) -> Run:
        """`run` with what it has used so far and when it will end, if it is running; one that was imported is left as
        it is."""
        if not run.status.active or run.started is None or run.engine == IMPORTED:
            return run
        seen = systemlog.last(self._home.run(run.id).system)
        used = {"peak_memory": seen.peak, "cpu_time": seen.cpu_time} if seen else {}
        return replace(run, eta=self._eta(run, run.started), **used)  # type: ignore[arg-type]

    def typical_seconds(self, project: str, entry: str) -> float | None:
        """How long runs of an entry take; None where earlier ones differ too much or there are none."""
        return self._typical_of(project, entry).seconds

    def history(self, run: Run) -> SystemHistory:
        """Every look at what the run used. Of one that is running only what is new is read."""
        with self._lock:
            tail, samples = self._tails.get(run.id) or (SystemTail(self._home.run(run.id).system), [])
            if run.status.active:
                self._tails[run.id] = (tail, samples)
            else:
                self._tails.pop(run.id, None)
            samples += tail.poll()
            limit = samples[-1].limit if samples else 0
            return SystemHistory(tuple(samples), limit or run.memory)

    def _eta(self, run: Run, started: float) -> float | None:
        """By the pace of what it logs, else by what it prints, else by how long such runs take."""
        now, typical = time.time(), self._typical_of(run.project, run.entry)
        progress = progress_of(run, typical.steps)
        if progress.total is not None and run.metrics:
            pace = self._live.pace(run.id, progress.by)
            left = remaining_by_pace(progress, pace, now) if pace else None
            if left is not None:
                return left
        if total_of(run.params) is None or not run.metrics:
            share = printed_share(runfolder.tail(self._home.run(run.id).stdout, _LINES))
            left = remaining_by_share(share, now - started)
            if left is not None:
                return left
        if progress.total is not None and run.metrics:
            return remaining_by_share(progress.share, now - started)
        if typical.seconds is None or now - started > typical.seconds:
            return None
        return typical.seconds - (now - started)

    def _typical_of(self, project: str, entry: str) -> _Typical:
        """What earlier runs of the entry tell: looked up now and then."""
        key, now = (project, entry), time.monotonic()
        with self._lock:
            known = self._typical.get(key)
        if known is None or now - known.at > _FRESH:
            before = catalog_runs.finished(self._catalog, project, entry, _EARLIER)
            known = _Typical(typical_of(_steps(before)), typical_of(_seconds(before)), now)
            with self._lock:
                self._typical[key] = known
        return known


def _steps(runs: Sequence[Run]) -> list[float]:
    """How many steps each had; all the same, or it is no number that goes for the next."""
    counts = [max((max(one.step, one.count) for one in run.metrics.values()), default=0.0) for run in runs]
    return counts if len(set(counts)) == 1 else []


def _seconds(runs: Sequence[Run]) -> list[float]:
    return [run.ended - run.started for run in runs if run.ended is not None and run.started is not None]
