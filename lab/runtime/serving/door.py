"""A server's address while no worker listens at it: questions about health are answered, all others wait.

What a connection asks is looked at without taking it, so that whoever comes to answer finds it whole. Standard library
only.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from lab.runtime.serving.access import check_source
from lab.runtime.serving.errors import RequestError
from lab.runtime.serving.handover import drain, end_gently

_HEAD = 8192
_MOST = 1024  # connections; others stay in the system's queue
_SILENT_SECONDS = 75.0  # as long as a worker keeps one

#: From a path to a whole answer; None for what only a worker can answer.
Pages = Callable[[bytes], bytes | None]


def answer(status: str, body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


_STRANGER = answer("421 Misdirected Request", b'{"error":{"code":"host","message":"this server has another name"}}')


class Door:
    """`open` and `shut` say whether it is this one's turn to take connections. `waiting` are those for a worker."""

    def __init__(self, listener: socket.socket, hosts: frozenset[str], pages: Pages) -> None:
        self.waiting: list[socket.socket] = []
        self._listener = listener
        self._hosts = hosts
        self._pages = pages
        self._silent: dict[int, tuple[socket.socket, float]] = {}
        self._open = False

    def open(self) -> None:
        self._listener.setblocking(False)  # a worker may have thought otherwise
        self._open = True

    def shut(self) -> list[socket.socket]:
        """All who wait, also those who have not said anything yet; they are the caller's from now on."""
        self._open = False
        left = [*self.waiting, *(connection for connection, _ in self._silent.values())]
        self.waiting, self._silent = [], {}
        return left

    def watch(self, poller: select.poll) -> None:
        if self._open and len(self.waiting) + len(self._silent) < _MOST:
            poller.register(self._listener, select.POLLIN)
        for number in self._silent:
            poller.register(number, select.POLLIN)

    @property
    def deadline(self) -> float | None:
        """When it next has to be looked at without anything happening (monotonic)."""
        return min((until for _, until in self._silent.values()), default=None)

    def look(self, ready: frozenset[int]) -> None:
        """Take in what has come at the descriptors in `ready`."""
        if self._open and self._listener.fileno() in ready:
            self._accept()
        now = time.monotonic()
        for number, (connection, until) in list(self._silent.items()):
            if number in ready and self._decide(connection):
                del self._silent[number]
            elif now > until:
                del self._silent[number]
                connection.close()

    def refuse(self) -> None:
        """Send everybody away, since the server stops: without a word, so that a router asks another one."""
        for connection in self.shut():
            _reply(connection, b"")

    def _accept(self) -> None:
        for _ in range(_MOST - len(self.waiting) - len(self._silent)):
            try:
                connection, _ = self._listener.accept()
            except OSError:  # nobody else waits, or there is no descriptor left
                return
            self.adopt(connection)

    def adopt(self, connection: socket.socket) -> None:
        """Be the one that `connection` talks to."""
        connection.setblocking(False)
        if not self._decide(connection):
            self._silent[connection.fileno()] = (connection, time.monotonic() + _SILENT_SECONDS)

    def _decide(self, connection: socket.socket) -> bool:
        """Answer it, or put it among those who wait; False while it has said nothing."""
        try:
            head = connection.recv(_HEAD, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            head = b""
        if not head:
            connection.close()
            return True
        page = self._page(head)
        if page is None:
            self.waiting.append(connection)
        else:
            _reply(connection, page)
        return True

    def _page(self, head: bytes) -> bytes | None:
        """What there is to say without a worker; what is not whole, or odd, is a worker's to judge."""
        lines, end, rest = head.partition(b"\r\n\r\n")
        words = lines.split(b"\r\n")[0].split(b" ")
        if not end or rest or len(words) != 3 or words[0] not in (b"GET", b"HEAD"):
            return None
        page = self._pages(words[1])
        if page is None:
            return None
        try:
            check_source(_headers(lines), self._hosts)
        except RequestError:
            return _STRANGER
        return page.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if words[0] == b"HEAD" else page


def _headers(lines: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in lines.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _reply(connection: socket.socket, page: bytes) -> None:
    drain(connection)
    with suppress(OSError):  # the client may be gone
        connection.send(page)
    end_gently(connection)
    connection.close()
