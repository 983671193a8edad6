"""What `y` offers, and where it goes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from lab.domain.numbers import jsonable
from lab.domain.runs import Run
from lab.domain.text import count_of
from lab.ui.render.copies import as_json, markdown, tsv
from lab.ui.screens.base import LabScreen
from lab.ui.screens.pick import Item, PickScreen
from lab.ui.widgets.frame_table import FrameTable

#: No more rows than these are copied at once.
_MOST_ROWS = 10_000


async def copy(screen: LabScreen, what: Sequence[tuple[str, str]], table: FrameTable | None = None) -> None:
    """Choose one of (label, text), or a cell or rows of `table`, and put it on the clipboard."""
    offered = [*what, *(_of_table(table) if table is not None else [])]
    items = [Item(str(index), label, help=text[:200]) for index, (label, text) in enumerate(offered) if text]
    chosen = await screen.app.push_screen_wait(PickScreen("Copy what?", items))
    if chosen is None:
        return
    await screen.lab.copy_text(*offered[int(chosen)])


def command(*words: str) -> tuple[str, str]:
    """The command that tells the same, for a shell."""
    return "command", shlex.join(words)


def python(room: str, ref: str) -> tuple[str, str]:
    """Lines of Python that get the same object from `room`."""
    name = room.removesuffix("s")
    return "Python", f"from lab import Workspace\n\nwith Workspace() as ws:\n    {name} = ws.{room}.get({ref!r})\n"


def of_run(run: Run) -> list[tuple[str, str]]:
    """A run in all the ways in which people hand one on."""
    told = {
        "id": run.id,
        "name": run.name,
        "status": run.status.value,
        "seed": run.seed,
        "params": dict(run.params),
        "metrics": {name: summary.last for name, summary in run.metrics.items()},
        "datasets": dict(run.datasets),
        "tags": list(run.tags),
    }
    return [
        ("id", run.id),
        ("name", run.name),
        command("lab", "runs", "show", run.id),
        ("JSON", json.dumps(jsonable(told), ensure_ascii=False, indent=2)),
        python("runs", run.id),
    ]


def _of_table(table: FrameTable) -> list[tuple[str, str]]:
    """The cell under the cursor, and the marked rows or the one under the cursor."""
    rows = table.rows(table.selection_keys[:_MOST_ROWS])
    if not rows:
        return []
    column, one = table.cursor_column, table.rows([table.cursor_key] if table.cursor_key else [])
    titled = column is not None and one and column.title.strip()
    cell = [(titled, one[0].text(table.column_index).strip())] if titled else []
    many = count_of(len(rows), "row")
    ways = (("JSON", as_json), ("TSV", tsv), ("Markdown", markdown))
    return [*cell, *((f"{many} as {name}", write(table.columns, rows)) for name, write in ways)]
