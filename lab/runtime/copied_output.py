"""What a process prints, also kept beside its run. Standard library only.

It is copied where Python writes it: what other programs and C code print straight to the terminal is not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

TYPE_CHECKING = False  # as in tracking
if TYPE_CHECKING:
    from typing import Any


class _Copied:
    """Stands in for a text stream: all is passed on to it, and what is written is kept as well."""

    def __init__(self, stream: Any, keep: Callable[[str], None]) -> None:
        self._stream = stream
        self._keep = keep

    def write(self, text: str) -> Any:
        written = self._stream.write(text)
        self._keep(text)
        return written

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name in ("_stream", "_keep"):  # it is being copied, and has none yet
            raise AttributeError(name)
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)


class CopiedOutput:
    """Keeps what is printed in the file `path` until `close`. Raises OSError where that cannot be opened."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        self._streams = {name: getattr(sys, name) for name in ("stdout", "stderr")}
        self._copies = {name: _Copied(item, self._keep) for name, item in self._streams.items() if item is not None}
        for name, copied in self._copies.items():
            setattr(sys, name, copied)

    def _keep(self, text: str) -> None:
        """Never raises: what cannot be kept was printed all the same."""
        if self._fd >= 0:
            try:
                os.write(self._fd, text.encode("utf-8", "replace"))
            except (OSError, AttributeError):
                self._fd, fd = -1, self._fd
                os.close(fd)

    def close(self) -> None:
        """Put the streams back. One that was replaced meanwhile stays replaced, and is no longer copied."""
        for name, copied in self._copies.items():
            if getattr(sys, name) is copied:
                setattr(sys, name, self._streams[name])
        self._fd, fd = -1, self._fd
        if fd >= 0:
            os.close(fd)
