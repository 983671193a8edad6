"""How bytes of a connection become requests and answers become bytes: HTTP/1.1 by uvicorn and httptools.

Requests go to the program by ASGI. Those to predict that come whole need no task, scope and messages in between: they
go straight to it, which is a third of the processor time, and mean the same.
"""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lab.runtime.serving.handover import CLOSED, OPENED, Channel
from lab.runtime.serving.http import CLOSE, Answer, Headers, Route, wire

if TYPE_CHECKING:
    from lab.runtime.serving.app import App

MAX_HEAD_BYTES = 64 * 1024
_LARGE_HEAD = "the head of the request is too large"

#: A body that is none of its length alone, or whose length nobody has told, is ASGI's.
_SPECIAL = frozenset({b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"})


class WholeAnswers:
    """A transport that sends the head of an answer together with its body: in one piece, so that nobody is left with
    half an answer by a worker that is killed, and with one call of the system less."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self._head = data
            return
        self._transport.write(data)

    def send(self, answer: bytes) -> None:
        """One that is whole already."""
        self._transport.write(answer)

    def flush(self) -> None:
        """Send a head that nothing follows."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Exchange:
    """A request to predict and its answer, where uvicorn keeps the one that a connection is busy with."""

    __slots__ = ("body", "disconnected", "headers", "keep_alive", "response_complete", "route")

    message_event = asyncio.Event()  # of a request that nobody waits for more of

    def __init__(self, route: Route, headers: Headers, keep_alive: bool) -> None:
        self.route = route
        self.headers = headers
        self.keep_alive = keep_alive
        self.body = b""
        self.response_complete = False
        self.disconnected = False


class Protocol(HttpToolsProtocol):
    """HTTP with bounds on the head of a request, in bytes and seconds, which the parser itself does not set. Lets the
    keeper hold each connection too."""

    head_timeout = 30.0
    keeper: Channel
    program: App
    _numbers = count(1)
    _head = 0
    _in_head = False
    _head_timer: asyncio.TimerHandle | None = None
    _arriving: Exchange | None = None
    _quiet_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wire = transport
        self._answers = WholeAnswers(transport)
        self.transport = cast("asyncio.Transport", self._answers)
        self._number = next(self._numbers)
        self._held = self.keeper.tell(OPENED, self._number, transport.get_extra_info("socket").fileno())
        self._head_timer = self.loop.call_later(self.head_timeout, self._give_up)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._arriving is not None:  # its body is still to come, which takes limits of time and room
            self._to_asgi(self._arriving)
        if self._in_head and self._head_timer is None:  # most heads come whole: only the others cost a timer
            self._head_timer = self.loop.call_later(self.head_timeout, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        if self._held:
            self.keeper.tell(CLOSED, self._number)
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()

    # -- what the parser finds

    def on_message_begin(self) -> None:
        self._head = 0
        self._in_head = True
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_url(self, url: bytes) -> None:
        self.url += url
        self._head += len(url)
        if self._head > MAX_HEAD_BYTES:
            raise ValueError(_LARGE_HEAD)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))
        self._head += len(name) + len(value)
        if self._head > MAX_HEAD_BYTES:
            raise ValueError(_LARGE_HEAD)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_waiting()
        self._arriving = self._straight()
        if self._arriving is None:
            self._begin_asgi()

    def on_body(self, body: bytes) -> None:
        if self._arriving is None:
            super().on_body(body)
        else:
            self._arriving.body += body

    def on_message_complete(self) -> None:
        exchange, self._arriving = self._arriving, None
        if exchange is None:
            super().on_message_complete()
            return
        self.cycle = cast("Any", exchange)
        self.program.predict(exchange.route, exchange.headers, exchange.body, partial(self._answer, exchange))

    # -- one way: straight to the program

    def _straight(self) -> Exchange | None:
        """A request that need not go by ASGI if the rest of it comes along."""
        if self.parser.get_method() != b"POST" or self.busy:
            return None
        route = self.program.predicting(self.url)
        if route is None or self.parser.get_http_version() != "1.1":
            return None
        headers = dict(self.headers)
        length = headers.get(b"content-length")
        if length is None or not _SPECIAL.isdisjoint(headers) or int(length) > self.program.config.max_body:
            return None
        return Exchange(route, headers, self.parser.should_keep_alive())

    def _answer(self, exchange: Exchange, answer: Answer) -> None:
        exchange.response_complete = True
        if exchange.disconnected or self._wire.is_closing():
            return
        more = list(self.server_state.default_headers)  # the date
        keep = exchange.keep_alive and CLOSE not in answer.headers
        if not exchange.keep_alive and CLOSE not in answer.headers:
            more.append(CLOSE)
        self._answers.send(wire(answer, *more))
        if not keep:
            self.transport.close()
        self.on_response_complete()

    # -- the other way: by ASGI

    def _begin_asgi(self) -> None:
        """As uvicorn does when a message begins, once its head is there."""
        headers, url = self.headers, self.url
        super().on_message_begin()
        self.url = url
        self.headers += headers
        self.expect_100_continue = any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in headers
        )
        super().on_headers_complete()

    def _to_asgi(self, exchange: Exchange) -> None:
        """Go on by ASGI with a request of which so much has come."""
        self._arriving = None
        self._begin_asgi()
        if exchange.body:
            super().on_body(exchange.body)

    # -- between requests

    def on_response_complete(self) -> None:
        """As uvicorn does, with one timer a connection and not one a request."""
        self._answers.flush()
        self.server_state.total_requests += 1
        if self._wire.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        self._quiet_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _unset_keepalive_if_required(self) -> None:
        """The timer runs on, and finds that it was not quiet all the time."""

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self.busy or self.transport.is_closing():
            return
        left = self._quiet_since + self.timeout_keep_alive - self.loop.time()
        if left <= 0:
            self.transport.close()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)

    @property
    def busy(self) -> bool:
        """Whether a request has come in part, or an answer has gone in part."""
        return self._in_head or not (self.cycle is None or self.cycle.response_complete) or self._unsent > 0

    @property
    def _unsent(self) -> int:
        return self._wire.get_write_buffer_size()

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        """Close on a client that does not come to the point, unless an earlier request of its is being answered."""
        self._head_timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
