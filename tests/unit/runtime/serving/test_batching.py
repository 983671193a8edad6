"""Natural batches on one real thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from lab.runtime.serving.batching import Batcher, QueueFullError
from lab.runtime.serving.compute import Output


class Model:
    """Doubles its rows; waits at the gate first, and fails on a row of -1."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.calls: list[int] = []

    def predict(self, rows: list[list[Any]]) -> Output:
        self.calls.append(len(rows))
        self.entered.set()
        assert self.gate.wait(30)
        values = np.array(rows, dtype=float)
        if (values == -1).any():
            raise ValueError("bad row")
        return Output(values[:, 0] * 2, values)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def _entered(model: Model) -> None:
    await asyncio.get_running_loop().run_in_executor(None, model.entered.wait, 30)


async def test_what_queues_during_a_call_is_the_next_batch(executor: ThreadPoolExecutor) -> None:
    model, seen = Model(), []
    model.gate.clear()
    batcher = Batcher(model.predict, executor, started=lambda rows, waits: seen.append((rows, len(waits))))
    first = batcher.submit([[0]])
    await _entered(model)
    others = [batcher.submit([[i], [i + 0.5]]) for i in range(1, 6)]
    assert batcher.waiting == 5
    model.gate.set()
    assert (await first).predictions.tolist() == [0]
    for index, output in enumerate(await asyncio.gather(*others), start=1):
        assert output.predictions.tolist() == [2 * index, 2 * index + 1]
        assert output.probabilities.tolist() == [[index], [index + 0.5]]
    assert model.calls == [1, 10]
    assert seen == [(1, 1), (10, 5)]


async def test_a_batch_takes_no_more_rows_than_it_may_and_at_least_one_request(executor: ThreadPoolExecutor) -> None:
    model = Model()
    model.gate.clear()
    batcher = Batcher(model.predict, executor, max_rows=4)
    answers = [batcher.submit([[0]] * size) for size in (1, 9, 2, 2, 1)]
    await _entered(model)
    model.gate.set()
    await asyncio.gather(*answers)
    assert model.calls == [1, 9, 4, 1]


async def test_one_bad_request_does_not_spoil_its_batch(executor: ThreadPoolExecutor) -> None:
    model = Model()
    model.gate.clear()
    batcher = Batcher(model.predict, executor)
    first = batcher.submit([[0]])
    await _entered(model)
    good, bad, also = batcher.submit([[1]]), batcher.submit([[-1]]), batcher.submit([[2]])
    model.gate.set()
    assert (await first).predictions.tolist() == [0]
    assert (await good).predictions.tolist() == [2]
    assert (await also).predictions.tolist() == [4]
    with pytest.raises(ValueError, match="bad row"):
        await bad
    assert (await batcher.submit([[3]])).predictions.tolist() == [6]


async def test_the_queue_is_bounded_and_who_gave_up_is_not_predicted(executor: ThreadPoolExecutor) -> None:
    model = Model()
    model.gate.clear()
    batcher = Batcher(model.predict, executor, max_waiting=2)
    first = batcher.submit([[0]])
    await _entered(model)
    gone, stays = batcher.submit([[1]]), batcher.submit([[2], [2]])
    with pytest.raises(QueueFullError):
        batcher.submit([[3]])
    gone.cancel()
    model.gate.set()
    await asyncio.gather(first, stays)
    assert model.calls == [1, 2]


async def test_waiting_rows_are_bounded_too_but_one_request_may_be_large(executor: ThreadPoolExecutor) -> None:
    model = Model()
    model.gate.clear()
    batcher = Batcher(model.predict, executor, max_waiting_rows=10)
    first = batcher.submit([[0]])
    await _entered(model)
    large = batcher.submit([[1]] * 50)
    with pytest.raises(QueueFullError):
        batcher.submit([[2]])
    large.cancel()
    model.gate.set()
    await first
    others = [batcher.submit([[3]] * 2) for _ in range(3)]
    await asyncio.gather(*others)
    assert batcher.waiting_rows == 0
    assert sum(model.calls) == 7
