"""`lab`, watched from inside: how long single callbacks hold its event loop.

`python held_app.py FILE` writes to FILE, whenever SIGUSR1 comes, the longest one since the last time: its milliseconds
of processor time, which other programs do not lengthen, those by the clock, and what it was.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

from lab.__main__ import entry


class Watch:
    """In place of what the loop runs its callbacks with."""

    def __init__(self, told: Path) -> None:
        self._told = told
        self._run = asyncio.Handle._run
        self._longest = (0.0, 0.0, "")

    def run(self, handle: asyncio.Handle) -> None:
        began, spent = time.perf_counter(), time.thread_time()
        self._run(handle)
        took = 1000 * (time.thread_time() - spent)
        if took > self._longest[0]:
            self._longest = (took, 1000 * (time.perf_counter() - began), repr(handle)[:200])

    def tell(self, *_: object) -> None:
        (spent, took, what), self._longest = self._longest, (0.0, 0.0, "")
        part = self._told.with_suffix(".part")
        part.write_text(f"{spent:.1f} {took:.1f} {what}")
        part.replace(self._told)


if __name__ == "__main__":
    watch = Watch(Path(sys.argv[1]))
    asyncio.Handle._run = lambda handle: watch.run(handle)  # type: ignore[method-assign]
    signal.signal(signal.SIGUSR1, watch.tell)
    sys.argv = ["lab"]
    entry()
