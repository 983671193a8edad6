"""Who may write the index file: the process that holds `flock(index.lock)`."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path


class IndexLock:
    """One process's claim. The kernel takes it back when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    @property
    def held(self) -> bool:
        return self._fd >= 0

    def take(self, wait: float) -> bool:
        """Whether the lock is ours, waiting up to `wait` seconds for it. Raises OSError where there can be no lock."""
        if self.held:
            return True
        deadline = time.monotonic() + wait
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(fd)
                    return False
                time.sleep(0.005)
            else:
                self._fd = fd
                return True

    def release(self) -> None:
        """Close our descriptor. In a forked child this drops its copy and leaves the parent's claim as it is, which is
        why the lock is never released by LOCK_UN."""
        if self.held:
            os.close(self._fd)
            self._fd = -1
