"""`python -m lab.runtime.serving`: serve the model in `$LAB_MODEL_DIR` on `$LAB_HOST`:`$LAB_PORT` until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lab.runtime.serving.app import App
from lab.runtime.serving.config import Config, environment
from lab.runtime.serving.errors import ConfigError

MAX_HEAD_BYTES = 64 * 1024
_TICK_SECONDS = 0.02


class Protocol(HttpToolsProtocol):
    """HTTP with bounds on the head of a request, in bytes and seconds, which the parser itself does not set."""

    head_timeout = 30.0
    _head = 0
    _in_head = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self.head_timeout, self._give_up)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and self._head_timer is None:  # most heads come whole: only the others cost a timer
            self._head_timer = self.loop.call_later(self.head_timeout, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._head = 0
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

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
    """Stops as a server behind others should: not ready first, then what is under way, then exit 0."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._app = app

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


def _log_to(config: Config) -> None:
    """Send stdout and stderr to the deployment's log, where it has one."""
    if config.run_dir is None:
        return
    path = config.run_dir / "stdout.log"
    try:
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError as error:
        sys.stderr.write(f"lab: cannot write {path}: {error.strerror}\n")
        return
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def main() -> int:
    try:
        config = environment()
        app = App(config)
    except ConfigError as error:
        sys.stderr.write(f"lab: {error}\n")
        return 2
    _log_to(config)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # before numpy loads: a prediction is too small for a pool of threads
    Protocol.head_timeout = config.head_timeout
    server = Server(
        uvicorn.Config(
            app,
            host=config.host,
            port=config.port,
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
    )
    server.run()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if server.started else 1)  # a prediction that hangs must not keep the process


if __name__ == "__main__":
    sys.exit(main())
