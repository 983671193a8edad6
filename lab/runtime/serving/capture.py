"""A bounded sample of requests with their answers, in files of JSON lines, for replay, drift and labels.

Lines wait in memory and are written by a thread of their own. Nothing here can hurt an answer: what does not fit, or
cannot be written, is dropped and counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from lab.runtime.serving.config import CaptureConfig
from lab.runtime.serving.jsonlines import append, locked
from lab.runtime.serving.keys import read_key
from lab.runtime.serving.signature import PII_DROP, Row, Signature

if TYPE_CHECKING:
    from lab.runtime.serving.compute import Output

FOLDER = "capture"
MAX_ROWS = 100  # of one request; the others are not kept
_FILES = 8  # that share the bytes; the oldest goes as a new one begins
_PENDING_BYTES = 4 * 1024 * 1024
_FLUSH_SECONDS = 0.5
_DAY = 86_400.0
_CLOSE_SECONDS = 2.0


class Capture:
    """Keeps requests below `run_dir/capture`. Lives on one event loop; only `_write` runs elsewhere.

    A line: `{"id", "at": seconds since the epoch, "version", "data": [[value, …] in the signature's order],
    "predictions": […]}`. Columns marked as personal hold a keyed hash, or null where they are to be dropped.
    """

    def __init__(self, config: CaptureConfig, run_dir: Path | None, log: Callable[[str], None]) -> None:
        self.kept = 0
        self.dropped = 0
        self._config = config
        self._log = log
        self._files = None
        if run_dir is not None and config.rate > 0 and config.bytes > 0:
            self._files = CaptureFiles(run_dir / FOLDER, config.bytes, config.days)
        self._key = read_key(config.key_file)
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="capture")
        self._writing = False
        self._failed = False

    def keep(self, name: str, version: str, signature: Signature, rows: list[Row], output: Output) -> None:
        """Queue one request and its answer."""
        if self._files is None:
            return
        line = self._line(name, version, signature, rows[:MAX_ROWS], output)
        if self._pending_bytes + len(line) > min(_PENDING_BYTES, self._config.bytes):
            self.dropped += 1
            return
        self._pending.append(line)
        self._pending_bytes += len(line)
        if not self._writing:
            self._writing = True
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._flush)

    async def settle(self) -> None:
        """Write what waits, and let a write that is under way end, unless the disk takes too long."""
        if self._files is None:
            return
        lines, self._pending, self._pending_bytes = self._pending, [], 0
        writing = asyncio.get_running_loop().run_in_executor(self._writer, self._files.write, lines)
        done, _ = await asyncio.wait([writing], timeout=_CLOSE_SECONDS)
        for write in done:
            self._count(len(lines), write.exception())

    def _flush(self) -> None:
        assert self._files is not None
        lines, self._pending, self._pending_bytes = self._pending, [], 0
        writing = asyncio.get_running_loop().run_in_executor(self._writer, self._files.write, lines)
        writing.add_done_callback(lambda done: self._written(len(lines), done.exception()))

    def _written(self, count: int, error: BaseException | None) -> None:
        self._count(count, error)
        self._writing = bool(self._pending)
        if self._writing:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._flush)

    def _count(self, count: int, error: BaseException | None) -> None:
        if error is None:
            self.kept += count
            self._failed = False
            return
        self.dropped += count
        if not self._failed:
            self._failed = True
            self._log(f"requests are not captured: {getattr(error, 'strerror', None) or type(error).__name__}")

    def _line(self, name: str, version: str, signature: Signature, rows: list[Row], output: Output) -> bytes:
        personal = [(index, column.pii) for index, column in enumerate(signature.columns) if column.pii]
        if personal:
            rows = [list(row) for row in rows]
            for row in rows:
                for index, way in personal:
                    row[index] = None if way == PII_DROP or row[index] is None else self._hashed(row[index])
        entry = {
            "id": name,
            "at": round(time.time(), 3),
            "version": version,
            "data": rows,
            "predictions": output.predictions[: len(rows)].tolist(),
        }
        return orjson.dumps(entry) + b"\n"

    def _hashed(self, value: Any) -> str:
        return "pii:" + hmac.new(self._key, repr(value).encode(), hashlib.sha256).hexdigest()[:24]


class CaptureFiles:
    """The files on disk: bounded in bytes together, and in days each."""

    def __init__(self, folder: Path, limit: int, days: int) -> None:
        self._folder = folder
        self._file_bytes = max(1, limit // _FILES)
        self._limit = limit
        self._seconds = days * _DAY
        self._number = 0
        self._current: Path | None = None

    def write(self, lines: list[bytes]) -> None:
        """Append `lines`; the oldest files make room for them. Raises OSError when the disk does not take them."""
        if not lines:
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with locked(self._folder):
            for chunk in self._chunks(lines):
                path = self._path(len(chunk))
                self._make_room(len(chunk))
                append(path, chunk)

    def _chunks(self, lines: list[bytes]) -> list[bytes]:
        """Pieces of whole lines, none longer than a file unless one line is."""
        chunks: list[bytearray] = []
        for line in lines:
            if not chunks or len(chunks[-1]) + len(line) > self._file_bytes:
                chunks.append(bytearray())
            chunks[-1] += line
        return [bytes(chunk) for chunk in chunks if len(chunk) <= self._limit]

    def _path(self, size: int) -> Path:
        current = self._current
        if current is not None and current.exists() and current.stat().st_size + size <= self._file_bytes:
            return current
        self._number += 1
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        self._current = self._folder / f"{stamp}-{secrets.token_hex(3)}-{self._number:06d}.jsonl"
        return self._current

    def _make_room(self, size: int) -> None:
        """Remove files that are too old, then the oldest until `size` more bytes fit."""
        files = sorted(self._folder.glob("*.jsonl"), key=lambda path: (path.stat().st_mtime, path.name))
        sizes = {path: path.stat().st_size for path in files}
        total, oldest = sum(sizes.values()) + size, time.time() - self._seconds
        for path in files:
            if path != self._current and (total > self._limit or path.stat().st_mtime < oldest):
                path.unlink(missing_ok=True)
                total -= sizes[path]
