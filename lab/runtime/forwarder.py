"""Lab's own router: passes whole HTTP/1.1 requests on to the servers of one deployment.

    python -m lab.runtime.forwarder

Stands in where HAProxy cannot be had. `$LAB_ROUTE_FILE` (JSON: `{"servers": [{"slot", "host", "port", "weight"}]}`)
says whom it starts with; it listens on `$LAB_HOST`:`$LAB_PORT`, and obeys lines of JSON on the unix socket `admin.sock`
in `$LAB_ROUTE_SOCKET`'s folder: `{"servers": […]}` replaces the servers, `{}` changes nothing; both are answered with
one line of counts. Only the standard library; uvloop if the environment has it.

A request is read whole before it is passed on, so one whose server dies before it answers goes to another one; with
none up it waits `HOLD_SECONDS` for one. Requests whose length could be read in two ways are refused.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any

from lab.runtime.http_message import CHUNK, Head, RefusedError, read_body, read_whole

MAX_HEAD = 64 * 1024
MAX_BODY = 16 * 1024 * 1024
HOLD_SECONDS = 5.0
ANSWER_SECONDS = 60.0
CONNECT_SECONDS = 2.0
IDLE_SECONDS = 75.0
LOOK_SECONDS = 0.25
_TRIES = 2  # not more, lest a request that kills servers kills them all
_IDLE_KEPT = 32  # connections to one server
_FALLS = 2  # looks in a row that must fail before a server counts as down

#: Headers that are about one connection, not about the message.
_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"expect"})

#: What comes of a server, or a client, that breaks off.
_BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ClientGoneError(Exception):
    """Nobody is there to be answered."""


class Server:
    """One server: where it is, its share of requests, and what came of them."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.host, self.port, self.weight = "", 0, 0
        self.address = ""  # where the name was found last
        self.up = False
        self.credit = 0  # of smooth weighted round robin
        self.failed_looks = 0
        self.requests = self.errors_4xx = self.errors_5xx = self.failures = self.in_flight = 0
        self.idle: list[Streams] = []
        self._finding: asyncio.Future[list[Any]] | None = None

    def place(self, host: str, port: int, weight: int) -> None:
        if (host, port) != (self.host, self.port):
            self.close()
            self.host, self.port, self.up = host, port, False
            self.address, self._finding = "", None
        self.weight = weight

    def close(self) -> None:
        while self.idle:
            self.idle.pop()[1].close()

    async def find(self) -> None:
        """Ask where its name is now: once at a time, since a name that is gone may hold a thread for many seconds, and
        others need theirs. Raises OSError or TimeoutError."""
        if self._finding is None or self._finding.done():
            loop = asyncio.get_running_loop()
            self._finding = asyncio.ensure_future(loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM))
            self._finding.add_done_callback(lambda found: found.cancelled() or found.exception())  # may be nobody waits
        async with asyncio.timeout(CONNECT_SECONDS):
            found = await asyncio.shield(self._finding)
        self.address = str(found[0][4][0])

    async def open(self) -> Streams:
        """A new connection. Raises OSError or TimeoutError."""
        if not self.address:
            await self.find()
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.open_connection(self.address, self.port, limit=MAX_HEAD)

    async def connect(self) -> tuple[Streams, bool]:
        """A connection, and whether it has been used before."""
        while self.idle:
            reader, writer = self.idle.pop()
            if not (reader.at_eof() or writer.is_closing()):
                return (reader, writer), True
            writer.close()
        return await self.open(), False

    def keep(self, streams: Streams) -> None:
        if len(self.idle) < _IDLE_KEPT and not streams[0].at_eof():
            self.idle.append(streams)
        else:
            streams[1].close()

    def count(self, status: int) -> None:
        self.errors_4xx += 400 <= status < 500
        self.errors_5xx += status >= 500

    def told(self) -> dict[str, Any]:
        names = ("slot", "up", "weight", "requests", "errors_4xx", "errors_5xx", "failures", "in_flight")
        return {name: getattr(self, name) for name in names}


