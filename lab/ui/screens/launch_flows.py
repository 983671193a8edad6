"""Launching from a screen: an entry with its parameters, a run again, a sweep."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.domain.launch import LaunchRequest
from lab.domain.runs import Run, RunStatus
from lab.domain.sweeps import SweepPlan
from lab.errors import NotFoundError
from lab.ui import actions
from lab.ui.jobs import Job
from lab.ui.screens.base import LabScreen
from lab.ui.screens.launch_form import (
    Known,
    launch_command,
    launch_fields,
    params_like,
    plan_of,
    plan_sentence,
    request_of,
)
from lab.ui.screens.pick import Item, PickScreen
from lab.ui.widgets.forms import FormScreen

if TYPE_CHECKING:
    from lab.workspace import Workspace


async def launch(screen: LabScreen, like: Run | None = None) -> None:
    """Choose an entry of the project, fill in its parameters, start it. The entry and its parameters are at first those
    of `like`, where that is a run of this project."""
    settings = await screen.ask(lambda ws: ws.projects.current)
    if settings is None:
        raise NotFoundError("nothing to launch: no lab.toml here", "on Home, i writes one; then e edits its [entries]")
    if not settings.entries:
        raise NotFoundError("nothing to launch: lab.toml declares no entries", "on Home, e opens it: fill in [entries]")
    names = list(settings.entries)
    name: str | None = names[0]
    if len(names) > 1:
        items = [Item(name, name, help=_command(settings.entries[name].command)) for name in names]
        at = like.entry if like is not None and like.project == settings.name else ""
        name = await screen.app.push_screen_wait(PickScreen("Launch which entry?", items, at=at))
    if name is None:
        return
    entry = settings.entry(name)
    params, intro = dict(entry.params), ""
    if like is not None and (like.project, like.entry) == (settings.name, name):
        params = params_like(params, like.params)
        intro = f"Parameters of {like.name}; on Home, n has those of lab.toml." if params != dict(entry.params) else ""
    await launch_with(screen, LaunchRequest(entry=name, params=params), entry.datasets, intro)


def _command(words: Sequence[str]) -> str:
    """A command as lab.toml has it: what stands for parameters needs no quotes."""
    return re.sub(r"'([\w./=:-]*\{\w+\}[\w./=:-]*)'", r"\1", shlex.join(words))


async def launch_with(
    screen: LabScreen, base: LaunchRequest, datasets: Sequence[str] = (), intro: str = ""
) -> None:  # fmt: skip
    """The launch form, filled from `base`."""
    names = tuple(dict.fromkeys([*datasets, *base.data]))
    seconds, known = await screen.ask(lambda ws: _known(ws, base.entry, names))
    form = FormScreen(f"Launch {base.entry}", launch_fields(base, known), submit="Launch", intro=intro,
                      summary=lambda values: plan_sentence(base, values, seconds))  # fmt: skip
    values = await screen.app.push_screen_wait(form)
    if values is None:
        return
    request, plan = request_of(base, values), plan_of(base, values)
    if plan is None:
        start_run(screen, request, on_error=form.keep)
    else:
        start_sweep(screen, request, plan, form.keep)


def _known(ws: Workspace, entry: str, datasets: Sequence[str]) -> tuple[float | None, dict[str, Known]]:
    """How long a run of an entry of this project takes, seconds, and what there is of each dataset."""
    project = ws.projects.place()[0]
    versions = {name: ws.datasets.versions(name, project) for name in datasets}
    known = {name: Known(found, ws.datasets.aliases(found[0]) if found else {}) for name, found in versions.items()}
    return ws.runs.vitals.typical_seconds(project, entry), known


async def edit_and_launch(screen: LabScreen, run: Run) -> None:
    """The launch form, filled from a run that there was."""
    request = await screen.ask(lambda ws: ws.runs.rerun(run.id))
    await launch_with(screen, request)


async def launch_again(screen: LabScreen, run: Run) -> None:
    request = await screen.ask(lambda ws: ws.runs.rerun(run.id))
    start_run(screen, request, actions.command(actions.get("runs.again"), id=run.id))


def start_run(
    screen: LabScreen, request: LaunchRequest, command: str = "", on_started: Callable[[Run], None] | None = None,
    on_error: Callable[[str], object] | None = None,
) -> None:  # fmt: skip
    """Launch behind the screens; `command` is what the command log shows, unless all that was asked for, `on_started`
    hears of the run if the screen is still there, and `on_error` of what went wrong."""

    async def work(job: Job) -> str:
        run, why = await screen.lab.bridge.ask(lambda ws: _launch(ws, request, job.say))
        if on_started is not None and screen.is_attached:
            on_started(run)
        return f"{run.name} {why}" if why else f"{run.name} has started on {run.engine}"

    screen.lab.background(f"launching {request.entry}", command or launch_command(request), work, on_error)


def _launch(ws: Workspace, request: LaunchRequest, progress: Callable[[str], None]) -> tuple[Run, str]:
    """The run, and why it waits if it does."""
    run = ws.queue.launch(request, progress)
    waits = run.status is RunStatus.QUEUED
    return run, (ws.queue.reason(run.id) or "is about to start") if waits else ""


def start_sweep(
    screen: LabScreen, request: LaunchRequest, plan: SweepPlan, on_error: Callable[[str], object] | None = None
) -> None:
    """Record a sweep behind the screens; the queue starts its runs. `on_error` hears of what went wrong."""

    async def work(job: Job) -> str:
        unnamed = replace(request, name="")
        sweep = await screen.lab.bridge.ask(lambda ws: ws.sweeps.create(unnamed, plan, request.name, job.say))
        return f"sweep {sweep.name}: {sweep.total} runs; E shows how far it is"

    screen.lab.background(f"sweep of {request.entry}", launch_command(request, plan=plan), work, on_error)
