"""The little of HTTP that the server speaks: ASGI messages in, whole answers out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from lab.runtime.serving.errors import RequestError

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

_JSON = (b"content-type", b"application/json")
CLOSE: Header = (b"connection", b"close")

#: A body that is too large is read to its end up to here before the answer, or the client would see a reset instead.
DRAIN_BYTES = 64 * 1024 * 1024
DRAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: tuple[Header, ...] = (_JSON,)


def json_answer(status: int, value: Any, *headers: Header) -> Answer:
    return Answer(status, orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), (_JSON, *headers))


def error_answer(error: RequestError, *headers: Header) -> Answer:
    """`{"error": {"code", "message", "columns"?}}`."""
    about: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.columns:
        about["columns"] = error.columns
    return json_answer(error.status, {"error": about}, *headers)


async def reply(send: Send, answer: Answer) -> None:
    length = (b"content-length", str(len(answer.body)).encode())
    await send({"type": "http.response.start", "status": answer.status, "headers": [length, *answer.headers]})
    await send({"type": "http.response.body", "body": answer.body})


class DisconnectedError(Exception):
    """The client went away before its request was whole."""


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int, seconds: float) -> bytes:
    """The whole body. Raises RequestError 408, 411, 413, and DisconnectedError."""
    length = headers.get(b"content-length")
    if length is None and b"transfer-encoding" not in headers:
        raise RequestError(411, "length_required", "send the length of the body in Content-Length")
    try:
        async with asyncio.timeout(seconds):
            if length is not None and int(length) <= limit:
                return await _read(receive, limit)
            return await _read_unknown(receive, limit)
    except TimeoutError:
        raise RequestError(408, "slow", f"the body did not arrive within {seconds:g} s") from None


async def _read(receive: Receive, limit: int) -> bytes:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    return await _read_unknown(receive, limit, bytearray(body))


async def _read_unknown(receive: Receive, limit: int, body: bytearray | None = None) -> bytes:
    body = bytearray() if body is None else body
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        body += message.get("body", b"")
        if len(body) > limit:
            if message.get("more_body"):
                await _drain(receive)
            raise RequestError(413, "too_large", f"the body is larger than {limit} bytes")
        if not message.get("more_body"):
            return bytes(body)


async def _drain(receive: Receive) -> None:
    """Read and forget the rest, within reason."""
    dropped = 0
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while dropped < DRAIN_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
    except TimeoutError:
        return
