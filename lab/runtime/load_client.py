"""Asks a server the same over and over, on some connections at once, and tells how it was answered.

    python -m lab.runtime.load_client < order.json

The order is `{"port", "path", "connections", "seconds", "headers": {name: value}, "body"}`. Prints one line of JSON:
`{"seconds", "requests", "failed", "p50", "p95", "p99", "slowest", "failures": {status or "no answer": count}}`, with
times in seconds, of answers with status 200 alone.

As little as possible happens for each answer, since client and server share the processors. Standard library; uvloop
where it is installed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"
_AGAIN_SECONDS = 0.05  # before another connection after one that failed
_WARM_SECONDS = 1.0


@dataclass
class Tally:
    """What has come since it was last begun anew."""

    latencies: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    stopped: bool = False

    def clear(self) -> None:
        self.latencies.clear()
        self.failures.clear()


class Client(asyncio.Protocol):
    """One connection, which sends its request again whenever an answer has come whole."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._tally = tally
        self._data = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(body) < int(length or 0):
            return
        if head.startswith(b"HTTP/1.1 200"):
            self._tally.latencies.append(time.perf_counter() - self._sent)
        else:
            self._tally.failures[head[9:12].decode("ascii", "replace")] += 1
        self._data = b""
        if not self._tally.stopped:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._tally.stopped:
            self._tally.failures["no answer"] += 1
        if not self.gone.done():
            self.gone.set_result(None)


async def _keep_asking(port: int, request: bytes, tally: Tally) -> None:
    loop = asyncio.get_running_loop()
    while not tally.stopped:
        try:
            _, client = await loop.create_connection(lambda: Client(request, tally), HOST, port)
        except OSError:
            tally.failures["no answer"] += 1
        else:
            await client.gone
        await asyncio.sleep(_AGAIN_SECONDS)


async def ask(order: dict[str, Any]) -> dict[str, Any]:
    """Do what `order` says; what is to be printed."""
    body = str(order["body"]).encode()
    headers = {"Host": f"{HOST}:{order['port']}", "Content-Type": "application/json", **order.get("headers", {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"POST {order['path']} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body
    tally, seconds = Tally(), float(order["seconds"])
    asking = [asyncio.ensure_future(_keep_asking(order["port"], request, tally)) for _ in range(order["connections"])]
    await asyncio.sleep(min(_WARM_SECONDS, seconds / 4))
    tally.clear()
    begin = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - begin
    told = _told(tally, took)
    tally.stopped = True
    for task in asking:
        task.cancel()
    return told


def _told(tally: Tally, took: float) -> dict[str, Any]:
    seen = sorted(tally.latencies)
    failed = sum(tally.failures.values())

    def at(share: float) -> float | None:
        return seen[min(len(seen) - 1, int(len(seen) * share))] if seen else None

    return {
        "seconds": took,
        "requests": len(seen) + failed,
        "failed": failed,
        "p50": at(0.50),
        "p95": at(0.95),
        "p99": at(0.99),
        "slowest": seen[-1] if seen else None,
        "failures": dict(tally.failures),
    }


def main() -> int:
    order = json.load(sys.stdin)
    try:
        import uvloop
    except ImportError:
        told = asyncio.run(ask(order))
    else:
        told = uvloop.run(ask(order))
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
