"""The files that a run left, with sizes and hashes, for `outputs.json`. Standard library only.

Listed are its artifacts, its model, the artifacts that other tracking tools keep in it, and what it wrote beside its
code. Nothing is opened but to be hashed.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FILES_MAX = 10_000
_HASHED_MAX = 16 << 30  # bytes in all
_SECONDS_MAX = 120.0
_PORTION = 1 << 20
_SLACK = 20_000_000  # nanoseconds by which the clock of file systems may be behind
_MODELS = (
    ".pkl .pickle .joblib .skops .pt .pth .ckpt .h5 .hdf5 .keras .onnx .safetensors .pb .tflite .bst .ubj .cbm .model "
    ".gguf .mlmodel .pmml"
).split()
_SKIPPED = frozenset({".git", "__pycache__", ".ipynb_checkpoints", "node_modules", ".venv"})


def describe(folder: str, since: int, places: Sequence[str], stop: Callable[[], bool]) -> dict[str, Any]:
    """The outputs of the run in `folder` that began at `since`, nanoseconds since the epoch.

    `places` are paths in its code at which datasets stand. When `stop()` turns true, or after two minutes, files are
    listed without their hashes.
    """
    files: list[dict[str, Any]] = []
    more = 0
    room, until = _HASHED_MAX, time.monotonic() + _SECONDS_MAX
    for path, kind in _outputs(folder, since, {os.path.normpath(place) for place in places}):
        if len(files) >= _FILES_MAX:
            more += 1
            continue
        size, digest = _hash(os.path.join(folder, path), room, lambda: stop() or time.monotonic() > until)
        room -= size if digest else 0
        shown = path.encode("utf-8", "replace").decode()
        files.append({"path": shown, "kind": kind, "size": size, "sha256": digest})
    return {"v": 1, "files": files, "more": more}


def _outputs(folder: str, since: int, places: set[str]) -> Iterator[tuple[str, str]]:
    """(path, kind) in a stable order."""
    for name, kind in (("artifacts", "artifact"), ("model", "model")):
        for path in _walk(folder, name, set()):
            yield path, kind
    for path in _walk(folder, "records", set()):
        if "/artifacts/" in path:
            yield path, _kind(path, "artifact")
    for path in _walk(folder, "code", {f"code/{place}" for place in places}):
        try:
            # The time of change and not of content: that anybody may set, as those who unpack archives do.
            changed = os.lstat(os.path.join(folder, path)).st_ctime_ns
        except OSError:
            continue
        if changed >= since - _SLACK:
            yield path, _kind(path, "file")


def _kind(path: str, otherwise: str) -> str:
    return "model" if os.path.splitext(path)[1].lower() in _MODELS else otherwise


def _walk(folder: str, top: str, places: set[str]) -> Iterator[str]:
    """Regular files below `folder/top`, as paths from `folder`; links are not followed."""
    waiting = [] if os.path.islink(os.path.join(folder, top)) else [top]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, here)) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        below = []
        for entry in listed:
            path = f"{here}/{entry.name}"
            if path in places:
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _SKIPPED:
                    below.append(path)
            elif entry.is_file(follow_symlinks=False):
                yield path
        waiting += reversed(below)


def _hash(path: str, room: int, stop: Callable[[], bool]) -> tuple[int, str]:
    """(size, SHA-256); the hash is "" for what is larger than `room`, cannot be read, or would take too long."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0, ""
    with os.fdopen(fd, "rb") as file:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_size > room or stop():
            return info.st_size, ""
        digest, size = hashlib.sha256(), 0
        try:
            while data := file.read(_PORTION):
                digest.update(data)
                size += len(data)
                if stop():
                    return info.st_size, ""
        except OSError:
            return info.st_size, ""
    return size, digest.hexdigest()
