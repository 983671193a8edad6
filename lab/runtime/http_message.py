"""HTTP/1.1 messages as they stand on the wire, as far as passing them on whole takes. Only the standard library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

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
        self._lines = lines
        words = first.split(b" ", 2)
        self.method = words[0]
        self.status = int(words[1]) if first.startswith(b"HTTP/1.") and words[1:] and words[1].isdigit() else 0
        self._http11 = b"HTTP/1.1" in (words[0], words[-1])

    def values(self, name: bytes) -> Iterator[bytes]:
        for line in self._lines:
            key, colon, value = line.partition(b":")
            if colon and key.lower() == name:
                yield value.strip()

    def value(self, name: bytes) -> bytes:
        return next(self.values(name), b"")

    @property
    def sound(self) -> bool:
        """Whether everybody reads this request's length alike."""
        lengths, codings = list(self.values(b"content-length")), list(self.values(b"transfer-encoding"))
        names = (line.partition(b":") for line in self._lines)
        if len(self._first.split(b" ")) != 3 or any(not colon or not _token(name) for name, colon, _ in names):
            return False
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

    def without(self, *names: bytes) -> bytes:
        """As it came, but for these headers."""
        kept = [line for line in self._lines if line.partition(b":")[0].lower() not in names]
        return b"\r\n".join([self._first, *kept, b"", b""])


def _token(name: bytes) -> bool:
    """Whether a header's name is one: no blanks, no control characters (RFC 9110, 5.6.2)."""
    return bool(name) and all(33 <= byte <= 126 for byte in name)


async def read_body(reader: asyncio.StreamReader, framing: int | str | None, most: int | None) -> AsyncIterator[bytes]:
    """The bytes of a body as they stand on the wire, piece by piece. Raises RefusedError above `most`."""
    total = 0
    if isinstance(framing, int):
        if most is not None and framing > most:
            raise RefusedError("413 Content Too Large")
        while total < framing:
            piece = await reader.read(min(CHUNK, framing - total))
            if not piece:
                raise asyncio.IncompleteReadError(b"", framing - total)
            total += len(piece)
            yield piece
    elif framing is None:
        while piece := await reader.read(CHUNK):
            yield piece
    else:
        async for piece in _chunks(reader):
            total += len(piece)
            if most is not None and total > most:
                raise RefusedError("413 Content Too Large")
            yield piece


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        line = await reader.readuntil(b"\r\n")
        digits = line.partition(b";")[0].strip()
        if not digits or len(digits) > 8 or digits.strip(b"0123456789abcdefABCDEF"):
            raise RefusedError("400 Bad Request")
        yield line
        size = int(digits, 16)
        if size:
            yield await reader.readexactly(size + 2)
            continue
        while True:  # trailers
            line = await reader.readuntil(b"\r\n")
            yield line
            if line == b"\r\n":
                return
