"""What the app does besides showing screens: toasts, errors, jobs in the background, the clipboard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from textual.timer import Timer

from lab.domain.text import clean
from lab.errors import LabError, of_system
from lab.ui import clipboard
from lab.ui.drafts import Drafting
from lab.ui.jobs import PARALLEL, Job, Jobs
from lab.ui.left import OutlivesLeaving, was_left
from lab.ui.screens.base import LabScreen

#: How often the status line looks at running jobs, seconds.
_TICK = 0.25
#: Toasts stay for this many seconds; errors longer.
_TOAST, _ERROR_TOAST = 4.0, 10.0


class AppWork(OutlivesLeaving, Drafting):
    """An app whose work may fail without ending it."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs = Jobs()
        self._turn = asyncio.Semaphore(PARALLEL)
        self.undo_turn = asyncio.Semaphore(1)  # what is undone next depends on what was undone before
        self._ticker: Timer | None = None

    async def guard(self, work: Awaitable[Any]) -> None:
        """Await `work`; whatever goes wrong in it is shown and ends only it."""
        try:
            await work
        except LabError as error:
            self.tell_error(error)
        except OSError as error:
            self.tell_error(of_system(error))
        except Exception as error:  # noqa: BLE001 - the app outlives a bug in one of its parts, and says so
            if not was_left(error):
                self.tell_bug(error)

    async def hand_over(self, text: str) -> Sequence[str]:
        """Put `text` on the clipboard in every way there is; the names of those that told that they took it."""
        super().copy_to_clipboard(text)
        return await clipboard.put(text)

    async def copy_text(self, label: str, text: str) -> None:
        """Put `text` on the clipboard, and tell by which ways; whether a terminal has taken it nobody can know."""
        took = await self.hand_over(text)
        told = f"copied {label}".rstrip()
        self.tell(f"{told}: {', '.join(took)}" if took else f"{told}, if this terminal knows OSC 52")

    def copy_to_clipboard(self, text: str) -> None:
        """What is selected by the mouse, and lines of dialogs."""
        self.run_worker(self.guard(self.copy_text("", text)), exit_on_error=False, group="clipboard")

    def tell(self, message: str) -> None:
        """A calm word about something done."""
        self.notify(clean(message, 400), timeout=_TOAST, markup=False)

    def tell_error(self, error: LabError) -> None:
        text = clean(error.message, 600) + (f"\n{clean(error.hint, 300)}" if error.hint else "")
        self.notify(text, severity="error", timeout=_ERROR_TOAST, markup=False)

    def tell_bug(self, error: Exception) -> None:
        """Something that nobody foresaw: shown, and kept in the command log with where it happened."""
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        where = f" at {Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
        text = clean(f"{type(error).__name__}: {error}{where}", 600)
        self.jobs.all.append(Job("unexpected error", "", "failed", text, ended=0.0))
        self.notify(text, title="Unexpected error", severity="error", timeout=_ERROR_TOAST, markup=False)
        self.log.error(text)

    def _handle_exception(self, error: Exception) -> None:
        if not was_left(error):
            super()._handle_exception(error)

    def background(
        self, title: str, command: str, work: Callable[[Job], Awaitable[str]],
        on_error: Callable[[str], object] | None = None,
    ) -> Job:  # fmt: skip
        """Begin a job that outlives the screen that asked for it; its last sentence becomes a toast. `on_error` hears
        what went wrong, if something did."""
        job = Job(title, command)

        async def whole() -> None:
            self._tick()
            try:
                await self.jobs.run(job, lambda: work(job), self._turn.acquire)
            except LabError as error:
                if on_error is not None:
                    on_error(error.message)
                raise
            finally:
                if job.state != "waiting":
                    self._turn.release()
                self.show_jobs()
            if job.line:
                self.tell(job.line)

        self.run_worker(self.guard(whole()), exit_on_error=False, group="jobs")
        return job

    def _tick(self) -> None:
        if self._ticker is None:
            self._ticker = self.set_interval(_TICK, self.show_jobs)
        self._ticker.resume()
        self.call_later(self.show_jobs)

    def show_jobs(self) -> None:
        """Have the screens tell what is under way, and which engine does not answer."""
        active = self.jobs.active
        for screen in self.screen_stack:
            if isinstance(screen, LabScreen):
                screen.show_jobs(active)
        if not active and self._ticker is not None:
            self._ticker.pause()
