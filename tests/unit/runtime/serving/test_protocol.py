"""The two ways of a request to predict: straight to the program where it comes whole, by ASGI otherwise."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from lab.runtime.serving.app import App
from lab.runtime.serving.config import read_config
from lab.runtime.serving.http import Answer, json_answer
from lab.runtime.serving.protocol import Protocol

ROUTE = object()
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
WHOLE = HEAD + b"\r\n{}"


class Keeper:
    def tell(self, *_: object) -> bool:
        return False


class Program:
    """Answers with the way that a request came; `waiting` are those told to wait."""

    def __init__(self) -> None:
        self.config = self
        self.max_body = 1000
        self.waiting: list[Any] = []
        self.connections: set[Any] = set()

    def predicting(self, path: bytes) -> object | None:
        return ROUTE if path in (b"/predict", b"/wait") else None

    def predict(self, route: object, headers: Any, body: bytes, told: Any) -> None:
        answer = json_answer(200, "straight")
        if headers.get(b"x-wait"):
            self.waiting.append(lambda: told(answer))
        else:
            asyncio.get_running_loop().call_soon(told, answer)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (message := await receive()).get("more_body") or message["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer: Answer = json_answer(200, f"asgi {len(body)}")
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer.body))]}
        )
        await send({"type": "http.response.body", "body": answer.body})


@asynccontextmanager
async def listening(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Program, int]]:
    program: Any = Program()
    for name, value in (("program", program), ("keeper", Keeper())):
        monkeypatch.setattr(Protocol, name, value, raising=False)
    config = uvicorn.Config(program, http=Protocol, ws="none", log_config=None, log_level="error", access_log=False)
    config.load()
    state = uvicorn.Server(config).server_state
    program.connections = state.connections
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0)
    async with server:
        yield program, server.sockets[0].getsockname()[1]


async def told(port: int, *pieces: bytes, answers: int = 1) -> list[Any]:
    """What each answer on one connection says; pieces are sent one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.05 if len(pieces) > 1 else 0)
    found: list[Any] = []
    async with asyncio.timeout(60):
        for _ in range(answers):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            found.append(json.loads(await reader.readexactly(int(length[1]))))
    writer.close()
    return found


@pytest.mark.parametrize(
    ("pieces", "way"),
    [
        ((WHOLE,), "straight"),
        ((WHOLE[:20], WHOLE[20:]), "straight"),
        ((HEAD + b"\r\n", b"{}"), "asgi 2"),
        ((HEAD + b"\r\n{", b"}"), "asgi 2"),
        ((HEAD.replace(b": 2", b": 1001") + b"\r\n" + b"x" * 1001,), "asgi 1001"),
        ((HEAD + b"Expect: 100-continue\r\n\r\n{}",), None),
        ((b"POST /predict HTTP/1.1\r\nHost: l\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",), "asgi 2"),
        ((HEAD + b"Content-Encoding: gzip\r\n\r\n{}",), "asgi 2"),
        ((WHOLE.replace(b"/predict", b"/other"),), "asgi 2"),
        ((WHOLE.replace(b"POST", b"PUT"),), "asgi 2"),
    ],
)
async def test_which_way_a_request_goes(
    monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...], way: str | None
) -> None:
    async with listening(monkeypatch) as (_, port):
        if way is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(pieces[0])
            assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
            writer.close()
        else:
            assert await told(port, *pieces) == [way]


async def test_answers_keep_the_order_of_requests_whichever_way_they_go(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = HEAD + b"X-Wait: 1\r\n\r\n{}"
    async with listening(monkeypatch) as (program, port):
        asking = asyncio.create_task(told(port, waits + WHOLE + WHOLE.replace(b"/predict", b"/other"), answers=3))
        async with asyncio.timeout(60):
            while not program.waiting:  # noqa: ASYNC110 (nothing tells of the change)
                await asyncio.sleep(0.01)
        program.waiting.pop()()
        assert await asking == ["straight", "asgi 2", "asgi 2"]


async def test_who_asks_to_close_is_closed_after_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(monkeypatch) as (_, port), asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"Connection: close\r\n\r\n{}")
        answer = await reader.read()
        assert b"connection: close\r\n" in answer.lower()
        assert answer.endswith(b'"straight"')
        writer.close()


async def test_quiet_connections_are_closed_and_busy_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(monkeypatch) as (program, port), asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(WHOLE)
        await reader.readuntil(b'"straight"')
        writer.write(HEAD + b"X-Wait: 1\r\n\r\n{}")
        while not program.waiting:  # noqa: ASYNC110 (nothing tells of the change)
            await asyncio.sleep(0.01)
        (protocol,) = program.connections
        assert protocol.timeout_keep_alive_task is not None, "one timer, from the first answer on"
        protocol._quiet_since -= 1e6
        protocol.timeout_keep_alive_handler()
        program.waiting.pop()()
        assert (await reader.readuntil(b'"straight"')).startswith(b"HTTP/1.1 200"), "who waits for an answer is kept"
        protocol.timeout_keep_alive_handler()
        assert protocol.timeout_keep_alive_task is not None, "it has not been quiet for long"
        protocol._quiet_since -= 1e6
        protocol.timeout_keep_alive_handler()
        assert await reader.read() == b""
        writer.close()


def test_only_requests_to_predict_go_straight() -> None:
    app = App(read_config({"LAB_MODEL_NAME": "iris", "LAB_MODEL_VERSION": "v1"}))
    paths = (b"/predict", b"/invocations", b"/v2/models/iris/infer", b"/v2/models/iris/versions/1/infer")
    assert all(app.predicting(path) for path in paths)
    assert not any(app.predicting(path) for path in (b"/feedback", b"/metrics", b"/mirror", b"/"))
