"""A client for measuring servers: `python serving_load.py PORT PATH CONNECTIONS SECONDS < body` prints one JSON line.

As little as possible happens per answer, since it shares the processors with the server that it measures.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

MARK = b"HTTP/1.1 200"


class Client(asyncio.Protocol):
    """Sends its request again whenever an answer has come whole; answers have a length and come in few pieces."""

    def __init__(self, request: bytes, latencies: list[float], failures: list[bytes]) -> None:
        self._request = request
        self._latencies = latencies
        self._failures = failures
        self._data = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
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
        if len(body) < int(length):
            return
        if not head.startswith(MARK):
            self._failures.append(self._data[:300])
            self._transport.close()
            return
        self._latencies.append(time.perf_counter() - self._sent)
        self._data = b""
        self._send()


async def main(port: int, path: str, connections: int, seconds: float, body: bytes) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    latencies: list[float] = []
    failures: list[bytes] = []
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Client(request, latencies, failures), "127.0.0.1", port)
    await asyncio.sleep(min(1.0, seconds / 4))  # warm
    latencies.clear()
    begin = time.perf_counter()
    await asyncio.sleep(seconds)
    took, seen = time.perf_counter() - begin, sorted(latencies)
    if failures or not seen:
        raise SystemExit(f"failed: {failures[:1]}")
    told = {"per_second": len(seen) / took, "p50": seen[len(seen) // 2], "p99": seen[len(seen) * 99 // 100]}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.stdin.buffer.read()))
