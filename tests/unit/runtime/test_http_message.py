from __future__ import annotations

import asyncio

import pytest

from lab.runtime.http_message import Head, RefusedError, read_whole


def head(*lines: str) -> Head:
    return Head("\r\n".join([*lines, "", ""]).encode("latin-1"))


@pytest.mark.parametrize(
    ("lines", "framing"),
    [
        (("GET / HTTP/1.1", "Host: x"), 0),
        (("POST / HTTP/1.1", "Content-Length: 12"), 12),
        (("POST / HTTP/1.1", "transfer-encoding:  Chunked "), "chunked"),
        (("HTTP/1.1 200 OK", "Content-Length: 0"), 0),
        (("HTTP/1.0 200 OK",), None),
    ],
)
def test_how_long_a_body_is(lines: tuple[str, ...], framing: int | str | None) -> None:
    assert head(*lines).framing == framing


@pytest.mark.parametrize(
    "lines",
    [
        ("GET /",),
        ("GET / x HTTP/1.1",),
        ("POST / HTTP/1.1", "Content-Length: 1", "Content-Length: 1"),
        ("POST / HTTP/1.1", "Content-Length: 1", "Transfer-Encoding: chunked"),
        ("POST / HTTP/1.1", "Transfer-Encoding: gzip, chunked"),
        ("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("POST / HTTP/1.0", "Transfer-Encoding: chunked"),
        ("POST / HTTP/1.1", "Content-Length: +1"),
        ("POST / HTTP/1.1", "Content-Length : 1"),
        ("POST / HTTP/1.1", " folded: 1"),
        ("POST / HTTP/1.1", "no colon"),
        ("POST / HTTP/1.1", "Bad\x00: 1"),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_sound(lines: tuple[str, ...]) -> None:
    assert not head(*lines).sound
    assert head("POST / HTTP/1.1", "Content-Length: 1", "X: é").sound


def test_headers_of_one_connection_stay_behind() -> None:
    message = head("GET / HTTP/1.1", "Host: x", "Connection: close", "X: 1")
    assert message.without(frozenset({b"connection"})) == b"GET / HTTP/1.1\r\nHost: x\r\nX: 1\r\n\r\n"
    assert not message.keeps_alive
    assert head("GET / HTTP/1.1").keeps_alive
    assert not head("GET / HTTP/1.0").keeps_alive


def whole(data: bytes, framing: int | str, most: int = 1000) -> bytes:
    async def read() -> bytes:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await read_whole(reader, framing, most)

    return asyncio.run(read())


def test_bodies_are_read_as_they_stand() -> None:
    assert whole(b"abcdef", 3) == b"abc"
    chunked = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\n"
    assert whole(chunked + b"GET", "chunked") == chunked


@pytest.mark.parametrize(
    ("data", "framing", "status"),
    [
        (b"", 1001, "413"),
        (b"ffffffff\r\n", "chunked", "413"),
        (b"1\r\na\r\n0\r\n" + b"T: 1\r\n" * 500 + b"\r\n", "chunked", "413"),
        (b"-1\r\n", "chunked", "400"),
        (b"0x3\r\nabc\r\n", "chunked", "400"),
        (b"fffffffff\r\n", "chunked", "400"),
    ],
)
def test_bodies_that_are_too_large_or_none_are_refused(data: bytes, framing: int | str, status: str) -> None:
    with pytest.raises(RefusedError, match=status):
        whole(data, framing)
    with pytest.raises(asyncio.IncompleteReadError):
        whole(b"ab", 3)
