"""Actions are data: no key with two meanings, no action without a method, no command that the CLI does not know."""

from __future__ import annotations

import re
import shlex
from collections import Counter

import pytest
from textual.binding import Binding
from textual.keys import _character_to_key

from lab.cli.main import commands
from lab.cli.parser import parse
from lab.ui import actions
from lab.ui.actions.sheet import cheat_sheet
from lab.ui.app import LabApp
from lab.ui.screens.base import LabScreen
from lab.ui.screens.compare import CompareScreen
from lab.ui.screens.data import DataScreen
from lab.ui.screens.dataset import DatasetScreen
from lab.ui.screens.dataset_diff import DiffScreen
from lab.ui.screens.deployments import DeploymentsScreen
from lab.ui.screens.disk import DiskScreen
from lab.ui.screens.file_view import FileScreen
from lab.ui.screens.home import HomeScreen
from lab.ui.screens.lineage import LineageScreen
from lab.ui.screens.models import ModelsScreen
from lab.ui.screens.queue import QueueScreen
from lab.ui.screens.relations import RelationsScreen
from lab.ui.screens.reproduction import ReproductionScreen
from lab.ui.screens.run_changes import ChangesScreen
from lab.ui.screens.run_detail import RunScreen
from lab.ui.screens.runs import RunsScreen
from lab.ui.screens.search import SearchScreen
from lab.ui.screens.sweeps import SweepsScreen
from lab.ui.widgets.chart_view import ChartView
from lab.ui.widgets.detail import DetailPanel
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.log_view import LogView
from lab.ui.widgets.relation_view import RelationView

SCREENS: dict[str, type[LabScreen]] = {
    screen.KIND: screen
    for screen in (
        *(HomeScreen, DataScreen, RunsScreen, ModelsScreen, DeploymentsScreen),
        *(RunScreen, ChangesScreen, ReproductionScreen, CompareScreen, DatasetScreen, DiffScreen, DiskScreen),
        RelationsScreen,
        *(QueueScreen, SweepsScreen),
        *(SearchScreen, FileScreen, LineageScreen),
    )
}
WIDGETS = {"table": FrameTable, "chart": ChartView, "logs": LogView, "detail": DetailPanel, "relation": RelationView}
EVERY = (*actions.ACTIONS, *actions.WIDGET_ACTIONS)

#: `n` and `N` go on to the next: the next match in a log, the next curve in a chart, elsewhere the next metric. On the
#: Run screen the log's tab has no metrics, and its chart leaves the keys to the screen. A table takes them only while
#: a text is looked for in it, and the key bar then says so.
NEXT = {"n", "N"}


def test_ids_are_unique() -> None:
    assert not [id for id, times in Counter(action.id for action in EVERY).items() if times > 1]


@pytest.mark.parametrize("screen", actions.SCREENS)
def test_a_key_has_one_meaning_per_screen(screen: str) -> None:
    own = [*actions.of_screen(screen), *actions.everywhere()]
    for widget in (None, *actions.WIDGETS[screen]):
        inside = [action for action in actions.WIDGET_ACTIONS if widget in action.screens]
        keys = Counter(key for action in (*own, *inside) for key in action.keys)
        doubled = {key for key, times in keys.items() if times > 1}
        allowed = NEXT if widget == "table" or (screen == "run" and widget in ("chart", "logs")) else set()
        assert doubled <= allowed, f"{screen} with {widget}"


@pytest.mark.parametrize("screen", actions.SCREENS)
def test_every_action_of_a_screen_can_be_done(screen: str) -> None:
    cls = SCREENS[screen]
    assert cls.MODE in actions.MODES
    for action in actions.of_screen(screen):
        assert hasattr(cls, f"action_{action.method}"), action.id
    bound = {binding.id for binding in Binding.make_bindings(cls.BINDINGS)}
    assert {action.id for action in actions.of_screen(screen) if action.keys} <= bound


def test_every_global_action_can_be_done() -> None:
    for action in actions.everywhere():
        assert hasattr(LabApp, f"action_{action.method}"), action.id


def test_every_screen_of_an_action_exists() -> None:
    known = {*actions.SCREENS, actions.EVERYWHERE}
    assert all(set(action.screens) <= known for action in actions.ACTIONS)


@pytest.mark.parametrize("widget", WIDGETS)
def test_widget_actions_are_what_the_widget_binds(widget: str) -> None:
    bound = {
        binding.id: [part.strip() for part in binding.key.split(",")]
        for binding in WIDGETS[widget].BINDINGS
        if isinstance(binding, Binding)
    }
    told = {action.id: list(action.keys) for action in actions.WIDGET_ACTIONS if widget in action.screens}
    assert told == bound


@pytest.mark.parametrize("screen", actions.SCREENS)
def test_the_key_bar_is_short_and_ends_with_the_way_out(screen: str) -> None:
    shown = actions.bar(screen)
    assert 3 <= len(shown) <= actions.BAR
    assert [action.id for action in shown[-2:]] == ["app.help", "app.leave"]
    assert len(actions.bar(screen, 4)) == 4
    hidden = shown[0].id
    assert hidden not in [action.id for action in actions.bar(screen, hidden=(hidden,))]


@pytest.mark.parametrize("action", [action for action in actions.ACTIONS if action.cli], ids=lambda action: action.id)
def test_the_command_line_knows_every_command(action: actions.Action) -> None:
    names = re.findall(r"\{(\w+)\}", action.cli)
    line = actions.command(
        action, **{name: ["a", "b"] if name in ("ids", "refs") else "3" if name == "n" else "thing" for name in names}
    )
    program, *words = shlex.split(line)
    assert program == "lab"
    assert parse(commands(), words).command is not None


def test_values_in_a_command_are_quoted() -> None:
    note = actions.get("runs.note")
    line = actions.command(note, id="r1", text="two words; rm -rf $HOME 'x'")
    assert shlex.split(line) == ["lab", "runs", "note", "r1", "two words; rm -rf $HOME 'x'"]
    assert actions.command(actions.get("runs.compare"), ids=["a", "b c"]) == "lab runs compare a 'b c'"


def test_what_destroys_is_marked_so() -> None:
    risky = {action.id for action in actions.ACTIONS if action.risk == "destructive"}
    assert {"runs.stop", "deployments.stop", "models.promote"} <= risky
    assert {"data.checkout", "data.remove", "disk.collect"} <= risky


def test_keys_are_ones_that_terminals_send() -> None:
    for action in EVERY:
        for key in action.keys:
            name = _character_to_key(key) if len(key) == 1 else key
            assert name not in ("ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+a", "ctrl+b", "ctrl+c"), action.id
            assert not re.match(r"(alt|super|ctrl\+shift|ctrl\+\d)", name), action.id


def test_the_cheat_sheet_tells_every_key() -> None:
    sheet = cheat_sheet()
    for action in EVERY:
        if action.keys:
            assert action.help in sheet
            assert f"`{actions.key_text(action.keys[0])}`" in sheet
    assert all(line.count("|") >= 4 for line in sheet.splitlines() if line.startswith("|"))
