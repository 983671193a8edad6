"""Things that take a dialog or two, the same from several screens: stopping, registering, tags, undo.

Each is a coroutine that a screen starts. What takes long goes on as a job behind the screens.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.screen import Screen

from lab.domain.datasets import Dataset, DatasetVersion
from lab.domain.edits import MODEL
from lab.domain.metric_order import metric_order
from lab.domain.models import CHAMPION, ModelVersion
from lab.domain.param_spec import ParamSpec
from lab.domain.runs import Run, RunStatus
from lab.domain.views import RunView
from lab.errors import LabError, UsageError
from lab.ui import actions, editor
from lab.ui.jobs import Job
from lab.ui.render.number import format_number
from lab.ui.screens.base import LabScreen
from lab.ui.screens.launch_form import (
    name_trouble,
)
from lab.ui.widgets.confirm import ConfirmScreen
from lab.ui.widgets.forms import FormScreen

if TYPE_CHECKING:
    from lab.workspace import Workspace

#: What stands for no dataset where a model's reference is chosen.
_EXAMPLE = "the run's example"


async def edit_settings(screen: LabScreen) -> None:
    """The project's lab.toml in the editor; what is wrong in it afterwards is a notice."""
    path = await screen.ask(lambda ws: ws.projects.file)
    if path is None:
        raise UsageError("there is no lab.toml here", "i makes this folder a project")
    try:
        editor.edit_file(screen.lab, path)
    finally:  # an editor that fails may have written
        await screen.lab.refresh_project()


# Runs


async def stop_runs(screen: LabScreen, runs: Sequence[Run]) -> None:
    """Stop those of `runs` that still run, after asking."""
    active = [run for run in runs if run.status.active]
    if not active:
        raise UsageError("nothing to stop: the run has ended", "only running ones can be stopped")
    what = active[0].name if len(active) == 1 else f"{len(active)} runs"
    if not await confirm(screen, f"Stop {what}?", "It ends now. What it has logged so far stays.", "Stop", "x"):
        return
    for run in active:

        async def work(_: Job, run: Run = run) -> str:
            ended = await screen.lab.bridge.ask(lambda ws: ws.runs.stop(run.id))
            return f"{ended.name}: {ended.cause or ended.status.value}"

        screen.lab.background(f"stopping {run.name}", actions.command(actions.get("runs.stop"), id=run.id), work)


def _references(run: Run, datasets: Sequence[Dataset]) -> list[str]:
    """What drift may be measured from: what the run saw, then the latest versions of its project."""
    seen = [f"{run.project}/{name}@{label}" for name, label in run.datasets.items()]
    latest = [dataset.latest.ref for dataset in datasets if dataset.project == run.project]
    return list(dict.fromkeys([*seen, *latest]))


async def register(screen: LabScreen, run: Run, suggestion: str) -> None:
    """Make a model version from a run, under a name that is asked for."""
    if run.status is not RunStatus.FINISHED:
        raise UsageError(f"{run.name} has not finished: {run.cause or run.status.value}", "register a finished run")
    known = _references(run, await screen.ask(lambda ws: list(ws.datasets.list())))
    fields = [
        ParamSpec("name", "model", value=suggestion, optional=False, help="a new name, or one to add a version to",
              validate=lambda value: name_trouble("model", str(value))),
        ParamSpec("reference", "drift measured from", "choice", _EXAMPLE, (_EXAMPLE, *known),
              help="the rows that the run gave as its example, or all of a dataset version"),
    ]  # fmt: skip
    form = FormScreen("Register model", fields, submit="Register", intro=f"From run {run.name}.")
    values = await screen.app.push_screen_wait(form)
    if values is None:
        return
    name, chosen = str(values["name"]), str(values["reference"])
    reference = "" if chosen == _EXAMPLE else chosen

    def begin(ws: Workspace, job: Job) -> ModelVersion:
        if reference:
            return ws.registration.register(run.id, name, reference, job.say)
        return ws.models.register(run.id, name, job.say)

    async def work(job: Job) -> str:
        version = await screen.lab.bridge.ask(lambda ws: begin(ws, job))
        return f"registered {version.id} from {run.name}"

    command = actions.command(actions.get("runs.register"), id=run.id, name=name)
    command += f" --reference {shlex.quote(reference)}" if reference else ""
    screen.lab.background(f"registering {name}", command, work, form.keep)


