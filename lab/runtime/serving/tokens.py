"""The secrets that clients must bring, from a file that may change while the server runs."""

from __future__ import annotations

import hmac
import os
import time
from pathlib import Path

from lab.runtime.serving.errors import ConfigError

#: How often the file is looked at, and how long it may hold nothing while somebody writes it, in seconds.
LOOK_SECONDS = 1.0
EMPTY_SECONDS = 3.0

Stamp = tuple[int, int, int]


class Tokens:
    """One token a line, each of them valid. A file that stays empty or unreadable lets nobody in."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError if the file gives no token: its absence must never mean open."""
        self._path = path
        self._stamp: Stamp | None = None
        self._tokens: tuple[bytes, ...] = ()
        self._looked = self._good = time.monotonic()
        try:
            self._stamp, self._tokens = self._stamp_now(), self._read()
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read LAB_TOKEN_FILE: {type(error).__name__}") from error
        if not self._tokens:
            raise ConfigError("LAB_TOKEN_FILE is empty")

    def valid(self, given: bytes) -> bool:
        """Whether `given` is one of the tokens. Takes the same time whichever it is, or none."""
        self._refresh()
        found = False
        for token in self._tokens:
            found |= hmac.compare_digest(given, token)
        return found

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            stamp = self._stamp_now()
            if stamp == self._stamp and self._tokens:
                self._good = now
                return
            tokens = self._read()
        except (OSError, ValueError):
            stamp, tokens = None, ()
        if tokens:
            self._stamp, self._tokens, self._good = stamp, tokens, now
        elif now - self._good > EMPTY_SECONDS:
            self._tokens = ()

    def _stamp_now(self) -> Stamp:
        about = os.stat(self._path)
        return about.st_mtime_ns, about.st_size, about.st_ino

    def _read(self) -> tuple[bytes, ...]:
        lines = self._path.read_text(encoding="ascii").splitlines()
        return tuple(line.strip().encode() for line in lines if line.strip())
