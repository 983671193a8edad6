"""The process that has the model in it: what its keeper (lab.runtime.serving.keeper) starts, and starts again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from itertools import count
from typing import Any, NoReturn, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lab.runtime.serving.app import App
from lab.runtime.serving.config import environment
from lab.runtime.serving.errors import ConfigError
from lab.runtime.serving.handover import CLOSED, LISTENING, OPENED, READY, Channel
from lab.runtime.serving.keeper import ASLEEP_EXIT, CHANNEL, LATE, LISTENER

MAX_HEAD_BYTES = 64 * 1024
_TICK_SECONDS = 0.02


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

    def flush(self) -> None:
        """Send a head that nothing follows."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Protocol(HttpToolsProtocol):
    """HTTP with bounds on the head of a request, in bytes and seconds, which the parser itself does not set. Lets the
    keeper hold each connection too."""

    head_timeout = 30.0
    keeper: Channel
    _numbers = count(1)
    _head = 0
    _in_head = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._answers = WholeAnswers(transport)
        self.transport = cast("asyncio.Transport", self._answers)
        self._number = next(self._numbers)
        self._held = self.keeper.tell(OPENED, self._number, transport.get_extra_info("socket").fileno())
        self._head_timer = self.loop.call_later(self.head_timeout, self._give_up)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and self._head_timer is None:  # most heads come whole: only the others cost a timer
            self._head_timer = self.loop.call_later(self.head_timeout, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        if self._held:
            self.keeper.tell(CLOSED, self._number)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._head = 0
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        self._answers.flush()
        super().on_response_complete()

    @property
    def busy(self) -> bool:
        """Whether a request has come in part, or an answer has gone in part."""
        return self._in_head or not (self.cycle is None or self.cycle.response_complete) or self._unsent > 0

    @property
    def _unsent(self) -> int:
        return int(self.transport.get_write_buffer_size())

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        """Close on a client that does not come to the point, unless an earlier request of its is being answered."""
        self._head_timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def on_url(self, url: bytes) -> None:
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value))
        super().on_header(name, value)

    def _grow(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD_BYTES:
            raise ValueError("the head of the request is too large")


class Server(uvicorn.Server):
    """Stops as a server behind others should: not ready first, then what is under way, then exit 0. Goes to sleep when
    nobody has asked for long enough: the process ends at once, and the keeper goes on with its connections."""

    def __init__(self, config: uvicorn.Config, app: App, keeper: Channel) -> None:
        super().__init__(config)
        self._app = app
        self._keeper = keeper
        self._loaded: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._listeners = [listener.dup() for listener in sockets or ()]
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._keeper.fileno(), self._hear)
        self._keeper.tell(LISTENING)
        self._loaded = loop.create_task(self._tell_when_ready())

    async def _tell_when_ready(self) -> None:
        await self._app.service.loaded.wait()
        if self._app.service.ready_reason:
            return
        self._keeper.tell(READY)
        self._app.service.asked = time.monotonic()
        if self._app.config.idle:
            self._sleep_when_idle()

    def _hear(self) -> None:
        """Take the connections that waited for this process."""
        loop = asyncio.get_running_loop()
        for _, _, connection in self._keeper.hear():
            if connection is not None:
                taking = loop.create_task(loop.connect_accepted_socket(self._protocol, connection))
                self.server_state.tasks.add(taking)  # type: ignore[arg-type]
                taking.add_done_callback(self.server_state.tasks.discard)
        if self._keeper.ended:
            os._exit(1)  # nobody holds the address any more

    def _protocol(self) -> Protocol:
        return Protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def _sleep_when_idle(self) -> None:
        left = self._app.service.asked + self._app.config.idle - time.monotonic()
        if left <= 0 and self._quiet:
            self._falling = asyncio.get_running_loop().create_task(self._fall_asleep())
            return
        asyncio.get_running_loop().call_later(max(left, _TICK_SECONDS), self._sleep_when_idle)

    async def _fall_asleep(self) -> None:
        await self._app.service.capture.settle()
        (listener,) = self._listeners
        self._listeners = [listener.dup()]
        for server in self.servers:
            server.close()
        await asyncio.sleep(0)  # whoever has been accepted is known after that
        await asyncio.sleep(0)
        if self._quiet and not self.should_exit:
            leave(ASLEEP_EXIT)
        loop = asyncio.get_running_loop()
        self.servers = [await loop.create_server(self._protocol, sock=listener, backlog=self.config.backlog)]
        self._sleep_when_idle()

    @property
    def _quiet(self) -> bool:
        """Whether nothing that came was left half read or half answered."""
        connections = cast("set[Protocol]", self.server_state.connections)
        return self._app.idle and not self._app.service.draining and not any(one.busy for one in connections)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """In place of uvicorn's own, which closes the socket at once and dies of the signal."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._drain)
        yield

    def _drain(self) -> None:
        self._app.drain()
        self._stop_when_idle(time.monotonic() + self._app.config.grace)

    def _stop_when_idle(self, deadline: float) -> None:
        if self._app.idle or time.monotonic() >= deadline:
            self.should_exit = True
            return
        asyncio.get_running_loop().call_later(_TICK_SECONDS, self._stop_when_idle, deadline)


def leave(code: int) -> NoReturn:
    """End at once, whatever threads are doing."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> int:
    try:
        config = environment()
        app = App(config, late=bool(os.environ.get(LATE)))
    except ConfigError as error:
        sys.stderr.write(f"lab: {error}\n")
        return 2
    listener = socket.socket(fileno=int(os.environ[LISTENER]))
    listener.setblocking(False)  # also for its copies, and for the keeper, whose it is as well
    keeper = Channel(socket.socket(fileno=int(os.environ[CHANNEL])))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # before numpy loads: a prediction is too small for a pool of threads
    Protocol.head_timeout, Protocol.keeper = config.head_timeout, keeper
    server = Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http=Protocol,
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        ),
        app,
        keeper,
    )
    server.run([listener])
    leave(0 if server.started else 1)  # a prediction that hangs must not keep the process


if __name__ == "__main__":
    sys.exit(main())
