"""Between the event loop and the core: work goes out on threads, news comes in as messages.

The core is synchronous and knows nothing of the screen. The loop never waits for it: `ask` hands a call to the
workspace's threads and awaits the answer.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from textual.app import App
from textual.message import Message

from lab.domain.event import Event
from lab.errors import LabError
from lab.events import DEPLOYMENT_STATUS, RUN_ENDED

if TYPE_CHECKING:
    from lab.workspace import Workspace

T = TypeVar("T")

#: News of the core is gathered for this long before the screens hear of it, seconds.
GATHER = 0.1

#: The noun of an event type's first word.
_NOUNS = {
    "project": "projects",
    "dataset": "datasets",
    "run": "runs",
    "queue": "runs",
    "sweep": "runs",
    "model": "models",
    "deployment": "deployments",
    "rollout": "deployments",
}
#: States of a deployment that somebody wants to hear of.
_DOWN = ("failed", "unhealthy")
NOUNS = frozenset(_NOUNS.values())


class Stirred(Message):
    """Something has changed in the core; the bridge gathers what until it tells the screens."""


class Bridge:
    """The app's way to the workspace. `ws` is None until it has been opened."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._nouns: set[str] = set()
        self._stirred = False
        self._ended: dict[str, str] = {}
        self._down: dict[str, str] = {}
        self._since = time.time()
        self._unsubscribe: Callable[[], None] | None = None
        self._opened = asyncio.Event()
        self._failure = ""
        self.ws: Workspace | None = None

    async def open(self, home: Path | None, project_dir: Path) -> None:
        """Open the workspace on a thread and listen to its news. Raises LabError."""
        loop = asyncio.get_running_loop()
        try:
            ws = await loop.run_in_executor(None, _open_workspace, home, project_dir)
        except Exception as error:
            self._failure = str(error)
            self._opened.set()
            raise
        self._unsubscribe = ws.subscribe(self._hear)
        self.ws = ws
        self._opened.set()

    async def opened(self) -> Workspace:
        """The workspace, as soon as it is open. Raises LabError when it could not be opened, or was closed."""
        await self._opened.wait()
        if self.ws is None:
            raise LabError(f"the lab is not open: {self._failure}" if self._failure else "the lab is closed")
        return self.ws

    async def ask(self, work: Callable[[Workspace], T]) -> T:
        """What `work` returns or raises, called with the workspace on one of its threads.

        Parts of the workspace load when they are first named, so they are named inside `work` only.
        """
        ws = await self.opened()
        return await asyncio.wrap_future(ws.submit(lambda: work(ws)))

    def take_news(self) -> frozenset[str]:
        """The nouns of which something has changed since the last call."""
        with self._lock:
            nouns, self._nouns, self._stirred = frozenset(self._nouns), set(), False
        return nouns

    def take_ended(self) -> tuple[dict[str, str], dict[str, str]]:
        """Runs that have ended and deployments that went down since the last call: the event of each by its id."""
        with self._lock:
            runs, down, self._ended, self._down = self._ended, self._down, {}, {}
        return runs, down

    def close(self) -> list[str]:
        """Close the workspace, waiting for its services. Returns the names of those that did not end."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        ws, self.ws = self.ws, None
        return ws.close() if ws is not None else []

    def _hear(self, events: Sequence[Event]) -> None:
        """Called on the core's threads: note what changed, and wake the app once per batch."""
        nouns = {_NOUNS[word] for event in events if (word := event.type.partition(".")[0]) in _NOUNS}
        with self._lock:
            for event in events:
                if event.ts >= self._since:  # what happened before this app was there is told on Home
                    self._note_end(event)
            self._nouns |= nouns
            first, self._stirred = not self._stirred and bool(nouns), self._stirred or bool(nouns)
        if first:
            self._app.post_message(Stirred())

    def _note_end(self, event: Event) -> None:
        if event.type == RUN_ENDED:
            self._ended[event.subject] = event.id
        elif event.type == DEPLOYMENT_STATUS and event.body.get("status") in _DOWN:
            self._down[event.subject] = event.id


def _open_workspace(home: Path | None, project_dir: Path) -> Workspace:
    """Import and open: both take their time, so neither happens before the first paint."""
    ws: Workspace = import_module("lab.workspace").Workspace(home, project_dir)
    return ws
