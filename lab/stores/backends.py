"""Where remotes live: folders, object stores and ssh hosts, behind one small face made of fsspec.

Keys are relative paths that Lab itself makes. What a backend holds is hostile: sizes are compared and reads bounded
before anything is believed. Credentials of a URL or of the options never get into a message.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property, partial
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fsspec.asyn import sync
from fsspec.callbacks import Callback

from lab.domain.text import clean
from lab.errors import IntegrityError, LabError, UsageError
from lab.stores.durable import sync_filesystem
from lab.stores.protocols import KINDS, LOCAL, S3, SSH, error_types, load, secrets, shown

#: Bytes of one request, and of all requests that are under way (and in memory) together.
_PIECE, _WINDOW = 8 << 20, 64 << 20
_REQUESTS = 256  # in one window
_AT_ONCE = 32
_PART = 16 << 20  # bytes of a part of a large upload
_PARTS = 9_000  # S3 takes 10,000
_ENDING = ".part"  # of a file that is not whole yet
_STALE = 86_400  # seconds after which nobody is still writing to one

OnBytes = Callable[[int], None]


class Backend:
    """Files under the folder `url`. Connects at the first use; each call may raise LabError saying why it failed."""

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        """Raises UsageError for a protocol that is not known, or whose package is not installed."""
        protocol, separator, rest = url.partition("://")
        if not separator:
            protocol, rest = "", url
        if protocol not in KINDS or not rest.strip("/"):
            raise UsageError(
                f"{shown(url)!r} is not the address of a remote",
                f"a folder, or one of {', '.join(f'{name}://' for name in KINDS if name)}",
            )
        self.shown = shown(url)
        self._kind = KINDS[protocol]
        self._url = url if separator else f"file://{Path(url).expanduser().absolute()}"
        self._options = {**self._kind.defaults, **(options or {})}
        self._secrets = secrets(url, self._options)
        self._stale: set[str] = set()  # parts that were left by transfers that died
        self._class = load(self._kind)
        self._errors: tuple[type[Exception], ...] = (OSError, EOFError, *error_types(self._kind))

    @property
    def folder(self) -> Path | None:
        """The folder itself if it is one of this machine."""
        return Path(self._root) if self._kind is LOCAL else None

    def sizes(self, folder: str) -> dict[str, int]:
        """Key → size in bytes of all regular files at any depth below `folder`; empty if there is none."""
        with self._telling("cannot list"):
            self._fs.invalidate_cache()
            try:
                found = self._fs.find(self._path(folder), detail=True)
            except FileNotFoundError:
                return {}
        if self._kind.renames:
            self._stale |= {name for name, info in found.items() if name.endswith(_ENDING) and _is_old(info)}
        start = len(self._root) + 1
        return {
            name[start:]: info["size"]
            for name, info in found.items()
            if info.get("type") == "file" and isinstance(info.get("size"), int)
        }

    def read_small(self, key: str, limit: int) -> bytes | None:
        """The whole of a small file, None if there is none. Raises IntegrityError for more than `limit` bytes."""
        path = self._path(key)
        with self._telling("cannot read"):
            self._fs.invalidate_cache()
            try:
                info = self._fs.info(path)
                if info.get("type") != "file":
                    raise IntegrityError(f"{clean(key)} in {self.shown} is not a file")
                size = info.get("size") or 0
                data = self._fs.cat_file(path, start=0, end=limit + 1) if 0 < size <= limit else b""
            except FileNotFoundError:
                return None
        if size > limit or len(data) > limit:
            raise IntegrityError(f"{clean(key)} in {self.shown} is larger than it can be", "somebody else wrote it")
        return bytes(data)

    def read(self, wanted: Iterable[tuple[str, int]]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The contents of files (key, size in bytes), in that order, each as parts to be used before the next file.

        Of a file that is longer than said at most one byte too many is given. Many requests are under way at once.
        """
        for key, parts in itertools.groupby(self._parts(wanted), key=itemgetter(0)):
            yield key, (data for _, data in parts)

    def put(self, files: Sequence[tuple[Path, str]], on_bytes: OnBytes | None = None) -> None:
        """Upload files to keys, several at once. Each appears whole or not at all; `on_bytes` hears of progress.

        `on_bytes` may be called by fsspec's own thread while this call waits; what it raises ends the upload.
        """
        targets = [self._path(key) for _, key in files]
        landing = [f"{path}.{os.urandom(4).hex()}{_ENDING}" for path in targets] if self._kind.renames else targets
        sources = [str(path) for path, _ in files]
        with self._telling("cannot write to"):
            self._discard(self._stale)
            self._stale.clear()
            self._make_folders(targets)
            try:
                self._put_all(sources, landing, on_bytes)
                self._publish(landing, targets)
            except BaseException:
                self._discard(landing)
                raise

    def create(self, key: str, data: bytes) -> bool:
        """Make a small file; False if there is one of that name, which stays. Exact also among several writers,
        except over ssh and for Azure, where two at the same moment may both believe to be first."""
        path = self._path(key)
        with self._telling("cannot write to"):
            self._fs.invalidate_cache()
            if self._fs.exists(path):
                return False
            self._make_folders([path])
            if not self._kind.renames:
                return self._create_at_once(path, data)
            landing = f"{path}.{os.urandom(4).hex()}{_ENDING}"
            try:
                self._fs.pipe_file(landing, data)
                return self._take_name(landing, path)
            except BaseException:
                self._discard([landing])
                raise

    @cached_property
    def _fs(self) -> Any:
        with self._telling("cannot reach"):
            try:
                found = self._class._get_kwargs_from_urls(self._url)
                if self._kind is SSH:
                    found = {key: unquote(value) if isinstance(value, str) else value for key, value in found.items()}
                fs = self._class(**{**found, **self._options}, skip_instance_cache=True)
                if self._kind is S3:
                    fs.connect()  # else it looks at its options at some later call
                return fs
            except (TypeError, ValueError) as error:
                raise UsageError(
                    f"the options of {self.shown} are wrong: {self._reason(error)}", "mend them in the settings"
                ) from error

    @cached_property
    def _root(self) -> str:
        path: str = self._class._strip_protocol(self._url)
        return path.rstrip("/")

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _put_all(self, sources: Sequence[str], landing: Sequence[str], on_bytes: OnBytes | None) -> None:
        calls = []
        for source, target in zip(sources, landing, strict=True):
            extra = {"chunksize": max(_PART, os.path.getsize(source) // _PARTS + 1)} if self._kind is S3 else {}
            calls.append(partial(self._method("put_file"), source, target, callback=_Progress(on_bytes), **extra))
        for answer in self._all(calls):
            if isinstance(answer, BaseException):
                raise answer

    def _method(self, name: str) -> Any:
        """A method of the file system, in its asynchronous form if it has one."""
        return getattr(self._fs, f"_{name}" if self._fs.async_impl else name)

    def _all(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Results or exceptions in order; after a failure nothing more is begun, but all that was is waited for."""
        if self._fs.async_impl:
            return list(sync(self._fs.loop, _together, calls))
        answers: list[Any] = []
        for call in calls:
            try:
                answers.append(call())
            except self._errors as error:
                return [*answers, error]
        return answers

    def _make_folders(self, targets: Iterable[str]) -> None:
        if self._kind.renames:
            for folder in sorted({path.rpartition("/")[0] for path in targets}):
                self._fs.makedirs(folder, exist_ok=True)

    def _publish(self, landing: Sequence[str], targets: Sequence[str]) -> None:
        """Give uploaded files their names, once they are durable where Lab can see to that."""
        if not self._kind.renames:
            return
        if self._kind is LOCAL:
            sync_filesystem(Path(targets[0]).parent)
        for source, target in zip(landing, targets, strict=True):
            self._fs.mv(source, target)
        if self._kind is LOCAL:
            sync_filesystem(Path(targets[0]).parent)

    def _create_at_once(self, path: str, data: bytes) -> bool:
        try:
            self._fs.pipe_file(path, data, **({"mode": "create"} if self._kind.creates else {}))
        except self._errors:
            # What a lost race looks like differs from backend to backend: that a file is there now does not.
            self._fs.invalidate_cache()
            if self._fs.exists(path):
                return False
            raise
        return True

    def _take_name(self, landing: str, path: str) -> bool:
        if self._kind is not LOCAL:
            self._fs.mv(landing, path)
            return True
        sync_filesystem(Path(path).parent)
        try:
            os.link(landing, path)
        except FileExistsError:
            return False
        except OSError:  # a filesystem without hard links
            os.rename(landing, path)
        else:
            os.unlink(landing)
        sync_filesystem(Path(path).parent)
        return True

    def _discard(self, landing: Iterable[str]) -> None:
        if self._kind.renames:
            for path in landing:
                with suppress(*self._errors):
                    self._fs.rm_file(path)

    def _parts(self, wanted: Iterable[tuple[str, int]]) -> Iterator[tuple[str, bytes]]:
        for window in _windows(_pieces(wanted, self._kind.ranges)):
            key, start, end = window[0]
            if end - start > _PIECE + 1:
                yield from ((key, data) for data in self._stream(key, end))
            else:
                yield from self._fetch(window)

    def _fetch(self, window: Sequence[tuple[str, int, int]]) -> Iterator[tuple[str, bytes]]:
        cat = self._method("cat_file")
        calls = [partial(cat, self._path(key), start=start, end=end) for key, start, end in window if end > start]
        with self._telling("cannot read"):
            answers = iter(self._all(calls))
        for key, start, end in window:
            answer = next(answers) if end > start else b""
            if isinstance(answer, BaseException):
                with self._telling("cannot read"):
                    raise answer
            yield key, bytes(answer[: end - start])

    def _stream(self, key: str, size: int) -> Iterator[bytes]:
        """A large file from a backend that is best read in one go; `size` counts the byte too many."""
        with self._telling("cannot read"):
            file = self._fs.open(self._path(key), "rb")
        try:
            while size > 0:
                with self._telling("cannot read"):
                    data = file.read(min(_PIECE, size))
                if not data:
                    return
                size -= len(data)
                yield data
        finally:
            with suppress(*self._errors):
                file.close()

    @contextmanager
    def _telling(self, failure: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise LabError(f"{failure} {self.shown}: {self._reason(error)}", _hint(error)) from error

    def _reason(self, error: BaseException) -> str:
        text = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return clean(text, 300)


class _Progress(Callback):  # type: ignore[misc]  # fsspec is untyped
    """Tells the bytes of one file as they go."""

    def __init__(self, on_bytes: OnBytes | None) -> None:
        super().__init__()
        self._on_bytes = on_bytes
        self._told = 0

    def call(self, hook_name: str | None = None, **kwargs: Any) -> None:
        if self._on_bytes and self.value > self._told:
            fresh, self._told = self.value - self._told, self.value
            self._on_bytes(fresh)


async def _together(calls: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """For fsspec's own loop: see `Backend._all`."""
    turn = asyncio.Semaphore(_AT_ONCE)
    failed = False

    async def one(call: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal failed
        async with turn:
            if failed:
                return None
            try:
                return await call()
            except BaseException:
                failed = True
                raise

    return await asyncio.gather(*map(one, calls), return_exceptions=True)


def _is_old(info: Mapping[str, Any]) -> bool:
    changed = info.get("mtime")
    seconds = changed.timestamp() if isinstance(changed, datetime) else changed
    return isinstance(seconds, int | float) and seconds < time.time() - _STALE


def _hint(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, PermissionError) or "Credential" in name or "Auth" in name or "Permission" in name:
        return "check the credentials and the rights that they give"
    if isinstance(error, FileNotFoundError):
        return "check that the bucket or folder is there"
    return "check the connection and the free space there, then try again: what has arrived is not sent again"


def _pieces(wanted: Iterable[tuple[str, int]], ranges: bool) -> Iterator[tuple[str, int, int]]:
    """(key, start, end) of the requests; the last of a file asks for one byte more than there should be."""
    for key, size in wanted:
        if size <= _PIECE or not ranges:
            yield key, 0, size + 1 if size else 0
            continue
        for start in range(0, size, _PIECE):
            end = start + _PIECE
            yield key, start, end if end < size else size + 1


def _windows(pieces: Iterable[tuple[str, int, int]]) -> Iterator[list[tuple[str, int, int]]]:
    """Groups of requests to be made together; one that is too large for memory stands alone."""
    window: list[tuple[str, int, int]] = []
    total = 0
    for piece in pieces:
        size = piece[2] - piece[1]
        if window and (total + size > _WINDOW or len(window) >= _REQUESTS or size > _PIECE + 1):
            yield window
            window, total = [], 0
        window.append(piece)
        total += size
        if size > _PIECE + 1:
            yield window
            window, total = [], 0
    if window:
        yield window
