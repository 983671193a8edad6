"""The Changes tab of a comparison: environment, data, code, files and pictures of a run beside the baseline's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from lab.dataclass import dataclass
from lab.domain.changes import Changes, DiffLine
from lab.domain.compare import DataDifference
from lab.domain.files import PICTURE, ArtifactChanges, Picture
from lab.errors import LabError
from lab.ui.render.between import between_rows
from lab.ui.render.changes import FILE
from lab.ui.render.glyphs import Row
from lab.ui.screens.base import LabScreen
from lab.ui.screens.parts import cut_row
from lab.ui.widgets.detail import Page

if TYPE_CHECKING:
    from lab.workspace import Workspace

_MOST_PICTURES = 6
_WIDTH, _HEIGHT = 60, 48  # pixels of a small picture at most: cells across, twice the lines


@dataclass
class Between:
    """What is known of what lies between two runs, so far."""

    changed: Changes
    diff: Sequence[DiffLine]
    files: ArtifactChanges
    data: Sequence[DataDifference] | None = None
    pictures: dict[str, tuple[Picture, Picture] | str] = field(default_factory=dict)


class ChangesPage(Page):
    """The page, and where its sections and files begin."""

    def __init__(self) -> None:
        super().__init__(empty="comparing …", id="between")

    def tell(self, found: Between) -> None:
        def make(width: int) -> Sequence[Row]:
            rows = between_rows(found.changed, found.diff, found.data, found.files, found.pictures)
            return [cut_row(row, width) for row in rows]

        self.show(make)

    def step(self, by: int) -> None:
        """To the next heading, or the one before."""
        here = self.scroll_offset.y
        starts = [at for at, row in enumerate(self._rows) if row and row[0][1] in ("muted bold", FILE)]
        goals = [at for at in starts if at > here] if by > 0 else [at for at in reversed(starts) if at < here]
        if goals:
            self.scroll_to(y=goals[0], animate=False)


async def read_between(screen: LabScreen, new: str, old: str, show: Callable[[Between], None]) -> Between:
    """Ask for all of it, quick things first; `show` is called as it grows."""

    def first(ws: Workspace) -> Between:
        changed = ws.runs.changes(new, old)
        return Between(changed, ws.runs.code_diff(changed), ws.comparing.files(new, old))

    found = await screen.ask(first)
    found.data = None if found.changed.data else ()
    show(found)
    width = min(_WIDTH, max(4, screen.size.width // 2 - 3))
    for one in [one for one in found.files.changed if one.kind == PICTURE and one.in_both][:_MOST_PICTURES]:
        try:
            pair = await screen.ask(lambda ws, path=one.path: ws.comparing.pictures(new, old, path, width, _HEIGHT))  # type: ignore[misc]
        except LabError as error:
            found.pictures[one.path] = f"{error.message}{f'; {error.hint}' if error.hint else ''}"
        else:
            found.pictures[one.path] = pair
    if found.data is None:
        found.data = await screen.ask(lambda ws: ws.comparing.data(new, old))
    return found