async def edit_tags(screen: LabScreen, runs: Sequence[Run]) -> None:
    """Of one run all its tags; to several some are given, and some taken off."""
    if len(runs) > 1:
        await _retag(screen, runs)
        return
    (run,) = runs
    field = ParamSpec("tags", "tags", value=" ".join(run.tags), help="words with blanks between them")
    values = await screen.app.push_screen_wait(FormScreen(f"Tags of {run.name}", [field], submit="Set"))
    if values is not None:
        tags = str(values["tags"]).split()
        await screen.ask(lambda ws: ws.runs.tag(run.id, tags))
        screen.lab.jobs.note(f"tags of {run.name}", actions.command(actions.get("runs.tag"), id=run.id, tags=tags))


async def _retag(screen: LabScreen, runs: Sequence[Run]) -> None:
    words = "words with blanks between them"
    fields = [ParamSpec("add", "give tags", help=words), ParamSpec("remove", "take tags off", help=words)]
    values = await screen.app.push_screen_wait(FormScreen(f"Tags of {len(runs)} runs", fields, submit="Set"))
    if values is None:
        return
    ids = [run.id for run in runs]
    add, remove = str(values["add"]).split(), str(values["remove"]).split()
    await screen.ask(lambda ws: [ws.runs.retag(id, add, remove) for id in ids])
    for tags, how in ((add, "--add"), (remove, "--remove")):
        if tags:
            screen.lab.jobs.note(f"tags of {len(ids)} runs", _of_all("tag", ids, tags, how))


async def edit_note(screen: LabScreen, runs: Sequence[Run]) -> None:
    """Of one run its notes; below those of several a line is added."""
    one = runs[0] if len(runs) == 1 else None
    whose = one.name if one else f"{len(runs)} runs"
    field = ParamSpec("text", "note", value=one.notes if one else "", help="" if one else "a line below what they have")
    values = await screen.app.push_screen_wait(FormScreen(f"Note on {whose}", [field], submit="Save"))
    if values is None or not (one or values["text"]):
        return
    text, ids = str(values["text"]), [run.id for run in runs]
    await screen.ask(lambda ws: [ws.runs.note(id, text, add=one is None) for id in ids])
    command = actions.command(actions.get("runs.note"), id=ids[0], text=text)
    screen.lab.jobs.note(f"note on {whose}", command if one else _of_all("note", ids, [text], "--add"))


async def write_note(screen: LabScreen, run: Run) -> None:
    """The run's notes in the editor."""
    text = editor.edit_text(screen.lab, run.notes, f"{run.id}.md")
    if text is not None:
        await screen.ask(lambda ws: ws.runs.note(run.id, text))
        screen.lab.jobs.note(f"note on {run.name}", actions.command(actions.get("runs.write"), id=run.id, text=text))


def _of_all(verb: str, ids: Sequence[str], words: Sequence[str], how: str) -> str:
    """The command that does the same to several runs."""
    also = [word for id in ids[1:] for word in ("--also", id)]
    return shlex.join(["lab", "runs", verb, ids[0], *words, how, *also])


async def rename(screen: LabScreen, run: Run) -> None:
    field = ParamSpec(
        "name", "name", value=run.name, optional=False, validate=lambda value: name_trouble("run", str(value))
    )
    values = await screen.app.push_screen_wait(FormScreen(f"Rename {run.name}", [field], submit="Rename"))
    if values is not None and values["name"] != run.name:
        name = str(values["name"])
        await screen.ask(lambda ws: ws.runs.rename(run.id, name))
        screen.lab.jobs.note(f"{run.name} renamed", actions.command(actions.get("runs.rename"), id=run.id, name=name))


