"""Things done with dataset versions that take a dialog or a while: marks, checkout, verify, remove and bring back."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab.domain.datasets import DatasetVersion
from lab.domain.param_spec import ParamSpec
from lab.errors import LabError, NotFoundError, UsageError
from lab.ui import actions, editor
from lab.ui.jobs import Job
from lab.ui.render.number import format_size
from lab.ui.screens.base import LabScreen
from lab.ui.screens.flows import confirm
from lab.ui.screens.launch_form import name_trouble
from lab.ui.screens.pick import Item, PickScreen
from lab.ui.widgets.forms import FormScreen

if TYPE_CHECKING:
    from lab.workspace import Workspace

_MOVE, _TAKE = "to this version", "away from the dataset"


async def edit_tags(screen: LabScreen, version: DatasetVersion) -> None:
    field = ParamSpec("tags", "tags", value=" ".join(version.tags), help="words with blanks between them")
    values = await screen.app.push_screen_wait(FormScreen(f"Tags of {version.ref}", [field], submit="Set"))
    if values is not None:
        tags = str(values["tags"]).split()
        await screen.ask(lambda ws: ws.datasets.tag(version.ref, tags))
        _note(screen, f"tags of {version.ref}", "data.tag", ref=version.ref, tags=tags)


async def edit_note(screen: LabScreen, version: DatasetVersion) -> None:
    field = ParamSpec("text", "note", value=version.note, help="empty takes it away")
    values = await screen.app.push_screen_wait(FormScreen(f"Note on {version.ref}", [field], submit="Save"))
    if values is not None:
        text = str(values["text"])
        await screen.ask(lambda ws: ws.datasets.note(version.ref, text))
        command = actions.command(actions.get("data.note"), ref=version.ref, text=text)
        screen.lab.jobs.note(f"note on {version.ref}", command if text else f"{command} ''")


async def write_note(screen: LabScreen, version: DatasetVersion) -> None:
    """The version's note in the editor."""
    text = editor.edit_text(screen.lab, version.note, f"{version.dataset}.md")
    if text is not None:
        await screen.ask(lambda ws: ws.datasets.note(version.ref, text))
        command = actions.command(actions.get("data.write"), ref=version.ref, text=text)
        screen.lab.jobs.note(f"note on {version.ref}", command if text else f"{command} ''")


async def move_alias(screen: LabScreen, version: DatasetVersion) -> None:
    """Have a name mean the version, or take one away from the dataset."""
    known = await screen.ask(lambda ws: dict(ws.datasets.aliases(version)))
    fields = [ParamSpec("alias", "alias", optional=False, help=_told(known),
                    validate=lambda value: name_trouble("alias", str(value)))]  # fmt: skip
    if known:
        fields.append(ParamSpec("what", "move it", "choice", _MOVE, (_MOVE, _TAKE)))
    form = FormScreen(f"Alias for {version.ref}", fields, submit="Move", intro=_told(known))
    values = await screen.app.push_screen_wait(form)
    if values is None:
        return
    alias = str(values["alias"])
    if values.get("what") == _TAKE:
        name = f"{version.project}/{version.dataset}"
        await screen.ask(lambda ws: ws.datasets.unalias(name, alias))
        screen.lab.jobs.note(f"@{alias} taken away", actions.command(actions.get("data.alias"), ref=name, alias=alias)
                             + " --remove")  # fmt: skip
        screen.lab.tell(f"@{alias} means nothing now")
        return
    await screen.ask(lambda ws: ws.datasets.alias(version.ref, alias))
    _note(screen, f"@{alias} moved", "data.alias", ref=version.ref, alias=alias)
    screen.lab.tell(f"@{alias} is {version.label} now")


def _told(known: Mapping[str, int]) -> str:
    told = ", ".join(f"@{name} is v{number}" for name, number in list(known.items())[:6])
    return told or "such as baseline, prod, reviewed"


