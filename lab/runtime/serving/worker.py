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
from typing import NoReturn, cast

import uvicorn

from lab.runtime.serving.app import App
from lab.runtime.serving.config import environment
from lab.runtime.serving.errors import ConfigError
from lab.runtime.serving.handover import LISTENING, READY, Channel
from lab.runtime.serving.keeper import ASLEEP_EXIT, CHANNEL, LATE, LISTENER
from lab.runtime.serving.protocol import Protocol

_TICK_SECONDS = 0.02


class Server(uvicorn.Server):
    """Stops as a server behind others should: not ready first, then what is under way, then exit 0. Goes to sleep when
    nobody has asked for long enough: the process ends at once, and the keeper goes on with its connections."""

    def __init__(self, config: uvicorn.Config, app: App, keeper: Channel) -> None:
        super().__init__(config)
        self._app = app
        self._keeper = keeper
        app.service.on_ready = self._ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._listeners = [listener.dup() for listener in sockets or ()]
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._keeper.fileno(), self._hear)
        self._keeper.tell(LISTENING)

    def _ready(self) -> None:
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
    Protocol.head_timeout, Protocol.keeper, Protocol.program = config.head_timeout, keeper, app
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
