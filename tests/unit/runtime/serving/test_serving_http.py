"""Reading bodies: whole, in pieces, too large, gone, and too many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from lab.runtime.serving.errors import RequestError
from lab.runtime.serving.http import DisconnectedError, Request, Room, parse_json, read_body

CHUNKED = {b"transfer-encoding": b"chunked"}


def request(*chunks: bytes, gone: bool = False, headers: dict[bytes, bytes] | None = None) -> Request:
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages[-1]["more_body"] = gone
    messages.append({"type": "http.disconnect"})
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    return Request(CHUNKED if headers is None else headers, receive)


async def read(*chunks: bytes, room: Room | None = None, **about: Any) -> bytes:
    return await read_body(request(*chunks, **about), 10, 5, room or Room(100))


@pytest.mark.parametrize("chunks", [(b"",), (b"0123456789",), (b"", b"0123", b"", b"456789"), (b"0123456789", b"")])
async def test_a_body_comes_whole_however_it_arrives(chunks: Sequence[bytes]) -> None:
    assert await read(*chunks) == b"".join(chunks)


@pytest.mark.parametrize(
    ("chunks", "about", "status"),
    [
        ((b"0123456789x",), {}, 413),
        ((b"01234", b"56789x", b"y" * 1000), {}, 413),
        ((b"",), {"headers": {}}, 411),
        ((b"x",), {"headers": CHUNKED | {b"content-encoding": b"br"}}, 415),
    ],
)
async def test_what_may_not_be_is_refused(chunks: Sequence[bytes], about: Any, status: int) -> None:
    with pytest.raises(RequestError) as caught:
        await read(*chunks, **about)
    assert caught.value.status == status


async def test_who_goes_away_is_noticed() -> None:
    with pytest.raises(DisconnectedError):
        await read(b"0", gone=True)


async def test_bodies_that_arrive_share_their_room_and_give_it_back() -> None:
    room, slow = Room(12), asyncio.Event()
    pieces = iter([b"01234", b"567"])

    async def receive() -> dict[str, Any]:
        piece = next(pieces)
        if piece == b"567":
            await slow.wait()
        return {"type": "http.request", "body": piece, "more_body": piece != b"567"}

    first = asyncio.create_task(read_body(Request(CHUNKED, receive), 10, 5, room))
    await asyncio.sleep(0)
    with pytest.raises(RequestError) as caught:
        await read(b"0123", b"4567", room=room)
    assert caught.value.status == 503
    assert await read(b"01", b"23", room=room) == b"0123"
    slow.set()
    assert await first == b"01234567"
    for _ in range(5):
        with pytest.raises(DisconnectedError):
            await read(b"0123", b"4", gone=True, room=room)
        with pytest.raises(RequestError):
            await read(b"01234567", b"89x", room=room)
    assert await read(b"01234", b"56789", room=room) == b"0123456789"


def test_json_that_is_none_says_where() -> None:
    assert parse_json(b'{"a": [1]}') == {"a": [1]}
    with pytest.raises(RequestError) as caught:
        parse_json(b'{"a": s3cret}')
    assert (caught.value.status, "s3cret" in caught.value.message) == (400, False)
    with pytest.raises(RequestError) as caught:
        parse_json(b"[" * 5000 + b"]" * 5000)
    assert (caught.value.status, caught.value.code) == (422, "depth")
