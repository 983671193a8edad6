"""What every screen of the app is: a top line, a body, a prompt, a status line, a key bar; and how it gets its data."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from lab.errors import LabError
from lab.ui import actions
from lab.ui.commands import Names, complete_command, complete_filter
from lab.ui.jobs import Job, status_row
from lab.ui.render.glyphs import Row, glyphs
from lab.ui.screens import pane_drag, panes, table_state
from lab.ui.screens.core import takes_letters
from lab.ui.screens.finding import FIND
from lab.ui.screens.finding import KEYS as FOUND_KEYS
from lab.ui.screens.parts import Choices, KeyBar, Lines, TopLine
from lab.ui.screens.prompt import Prompt
from lab.ui.screens.tables import TablesScreen
from lab.ui.widgets.chart_view import ChartView
from lab.ui.widgets.detail import Page
from lab.ui.widgets.frame_table import FrameTable

T = TypeVar("T")

COMMAND = ":"
FILTER = "/"
#: How often ages and such are told afresh, seconds.
_AGES = 30.0
#: The group of the workers that look again and again.
RHYTHM = "rhythm"
#: Keys of choices that are tabs begin with this.
TAB = "tab:"
#: Keys of choices that are screens on the way here begin with this; their place on the stack follows.
CRUMB = "crumb:"


class LabScreen(TablesScreen):
    """Base of all screens. A subclass gives `body` and `load`; `load` is called when it is first shown and whenever
    one of its `NOUNS` has changed, never twice at the same time, and not while the screen is not on top."""

    #: The numbered screen that it is, or is opened from.
    MODE: ClassVar[str] = ""
    NOUNS: ClassVar[frozenset[str]] = frozenset()
    #: What enter does, for the key bar.
    LEAD: ClassVar[str] = "Open"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (140, "-xwide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]
    _made_of: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> LabScreen:
        screen = super().__new__(cls)
        screen._made_of = (args, kwargs)
        return screen

    def __init__(self) -> None:
        super().__init__()
        # A new screen gets its styles when it is mounted; Textual would read all style sheets once more before that.
        self._css_update_count = self.app._css_update_count
        # Its size is known as well: told of it once it is laid out, it would find other styles and be painted again.
        size = self.app.size
        ways = (size.width, self.HORIZONTAL_BREAKPOINTS), (size.height, self.VERTICAL_BREAKPOINTS)
        fit = {name: True for cells, points in ways for name in self._get_breakpoint_classes(cells, points)}
        self.update_classes(fit, update=False)
        self.read_once = asyncio.Event()  # set when the first `load` is over, also where it failed
        self._stale = True
        self._loading = False
        self._back = asyncio.Event()  # set when it is seen again
        self._trouble = ""
        self._in_panel = False  # whether a panel has the focus
        self._border: pane_drag.Border | None = None

    @property
    def is_current(self) -> bool:
        """Whether it is seen. Textual counts the screen below the top one too, whose every change then paints both
        anew, but only what pops up over a screen leaves it in sight."""
        return super().is_current and (self.app.screen is self or self.app.screen.is_modal)

    def again(self) -> LabScreen:
        """A new screen about the same."""
        args, kwargs = self._made_of
        return type(self)(*args, **kwargs)

    # What a subclass gives

    def body(self) -> ComposeResult:
        """The widgets between the top line and the bottom."""
        yield from ()

    async def load(self) -> None:
        """Read what is shown. LabErrors are shown by the caller."""

    def loaded(self) -> None:
        """Everything was read afresh."""

    def trail(self) -> tuple[str, ...]:
        """Names from the numbered screen to here, for the top line."""
        return ()

    def hidden_actions(self) -> tuple[str, ...]:
        """Ids of actions that make no sense now; the key bar leaves them out."""
        return ()

    def lead(self) -> str:
        """What enter does now, for the key bar."""
        return self.LEAD

    def close_inner(self) -> bool:
        """Escape: close or clear the innermost thing here. Whether there was one."""
        return False

    def show_tab(self, key: str) -> None:
        """A tab was clicked."""

    def prompt_changed(self, sign: str, text: str) -> None:
        """The text of an open prompt has changed."""

    def prompt_done(self, sign: str, text: str) -> None:
        """A prompt was closed with this text."""

    # What a subclass uses

    def every(self, seconds: float, look: Callable[[], Awaitable[None]]) -> None:
        """Call `look` in a rhythm while this screen is seen, the next time so long after it has returned, and as soon
        as it is seen again after a longer while."""

        async def rhythm() -> None:
            # A worker for all looks: Textual's timer with a worker for each would cost more than most looks.
            while True:
                await asyncio.sleep(seconds)
                if not self.is_current:
                    self._back.clear()
                    await self._back.wait()
                if self.lab.bridge.ws is not None:
                    await self.lab.guard(look())

        self.start(rhythm(), RHYTHM)

    def reload(self, *, at_once: bool = False) -> None:
        """Call `load` soon; `at_once` where somebody waits for it on a screen that is painted already."""
        self._stale = True
        if not self._loading and self.is_current:
            self._loading = True
            if at_once:
                self.start(self._load(), "load")
            else:
                # After the frame is painted: it must not wait, and what is told before it is laid out is not shown.
                self.call_after_refresh(lambda: self.start(self._load(), "load"))

    def say(self, text: str = "", *, level: str = "warn") -> None:
        """A line above the key bar that stays until it is replaced; "" takes it away."""
        self._trouble = text
        sign = getattr(glyphs(), level)
        self.query_one("#trouble", Lines).show([[(f" {sign} {text}", level)]] if text else [])

    def tell_top(self) -> None:
        where = f"{self.lab.project} (read only)" if self.lab.read_only else self.lab.project
        self.query_one(TopLine).tell(self._crumbs(), where.strip())

    def _crumbs(self) -> list[tuple[str, str]]:
        """(key, name) of what lies between the numbered screen and this one, and of this one: all can be clicked."""
        crumbs: list[tuple[str, str]] = []
        last: tuple[str, ...] = ()
        for depth, screen in enumerate(self.app.screen_stack):
            trail = screen.trail() if isinstance(screen, LabScreen) else ()
            known = len(last) if trail[: len(last)] == last else 0  # a run's changes name the run too
            crumbs += [(f"{CRUMB}{depth}", name) for name in trail[known:]]
            last = trail
            if screen is self:
                return crumbs
        return [("", name) for name in self.trail()]  # it lies behind another numbered screen

    def tell_keys(self) -> None:
        """Show the keys afresh: which can be used has changed."""
        leave = "Quit" if self.app.screen_stack[:1] == [self] else "Back"
        hidden = {*self.hidden_actions(), *(actions.WRITING if self.lab.read_only else ())}
        first = FOUND_KEYS if self._finder.on else ()
        lead = "" if isinstance(self.focused, Page) else self.lead()  # in a panel, enter does nothing
        self.query_one(KeyBar).tell(lead, leave, hidden, self.lab.moved_keys, first)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action can be done; in a lab that is only looked at, none that changes anything."""
        if action in actions.TYPED and takes_letters(self.focused):
            return False  # its key is a letter of what is typed
        if self.lab.read_only and action in actions.WRITING.values():
            return False
        return super().check_action(action, parameters)

    def apply_filter(self, text: str) -> None:
        """Show only what fits `text`, where a screen has a filter."""

    def show_object(self, key: str) -> None:
        """Put the cursor on an object, now or as soon as it is loaded."""

    def ask_filter(self, text: str, placeholder: str) -> None:
        self.query_one(Prompt).ask(FILTER, text, placeholder)
        if self.KIND == "runs":
            self.start(self._offer_names(), "offers")

    def action_runs_queue(self) -> None:
        self._open_once("queue", "QueueScreen")

    def action_runs_sweeps(self) -> None:
        self._open_once("sweeps", "SweepsScreen")

    def _open_once(self, module: str, name: str) -> None:
        """Open a screen that loads when it is first asked for; in place of this one where both lie over the same."""
        screen = getattr(import_module(f"lab.ui.screens.{module}"), name)()
        if self.KIND in ("queue", "sweeps"):
            self.app.switch_screen(screen)
        else:
            self.app.push_screen(screen)

    # What the app calls

    def step_back(self) -> bool:
        """Escape: see all panes again, else close or clear something here. Whether there was anything."""
        if panes.alone(self):
            panes.show_all(self, self.lab.view_state, self.KIND)
            return True
        if self._finder.end():
            self.tell_keys()
            return True
        return self.close_inner()

    def show_alone(self) -> None:
        if panes.alone(self):
            panes.show_all(self, self.lab.view_state, self.KIND)
        elif not panes.show_alone(self):
            self.lab.tell("this pane has all the room already")

    def resize_pane(self, by: int) -> None:
        if not panes.resize(self, self.lab.view_state, self.KIND, by):
            self.lab.tell("there is no other pane beside this one; tab goes to the next")

    def explained(self) -> Sequence[tuple[str, str]]:
        """(word, text) of numbers under the cursor, for F1: a column and its value, a metric and what it is."""
        return ()

    def hear(self, nouns: frozenset[str]) -> None:
        """Something of `nouns` has changed."""
        if nouns & self.NOUNS:
            self.reload()

    def show_jobs(self, active: list[Job]) -> None:
        row: Row = status_row(active)
        self.query_one("#status", Lines).show([*self.lab.engines.rows, *([row] if row else [])])

    def open_command(self) -> None:
        prompt = self.query_one(Prompt)
        prompt.ask(COMMAND, "", "runs lr<0.01   data   run NAME   diff NAME@v1 NAME@v2   tab completes",
                   self.lab.view_state.history)  # fmt: skip
        prompt.offer(lambda line: complete_command(line, Names()))
        self.start(self._offer_names(), "offers")

    async def _offer_names(self) -> None:
        """Complete what is typed, on the command line and in a filter of runs, with what there is."""
        known = await self.ask(import_module("lab.ui.screens.commanding").known_names)
        words = [*import_module("lab.learn").words(), *known.objects["explain"]]
        more = {"theme": sorted(self.lab.available_themes), "explain": words}
        names = replace(known, objects={**known.objects, **more})
        prompt = self.query_one(Prompt)
        if prompt.sign == COMMAND:
            prompt.offer(lambda line: complete_command(line, names))
        elif self.KIND == "runs":
            prompt.offer(lambda text: complete_filter(text, names.keys))

    # How it works

    def compose(self) -> ComposeResult:
        yield TopLine(self.MODE)
        with Vertical(id="body"):
            yield from self.body()
        yield Lines(id="trouble")
        yield Lines(id="status")
        yield Prompt()
        yield KeyBar(self.KIND)

    def on_mount(self) -> None:
        self.tell_top()
        self.tell_keys()
        self.call_after_refresh(lambda: panes.apply(self, self.lab.view_state, self.KIND))
        self.every(_AGES, self._read_again)
        for table in self.query(FrameTable):
            table_state.restore(self.lab.view_state, self.KIND, table)
        for chart in self.query(ChartView):
            chart.use_style(self.lab.view_state.get("chart", "style", ""))

    def on_resize(self) -> None:
        self.call_after_refresh(lambda: panes.apply(self, self.lab.view_state, self.KIND))

    async def _read_again(self) -> None:
        self.reload()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, Page) != self._in_panel:
            self._in_panel = not self._in_panel
            self.tell_keys()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        # Textual would look up all styles again, which have been kept up all the while.
        event.refresh_styles = False
        self._back.set()
        if self.app.screen is self:
            self.lab.last_view.seen(self.app.current_mode, self)
        self.tell_top()
        self.tell_keys()
        self.show_jobs(self.lab.jobs.active)
        if self._stale:
            self.reload()

    async def _load(self) -> None:
        try:
            while self._stale:
                await self.lab.bridge.opened()
                self._stale = False
                await self.load()
                self.loaded()
                self.tell_keys()
        except LabError as error:
            self.say(f"{error.message}; {error.hint}" if error.hint else error.message, level="fail")
        finally:
            self._loading = False
            self.read_once.set()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the border between two panes. The mouse is captured as soon as it moves: what is clicked there
        is for others."""
        self._border = pane_drag.border_at(self, event.screen_x, event.screen_y) if event.button == 1 else None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._border is not None:
            if self.app.mouse_captured is None:
                self._border.pane.capture_mouse()
            pane_drag.drag(self._border, event.screen_x, event.screen_y, self.lab.view_state, self.KIND)

    def on_mouse_up(self) -> None:
        if self._border is not None:
            self._border.pane.release_mouse()
            self._border = None

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        event.stop()
        if event.sign == FIND:
            self._finder.typed(event.text)
        elif event.sign != COMMAND:
            self.prompt_changed(event.sign, event.text)

    def on_prompt_doubled(self, event: Prompt.Doubled) -> None:
        """`//`: look for a text in the table instead of filtering it."""
        event.stop()
        prompt = self.query_one(Prompt)
        if event.sign == FILTER and self.query(FrameTable):
            prompt.close()
            self.action_view_find()

    def on_prompt_done(self, event: Prompt.Done) -> None:
        event.stop()
        if event.sign == FIND:
            self._finder.done(event.text, cancelled=event.cancelled)
            self.tell_keys()
        elif event.sign != COMMAND:
            self.prompt_done(event.sign, event.text)
        elif not event.cancelled:
            # The app's own work: the command may well take this screen away.
            self.lab.run_worker(self.lab.guard(self.lab.obey(event.text)), exit_on_error=False, group="command")

    async def on_choices_chosen(self, event: Choices.Chosen) -> None:
        event.stop()
        if event.key.startswith(TAB):
            self.show_tab(event.key.removeprefix(TAB))
        elif event.key.startswith(CRUMB):
            self.lab.go_up(int(event.key.removeprefix(CRUMB)))
        elif hasattr(self, f"action_{event.key}"):
            await self.run_action(event.key)
        elif event.key:
            await self.app.run_action(event.key)
