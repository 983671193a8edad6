"""Copies of live requests for Lab, which tries another version with them: `POST /mirror`.

They are kept in memory alone, once their clients have been answered, and only while somebody keeps coming for them.
What does not fit is dropped and counted. Values are as they came, so whoever asks must know the deployment's key.
"""

from __future__ import annotations

import hmac
import time
from collections import deque
from typing import TYPE_CHECKING

import orjson

from lab.runtime.serving.errors import RequestError
from lab.runtime.serving.http import Answer, Request, Route
from lab.runtime.serving.keys import HEADER, own_secret, read_key

if TYPE_CHECKING:
    from lab.runtime.serving.compute import Output
    from lab.runtime.serving.service import Service
    from lab.runtime.serving.signature import Row

PATH = "/mirror"
MAX_ROWS = 100  # of one request; longer ones are not copied
_BYTES = 4 * 1024 * 1024
_LEASE_SECONDS = 5.0


class Mirror:
    """Lives on one event loop. A copy: `{"data": [[value, …], …], "predictions": […]}`."""

    def __init__(self) -> None:
        self._copies: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = 0
        self._until = 0.0

    @property
    def wanted(self) -> bool:
        return time.monotonic() < self._until

    def keep(self, rows: list[Row], output: Output) -> None:
        """Never raises: nothing here can hurt an answer."""
        try:
            copy = orjson.dumps({"data": rows, "predictions": output.predictions.tolist()}) if _fits(rows) else b""
        except (TypeError, ValueError):
            copy = b""
        if not copy or self._bytes + len(copy) > _BYTES:
            self._dropped += 1
            return
        self._copies.append(copy)
        self._bytes += len(copy)

    def take(self) -> bytes:
        """All that waits: `{"dropped": how many were, "copies": [copy, …]}`; and go on for some seconds."""
        if not self.wanted:
            self._forget()
        page = b'{"dropped":%d,"copies":[%s]}' % (self._dropped, b",".join(self._copies))
        self._forget()
        self._until = time.monotonic() + _LEASE_SECONDS
        return page

    def _forget(self) -> None:
        self._copies.clear()
        self._bytes = self._dropped = 0


def _fits(rows: list[Row]) -> bool:
    return len(rows) <= MAX_ROWS


def routes(service: Service) -> list[Route]:
    header, secret = HEADER.lower().encode(), own_secret(read_key(service.config.capture.key_file)).encode()

    async def mirror(request: Request) -> Answer:
        if not hmac.compare_digest(request.headers.get(header, b""), secret):
            raise RequestError(403, "key", "only Lab itself gets copies of requests")
        return Answer(200, service.mirror.take())

    return [Route(PATH, "POST", mirror)]
