"""Who makes the queue move: of all Lab processes that could, the one that holds `driver.lock`.

The app drives it while it is open, `lab run --wait` while it waits, and where neither is there a process of its own,
which ends when nothing waits any more. Whoever takes over finds everything in the journal.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from lab.domain.event import Event
from lab.errors import ConflictError, EngineUnavailableError, LabError
from lab.experiments.queue import Queue
from lab.experiments.service import Runs
from lab.experiments.sweeps import Sweeps
from lab.paths import LabHome
from lab.stores import locks

_BUSY, _IDLE, _FOLLOWING = 0.02, 0.5, 1.0  # seconds between two looks
_AGAIN = 0.25
_ASK_EVERY = 2.0  # seconds between two questions to the engines, and between two looks at what is slow to change
_REST_EVERY = 20.0  # the same while there is nothing to drive: an idle app is to be idle


class Driver:
    """The service that starts what waits. `submit` runs work on a background thread, `warn` tells the user.

    With `until_empty` it ends when nothing waits and no sweep needs it, or another process drives.
    """

    name = "queue"

    def __init__(
        self,
        home: LabHome,
        queue: Queue,
        runs: Runs,
        sweeps: Sweeps,
        submit: Callable[[Callable[[], None]], Future[None]],
        warn: Callable[[str], None],
        *,
        until_empty: bool = False,
    ) -> None:
        self._home = home
        self._queue = queue
        self._runs = runs
        self._sweeps = sweeps
        self._submit = submit
        self._warn = warn
        self._until_empty = until_empty
        self._starting: list[Future[None]] = []
        self._settling: Future[None] | None = None
        self._asked = self._looked = 0.0
        self._unsettled = False
        self._news = threading.Event()
        self._busy = True
        self._going: Sequence[str] = ()

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                with locks.hold(self._home.driver_lock):
                    self._drive(stop)
                    if self._until_empty:
                        return
            except ConflictError:  # another process drives
                if self._until_empty:
                    return
                stop.wait(_FOLLOWING)

    def _drive(self, stop: threading.Event) -> None:
        while not stop.is_set():
            busy = self.step()
            if not busy and self._until_empty:
                return
            stop.wait(_BUSY if busy or self._going or self._unsettled else _IDLE)

    def hear(self, _events: Sequence[Event]) -> None:
        """Something has changed; called on any thread."""
        self._news.set()

    def step(self) -> bool:
        """Look once at what has ended, what sweeps want, and what may start. False when nothing needs a driver."""
        self._queue.refresh()
        now = time.monotonic()
        idle = not (self._busy or self._going or self._unsettled)
        slow = now - self._asked >= (_REST_EVERY if idle else _ASK_EVERY)
        ended = any(self._home.run(run_id).exit.exists() for run_id in self._going)
        # An engine may take a moment to see that a job has ended which has left its exit record.
        again = self._unsettled and now - self._looked >= _AGAIN
        if slow or ended or again or self._news.is_set() or any(future.done() for future in self._underway):
            self._news.clear()
            self._looked = now
            self._busy = self._look(slow=slow, settle=slow or ended or again)
        return self._busy

    @property
    def _underway(self) -> list[Future[None]]:
        return [*self._starting, *([self._settling] if self._settling else [])]

    def _look(self, *, slow: bool, settle: bool) -> bool:
        # What may start goes first: noting how a run ended takes longer than seeing that it has.
        for run_id in self._queue.claim():
            self._starting.append(self._submit(partial(self._queue.start, run_id)))
        self._harvest()
        if slow:
            self._asked = time.monotonic()
            self._queue.take_back()
        if settle and self._settling is None:
            self._settling = self._submit(partial(self._settle, slow))
        tended = self._sweeps.tended()
        for sweep in tended:
            self._sweeps.tend(sweep, judge=slow)
        going = self._queue.going
        self._going = [run_id for run_id in going if not self._home.run(run_id).exit.exists()]
        self._unsettled = len(self._going) < len(going)
        return bool(self._queue.startable or tended or self._starting)

    def _settle(self, ask_engine: bool) -> None:
        for sentence in self._runs.settle(ask_engine=ask_engine):
            self._warn(sentence)

    def _harvest(self) -> None:
        """Forget what has started; tell what could not be."""
        done = [future for future in self._starting if future.done()]
        self._starting = [future for future in self._starting if not future.done()]
        if self._settling is not None and self._settling.done():
            done.append(self._settling)
            self._settling = None
        for future in done:
            try:
                future.result()
            except EngineUnavailableError as error:
                self._warn(f"runs wait for their engine: {error.message}")
            except LabError as error:
                self._warn(f"a run of the queue could not be started: {error.message}")


def spawn(home: Path) -> None:
    """Start a process that drives the queue until it is empty, and outlives this one. Raises LabError where none can be
    had."""
    command = [sys.executable, "-m", "lab", "--home", str(home), "queue", "drive"]
    nothing = subprocess.DEVNULL
    try:
        subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
    except OSError as error:
        raise LabError(f"nobody drives the queue: no process can be started ({os.strerror(error.errno or 0)})",
                       "open lab, or wait with: lab queue drive") from error  # fmt: skip
