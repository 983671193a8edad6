"""What a keeper and its worker say to each other, and connections on their way between them. Standard library only.

A message is a kind and a number; it may bring open connections along.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress

#: From the worker: the model may be asked; whoever connects is answered; a connection has begun (it comes along, so
#: that it outlives a worker that is killed) or is over.
READY, LISTENING, OPENED, CLOSED = b"r", b"l", b"o", b"c"
#: From the keeper: a connection that had to wait for a worker.
TAKE = b"t"

_FRAME = struct.Struct("<cQ")
_FRAMES = 64  # read at once


class Channel:
    """One end of a pair of connected unix sockets."""

    def __init__(self, wire: socket.socket) -> None:
        wire.setblocking(False)
        self._wire = wire
        self._rest = b""
        self.ended = False

    def fileno(self) -> int:
        return self._wire.fileno()

    def close(self) -> None:
        self._wire.close()

    def tell(self, kind: bytes, number: int = 0, connection: int | None = None) -> bool:
        """Whether the other end can be expected to hear of it."""
        frame = _FRAME.pack(kind, number)
        try:
            if connection is None:
                self._wire.send(frame)
            else:
                socket.send_fds(self._wire, [frame], [connection])
        except OSError:
            return False
        return True

    def hear(self) -> Iterator[tuple[bytes, int, socket.socket | None]]:
        """What has come; `ended` is set when the other end is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._wire, _FRAMES * _FRAME.size, _FRAMES)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        if not data:
            self.ended = True
        waiting = _sockets(descriptors)
        data = self._rest + data
        whole = len(data) - len(data) % _FRAME.size
        self._rest = data[whole:]
        for kind, number in _FRAME.iter_unpack(data[:whole]):
            yield kind, number, waiting.pop(0) if waiting and kind in (OPENED, TAKE) else None
        for left in waiting:
            left.close()


def _sockets(descriptors: Sequence[int]) -> list[socket.socket]:
    found = []
    for number in descriptors:
        try:
            found.append(socket.socket(fileno=number))
        except OSError:
            os.close(number)
    return found


def end_gently(connection: socket.socket) -> None:
    """Let the other side see an end rather than a reset, which is what a socket with unread data is closed with."""
    with suppress(OSError):
        connection.setblocking(False)
        connection.shutdown(socket.SHUT_WR)


def drain(connection: socket.socket) -> None:
    with suppress(OSError):
        while connection.recv(65536):
            pass
