"""`ctrl+s`: what a view shows, written to a file whose ending says as what."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab.domain.figures import Figure
from lab.domain.param_spec import ParamSpec
from lab.domain.sheets import Sheet, distinct
from lab.ui.jobs import Job
from lab.ui.render.cells import tidy
from lab.ui.render.number import format_size
from lab.ui.render.rows import Column, Row
from lab.ui.widgets.forms import FormScreen

if TYPE_CHECKING:
    from lab.ui.screens.base import LabScreen
    from lab.workspace import Workspace

_SHEETS = (".csv", ".parquet", ".json", ".html", ".svg")
_FIGURES = (".svg", ".png")
#: No more rows than these are written of a table that is not asked of the index.
_MOST = 200_000


async def ask_file(
    screen: LabScreen, what: str, name: str, endings: Sequence[str], check: Callable[[Workspace, Path, bool], None]
) -> tuple[Path, bool] | None:
    """Ask for a file; its path and whether it may be written over. None when the user does not want to.

    Raises LabError where `check` does: before anything is begun."""
    fields = [
        ParamSpec("path", "file", value=name, optional=False, help="as " + ", ".join(endings)),
        ParamSpec("force", "overwrite", "bool", False, help="write over a file that is there"),
    ]
    values = await screen.app.push_screen_wait(FormScreen(f"Export {what}", fields, submit="Write"))
    if values is None:
        return None
    typed, force = str(values["path"]), values.get("force") is True

    def checked(ws: Workspace) -> Path:
        path = ws.projects.folder / Path(typed).expanduser()
        check(ws, path, force)
        return path

    return await screen.ask(checked), force


async def export_figure(screen: LabScreen, figure: Figure | None, command: str = "") -> None:
    """A chart as SVG or PNG; `command` does the same but for `-o FILE`."""
    if figure is None:
        screen.lab.tell("there is nothing drawn to export")
        return
    name = f"{plain(figure.title) or 'chart'}.svg"
    found = await ask_file(
        screen, "the chart", name, _FIGURES,
        lambda ws, path, force: ws.exports.check(path, _FIGURES, overwrite=force),
    )  # fmt: skip
    if found is None:
        return
    path, force = found
    line = f"{command} -o {shlex.quote(str(path))}" if command else ""
    _write(screen, path, line, lambda ws: ws.exports.figure(figure, path, overwrite=force))


async def export_sheet(screen: LabScreen, name: str, sheet: Callable[[], Awaitable[Sheet]], command: str = "") -> None:
    """A table as CSV, Parquet, JSON, HTML or SVG; `command` does the same but for `--export FILE`."""
    found = await ask_file(
        screen, "the table", f"{plain(name) or 'table'}.csv", _SHEETS,
        lambda ws, path, force: ws.exports.check(path, _SHEETS, overwrite=force),
    )  # fmt: skip
    if found is None:
        return
    path, force = found
    made = await sheet()
    line = f"{command} --export {shlex.quote(str(path))}" if command else ""
    _write(screen, path, line, lambda ws: ws.exports.sheet(made, path, overwrite=force))


def _write(screen: LabScreen, path: Path, command: str, write: Callable[[Workspace], int]) -> None:
    async def work(_: Job) -> str:
        return f"wrote {path}, {format_size(await screen.lab.bridge.ask(write))}"

    screen.lab.background("exporting", command, work)


def sheet_of(title: str, columns: Sequence[Column], rows: Sequence[Row]) -> Sheet:
    """A table as it stands on the screen; columns without a title are left out where they are empty."""
    kept = [
        at for at, column in enumerate(columns)
        if column.title.strip() or any(row.text(at).strip() for row in rows)
    ]  # fmt: skip
    heads = distinct([tidy(columns[at].title).strip() for at in kept])
    return Sheet(title, heads, [[tidy(row.text(at)).strip() for at in kept] for row in rows])


def rows_of(count: int, window: Callable[[int, int], Sequence[Row]]) -> Sequence[Row]:
    return window(0, min(count, _MOST))


def plain(name: str) -> str:
    """A name as a part of a file's name."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "_" for char in name)[:40]
