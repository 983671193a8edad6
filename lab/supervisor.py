"""The owner of every background thread.

A service is a loop that looks at `stop`; a crash is told, waited out and the service started again. `submit` runs one
piece of work. All threads are daemons: a stuck call into an engine cannot keep the program from ending.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

T = TypeVar("T")

#: Seconds before a crashed service starts again: doubled each time, back to the first after a minute of health.
FIRST_BACKOFF, LAST_BACKOFF, HEALTHY_AFTER = 0.5, 30.0, 60.0


class Service(Protocol):
    """Background work with a name."""

    @property
    def name(self) -> str: ...

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; look at it at least once a second."""


class Every:
    """A service that does one thing every so many seconds."""

    def __init__(self, name: str, seconds: float, work: Callable[[], object]) -> None:
        self.name = name
        self._seconds = seconds
        self._work = work

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(self._seconds):
            self._work()


OnCrash = Callable[[str, Exception], None]


class Supervisor:
    """Starts services and workers, and ends them all within one deadline."""

    def __init__(self, on_crash: OnCrash, workers: int = 6) -> None:
        self._on_crash = on_crash
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._idle = 0
        self._workers = workers
        self._lock = threading.Lock()

    def start(self, service: Service) -> None:
        self._spawn(service.name, lambda: self._serve(service))

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Run `work` on a worker thread. Its exception, of any kind, is the future's."""
        future: Future[T] = Future()

        def task() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = work()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._stop.is_set():
                raise RuntimeError("the supervisor is closed")
            if self._idle == 0 and self._workers > 0:
                self._workers -= 1
                self._spawn(f"worker-{self._workers}", self._labour)
            else:
                self._idle = max(0, self._idle - 1)
        self._work.put(task)
        return future

    def close(self, timeout: float = 5.0) -> list[str]:
        """End everything. Returns the names of what had not ended after `timeout` seconds."""
        with self._lock:
            self._stop.set()
        for _ in self._threads:
            self._work.put(_nothing)
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _spawn(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=f"lab-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _labour(self) -> None:
        while not self._stop.is_set():
            self._work.get()()
            with self._lock:
                self._idle += 1

    def _serve(self, service: Service) -> None:
        backoff = FIRST_BACKOFF
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                service.run(self._stop)
            except Exception as error:
                if time.monotonic() - began >= HEALTHY_AFTER:
                    backoff = FIRST_BACKOFF
                self._on_crash(service.name, error)
                self._stop.wait(backoff)
                backoff = min(LAST_BACKOFF, backoff * 2)
            else:
                return


def _nothing() -> None:
    """Wakes a worker so that it sees the end."""