async def check_out(screen: LabScreen, version: DatasetVersion) -> None:
    """Ask where to, say what would be lost, then bring the version there behind the screens."""
    place, changed = await screen.ask(lambda ws: _working_copy(ws, version))
    intro = f"The working copy {place} "
    intro += f"has changes that are in no version: {changed}." if changed else "has nothing that is in no version."
    fields = [
        ParamSpec("to", "into", help="empty: the working copy itself; or a new folder"),
        ParamSpec("only", "only", help="one file or folder of it; empty: everything"),
    ]
    fields += [ParamSpec("stash", "keep changes", "bool", True, help="as a new version first; without, it is refused"),
               ] if changed else []  # fmt: skip
    form = FormScreen(f"Check out {version.ref}", fields, submit="Check out", intro=intro)
    values = await screen.app.push_screen_wait(form)
    if values is None:
        return
    to, only, stash = str(values.get("to", "")), str(values.get("only", "")), values.get("stash") is True

    def bring(ws: Workspace, job: Job) -> tuple[DatasetVersion, Path, DatasetVersion | None]:
        target = ws.projects.folder / Path(to).expanduser() if to else None
        return ws.datasets.checkout(version.ref, to=target, only=only, stash=stash, progress=job.say)

    async def work(job: Job) -> str:
        _, where, stashed = await screen.lab.bridge.ask(lambda ws: bring(ws, job))
        kept = f"; what was there is {stashed.label} now" if stashed is not None else ""
        return f"{version.label} is at {where}{kept}"

    words = ["lab", "data", "checkout", version.ref, *([only] if only else []), *(["--to", to] if to else [])]
    words += ["--stash"] if stash else []
    screen.lab.background(f"checkout of {version.ref}", shlex.join(words), work)


def _working_copy(ws: Workspace, version: DatasetVersion) -> tuple[str, str]:
    """Where the working copy is, and in a few words how it differs from the latest version."""
    place = str(ws.datasets.place(version))
    try:
        changes = ws.datasets.status(f"{version.project}/{version.dataset}")[1]
    except NotFoundError:  # it is gone, so there is nothing to lose
        return place, ""
    return place, changes_text(changes.added, changes.removed, changes.changed)


def changes_text(added: Sequence[str], removed: Sequence[str], changed: Sequence[str]) -> str:
    """`2 added, 1 changed`; nothing when nothing differs."""
    parts = ((len(added), "added"), (len(removed), "removed"), (len(changed), "changed"))
    return ", ".join(f"{count:,} {word}" for count, word in parts if count)


def verify(screen: LabScreen, version: DatasetVersion, *, mend: bool = False) -> None:
    """Read all that the version is made of, behind the screens; with `mend` bring good copies of what is damaged."""

    async def work(job: Job) -> str:
        found = await screen.lab.bridge.ask(lambda ws: ws.store.verify((version,), mend=mend, progress=job.say))
        if not found.hits:
            return f"{version.ref} is whole: {found.objects:,} objects, {format_size(found.bytes)} read"
        left = [hit for hit in found.hits if not hit.mended]
        if not left:
            sources = ", ".join(sorted({hit.repair.source for hit in found.hits if hit.repair and hit.repair.source}))
            return f"{version.ref} is whole again: {len(found.hits):,} objects repaired from {sources}"
        owners = ", ".join(left[0].owners[:3]) or "nothing else"
        way = "no good copy was found" if mend else f"{actions.get('data.repair').keys[0]} looks for a good copy"
        raise LabError(
            f"{len(left):,} of {found.objects:,} objects of {version.ref} are damaged: {left[0].finding.detail}",
            f"needed by {owners}; {way}",
        )

    title, action = ("repairing", "data.repair") if mend else ("verifying", "data.verify")
    screen.lab.background(f"{title} {version.ref}", actions.command(actions.get(action), ref=version.ref), work)


async def remove(screen: LabScreen, version: DatasetVersion) -> None:
    consequence = "It is out of sight then, and gc may free its bytes; until then z brings it back. Runs keep theirs."
    if await confirm(screen, f"Remove {version.ref}?", consequence, "Remove", "D"):
        await screen.ask(lambda ws: ws.datasets.retire(version.ref))
        _note(screen, f"{version.ref} removed", "data.remove", ref=version.ref)
        screen.lab.tell(f"{version.ref} is out of sight; z brings it back")


async def bring_back(screen: LabScreen, name: str, project: str) -> None:
    """Bring a removed version back; asks which if there are several."""
    versions = await screen.ask(lambda ws: [one for one in ws.datasets.versions(name, project) if one.retired])
    if not versions:
        raise UsageError(f"nothing to bring back: no version of {name} was removed", "D removes one")
    chosen: str | None = versions[0].ref
    if len(versions) > 1:
        items = [Item(one.ref, one.label, help=f"{one.message}  {format_size(one.bytes)}") for one in versions]
        chosen = await screen.app.push_screen_wait(PickScreen("Bring back which version?", items))
    if chosen is not None:
        ref = chosen
        await screen.ask(lambda ws: ws.datasets.retire(ref, undo=True))
        _note(screen, f"{ref} brought back", "data.restore", ref=ref)
        screen.lab.tell(f"{ref} is back")


def _note(screen: LabScreen, title: str, action: str, **values: object) -> None:
    screen.lab.jobs.note(title, actions.command(actions.get(action), **values))
