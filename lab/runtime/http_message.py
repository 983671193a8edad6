"""HTTP/1.1 messages as they stand on the wire, as far as passing them on whole takes. Only the standard library."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

CHUNK = 64 * 1024


class RefusedError(Exception):
    """A request that is not passed on; `status` is the answer."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Head:
    """The first line and the headers of a request or an answer."""

    def __init__(self, raw: bytes) -> None:
        first, *lines = raw[:-4].split(b"\r\n")
        self._first = first
        self._lines: list[tuple[bytes, bytes]] = []  # (name in small letters, the line)
        self._values: dict[bytes, list[bytes]] = {}
        for line in lines:
            name, colon, value = line.partition(b":")
            key = name.lower() if colon else b""
            self._lines.append((key, line))
            self._values.setdefault(key, []).append(value.strip())
        words = first.split(b" ", 2)
        self.method = words[0]
        self.status = int(words[1]) if first.startswith(b"HTTP/1.") and words[1:] and words[1].isdigit() else 0
        self._http11 = b"HTTP/1.1" in (words[0], words[-1])

    def value(self, name: bytes) -> bytes:
        """Of the first header of that name, "" if there is none."""
        return self._values.get(name, _NONE)[0]

    @property
    def sound(self) -> bool:
        """Whether everybody reads this request's length alike."""
        if self._first.count(b" ") != 2 or any(_NO_TOKEN.search(name) or not name for name in self._values):
            return False
        lengths, codings = self._values.get(b"content-length", ()), self._values.get(b"transfer-encoding", ())
        if codings:
            return not lengths and [coding.lower() for coding in codings] == [b"chunked"] and self._http11
        return len(lengths) <= 1 and all(length.isdigit() and len(length) < 12 for length in lengths)

    @property
    def framing(self) -> int | str | None:
        """The body's length; "chunked"; None for an answer that ends with the connection."""
        if self.value(b"transfer-encoding").lower() == b"chunked":
            return "chunked"
        length = self.value(b"content-length")
        if length.isdigit():
            return int(length)
        return None if self.status else 0

    @property
    def keeps_alive(self) -> bool:
        wish = self.value(b"connection").lower()
        return wish == b"keep-alive" if not self._http11 else b"close" not in wish

    def without(self, names: frozenset[bytes]) -> bytes:
        """As it came, but for these headers."""
        return b"\r\n".join([self._first, *(line for name, line in self._lines if name not in names), b"", b""])


_NONE = [b""]
#: What the name of a header must not hold: blanks, control characters, anything beyond ASCII (RFC 9110, 5.6.2).
_NO_TOKEN = re.compile(rb"[^!-~]")


async def read_whole(reader: asyncio.StreamReader, framing: int | str | None, most: int) -> bytes:
    """A body as it stands on the wire. Raises RefusedError above `most` bytes."""
    if isinstance(framing, int):
        if framing > most:
            raise RefusedError("413 Content Too Large")
        return await reader.readexactly(framing) if framing else b""
    return b"".join([piece async for piece in read_body(reader, framing, most)])


async def read_body(reader: asyncio.StreamReader, framing: int | str | None, most: int | None) -> AsyncIterator[bytes]:
    """The bytes of a body as they stand on the wire, piece by piece. Raises RefusedError above `most`."""
    if isinstance(framing, int):
        async for piece in _exactly(reader, framing):
            yield piece
    elif framing is None:
        while piece := await reader.read(CHUNK):
            yield piece
    else:
        async for piece in _chunks(reader, most):
            yield piece


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        piece = await reader.read(min(CHUNK, size))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader, most: int | None) -> AsyncIterator[bytes]:
    total = 0
    while True:
        line = await reader.readuntil(b"\r\n")
        digits = line.partition(b";")[0].strip()
        if not digits or len(digits) > 8 or digits.strip(b"0123456789abcdefABCDEF"):
            raise RefusedError("400 Bad Request")
        size = int(digits, 16)
        total += len(line) + size
        if most is not None and total > most:
            raise RefusedError("413 Content Too Large")
        yield line
        if size:
            async for piece in _exactly(reader, size + 2):
                yield piece
            continue
        while True:  # trailers
            line = await reader.readuntil(b"\r\n")
            total += len(line)
            if most is not None and total > most:
                raise RefusedError("413 Content Too Large")
            yield line
            if line == b"\r\n":
                return
