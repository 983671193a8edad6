"""Taking runs out of the lab: the plan is shown before anything goes, and what went can be brought back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.domain.purge import Candidate, Purged, refusal, size_sentence
from lab.domain.retention import CHECKPOINTS, Policy
from lab.domain.text import count_of
from lab.ui import actions
from lab.ui.jobs import Job
from lab.ui.render.number import format_size
from lab.ui.screens.base import LabScreen
from lab.ui.screens.flows import confirm

_TOLD = 6  # runs that the question names


async def purge(screen: LabScreen, ids: Sequence[str], after: Callable[[], None] = lambda: None) -> None:
    """Move runs to the trash, after telling what is free then and what must stay; `after` is called when it is
    done."""
    plan = await screen.ask(lambda ws: ws.purge.plan([ws.runs.get(one) for one in ids]))
    if not plan.goes:
        raise refusal(plan)
    first = plan.goes[0].run.name
    what = first if len(plan.goes) == 1 else f"{len(plan.goes):,} runs"
    if not await confirm(screen, f"Purge {what}?", _consequence(size_sentence(plan), plan.stays), "Purge", "X"):
        return

    async def work(job: Job) -> str:
        done = await screen.lab.bridge.ask(lambda ws: ws.purge.apply(plan, progress=job.say))
        after()
        return _ending(done)

    goes = [item.run.id for item in plan.goes]
    screen.lab.background(f"purging {what}", actions.command(actions.get("runs.purge"), ids=goes), work)


async def prune(screen: LabScreen, opener: str, after: Callable[[], None]) -> None:
    """What the project's [retention] lets go, after telling why the rest stays."""
    pruning = await screen.ask(
        lambda ws: ws.retention.plan(ws.projects.name, found.retention if (found := ws.projects.current) else Policy())
    )
    plan = pruning.plan
    if not plan.goes:
        screen.lab.tell(
            f"nothing to prune: all {len(plan.stays):,} runs of {pruning.project} stay, or have nothing to lose"
        )
        return
    what = "checkpoints" if pruning.policy.drop == CHECKPOINTS else "whole runs"
    if not await confirm(screen, f"Prune {what} of {pruning.project}?", _consequence(size_sentence(plan), plan.stays),
                         "Prune", opener):  # fmt: skip
        return

    async def work(job: Job) -> str:
        done = await screen.lab.bridge.ask(lambda ws: ws.retention.apply(pruning, progress=job.say))
        after()
        return _ending(done)

    screen.lab.background(f"pruning {pruning.project}", actions.command(actions.get("disk.prune")), work)


def _consequence(first: str, stays: Sequence[Candidate]) -> str:
    lines = [f"It {first}. They are in the trash for 14 days; their room is free after that."]
    if stays:
        lines.append(f"{len(stays):,} stay:")
        lines += [f"  {item.run.name}: {item.needs[0]}" for item in stays[:_TOLD]]
        lines += [f"  and {len(stays) - _TOLD:,} more"] if len(stays) > _TOLD else []
    return "\n".join(lines)


def _ending(done: Purged) -> str:
    runs = count_of(len(done.runs), "run")
    return f"{format_size(done.bytes)} of {runs} are in the trash: Disk, Trash, U brings them back"
