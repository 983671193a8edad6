"""A comparison written to a file, after asking where."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from lab.domain.compare import Comparison
from lab.domain.param_spec import ParamSpec
from lab.ui import actions
from lab.ui.jobs import Job
from lab.ui.render.number import format_size
from lab.ui.screens.base import LabScreen
from lab.ui.widgets.forms import FormScreen

if TYPE_CHECKING:
    from lab.workspace import Workspace

_MOST_NAMES = 3


async def export(screen: LabScreen, comparison: Comparison) -> None:
    """Ask for the file, then write it behind the screens."""
    names = "-".join(dict.fromkeys(_plain(run.name) for run in comparison.runs[:_MOST_NAMES]))
    fields = [
        ParamSpec("path", "file", value=f"compare-{names}.html", optional=False, help="report.html or report.md"),
        ParamSpec("force", "overwrite", "bool", False, help="write over a file that is there"),
    ]
    values = await screen.app.push_screen_wait(FormScreen("Export the comparison", fields, submit="Write"))
    if values is None:
        return
    typed, force = str(values["path"]), values.get("force") is True

    def check(ws: Workspace) -> Path:
        path = ws.projects.folder / Path(typed).expanduser()
        ws.reports.check(path, overwrite=force)
        return path

    path = await screen.ask(check)

    async def work(_: Job) -> str:
        size = await screen.lab.bridge.ask(lambda ws: ws.reports.write(comparison, path, time.time(), overwrite=force))
        return f"wrote {path}, {format_size(size)}"

    ids = [comparison.baseline, *(run.id for run in comparison.runs if run.id != comparison.baseline)]
    command = actions.command(actions.get("compare.export"), ids=ids, path=str(path))
    screen.lab.background("exporting the comparison", command, work)


def _plain(name: str) -> str:
    """A name as a part of a file's name."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "_" for char in name)[:40]
