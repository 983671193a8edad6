"""Endings that nobody asked the app for: a signal, or a terminal that is gone.

Where there is a terminal it is left whole. Where there is none, nothing more can be painted: Textual's loop waits for
ever for what it wrote to be taken, and its reader turns round and round at the end of what can be read. Then all is
closed beside the loop, and the process ends.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
from collections.abc import Callable

#: Shells tell so that a process was ended by a signal: this, and its number.
_BY_SIGNAL = 128
#: So long may closing take without a terminal, seconds.
_PATIENCE = 15.0


class Leaving:
    """`exit_with` ends the app in its own way, with an exit code; `close` keeps and closes what must not be lost."""

    def __init__(self, exit_with: Callable[[int], None], close: Callable[[], object]) -> None:
        self._exit_with = exit_with
        self._close = close

    def begin(self) -> None:
        """Hear of endings from now on. Call it on the loop, in the main thread."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(number, self._told, number)
        # No service of the workspace: the terminal may go before there is one, and what this does is close them all.
        threading.Thread(target=self._watch, name="terminal", daemon=True).start()  # noqa: TID251

    def _told(self, number: signal.Signals) -> None:
        if not _gone(0):  # else whoever watches the terminal sees to it
            self._exit_with(_BY_SIGNAL + number)

    def _watch(self) -> None:
        if not _gone(None):
            return
        code = _BY_SIGNAL + signal.SIGHUP
        threading.Timer(_PATIENCE, os._exit, [code]).start()
        try:
            self._close()
        finally:
            os._exit(code)


def _gone(wait: float | None) -> bool:
    """Whether nobody is at the other end of what the app reads, waiting so many seconds, or for ever, for that. False
    where the system cannot tell."""
    if sys.__stdin__ is None:
        return False
    ends = select.poll()
    ends.register(sys.__stdin__.fileno(), 0)
    told = ends.poll(None if wait is None else 1000 * wait)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in told)