async def star(screen: LabScreen, runs: Sequence[Run]) -> None:
    """Put a star on runs; off, where all of them have one."""
    off = all(run.starred for run in runs)
    ids = [run.id for run in runs]
    await screen.ask(lambda ws: [ws.runs.star(id, not off) for id in ids])
    what = "unstar" if off else "star"
    whose = runs[0].name if len(runs) == 1 else f"{len(runs)} runs"
    screen.lab.jobs.note(f"{what} on {whose}", shlex.join(["lab", "runs", what, *ids]))


async def archive(screen: LabScreen, runs: Sequence[Run]) -> None:
    """Take runs out of sight; back, where all of them are archived."""
    back = all(run.archived for run in runs)
    for run in runs:
        await screen.ask(lambda ws, run=run: ws.runs.archive(run.id, not back))  # type: ignore[misc]
    verb = "unarchive" if back else "archive"
    what = runs[0].name if len(runs) == 1 else f"{len(runs)} runs"
    screen.lab.jobs.note(f"{verb} {what}", shlex.join(["lab", "runs", verb, *(run.id for run in runs)]))
    screen.lab.tell(f"{what} back in the table" if back else f"{what} archived: the filter archived:yes finds it")


async def undo(screen: LabScreen) -> None:
    """Take back the last edit of anything."""
    async with screen.lab.undo_turn:
        await _undo(screen, again=False)


async def redo(screen: LabScreen) -> None:
    """Do again what was undone last."""
    async with screen.lab.undo_turn:
        await _undo(screen, again=True)


async def _undo(screen: LabScreen, *, again: bool) -> None:
    planned = await screen.ask(lambda ws: ws.undo.next(redo=again))
    what = f"{planned.edit.what} of {planned.name}: {_told(planned.edit.before)} → {_told(planned.edit.after)}"
    # What an alias of a model means may be what is served next.
    if planned.kind == MODEL and not await confirm(
        screen, f"{'Redo' if again else 'Undo'} {what}?", "It is the last edit in this lab.",
        "Redo" if again else "Undo", "z",
    ):  # fmt: skip
        return
    done = await screen.ask(lambda ws: ws.undo.redo() if again else ws.undo.undo())
    screen.lab.jobs.note("redo" if again else "undo", actions.get("app.redo" if again else "app.undo").cli)
    what = f"{done.edit.what} of {done.name}: {_told(done.edit.before)} → {_told(done.edit.after)}"
    screen.lab.tell(f"done again: {what}" if again else f"undone: {what}; Z does it again")


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value or "")
    return text or "nothing"


async def save_view(screen: LabScreen, filter: str, sort: str, columns: Sequence[str]) -> None:
    """Keep what the run table shows under a name."""
    field = ParamSpec("name", "name", optional=False, validate=lambda value: name_trouble("view", str(value)))
    values = await screen.app.push_screen_wait(FormScreen("Save this view", [field], submit="Save"))
    if values is None:
        return
    name = str(values["name"])
    await screen.ask(lambda ws: ws.runs.views.save(RunView(ws.projects.name, name, filter, sort, tuple(columns))))
    screen.lab.jobs.note(f"view {name}", actions.command(actions.get("runs.save_view"), name=name, filter=filter))
    screen.lab.tell(f"saved: :view {name} opens it")


# Data, models, deployments


