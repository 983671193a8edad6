"""Natural batches: whatever came while the last call of the model ran is the next call. No timer, no waiting.

Models that take a while are called on one thread, since a thread per request makes Python models fight over the
interpreter lock; quick ones in place, on the event loop. Either way thirty clients are answered as fast as the model
answers one call with thirty rows.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.runtime.serving.signature import Row

if TYPE_CHECKING:
    from lab.runtime.serving.compute import Output


Done = Callable[["Output | Exception"], None]


class Turn:
    """Calls `predict` in place, once for all who came in one turn of the event loop. Lives on one loop."""

    def __init__(
        self,
        predict: Callable[[list[Row]], Output],
        *,
        max_rows: int,
        started: Callable[[int, list[float]], None] = lambda rows, waits: None,
    ) -> None:
        """`max_rows` bounds a call for several requests; `started(rows, seconds waited)` hears of each call."""
        self._predict = predict
        self._max_rows = max_rows
        self._started = started
        self._waiting: deque[tuple[list[Row], Done, float]] = deque()

    def submit(self, rows: list[Row], done: Done) -> None:
        """`done` hears of the answer to `rows` in the next turn; it must not raise."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._run)
        self._waiting.append((rows, done, time.monotonic()))

    def _run(self) -> None:
        """One call and no more: other callers of the loop are not held up by all that waits."""
        now = time.monotonic()
        batch: list[tuple[list[Row], Done, float]] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0][0]) <= self._max_rows):
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0])
        self._started(size, [now - asked for _, _, asked in batch])
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._run)
        for (_, done, _), answer in zip(batch, _answers(self._predict, [rows for rows, _, _ in batch]), strict=True):
            done(answer)


class QueueFullError(Exception):
    """As many requests wait as may."""


@dataclass
class _Request:
    rows: list[Row]
    answer: asyncio.Future[Output]
    asked: float  # monotonic


class Batcher:
    """Calls `predict` on `executor`, one batch at a time. Lives on one loop."""

    def __init__(
        self,
        predict: Callable[[list[Row]], Output],
        executor: Executor,
        *,
        max_rows: int = 4096,
        max_waiting: int = 1024,
        max_waiting_rows: int = 100_000,
        started: Callable[[int, list[float]], None] = lambda rows, waits: None,
    ) -> None:
        """`max_rows` bounds a batch of several requests; `started(rows, seconds waited)` hears of each batch.

        At most `max_waiting` requests wait, with at most `max_waiting_rows` rows unless it is one request alone.
        """
        self._predict = predict
        self._executor = executor
        self.max_rows = max_rows
        self._max_waiting = max_waiting
        self._max_waiting_rows = max_waiting_rows
        self._started = started
        self._queue: deque[_Request] = deque()
        self._running = False
        self.waiting_rows = 0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def submit(self, rows: list[Row]) -> asyncio.Future[Output]:
        """Queue `rows`; cancelling the future takes them out again while they wait. Raises QueueFullError."""
        if len(self._queue) >= self._max_waiting:
            raise QueueFullError
        if self._queue and self.waiting_rows + len(rows) > self._max_waiting_rows:
            raise QueueFullError
        answer: asyncio.Future[Output] = asyncio.get_running_loop().create_future()
        self._queue.append(_Request(rows, answer, time.monotonic()))
        self.waiting_rows += len(rows)
        if not self._running:
            self._next()
        return answer

    def _next(self) -> None:
        batch = self._take()
        self._running = bool(batch)
        if not batch:
            return
        now = time.monotonic()
        self._started(sum(len(request.rows) for request in batch), [now - request.asked for request in batch])
        done = asyncio.get_running_loop().run_in_executor(
            self._executor, _answers, self._predict, [request.rows for request in batch]
        )
        done.add_done_callback(lambda finished: self._finish(batch, finished))

    def _take(self) -> list[_Request]:
        """The requests of the next batch: at least one, and others while their rows fit."""
        batch: list[_Request] = []
        rows = 0
        while self._queue:
            request = self._queue[0]
            if batch and rows + len(request.rows) > self.max_rows:
                break
            self._queue.popleft()
            self.waiting_rows -= len(request.rows)
            if not request.answer.done():
                batch.append(request)
                rows += len(request.rows)
        return batch

    def _finish(self, batch: list[_Request], finished: asyncio.Future[list[Output | Exception]]) -> None:
        failure = asyncio.CancelledError() if finished.cancelled() else finished.exception()
        answers = [failure] * len(batch) if failure is not None else finished.result()
        for request, answer in zip(batch, answers, strict=True):
            if request.answer.done():
                continue
            if isinstance(answer, BaseException):
                request.answer.set_exception(answer)
            else:
                request.answer.set_result(answer)
        self._next()


def _answers(predict: Callable[[list[Row]], Output], requests: list[list[Row]]) -> list[Output | Exception]:
    """One answer per request. When a batch fails, each is tried alone, so that one cannot spoil the others."""
    try:
        whole = predict([row for rows in requests for row in rows])
    except Exception as error:  # the model's own code may raise anything  # noqa: BLE001
        if len(requests) == 1:
            return [error]
        return [_answers(predict, [rows])[0] for rows in requests]
    parts: list[Output | Exception] = []
    start = 0
    for rows in requests:
        parts.append(whole.part(start, start + len(rows)))
        start += len(rows)
    return parts
