"""Toasts that were there for long enough to be read."""

from __future__ import annotations

import time
from typing import Any

from textual.app import App

#: Whoever opens a dialog after so many seconds has read them.
_READ = 2.0


def put_away(app: App[Any]) -> None:
    """Take them off the screen, so that they do not lie on what is opened now."""
    read = [one for one in app._notifications if one.raised_at < time.time() - _READ]
    for one in read:
        app._unnotify(one, refresh=one is read[-1])
