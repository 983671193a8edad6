"""Runs that wait: the one lock under which it is decided what becomes of them, and how one never starts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lab.catalog import runs as catalog_runs
from lab.catalog.connection import Catalog
from lab.domain.runs import NOBODY, RunStatus
from lab.events import RUN_ENDED
from lab.journal import Journal
from lab.paths import LabHome
from lab.stores import locks

CANCELLED = "cancelled while it waited"

_WAIT = 30.0  # seconds: deciding takes milliseconds, also of a thousand runs


@contextmanager
def deciding(home: LabHome, catalog: Catalog) -> Iterator[None]:
    """Decide over waiting runs, alone, knowing all that was decided before. Not reentrant."""
    with locks.hold(home.queue_lock, timeout=_WAIT):
        catalog.refresh()
        yield


def cancel(home: LabHome, journal: Journal, catalog: Catalog, ids: Sequence[str], why: str = "") -> list[str]:
    """Those of `ids` that still wait never start. Returns their ids."""
    with deciding(home, catalog):
        waiting = [run.id for run in catalog_runs.get_many(catalog, list(ids)) if run.status is RunStatus.QUEUED]
        body = {"ending": "stopped", "cause": why or CANCELLED, "authority": NOBODY, "ended": time.time()}
        for run_id in waiting:
            journal.append(RUN_ENDED, run_id, body)
        catalog.refresh()
    return waiting