class Forwarder:
    """The servers and the ways to them."""

    def __init__(self) -> None:
        self.servers: dict[int, Server] = {}
        self.changed = asyncio.Event()

    def route(self, wanted: list[dict[str, Any]]) -> None:
        """Serve with these from now on; what others have taken they finish."""
        for gone in set(self.servers) - {int(item["slot"]) for item in wanted}:
            self.servers.pop(gone).close()
        for item in wanted:
            server = self.servers.setdefault(int(item["slot"]), Server(int(item["slot"])))
            server.place(str(item["host"]), int(item["port"]), int(item["weight"]))
        self.changed.set()

    def choose(self, tried: set[int], named: int) -> Server | None:
        """The next of those that are up by smooth weighted round robin, or the one that is asked for by its slot."""
        if named:
            server = self.servers.get(named)
            return server if server is not None and server.slot not in tried else None
        fit = [one for one in self.servers.values() if one.up and one.weight > 0 and one.slot not in tried]
        if not fit:
            return None
        for one in fit:
            one.credit += one.weight
        best = max(fit, key=lambda one: one.credit)
        best.credit -= sum(one.weight for one in fit)
        return best

    async def wait(self, tried: set[int], named: int) -> Server:
        """A server to ask; waits for one to come up. Raises RefusedError 503."""
        deadline = time.monotonic() + HOLD_SECONDS
        while (server := self.choose(tried, named)) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise RefusedError("503 Service Unavailable")
            tried.clear()
            self.changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_SECONDS)):
                    await self.changed.wait()
        return server

    # -- looking after servers ---------------------------------------------------------------------

    async def look(self) -> None:
        """Ask each server whether it is ready, for ever."""
        while True:
            await asyncio.gather(*(self._look_at(server) for server in list(self.servers.values())))
            await asyncio.sleep(LOOK_SECONDS)

    async def _look_at(self, server: Server) -> None:
        try:
            await server.find()
            reader, writer = await server.open()
            async with asyncio.timeout(CONNECT_SECONDS):
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                ready = (await reader.readline()).split(b" ")[1:2] == [b"200"]
                writer.close()
        except (OSError, TimeoutError, ValueError):
            ready = False
        server.failed_looks = 0 if ready else server.failed_looks + 1
        if ready and not server.up:
            server.up = True
            self.changed.set()
        elif server.failed_looks >= _FALLS:
            server.up = False

    # -- requests ----------------------------------------------------------------------------------

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Everything that one client sends on one connection."""
        try:
            while await self._exchange(reader, writer):
                pass
        except RefusedError as error:
            writer.write(f"HTTP/1.1 {error.status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
            with suppress(OSError):
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass  # the client is gone, or sent nothing more
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False when the connection is to be closed."""
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise RefusedError("431 Request Header Fields Too Large") from None
        request = Head(head)
        if not request.sound:
            raise RefusedError("400 Bad Request")
        if request.value(b"expect").lower() == b"100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async with asyncio.timeout(ANSWER_SECONDS):
            body = await read_whole(reader, request.framing, MAX_BODY)
        keep = request.keeps_alive
        message = request.without(_HOP_BY_HOP) + body
        name = request.value(b"x-lab-server")
        named = int(name) if name.isdigit() and len(name) < 4 else 0
        tried: set[int] = set()
        for attempt in range(_TRIES):
            server = await self.wait(tried, named)
            tried.add(server.slot)
            server.requests += 1
            server.in_flight += 1
            try:
                begun = await self._answer(server, message, request.method, writer, keep)
            except _BROKEN:
                server.failures += 1
                if attempt == _TRIES - 1:
                    raise RefusedError("502 Bad Gateway") from None
            else:
                return begun and keep
            finally:
                server.in_flight -= 1
                self.changed.set()
        return False

    async def _answer(
        self, server: Server, message: bytes, method: bytes, writer: asyncio.StreamWriter, keep: bool
    ) -> bool:
        """Pass on what the server says. False if the client must not send more on this connection.

        Raises an error of the list above only while nothing has been passed on, so that another server may be asked.
        """
        streams, used = await server.connect()
        source, sink = streams
        try:
            answer = await self._ask(streams, message)
        except _BROKEN:
            sink.close()
            if not used:
                server.up = False  # until it answers a look
                raise
            streams = source, sink = await server.open()
            answer = await self._ask(streams, message)
        bare = method == b"HEAD" or answer.status in (204, 304)
        framing = 0 if bare else answer.framing
        small = b""
        if isinstance(framing, int) and framing <= CHUNK:  # nearly all: read whole, so that it can still be asked again
            try:
                small = await source.readexactly(framing) if framing else b""
            except _BROKEN:
                sink.close()
                raise
        server.count(answer.status)
        close = b"" if keep and framing is not None else b"Connection: close\r\n"
        head = answer.without(_HOP_BY_HOP)
        writer.write(b"%sX-Lab-Server: s%d\r\n%s\r\n%s" % (head[:-2], server.slot, close, small))
        try:
            if not (isinstance(framing, int) and framing <= CHUNK):
                async for piece in read_body(source, framing, None):
                    writer.write(piece)
                    if writer.transport.get_write_buffer_size() > CHUNK:
                        await _drain(writer)
            await _drain(writer)
        except ClientGoneError:
            sink.close()
            return False
        except (*_BROKEN, RefusedError):
            server.failures += 1
            sink.close()
            return False
        if framing is not None and answer.keeps_alive:
            server.keep(streams)
        else:
            sink.close()
        return framing is not None

    async def _ask(self, streams: Streams, message: bytes) -> Head:
        """Send a request; the head of its answer, with those that only say "continue" passed over."""
        source, sink = streams
        sink.write(message)
        async with asyncio.timeout(ANSWER_SECONDS):
            await sink.drain()
            while True:
                answer = Head(await source.readuntil(b"\r\n\r\n"))
                if answer.status >= 200:
                    return answer

    async def finish(self, seconds: float) -> None:
        """Return when nothing is under way any more, at the latest after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while any(one.in_flight for one in self.servers.values()):
                    self.changed.clear()
                    await self.changed.wait()

    # -- control -----------------------------------------------------------------------------------

    async def admin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lines of JSON from Lab, each answered with one."""
        with suppress(OSError):
            while line := await reader.readline():
                wanted = json.loads(line)
                if "servers" in wanted:
                    self.route(wanted["servers"])
                told = [server.told() for server in self.servers.values()]
                writer.write(json.dumps({"servers": told}).encode() + b"\n")
                await writer.drain()
        writer.close()


async def _drain(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.drain()
    except OSError as error:
        raise ClientGoneError from error


async def run(servers: list[dict[str, Any]]) -> None:
    forwarder = Forwarder()
    forwarder.route(servers)
    admin = await asyncio.start_unix_server(forwarder.admin, "admin.sock")
    host, port = os.environ.get("LAB_HOST", "127.0.0.1"), int(os.environ["LAB_PORT"])
    server = await asyncio.start_server(forwarder.client, host, port, limit=MAX_HEAD, backlog=1024, reuse_address=True)
    looking = asyncio.ensure_future(forwarder.look())
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    looking.cancel()
    server.close()
    admin.close()
    await forwarder.finish(10.0)


def main() -> int:
    with open(os.environ["LAB_ROUTE_FILE"], encoding="utf-8") as file:
        servers = json.load(file)["servers"]
    os.chdir(os.environ["LAB_ROUTE_SOCKET"])  # the path of a unix socket holds some hundred bytes
    with suppress(FileNotFoundError):
        os.unlink("admin.sock")
    os.umask(0o077)
    try:
        import uvloop
    except ImportError:
        asyncio.run(run(servers))
    else:
        uvloop.run(run(servers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
