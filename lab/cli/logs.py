"""`lab runs logs`: what a run printed, however much that is, in constant memory."""

from __future__ import annotations

import re
import time
from argparse import ArgumentTypeError, Namespace
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.fate import DETACHED, detach
from lab.cli.formats import format_local, format_utc, log_line
from lab.cli.values import count
from lab.domain.query_values import period, span
from lab.domain.runs import IMPORTED, Run
from lab.errors import UsageError

commands = Declarations("Runs")

#: A line, and when it was there, where that is asked for and known.
Timed = tuple[str, float | None]
_STAMP = 19  # cells of a time


def moment(text: str) -> float:
    """`10m` ago, or a time as in filters, in seconds since the epoch; for argparse."""
    now = time.time()
    ago = span(text.lower())
    found = period(text, now) if ago is None else None
    if ago is None and found is None:
        raise ArgumentTypeError(f"{text!r} is no time: write 10m, yesterday or 2026-11-01T09:30")
    return now - ago if ago is not None else found.start if found else now


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression; capitals count if there are any. For argparse."""
    try:
        return re.compile(text, 0 if text != text.lower() else re.IGNORECASE)
    except re.error as error:
        raise ArgumentTypeError(f"{text!r} is no regular expression: {error}") from error


@commands.add(
    "runs",
    "logs",
    help="what a run printed",
    example="lab runs logs calm-otter-42 --grep 'error|warn' --since 10m --follow",
    arguments=(
        argument("ref", metavar="REF", completes="run", help="a run's name or id, or how one begins"),
        argument("--follow", action="store_true", help="show what comes until it ends; Ctrl-C detaches"),
        argument("--tail", metavar="N", type=count, help="the last N lines"),
        argument("--head", metavar="N", type=count, help="the first N lines"),
        argument(
            "--grep",
            metavar="PATTERN",
            type=pattern,
            help="only lines that match a regular expression; capitals count if it has any",
        ),
        argument("--times", action="store_true", help="when each line was there, by the looks at the run"),
        argument("--since", metavar="TIME", type=moment, help="what was printed since: 10m ago, or a time"),
        argument("--step", metavar="N", type=float, help="what was printed since the run was at a step"),
    ),
)
def logs(context: Context, args: Namespace) -> int:
    if args.head is not None and (args.tail is not None or args.follow):
        raise UsageError("--head has no place beside --tail and --follow", "use one of them")
    run = context.settled.runs.get(args.ref)
    shown = Shown(context, run, times=args.times)
    try:
        for line, at in _asked(context, run, args):
            shown.show(line, at)
    except KeyboardInterrupt:
        if args.follow:
            detach(context, run)
        return shown.end(DETACHED)
    return shown.end(0)


class Shown:
    """Lines on their way to the terminal, or into one JSON document as they come."""

    def __init__(self, context: Context, run: Run, *, times: bool) -> None:
        """With `times`, lines are told with when they were there."""
        self._times = times
        self._out = context.out
        self._run = run
        self._seen = 0
        self._items = context.out.items({"id": run.id, "name": run.name}) if context.out.json else None

    def show(self, line: str, at: float | None) -> None:
        self._seen += 1
        if self._items is not None:
            self._items.add({"at": format_utc(at), "line": line} if self._times else line)
            return
        stamp = format_local(at) if at is not None else ""
        self._out.log(f"{stamp:<{_STAMP}}  {line}" if self._times else line, flush=self._run.status.active)

    def end(self, code: int) -> int:
        if self._items is not None:
            self._items.end()
        elif not self._seen and not code:
            self._out.say(f"{self._run.name} has printed nothing" + (" yet" if self._run.status.active else ""))
        return code


def _asked(context: Context, run: Run, args: Namespace) -> Iterable[Timed]:
    runs = context.settled.runs
    if run.status.active and not args.follow and run.engine != IMPORTED and not runs.logs.path(run.id).exists():
        # It never came to print: what the engine caught.
        return [(log_line(line), None) for line in runs.logs.tail(run.id)]
    # With a pattern the last lines are the last of those that match, and the whole log is looked at.
    last = args.tail if args.grep is None or args.follow else None
    start = runs.logs.start(run.id, last=last, since=args.since) if last is not None or args.since is not None else 0
    start = max(start, runs.logs.at_step(run.id, args.step)) if args.step is not None else start
    lines: Iterator[Timed] = (
        ((log_line(line), at) for line, at in runs.logs.timed(run.id, start=start, follow=args.follow))
        if args.times
        else ((log_line(line), None) for line in runs.logs.lines(run.id, start=start, follow=args.follow))
    )
    if args.grep is not None:
        wanted = args.grep
        lines = (timed for timed in lines if wanted.search(timed[0]))
        if args.tail is not None and last is None:
            return deque(lines, maxlen=args.tail)
    return islice(lines, args.head) if args.head is not None else lines
