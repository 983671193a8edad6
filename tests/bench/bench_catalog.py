"""The index: made from 10,000 runs' files, asked for pages, kept up to date."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from homes import many_runs

from lab.catalog import groups, runs
from lab.catalog.connection import Catalog
from lab.domain.query import RunQuery, parse_filter, parse_order
from lab.events import GOVERNANCE
from lab.experiments.frames import frame
from lab.journal import Journal

Figure = tuple[str, float, str, float]

_WANTED = RunQuery(parse_filter("status:finished m1>0.5 p2<0.3 model=forest"), parse_order("-m0"))
_JOINED = RunQuery(parse_filter("status:finished (m1>0.9 or not model=forest) and p2<0.3"), parse_order("-m0"))
_STATISTIC = RunQuery(parse_filter("m1.min<0.5 m2>0.5"), parse_order("-m0.max"))


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        home = many_runs(Path(folder, "home"))
        rebuilds = []
        for _ in range(5):
            shutil.rmtree(home.index)
            began = time.perf_counter()
            catalog = Catalog(home)
            rebuilds.append(time.perf_counter() - began)
            catalog.publish()
            catalog.close()
        opening = _median(lambda: Catalog(home).close(), 7)
        catalog = Catalog(home)
        page = _median(lambda: runs.page(catalog, _WANTED), 15)
        joined = _median(lambda: runs.page(catalog, _JOINED), 15)
        statistic = _median(lambda: runs.page(catalog, _STATISTIC), 15)
        grouped = _median(lambda: groups.groups(catalog, _WANTED, ["model", "seed"]), 7)
        plain = _median(lambda: runs.page(catalog, RunQuery()), 15)
        table = _median(lambda: _frame(catalog), 3)
        idle = _median(catalog.refresh, 15)
        journal = Journal(home, GOVERNANCE)

        def one_event() -> None:
            journal.append("run.noted", "x", {"notes": "y"})
            catalog.refresh()

        event = _median(one_event, 15)
        follower = _median(lambda: Catalog(home, wait=0.0).close(), 5)
        catalog.close()
        return [
            ("rebuild of 10,000 runs from files", statistics.median(rebuilds), "s", 1.5),
            ("a filtered, sorted page of 50 of them", page * 1000, "ms", 20),
            ("the same with and, or, not", joined * 1000, "ms", 20),
            ("a page by statistics of metrics", statistic * 1000, "ms", 0),
            ("groups by two keys, mean and spread of ten metrics", grouped * 1000, "ms", 0),
            ("the newest 50", plain * 1000, "ms", 20),
            ("all 10,000 as a data frame of 33 columns", table, "s", 0),
            ("open and close an index that is there", opening * 1000, "ms", 0),
            ("open beside a holder", follower * 1000, "ms", 0),
            ("write one event and take it in", event * 1000, "ms", 0),
            ("look for news when there is none", idle * 1000, "ms", 0),
        ]


def _frame(catalog: Catalog) -> None:
    everything = runs.page(catalog, RunQuery(limit=1 << 40)).items
    frame(everything, (), "last", time.time(), runs.keys(catalog))


def _median(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


if __name__ == "__main__":
    for figure in figures():
        print(figure)
