"""The terminal app: what is the same on every screen.

The first paint needs no workspace: screens draw their frame, then the workspace is opened on a thread, then they load.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.timer import Timer

from lab.domain.text import clean
from lab.errors import LabError
from lab.paths import LabHome, default_home
from lab.ui import actions, clipboard, theme
from lab.ui.bridge import GATHER, NOUNS, Bridge, Stirred
from lab.ui.commands import parse_command
from lab.ui.jobs import PARALLEL, Job, Jobs
from lab.ui.left import was_left
from lab.ui.render.glyphs import use_ascii
from lab.ui.screens.base import LabScreen
from lab.ui.screens.home import HomeScreen
from lab.ui.state import ViewState, project_of

#: How often the status line looks at running jobs, seconds.
_TICK = 0.25
#: How often what the screens remember is written, seconds.
_SAVE = 15.0
#: A switch of screens is shown after so many seconds, for which its first layout is hidden.
_DELAY = 0.025
#: Toasts stay for this many seconds; errors longer.
_TOAST, _ERROR_TOAST = 4.0, 10.0


def _later(module: str, name: str) -> Callable[[], Screen[Any]]:
    """A screen whose module is imported when it is first shown."""

    def make() -> Screen[Any]:
        screen: Screen[Any] = getattr(import_module(f"lab.ui.screens.{module}"), name)()
        return screen

    return make


def _load_screens() -> None:
    """Import, on a thread of the core, what a key may want next: on the loop that would be a pause of its own."""
    for module in ("runs", "data", "models", "deployments", "find", "explaining", "dataset", "queue", "search"):
        import_module(f"lab.ui.screens.{module}")
    gc.freeze()  # no collection looks at it all again, which would be a pause of the loop


class LabApp(App[int]):
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
        self.jobs = Jobs()
        self.moved_keys: dict[str, str] = {}
        self.notices: list[str] = []
        self.project = ""
        self._notify_outside = True
        self._last_mode = ""
        self._turn = asyncio.Semaphore(PARALLEL)
        self._ticker: Timer | None = None
        for one in theme.THEMES:
            self.register_theme(one)
        self._begin_with(self._chosen_theme())

    # Starting and ending

    def on_mount(self) -> None:
        self.set_keymap(self.moved_keys)
        self._ticker = self.set_interval(_TICK, self._show_jobs, pause=True)
        self.set_interval(_SAVE, self._save_view)
        self.call_after_refresh(self._begin)

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
        await self.bridge.open(self._home, self._project_dir, looking=self.read_only)
        await self.refresh_project()
        await self.bridge.ask(lambda _: _load_screens())

    async def refresh_project(self) -> None:
        """Find out which project this is; a broken lab.toml is a notice, not an end."""
        try:
            current = await self.bridge.ask(lambda ws: ws.projects.current)
        except LabError as error:
            self.notices.append(f"{error.message}; {error.hint}" if error.hint else error.message)
            return
        self.project = current.name if current is not None else ""
        for screen in self._lab_screens():
            screen.tell_top()
            screen.tell_keys()

    def on_unmount(self) -> None:
        self._save_view()
        self.bridge.close()

    def _save_view(self) -> None:
        problem = self.view_state.save()
        if problem and problem not in self.notices:
            self.notices.append(problem)

    # News, errors, background work

    def on_stirred(self, _: Stirred) -> None:
        self.set_timer(GATHER, self._take_news)

    def _take_news(self) -> None:
        self._tell_screens(self.bridge.take_news())
        runs, down = self.bridge.take_ended()
        if (runs or down) and self._notify_outside:
            self.run_worker(self.guard(self._tell_outside(runs, down)), exit_on_error=False, group="notices")

    async def _tell_outside(self, ended: Collection[str], down: Collection[str]) -> None:
        """Let the desktop, or else the terminal's bell, tell of work that somebody may be waiting for."""
        notices, focused, now = import_module("lab.ui.notices"), self.app_focus, time.time()
        found = await self.bridge.ask(lambda ws: [ws.runs.get(id) for id in ws.runs.still_there(list(ended))])
        runs = [run for run in found if notices.worth_telling(run, focused, now)]
        broken = await self.bridge.ask(lambda ws: [one for one in ws.deployments.list() if one.id in down])
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

    async def guard(self, work: Awaitable[Any]) -> None:
        """Await `work`; whatever goes wrong in it is shown and ends only it."""
        try:
            await work
        except LabError as error:
            self.tell_error(error)
        except Exception as error:  # noqa: BLE001 - the app outlives a bug in one of its parts, and says so
            if not was_left(error):
                self.tell_bug(error)

    async def hand_over(self, text: str) -> Sequence[str]:
        """Put `text` on the clipboard in every way there is; the names of those that told that they took it."""
        super().copy_to_clipboard(text)
        return await clipboard.put(text)

    def copy_to_clipboard(self, text: str) -> None:
        """What Textual itself copies, such as a selection."""
        self.run_worker(self.guard(self.hand_over(text)), exit_on_error=False, group="clipboard")

    def tell(self, message: str) -> None:
        """A calm word about something done."""
        self.notify(clean(message, 400), timeout=_TOAST, markup=False)

    def tell_error(self, error: LabError) -> None:
        text = clean(error.message, 600) + (f"\n{clean(error.hint, 300)}" if error.hint else "")
        self.notify(text, severity="error", timeout=_ERROR_TOAST, markup=False)

    def tell_bug(self, error: Exception) -> None:
        """Something that nobody foresaw: shown, and kept in the command log with where it happened."""
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        where = f" at {Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
        text = clean(f"{type(error).__name__}: {error}{where}", 600)
        self.jobs.all.append(Job("unexpected error", "", "failed", text, ended=0.0))
        self.notify(text, title="Unexpected error", severity="error", timeout=_ERROR_TOAST, markup=False)
        self.log.error(text)

    def _handle_exception(self, error: Exception) -> None:
        if not was_left(error):
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """A fault that nothing has caught ends the app: with a report rather than with a traceback over the screen."""
        if self._exception is not None and not self._exit_renderables:
            facts = {"screen": type(self.screen).__name__ if self._screen_stack else "", "size": str(self.size)}
            crash = import_module("lab.ui.crash")
            report = crash.write(self._exception, LabHome(self._home).crashes, facts)
            self._exit_renderables.append(Text(crash.farewell(self._exception, report)))
        self._close_messages_no_wait()

    def background(self, title: str, command: str, work: Callable[[Job], Awaitable[str]]) -> Job:
        """Begin a job that outlives the screen that asked for it; its last sentence becomes a toast."""
        job = Job(title, command)

        async def whole() -> None:
            self._tick()
            try:
                await self.jobs.run(job, lambda: work(job), self._turn.acquire)
            finally:
                if job.state != "waiting":
                    self._turn.release()
                self._show_jobs()
            if job.line:
                self.tell(job.line)

        self.run_worker(self.guard(whole()), exit_on_error=False, group="jobs")
        return job

    def _tick(self) -> None:
        if self._ticker is not None:
            self._ticker.resume()
        self.call_later(self._show_jobs)

    def _show_jobs(self) -> None:
        active = self.jobs.active
        for screen in self.screen_stack:
            if isinstance(screen, LabScreen):
                screen.show_jobs(active)
        if not active and self._ticker is not None:
            self._ticker.pause()

    def delay_update(self, delay: float = _DELAY) -> None:
        """Textual shows nothing for twice as long after a switch of screens."""
        super().delay_update(min(delay, _DELAY))

    # Actions that are everywhere

    async def action_go_home(self) -> None:
        await self.go("home")

    async def action_go_data(self) -> None:
        await self.go("data")

    async def action_go_runs(self) -> None:
        await self.go("runs")

    async def action_go_models(self) -> None:
        await self.go("models")

    async def action_go_deployments(self) -> None:
        await self.go("deployments")

    async def go(self, mode: str) -> None:
        """To a numbered screen; asked for the one that is shown, to its bottom: out of what was opened on it."""
        if mode != self.current_mode:
            self._last_mode = self.current_mode
            self.view_state.put("last", "mode", mode)
            await self.switch_mode(mode)
        else:
            for _ in self.screen_stack[1:]:
                await self.pop_screen()

    async def show_object(self, kind: str, key: str) -> None:
        """Open a run, or go to where an object is listed."""
        if kind == "run":
            await self.push_screen(import_module("lab.ui.screens.run_detail").RunScreen(key))
        elif kind == "queue":
            await self.push_screen(import_module("lab.ui.screens.queue").QueueScreen())
        elif kind == "disk":
            await self.push_screen(import_module("lab.ui.screens.disk").DiskScreen())
        else:
            await self.go({"deployment": "deployments", "dataset": "data", "model": "models"}[kind])
            if isinstance(self.screen, LabScreen):
                self.screen.show_object(key)

    async def action_go_last(self) -> None:
        if self._last_mode:
            await self.go(self._last_mode)

    def action_app_back(self) -> None:
        screen = self.screen
        if isinstance(screen, LabScreen) and screen.step_back():
            return
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def action_app_leave(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            self._leave()

    async def action_quit(self) -> None:
        """From anywhere; the second time without a question."""
        if isinstance(self.screen, LabScreen):
            self._leave()
        else:
            self.exit(0)

    def _leave(self) -> None:
        """Quit, after asking if something would be cut off; runs and deployments go on by themselves."""
        if self.jobs.active and isinstance(self.screen, LabScreen):
            self.run_worker(self.guard(self._ask_to_leave(self.screen)), exit_on_error=False, group="leave")
        else:
            self.exit(0)

    async def _ask_to_leave(self, screen: LabScreen) -> None:
        titles = ", ".join(job.title for job in self.jobs.active)
        confirm = import_module("lab.ui.screens.flows").confirm
        if await confirm(screen, "Quit now?", f"Not finished, and would be cut off: {titles}.", "Quit", "q"):
            self.exit(0)

    def action_app_command(self) -> None:
        if isinstance(self.screen, LabScreen):
            self.screen.open_command()

    def action_app_palette(self) -> None:
        self._with_screen("find", "palette")

    def action_app_help(self) -> None:
        self._with_screen("find", "help")

    def action_app_undo(self) -> None:
        self._with_screen("flows", "undo")

    def action_app_redo(self) -> None:
        self._with_screen("flows", "redo")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a lab that is only looked at, nothing that changes anything can be done."""
        if self.read_only and action in actions.WRITING.values():
            return False
        return super().check_action(action, parameters)

    def action_app_explain(self) -> None:
        self.explain("")

    def action_app_jump(self) -> None:
        self._with_screen("jump", "jump")

    def action_view_alone(self) -> None:
        if isinstance(self.screen, LabScreen):
            self.screen.show_alone()

    def action_view_larger(self) -> None:
        if isinstance(self.screen, LabScreen):
            self.screen.resize_pane(1)

    def action_view_smaller(self) -> None:
        if isinstance(self.screen, LabScreen):
            self.screen.resize_pane(-1)

    def action_app_search(self) -> None:
        if not (isinstance(self.screen, LabScreen) and self.screen.KIND == "search"):
            self.push_screen(import_module("lab.ui.screens.search").SearchScreen())

    def action_app_log(self) -> None:
        self.push_screen(import_module("lab.ui.screens.command_log").CommandLogScreen(self.jobs.all))

    def _with_screen(self, module: str, function: str) -> None:
        """Begin one of the dialogs that start from the present screen; their modules load when first asked for."""
        screen = self.screen
        if isinstance(screen, LabScreen):
            screen.start(getattr(import_module(f"lab.ui.screens.{module}"), function)(screen), "dialog")

    async def obey(self, line: str) -> None:
        """Do what was typed on the command line."""
        if not line.strip():
            return
        self.view_state.remember_command(line)
        command = parse_command(line)
        if command is not None:
            await import_module("lab.ui.screens.commanding").obey(self, command)

    def explain(self, word: str) -> None:
        """Tell what a word means, or this screen."""
        if isinstance(self.screen, LabScreen):
            explaining = import_module("lab.ui.screens.explaining")
            self.screen.start(explaining.explain(self.screen, word), "dialog")

    def action_app_refresh(self) -> None:
        self.run_worker(self.guard(self._refresh()), exit_on_error=False, group="refresh", exclusive=True)

    async def _refresh(self) -> None:
        await self.bridge.ask(lambda ws: ws.refresh())
        await self.refresh_project()
        self._tell_screens(NOUNS)

    def action_app_theme(self) -> None:
        dark = self.current_theme.dark
        self.use_theme((theme.LAB_LIGHT if dark else theme.LAB_DARK).name)

    def use_theme(self, name: str) -> None:
        """Have a theme, now and after a restart."""
        self.theme = name
        self.view_state.put("app", "theme", name)

    def action_app_suspend(self) -> None:
        self.action_suspend_process()


def run(home: Path | None, project_dir: Path, *, read_only: bool = False) -> int:
    """Open the app; returns the exit code of the process. `home` None is the default lab home."""
    gc.freeze()  # what is imported by now lives as long as the process
    app = LabApp(home, project_dir, read_only=read_only)
    return app.run() or app.return_code or 0
