"""Search: one box over everything, answered while it looks, and enter opens a hit where it is."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Input

from lab.domain.query import Condition, write_filter
from lab.domain.search import Hit, Place, SearchRequest, Step, parse_needle
from lab.ui import actions
from lab.ui.render.hits import COLUMNS, hit_row, so_far
from lab.ui.render.rows import ListSource
from lab.ui.screens.base import LabScreen
from lab.ui.screens.copying import command
from lab.ui.screens.parts import Lines
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowSelected

_MOST = 200  # hits of each place
_SECONDS = 120.0  # esc ends it sooner


class SearchScreen(LabScreen):
    KIND = "search"
    MODE = "runs"
    LEAD = "Open"
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("search"))

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._text = text
        self._turn = 0  # counts searches: an older one that hears of a newer ends
        self._busy = False
        self._hits: list[tuple[int, float, int, Hit]] = []  # by rank and age, then as they came
        self._steps: dict[Place, Step] = {}
        self._only: Place | None = None

    def trail(self) -> tuple[str, ...]:
        return ("Search",)

    def body(self) -> ComposeResult:
        yield Input(self._text, placeholder="a text, or /a regular (expression)?/; enter looks everywhere",
                    compact=True, select_on_focus=False, id="needle")  # fmt: skip
        yield Lines([[(" names, tags, params, columns, notes, code, diffs, logs", "muted")]], id="heading")
        yield FrameTable(COLUMNS, empty="type what you look for, enter begins", id="hits", pinned=2)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#needle", Input).focus()
        if self._text:
            self._begin(self._text)

    async def _read_again(self) -> None:
        """What was found stays as it was found."""

    # Looking

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "needle":
            event.stop()
            self._begin(event.value)

    def _begin(self, text: str) -> None:
        self._turn += 1
        self._hits, self._steps, self._busy, self._only = [], {}, True, None
        self._show()
        self.start(self._search(text, self._turn), "search")

    async def _search(self, text: str, turn: int) -> None:
        try:
            self.say()
            request = SearchRequest(parse_needle(text), tuple(Place), _MOST, _SECONDS)
            self.query_one("#hits", FrameTable).focus()
            self.lab.jobs.note(f"search for {text}", actions.command(actions.get("app.search"), text=text))
            steps: Iterator[Step] = await self.ask(lambda ws: ws.search.look(request))
            while turn == self._turn and (step := await self.ask(lambda _: next(steps, None))) is not None:
                if turn == self._turn:
                    self._take(step)
        finally:
            if turn == self._turn:
                self._busy = False
                self._show()

    def _take(self, step: Step) -> None:
        for hit in step.hits:
            insort(self._hits, (*hit.order, len(self._hits), hit), key=lambda one: one[:3])
        self._steps[step.place] = step
        self._show()

    def _show(self) -> None:
        counts = Counter(hit.place for *_, hit in self._hits)
        self.query_one("#heading", Lines).show([so_far(self._steps, counts, self._only, busy=self._busy)])
        table = self.query_one("#hits", FrameTable)
        table.set_empty("looking …" if self._busy else "nothing found" if self._steps else "nothing looked for yet")
        shown = [(number, hit) for *_, number, hit in self._hits if self._only in (None, hit.place)]
        table.replace(ListSource([hit_row(str(number), hit) for number, hit in shown]))

    def close_inner(self) -> bool:
        if self._busy:
            self._turn += 1
            self._busy = False
            self._show()
            return True
        return False

    # Actions

    def action_search_again(self) -> None:
        self.query_one("#needle", Input).focus()

    def action_search_next_place(self) -> None:
        self._choose(1)

    def action_search_previous_place(self) -> None:
        self._choose(-1)

    def _choose(self, by: int) -> None:
        """Show the hits of one place, or of all."""
        found = {hit.place for *_, hit in self._hits}
        places = [None, *(place for place in Place if place in found)]
        at = places.index(self._only) if self._only in places else 0
        self._only = places[(at + by) % len(places)]
        self._show()

    def copies(self) -> Sequence[tuple[str, str]]:
        hit = self._hit(self.query_one("#hits", FrameTable).cursor_key)
        about = [("id", hit.id), ("place", hit.where), ("text", hit.excerpt.text)] if hit is not None else []
        return [*about, command("lab", "search", self.query_one("#needle", Input).value)]

    def _hit(self, key: str | None) -> Hit | None:
        return next((hit for *_, number, hit in self._hits if str(number) == key), None)

    def on_frame_table_row_selected(self, event: RowSelected) -> None:
        hit = self._hit(event.key)
        if hit is not None:
            self.start(self._open(hit))

    async def _open(self, hit: Hit) -> None:
        """Go to where a hit is."""
        if hit.kind == "dataset" and hit.place is not Place.NAMES:
            await self.app.push_screen(import_module("lab.ui.screens.dataset").DatasetScreen(hit.id))
        elif hit.place is Place.CODE:
            path = await self.ask(lambda ws: ws.search.file(hit.digest))
            name = hit.where.rpartition(":")[0]
            screen = import_module("lab.ui.screens.file_view").FileScreen(path, (hit.name, name), hit.line, hit.match)
            await self.app.push_screen(screen)
        elif hit.place is Place.DIFFS:
            await self.app.push_screen(
                import_module("lab.ui.screens.run_changes").ChangesScreen(hit.id, find=hit.match)
            )
        elif hit.runs > 1:
            await self._filter(hit)
        else:
            await self.lab.show_object(hit.kind, hit.id)
            if hit.place is Place.LOGS:
                run = import_module("lab.ui.screens.run_detail").RunScreen
                if isinstance(self.app.screen, run):
                    self.app.screen.show_log(hit.match)

    async def _filter(self, hit: Hit) -> None:
        """The run table with the runs that have a parameter or tag in common."""
        name, _, value = hit.excerpt.text.partition("=")
        node = Condition("tag", ":", name) if hit.place is Place.TAGS else Condition(f"param.{name}", "=", value)
        await self.lab.go("runs")
        if isinstance(self.app.screen, LabScreen):
            self.app.screen.apply_filter(write_filter((node,)))
