"""Work that takes a while and goes on behind the screens: launching, deploying, snapshots, the demonstration."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import field
from typing import Literal

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import LabError
from lab.ui.render.glyphs import Row, glyphs
from lab.ui.render.number import format_duration

#: Jobs that run at the same time; the others wait. Less than the core has threads, so that screens are never starved.
PARALLEL = 3

State = Literal["waiting", "running", "done", "failed"]
Progress = Callable[[str], None]

_TOKENS = {"waiting": "muted", "running": "run", "done": "ok", "failed": "fail"}


@dataclass
class Job:
    """One piece of work. `line` is the last thing that it said; `command` does the same in a shell."""

    title: str
    command: str = ""
    state: State = "waiting"
    line: str = ""
    began: float = field(default_factory=time.time)
    ended: float | None = None

    def say(self, line: str) -> None:
        """Progress, from any thread: one attribute, so nothing to lock."""
        self.line = clean(line, 300)

    @property
    def seconds(self) -> float:
        return (self.ended or time.time()) - self.began


class Jobs:
    """What was done in this app, and what is still being done; also the command log."""

    def __init__(self) -> None:
        self.all: list[Job] = []

    @property
    def active(self) -> list[Job]:
        return [job for job in self.all if job.state in ("waiting", "running")]

    def note(self, title: str, command: str) -> None:
        """Remember something that is done at once."""
        self.all.append(Job(title, command, "done", ended=time.time()))

    async def run(self, job: Job, work: Callable[[], Awaitable[str]], free: Callable[[], Awaitable[object]]) -> None:
        """Do `work`, which returns the sentence to end with, as soon as `free` lets it. Its errors go on up."""
        self.all.append(job)
        await free()
        job.state = "running"
        try:
            line = await work()
        except LabError as error:
            self._end(job, "failed", error.message)
            raise
        except BaseException:
            self._end(job, "failed", "ended unexpectedly")
            raise
        self._end(job, "done", line)

    def _end(self, job: Job, state: State, line: str) -> None:
        job.state, job.ended = state, time.time()
        if line:
            job.say(line)


def status_row(active: list[Job]) -> Row:
    """The status line: the newest job with its time and last words, and how many others there are."""
    if not active:
        return []
    running = [job for job in active if job.state == "running"] or active
    job = running[-1]
    others = f"  (+{len(active) - 1} more, @ shows them)" if len(active) > 1 else ""
    return [
        (f" {glyphs().run} ", "run"),
        (job.title, "bold"),
        (f"  {format_duration(float(int(job.seconds)))}  ", "muted"),
        (job.line or ("waiting for its turn" if job.state == "waiting" else ""), ""),
        (others, "muted"),
    ]


def job_token(state: State) -> str:
    return _TOKENS[state]
