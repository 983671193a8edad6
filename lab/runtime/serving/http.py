"""The little of HTTP that the server speaks: requests in, whole answers out, as ASGI messages or as bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from lab.runtime.serving.errors import RequestError

if TYPE_CHECKING:
    from lab.runtime.serving.service import Query

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]
Headers = Mapping[bytes, bytes]

JSON: Header = (b"content-type", b"application/json")
CLOSE: Header = (b"connection", b"close")

#: The rest of a body that is too large is read before the answer, or the client would see a reset instead: up to
#: twice the limit, at least so many bytes, and no longer than this.
DRAIN_BYTES = 64 * 1024 * 1024
DRAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Request:
    """The head of a request, and where its body comes from."""

    headers: Headers
    receive: Receive


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: tuple[Header, ...] = (JSON,)


Handler = Callable[[Request], Awaitable[Answer]]
Reader = Callable[[Headers, bytes], "Query"]
ErrorAnswer = Callable[[RequestError], Answer]


def json_answer(status: int, value: Any, *headers: Header) -> Answer:
    return Answer(status, orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), (JSON, *headers))


def error_answer(error: RequestError) -> Answer:
    """`{"error": {"code", "message", "columns"?}}`."""
    about: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.columns:
        about["columns"] = error.columns
    return json_answer(error.status, {"error": about})


@dataclass(frozen=True)
class Route:
    """One path and method. `label` stands for the path in counters; `guarded` paths need the token.

    One that predicts has `read`, from the head and the body of a request to what is asked of the model; it raises
    RequestError. Others have a `handler`.
    """

    path: str
    method: str
    handler: Handler | None = None
    read: Reader | None = None
    guarded: bool = True
    label: str = ""
    error: ErrorAnswer = error_answer

    @property
    def name(self) -> str:
        return self.label or self.path


def parse_json(body: bytes) -> Any:
    """Raises RequestError 400 for what is no JSON, 422 for JSON that is nested too deeply."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        reason = error.msg.split(":")[0]
        if reason.startswith("depth"):
            raise RequestError(422, "depth", "the body is nested too deeply") from error
        raise RequestError(400, "json", f"the body is not JSON: {reason} at character {error.pos}") from error


_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


def wire(answer: Answer, *more: Header) -> bytes:
    """The answer as it goes to the client, with `more` headers."""
    length = (b"content-length", b"%d" % len(answer.body))
    headers = b"".join([b"%s: %s\r\n" % header for header in (*more, length, *answer.headers)])
    return b"%s%s\r\n%s" % (_STATUS[answer.status], headers, answer.body)


async def reply(send: Send, answer: Answer) -> None:
    length = (b"content-length", str(len(answer.body)).encode())
    await send({"type": "http.response.start", "status": answer.status, "headers": [length, *answer.headers]})
    await send({"type": "http.response.body", "body": answer.body})


class DisconnectedError(Exception):
    """The client went away before its request was whole."""


class Room:
    """Memory for bodies that are still arriving, all together, in bytes."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        """Raises RequestError 503 when there is none left."""
        if size > self._left:
            raise RequestError(503, "busy", "too many bodies are arriving at once")
        self._left -= size

    def give(self, size: int) -> None:
        self._left += size


async def read_body(request: Request, limit: int, seconds: float, room: Room) -> bytes:
    """The whole body. Raises RequestError 408, 411, 413, 415, 503, and DisconnectedError."""
    length = request.headers.get(b"content-length")
    if length is None and b"transfer-encoding" not in request.headers:
        raise RequestError(411, "length_required", "send the length of the body in Content-Length")
    if request.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise RequestError(415, "encoding", "compressed bodies are not taken")
    try:
        async with asyncio.timeout(seconds):
            return await _read(request.receive, limit, room)
    except TimeoutError:
        raise RequestError(408, "slow", f"the body did not arrive within {seconds:g} s") from None


async def _read(receive: Receive, limit: int, room: Room) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body") and len(message.get("body", b"")) <= limit:
        whole: bytes = message.get("body", b"")
        return whole
    body = bytearray()
    try:
        return await _read_on(message, receive, limit, body, room)
    finally:
        room.give(len(body))


async def _read_on(message: dict[str, Any], receive: Receive, limit: int, body: bytearray, room: Room) -> bytes:
    """From a first message that is not all; `body` takes what `room` was taken for."""
    while True:
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body")
        room.take(len(chunk))
        body += chunk
        if len(body) > limit:
            if more:
                await _drain(receive, max(2 * limit, DRAIN_BYTES))
            raise RequestError(413, "too_large", f"the body is larger than {limit} bytes")
        if not more:
            return bytes(body)
        message = await receive()


async def _drain(receive: Receive, budget: int) -> None:
    """Read and forget up to `budget` bytes."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while budget > 0:
                message = await receive()
                budget -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
    except TimeoutError:
        return
