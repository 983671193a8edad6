"""What the keys do that are the same on every screen: going places, leaving, dialogs, panes, the command line."""

from __future__ import annotations

from importlib import import_module

from lab.ui import actions
from lab.ui.app_work import AppWork
from lab.ui.commands import parse_command
from lab.ui.last_view import LastView
from lab.ui.screens.base import LabScreen
from lab.ui.screens.core import takes_letters
from lab.ui.state import ViewState
from lab.ui.typed_ahead import TypedAhead
from lab.ui.widgets.dialog import Dialog


class AppVerbs(TypedAhead, AppWork):
    """The actions of `lab.ui.actions.everywhere`."""

    view_state: ViewState
    last_view: LastView
    read_only = False

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
            self.view_state.put("last", "mode", mode)
            await self.switch_mode(mode)
        else:
            self.go_up(0)

    def go_up(self, depth: int) -> None:
        """Out of what was opened above the screen at that place of the stack, from 0. Who asks may be on one of those
        that go, so nobody waits for them to be gone: that would be for ever."""
        while len(self.screen_stack) > depth + 1:
            self.pop_screen()

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
        await self.last_view.go_back(self)

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
        self._open_at_once("find", "palette")

    def action_app_help(self) -> None:
        self._open_at_once("find", "help")

    def action_app_undo(self) -> None:
        self._with_screen("flows", "undo")

    def action_app_redo(self) -> None:
        self._with_screen("flows", "redo")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a lab that is only looked at, nothing that changes anything can be done."""
        if action in actions.TYPED and takes_letters(self.screen.focused):
            return False  # its key is a letter of what is typed
        if action in ("app_jump", "app_help") and not isinstance(self.screen, LabScreen):
            return False  # their keys belong to the dialog
        if self.read_only and action in actions.WRITING.values():
            return False
        return super().check_action(action, parameters)

    def action_app_explain(self) -> None:
        self.explain("")

    def action_app_jump(self) -> None:
        self._open_at_once("jump", "jump")

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

    def _open_at_once(self, module: str, function: str) -> None:
        """The same for a dialog into which may be typed before it is there."""
        screen = self.screen
        if isinstance(screen, LabScreen):
            screen.start(self._opening(screen, module, function, self.hold_keys()), "dialog")

    async def _opening(self, screen: LabScreen, module: str, function: str, hold: int) -> None:
        try:
            await getattr(import_module(f"lab.ui.screens.{module}"), function)(screen)
        finally:
            self.let_keys_go(hold)

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
        elif isinstance(self.screen, Dialog):
            about = import_module("lab.ui.screens.explaining").explain_dialog(self.screen)
            self.run_worker(self.guard(about), exit_on_error=False, group="dialog")

    def action_app_theme(self) -> None:
        self._with_screen("themes", "choose_theme")

    def use_theme(self, name: str) -> None:
        """Have a theme, now and after a restart."""
        self.theme = name
        self.view_state.put("app", "theme", name)

    def action_app_suspend(self) -> None:
        self.action_suspend_process()
