"""The program asked without a socket: what becomes of requests while the model is busy with others."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from lab.runtime.serving import model as served
from lab.runtime.serving.app import App
from lab.runtime.serving.compute import Choice, Cost, Output
from lab.runtime.serving.config import Policies, read_config
from lab.runtime.serving.live_profile import LiveProfile
from lab.runtime.serving.model import ServedModel
from lab.runtime.serving.rows import RowReader
from lab.runtime.serving.signature import Signature

SIGNATURE = Signature.from_json(
    {
        "v": 1,
        "framework": "sklearn",
        "task": "regression",
        "kind": "array",
        "inputs": [{"name": "x", "dtype": "float64"}],
        "outputs": ["y"],
        "file": "model.skops",
    }
)


class Busy:
    """A model that answers when its gate opens."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.served = ServedModel(
            signature=SIGNATURE,
            predict=self.predict,
            cost=Cost(1.0, 0.0),
            choice=Choice("busy"),
            golden=0,
            rows=RowReader(SIGNATURE, Policies()),
            profile=LiveProfile(SIGNATURE, {}),
        )

    def predict(self, rows: list[list[Any]]) -> Output:
        self.entered.set()
        assert self.gate.wait(60)
        return Output(np.array([row[0] for row in rows], dtype=float))


@asynccontextmanager
async def serving(model: Busy, monkeypatch: pytest.MonkeyPatch, **env: str) -> AsyncIterator[App]:
    """The program with `model` loaded; the gate opens at the end, so that no thread is left behind."""
    monkeypatch.setattr(served, "load", lambda *_: model.served)
    app = App(read_config(env))
    begun, over = asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, str]:
        if not begun.is_set():
            begun.set()
            return {"type": "lifespan.startup"}
        await over.wait()
        return {"type": "lifespan.shutdown"}

    async def send(message: Mapping[str, Any]) -> None:
        assert message["type"].endswith("complete")

    life = asyncio.create_task(app({"type": "lifespan"}, receive, send))
    try:
        async with asyncio.timeout(60):
            while app.service.ready_reason:  # noqa: ASYNC110 (nothing tells of the change)
                await asyncio.sleep(0.01)
        yield app
    finally:
        model.gate.set()
        over.set()
        await life


async def ask(app: App, rows: list[list[float]]) -> tuple[int, Any]:
    """Status and body of one POST /predict."""
    body = json.dumps({"data": rows}).encode()
    answer: dict[str, Any] = {"body": b""}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
        else:
            answer["body"] += message.get("body", b"")

    headers = [(b"host", b"127.0.0.1"), (b"content-length", str(len(body)).encode())]
    await app({"type": "http", "path": "/predict", "method": "POST", "headers": headers}, receive, send)
    return answer["status"], json.loads(answer["body"])


async def entered(model: Busy) -> None:
    assert await asyncio.get_running_loop().run_in_executor(None, model.entered.wait, 60)


async def test_a_model_that_takes_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(model := Busy(), monkeypatch, LAB_TIMEOUT="1") as app:
        status, answer = await ask(app, [[1.0]])
        assert (status, answer["error"]["code"]) == (504, "timeout")
        model.gate.set()
        assert (await ask(app, [[2.0]]))[1]["predictions"] == [2.0]


async def test_who_comes_when_the_queue_is_full_is_sent_away_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(model := Busy(), monkeypatch, LAB_MAX_WAITING="1") as app:
        first = asyncio.create_task(ask(app, [[1.0]]))
        await entered(model)
        second = asyncio.create_task(ask(app, [[2.0]]))
        await asyncio.sleep(0)  # it queues at its first turn: nothing of it waits before
        status, answer = await ask(app, [[3.0]])
        assert (status, answer["error"]["code"]) == (503, "busy")
        model.gate.set()
        assert [(await task)[1]["predictions"] for task in (first, second)] == [[1.0], [2.0]]