async def add_data(screen: LabScreen, name: str = "", path: str = "") -> None:
    """Snapshot a file or folder: a new dataset, or the next version of one."""
    fields = [
        ParamSpec("name", "name", value=name, optional=False,
                  validate=lambda value: name_trouble("dataset", str(value))),
        ParamSpec("path", "path", value=path, optional=False, help="a file or folder, relative to the project"),
        ParamSpec("message", "message", help="why, in a few words"),
    ]  # fmt: skip
    form = FormScreen("Snapshot data", fields, submit="Snapshot")
    values = await screen.app.push_screen_wait(form)
    if values is None:
        return
    chosen, where, message = str(values["name"]), str(values["path"]), str(values.get("message", ""))

    def add(ws: Workspace, job: Job) -> tuple[DatasetVersion, bool]:
        folder = ws.projects.place()[1]
        return ws.datasets.add(chosen, folder / Path(where).expanduser(), message=message, progress=job.say)

    async def work(job: Job) -> str:
        version, new = await screen.lab.bridge.ask(lambda ws: add(ws, job))
        return f"{chosen} {version.label} {'taken' if new else 'is the same: nothing has changed'}"

    command = actions.command(actions.get("data.add"), name=chosen, path=where)
    screen.lab.background(f"snapshot of {chosen}", command, work, form.keep)


async def promote(screen: LabScreen, ref: str, summary: str) -> None:
    """Let `champion` mean a version, after asking."""
    if await confirm(screen, f"Promote {ref} to {CHAMPION}?", summary, "Promote", "P"):
        model = await screen.ask(lambda ws: ws.models.promote(ref))
        screen.lab.jobs.note(f"promoted {ref}", actions.command(actions.get("models.promote"), ref=ref))
        screen.lab.tell(f"{model.name} v{model.aliases.get(CHAMPION, 0)} is {CHAMPION} now")


# Home


async def init_project(screen: LabScreen) -> None:
    """Write a lab.toml."""
    folder = await screen.ask(lambda ws: ws.projects.folder)
    field = ParamSpec("folder", "folder", value=str(folder), optional=False, help="gets a commented lab.toml")
    values = await screen.app.push_screen_wait(FormScreen("Make a project", [field], submit="Write lab.toml"))
    if values is None:
        return
    target = str(values["folder"])
    written = await screen.ask(lambda ws: ws.projects.init(Path(target).expanduser()))
    screen.lab.jobs.note("project made", actions.command(actions.get("home.init"), folder=target))
    screen.lab.tell(f"wrote {written}")
    await screen.lab.refresh_project()
    screen.reload()


async def demonstrate(screen: LabScreen) -> None:
    """Run the demonstration behind the screens."""
    consequence = "It trains six small models, registers and deploys the best one. About a minute; you can watch."
    if not await confirm(screen, "Run the demonstration?", consequence, "Run", "D"):
        return

    async def work(job: Job) -> str:
        report = await screen.lab.bridge.ask(
            lambda ws: ws.demo.run(on_step=lambda step: job.say(f"{step.name}: {step.detail}"), progress=job.say)
        )
        told = f"{report.metric} {format_number(report.accuracy)} on held-out rows"
        return f"the demonstration is over: {told}; 5 shows the server"

    screen.lab.background("demonstration", actions.command(actions.get("home.demo")), work)


# Shared


async def confirm(screen: LabScreen, question: str, consequence: str, verb: str, opener: str, name: str = "") -> bool:
    """Ask before something that cannot be undone; what others may be using wants its `name` typed."""
    asked: Screen[bool] = ConfirmScreen(question, consequence, confirm=verb, opener=opener, name=name)
    return await screen.app.push_screen_wait(asked)


def metrics_text(metrics: object, limit: int = 3) -> str:
    """The metrics that tell most, in words: `accuracy 0.97, loss 0.1`."""
    if not isinstance(metrics, dict):
        return ""
    return ", ".join(f"{name} {format_number(metrics[name])}" for name in metric_order(metrics)[:limit])


def sentence(error: LabError) -> str:
    """An error and its way out on one line."""
    return f"{error.message}; {error.hint}" if error.hint else error.message
