"""The terminal app: what is the same on every screen.

The first paint needs no workspace: screens draw their frame, then the workspace is opened on a thread, then they load.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from lab.errors import LabError
from lab.paths import LabHome, default_home
from lab.ui import actions, theme
from lab.ui.app_verbs import AppVerbs
from lab.ui.bridge import GATHER, NOUNS, Bridge, Stirred
from lab.ui.engine_look import PERIOD, EngineLook
from lab.ui.last_view import LastView
from lab.ui.leaving import Leaving
from lab.ui.render.glyphs import use_ascii
from lab.ui.screens.base import LabScreen
from lab.ui.screens.home import HomeScreen
from lab.ui.state import ViewState, project_of

#: How often what the screens remember is written, seconds.
_SAVE = 15.0
#: Background work begins after so many seconds even where the first screen has not been read by then.
_FIRST_LOAD = 2.0
#: Allocations between two garbage collections, and how many of those make a larger one, while the app is used. A
#: collection stops all threads: of the hundred thousand objects that `lab` gathers while it starts, for too long.
_GC = (5_000, 10, 100)
#: A switch of screens is shown after so many seconds, for which its first layout is hidden.
_DELAY = 0.025


def _later(module: str, name: str) -> Callable[[], Screen[Any]]:
    """A screen whose module is imported when it is first shown."""

    def make() -> Screen[Any]:
        screen: Screen[Any] = getattr(import_module(f"lab.ui.screens.{module}"), name)()
        return screen

    return make


def _load_screens() -> None:
    """Import, on a thread of the core, what a key may want next: on the loop that would be a pause of its own."""
    modes = ("runs", "data", "models", "deployments", "find", "explaining", "dataset", "queue", "search")
    for module in (*modes, "run_detail", "compare", "sweeps", "disk", "pick", "prompt", "flows", "relations"):
        import_module(f"lab.ui.screens.{module}")
    if gc.get_freeze_count():  # as `run` did: no collection looks at it all again, which would pause the loop
        gc.freeze()
        gc.set_threshold(*_GC)


class LabApp(AppVerbs):
    """See `run`."""

    TITLE = "Lab"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    ENABLE_COMMAND_PALETTE = False  # ctrl+p opens Lab's own, which never reads a name as markup
    MODES = {
        "home": HomeScreen,
        "data": _later("data", "DataScreen"),
        "runs": _later("runs", "RunsScreen"),
        "models": _later("models", "ModelsScreen"),
        "deployments": _later("deployments", "DeploymentsScreen"),
    }
    DEFAULT_MODE = "home"
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.everywhere()),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="app.quit"),
    ]

    def __init__(self, home: Path | None = None, project_dir: Path | None = None, *, read_only: bool = False) -> None:
        """`read_only` hides every verb that changes anything."""
        self._home = home or default_home()
        self._project_dir = project_dir or Path.cwd()
        self.view_state = ViewState(LabHome(self._home).ui_state, project_of(self._project_dir))
        last = self.view_state.get("last", "mode", "")
        self.DEFAULT_MODE = last if last in self.MODES else "home"  # type: ignore[misc]
        super().__init__()
        self.read_only = read_only
        self.bridge = Bridge(self)
        self.last_view = LastView()
        self.engines = EngineLook()
        self.moved_keys: dict[str, str] = {}
        self.notices: list[str] = []
        self.project = ""
        self._project_trouble = ""  # what is wrong with its lab.toml
        self._notify_outside = True
        for one in theme.THEMES:
            self.register_theme(one)
        self._begin_with(self._chosen_theme())

    # Starting and ending

    def on_mount(self) -> None:
        self.set_keymap(self.moved_keys)
        self.set_interval(_SAVE, self._save_view)
        self.set_interval(PERIOD, self._look_at_engines)
        self.call_after_refresh(self._begin)
        # What the shell or an editor has left on the terminal is painted over, whatever of ours has changed.
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh(layout=True))
        if not self.is_headless:
            Leaving(lambda code: self.exit(return_code=code), self._close).begin()

    def _begin_with(self, name: str) -> None:
        """Have this theme from the first paint on: one that is set later has all style sheets read once more."""
        self.set_reactive(App.theme, name)
        dark = self.current_theme.dark
        self.update_classes(
            {"-dark-mode": dark, "-light-mode": not dark, f"-theme-{name}": True, "-ascii": use_ascii()}, update=False
        )
        self.stylesheet.set_variables(self.get_css_variables())  # of which nothing was read yet

    def _chosen_theme(self) -> str:
        """The user's own theme, else what was chosen last time; takes the user's own keys as well."""
        chosen = self.view_state.get("app", "theme", "")
        if (self._home / "config.toml").exists():
            try:
                settings = import_module("lab.settings").user_settings(self._home)
            except LabError as error:
                self.notices.append(f"{error.message}; {error.hint}")
            else:
                chosen = settings.theme or chosen
                self.read_only = self.read_only or settings.read_only
                self._notify_outside = settings.notify
                if settings.keys:
                    self._move_keys(settings.keys)
        return chosen if chosen in self.available_themes else theme.LAB_DARK.name

    def _move_keys(self, moved: Mapping[str, str]) -> None:
        keys = import_module("lab.ui.actions.keys")
        self.moved_keys = keys.keymap(moved)
        self.notices += keys.troubles(moved)

    def _begin(self) -> None:
        self.run_worker(self.guard(self._open()), exit_on_error=False, group="open")

    async def _open(self) -> None:
        await self.bridge.open(self._home, self._project_dir)
        await self.refresh_project()
        # What goes on in the background loads much, which would hold up what the user waits to see.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._first_load(), _FIRST_LOAD)
        await self.bridge.ask(lambda ws: ws.start(looking=self.read_only))
        await self.bridge.ask(lambda _: _load_screens())

    async def _first_load(self) -> None:
        """Wait until what is seen has been read once."""
        if isinstance(self.screen, LabScreen):
            await self.screen.read_once.wait()

    async def refresh_project(self) -> None:
        """Find out which project this is; a broken lab.toml is a notice, not an end."""
        was, self._project_trouble = self._project_trouble, ""
        try:
            current = await self.bridge.ask(lambda ws: ws.projects.current)
        except LabError as error:
            current = None
            self._project_trouble = f"{error.message}; {error.hint}" if error.hint else error.message
        if self._project_trouble != was:
            self.notices = [one for one in (*self.notices, self._project_trouble) if one and one != was]
            self._tell_screens(NOUNS)
        if self._project_trouble:
            return
        self.project = current.name if current is not None else ""
        for screen in self._lab_screens():
            screen.tell_top()
            screen.tell_keys()

    def on_unmount(self) -> None:
        self._close()

    def _close(self) -> None:
        self._save_view()
        self.bridge.close()

    def _save_view(self) -> None:
        problem = self.view_state.save()
        if problem and problem not in self.notices:
            self.notices.append(problem)

    # News

    def on_stirred(self, _: Stirred) -> None:
        self.set_timer(GATHER, self._take_news)

    def _take_news(self) -> None:
        self._tell_screens(self.bridge.take_news())
        runs, down = self.bridge.take_ended()
        if (runs or down) and self._notify_outside:
            self.run_worker(self.guard(self._tell_outside(runs, down)), exit_on_error=False, group="notices")

    def _look_at_engines(self) -> None:
        self.run_worker(self.guard(self.engines.look(self)), exit_on_error=False, group="engines")

    async def _tell_outside(self, ended: Mapping[str, str], down: Mapping[str, str]) -> None:
        """Let the desktop, or else the terminal's bell, tell of work that somebody may be waiting for; of several open
        Labs one tells it. Both are the ids of events by the ids of what they are about."""
        notices, focused, now = import_module("lab.ui.notices"), self.app_focus, time.time()
        found = await self.bridge.ask(lambda ws: [ws.runs.get(id) for id in ws.runs.still_there(list(ended))])
        runs = [run for run in found if notices.worth_telling(run, focused, now)]
        broken = await self.bridge.ask(lambda ws: [one for one in ws.deployments.list() if one.id in down])
        told = LabHome(self._home).told
        runs = [run for run in runs if notices.claim(told, ended[run.id], now)]
        broken = [one for one in broken if notices.claim(told, down[one.id], now)]
        if runs or broken:
            title, body = notices.sentence(runs, broken)
            if not await notices.tell_desktop(title, body):
                self.bell()

    def _tell_screens(self, nouns: frozenset[str]) -> None:
        for screen in self._lab_screens():
            screen.hear(nouns)

    def _lab_screens(self) -> list[LabScreen]:
        """All that exist, also in other modes and under others."""
        stacks = self._screen_stacks.values()
        return [screen for stack in stacks for screen in stack if isinstance(screen, LabScreen) and screen.is_mounted]

    def _fatal_error(self) -> None:
        """A fault that nothing has caught ends the app: with a report rather than with a traceback over the screen."""
        if self._exception is not None and not self._exit_renderables:
            facts = {"screen": type(self.screen).__name__ if self._screen_stack else "", "size": str(self.size)}
            crash = import_module("lab.ui.crash")
            report = crash.write(self._exception, LabHome(self._home).crashes, facts)
            self._exit_renderables.append(Text(crash.farewell(self._exception, report)))
        self._close_messages_no_wait()

    async def push_screen_wait(self, screen: Any, *, mode: str | None = None) -> Any:
        # Textual first does here, in the worker that asks, what the app has still to do: also to wait for a screen to
        # close. Where that is the worker's own screen it is cancelled, and would take the screen and the app with it.
        await asyncio.shield(self._flush_next_callbacks())
        return await asyncio.shield(self.push_screen(screen, wait_for_dismiss=True, mode=mode))

    def delay_update(self, delay: float = _DELAY) -> None:
        """Textual shows nothing for twice as long after a switch of screens."""
        super().delay_update(min(delay, _DELAY))

    def action_app_refresh(self) -> None:
        self.run_worker(self.guard(self._refresh()), exit_on_error=False, group="refresh", exclusive=True)

    async def _refresh(self) -> None:
        await self.bridge.ask(lambda ws: ws.refresh())
        await self.refresh_project()
        self._tell_screens(NOUNS)


def run(home: Path | None, project_dir: Path, *, read_only: bool = False) -> int:
    """Open the app; returns the exit code of the process. `home` None is the default lab home."""
    gc.freeze()  # what is imported by now lives as long as the process
    app = LabApp(home, project_dir, read_only=read_only)
    return app.run() or app.return_code or 0
