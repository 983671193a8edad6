"""What runs printed: the end of it, all of it in constant memory, and where in it a time or a line is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab.domain.runs import IMPORTED, OWN, Run
from lab.errors import NotFoundError
from lab.paths import LabHome
from lab.stores import runfolder
from lab.stores.loglines import LineCutter, last_lines_at, line_begin

if TYPE_CHECKING:
    from lab.engine.base import Engine
    from lab.experiments.service import Runs

_POLL = 0.05  # seconds between two looks for more


class Logs:
    """The output of `runs`. `engine_of` connects the engine of a name."""

    def __init__(self, home: LabHome, runs: Runs, engine_of: Callable[[str], Engine]) -> None:
        self._home = home
        self._runs = runs
        self._engine_of = engine_of

    def path(self, ref: str) -> Path:
        return self._runs.folder(ref).stdout

    def tail(self, ref: str, lines: int = 200) -> Sequence[str]:
        """The last lines of what the run printed; if it never came to print, what the engine caught."""
        run = self._runs.get(ref)
        said = runfolder.tail(self._home.run(run.id).stdout, lines)
        if said or not run.status.active or run.engine == IMPORTED or run.engine in OWN:
            return said
        return self._engine_of(run.engine).logs(run.id, lines)

    def lines(
        self, ref: str, *, start: int = 0, follow: bool = False, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[str]:
        """Lines of the run's output from byte `start` on, at which one begins, in constant memory: up to its end as it
        is now or, with `follow`, as they come until the run has ended or `stop()` turns true."""
        run = self._runs.get(ref)
        path = self._home.run(run.id).stdout
        cutter, offset = LineCutter(), start
        while not stop():
            run = self._runs.wait(run.id, timeout=_POLL) if follow else run
            ended = not follow or not run.status.active
            while data := runfolder.portion(path, offset):
                offset += len(data)
                yield from (line.decode("utf-8", "replace") for line in cutter.feed(data))
            if ended:
                yield from (line.decode("utf-8", "replace") for line in cutter.end())
                return

    def timed(
        self, ref: str, *, start: int = 0, follow: bool = False, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[str, float | None]]:
        """Like `lines`, each with the time (seconds since the epoch) of the first look at the run that saw it there;
        None where no look was later."""
        run, end = self._runs.get(ref), start
        sizes, times = self._looks(run)
        for line in self.lines(run.id, start=start, follow=follow, stop=stop):
            end += len(line.encode("utf-8", "replace")) + 1
            if follow and (not sizes or sizes[-1] < end):
                sizes, times = self._looks(run)
            at = bisect_left(sizes, end)
            yield line, times[at] if at < len(times) else None

    def _looks(self, run: Run) -> tuple[list[int], list[float]]:
        samples = self._runs.vitals.history(run).samples
        return [one.log for one in samples], [one.at for one in samples]

    def follow(self, ref: str, stop: Callable[[], bool]) -> Iterator[str]:
        """All lines of the run's output from the first, as they come."""
        return self.lines(ref, follow=True, stop=stop)

    def start(self, ref: str, *, last: int | None = None, since: float | None = None) -> int:
        """The byte at which the `last` so many lines begin, or what was printed `since` a time (in seconds since the
        epoch). That is known from the looks at the run: there may be a little more than was asked for, never less.
        """
        run = self._runs.get(ref)
        path = self._home.run(run.id).stdout
        start = 0 if last is None else last_lines_at(path, last)
        if since is not None:
            seen = [sample.log for sample in self._runs.vitals.history(run).samples if sample.at <= since]
            start = max(start, line_begin(path, seen[-1]) if seen else 0)
        return start

    def at_step(self, ref: str, step: float) -> int:
        """The byte at which begins what was printed when the run was at a step, as exactly as the looks at it tell.

        Raises NotFoundError where no metric was logged at that step or later.
        """
        run = self._runs.get(ref)
        names = sorted(run.metrics, key=lambda name: -run.metrics[name].count)
        history = self._runs.history(run.id, names[0]) if names else None
        found = () if history is None else zip(history.steps, history.times, strict=True)
        later = [(at, when) for at, when in found if at >= step]
        if not later:
            last = f"the last one is {max(history.steps):g}" if history is not None and history.steps else ""
            raise NotFoundError(f"{run.name} logged nothing at step {step:g} or later", last)
        return self.start(run.id, since=min(later)[1])
