"""Launching the seeds that a verdict of a comparison lacks."""

from __future__ import annotations

from collections.abc import Callable

from lab.domain.compare import Comparison
from lab.domain.runs import Run
from lab.domain.text import count_of
from lab.errors import UsageError
from lab.ui.screens import flows, launch_flows
from lab.ui.screens.base import LabScreen
from lab.ui.screens.compare_cells import wanted

#: So many groups are named in the question.
_NAMED = 6


async def queue_seeds(screen: LabScreen, comparison: Comparison, metric: str, join: Callable[[Run], None]) -> None:
    """Launch what is lacking for a verdict, after asking; `join` hears of each new run. Raises UsageError where there
    is no further seed."""
    more = wanted(comparison, metric)
    requests = await screen.ask(lambda ws: ws.runs.more_seeds(comparison, more))
    if not requests:
        raise UsageError("there is no further seed for these runs", "launch them with --seed")
    lines = [f"{comparison.groups[at].label}: {count_of(count, 'more seed')}" for at, count in more.items()]
    seeds = ", ".join(str(request.seed) for request in requests)
    consequence = (
        "\n".join(lines[:_NAMED])
        + f"\nSeeds {seeds}. The code is taken as it is now: if it has changed since, the new runs are another group."
    )
    title = f"Launch {count_of(len(requests), 'run')} with new seeds?"
    if await flows.confirm(screen, title, consequence, "Launch", "A"):
        for request in requests:
            launch_flows.start_run(screen, request, on_started=join)
