"""Deployments: what serves, how well, and its answers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.deployments import SERVING, Deployment, Health
from lab.domain.rollouts import Outcome, Rollout
from lab.ui import actions
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.measured import canary_lines, load_lines
from lab.ui.render.rollouts import rollout_lines
from lab.ui.render.rows import ListSource, Row
from lab.ui.screens import deploy_flows, gate_flows
from lab.ui.screens.copying import command, copy, python
from lab.ui.screens.deployment_cells import COLUMNS, MINUTE, deployment_facts, deployment_row, history_facts
from lab.ui.screens.lineage import open_lineage
from lab.ui.screens.list_screen import ListScreen, filter_spans, fits
from lab.ui.screens.parts import Lines
from lab.ui.screens.predict import PredictScreen
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.detail import DetailPanel, Page, Pair
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.log_view import LogView

if TYPE_CHECKING:
    from lab.workspace import Workspace

TABS = (("facts", "Health"), ("rollouts", "Rollouts"), ("canary", "Canary"), ("load", "Load tests"), ("logs", "Logs"))
#: Actions that only make sense while it is up.
_NEED_SERVERS = ("predict", "stop", "rollback", "scale", "bench")
#: The health of so many seconds is drawn, and looked up so often: a bar stands for three times that.
_HISTORY, _HISTORY_EVERY = 3600.0, 30.0


class DeploymentsScreen(ListScreen):
    KIND = "deployments"
    MODE = "deployments"
    LIST = "deployments"
    NOUNS = frozenset({"deployments"})
    LEAD = "Details"
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("deployments"))

    def __init__(self) -> None:
        super().__init__()
        self._deployments: dict[str, Deployment] = {}
        self._health: dict[str, Health] = {}
        self._rates: dict[str, deque[float]] = {}
        self._history: dict[str, Sequence[Pair]] = {}
        self._coming: Mapping[str, Rollout] = {}
        self._log_of = ""

    def body(self) -> ComposeResult:
        yield Lines([[]], id="heading")
        yield FrameTable(COLUMNS, empty="reading …", id="deployments", pinned=2)
        yield Tabs(TABS)
        with Container(classes="lower"):
            with Container(id="tab-facts", classes="tab -shown"):
                yield DetailPanel(id="facts", empty="nothing is deployed")
            with Container(id="tab-rollouts", classes="tab"):
                yield Page(id="rollouts", empty="nothing was rolled out yet")
            with Container(id="tab-canary", classes="tab"):
                yield Page(id="canary", empty="no version is tried beside the one that serves: D with strategy canary")
            with Container(id="tab-load", classes="tab"):
                yield Page(id="load", empty="it was not tested yet: b asks it as fast as it answers")
            with Container(id="tab-logs", classes="tab"):
                yield LogView(id="log")

    def on_mount(self) -> None:
        super().on_mount()
        self.every(1.0, self._look)
        self.every(0.25, self._poll_log)
        self.every(1.0, self._look_at_page)
        self.every(_HISTORY_EVERY, self._look_back)

    @property
    def table(self) -> FrameTable:
        return self.query_one(FrameTable)

    @property
    def current(self) -> Deployment | None:
        return self._deployments.get(self.table.cursor_key or "")

    async def load(self) -> None:
        everything, self._coming = await self.ask(_read)
        kept = [one for one in everything if fits(self.filter_text, one.name, one.model, one.status.value)]
        kept.sort(key=lambda one: not one.status.active)
        self._deployments = {one.id: one for one in kept}
        self.table.set_empty("no deployment fits the filter: esc clears it" if everything
                             else "nothing serves yet: D deploys a model version")  # fmt: skip
        self._fill()
        await self._show_log()

    def _fill(self) -> None:
        now, kept = time.time(), list(self._deployments.values())
        rows = [self._row(one, now) for one in kept]
        self.table.replace(ListSource(rows))
        up = sum(one.status.active for one in kept)
        row: Spans = [(f" {up} up", "bold"), (f" of {len(kept)}", "muted")]
        row += filter_spans(self.filter_text)
        self.query_one("#heading", Lines).show([row])
        self._tell_facts()

    def _row(self, one: Deployment, now: float) -> Row:
        return deployment_row(one, self._health.get(one.id), self._rate(one), now, self._coming.get(one.id))

    def _rate(self, one: Deployment) -> Sequence[float]:
        return tuple(self._rates.get(one.id, ()))

    def _tell_facts(self) -> None:
        one = self.current
        panel = self.query_one(DetailPanel)
        if one is None:
            panel.set_pairs([])
            return
        history = self._history.get(one.id, ())
        health, coming = self._health.get(one.id), self._coming.get(one.id)
        panel.set_pairs(deployment_facts(one, health, self._rate(one), time.time(), history, coming))

    async def _look(self) -> None:
        """One look at each that is up."""
        up = [one.id for one in self._deployments.values() if one.status.active]
        if up:
            self._take(await self.ask(lambda ws: {id: ws.deployments.health(id) for id in up}))
            self._fill()

    def _take(self, health: Mapping[str, Health]) -> None:
        self._health.update(health)
        for id, one in health.items():
            self._rates.setdefault(id, deque(maxlen=MINUTE)).append(one.rate or 0.0)

    async def _look_at_page(self) -> None:
        """Keep the tab up to date that is looked at."""
        one, tab = self.current, self.query_one(Tabs).current
        if one is None:
            return
        now = time.time()
        if tab == "rollouts":
            found = list(await self.ask(lambda ws: ws.deployments.history(one.id)))
            self.query_one("#rollouts", Page).show(lambda width: rollout_lines(found, width, now))
        elif tab == "canary":
            seen = await self.ask(lambda ws: ws.deployments.canary(one.id)) if one.status.active else None
            self.query_one("#canary", Page).show(lambda _: canary_lines(seen) if seen is not None else [])
        elif tab == "load":
            tests = list(await self.ask(lambda ws: ws.deployments.load_tests(one.id)))
            self.query_one("#load", Page).show(lambda _: load_lines(tests, now))

    async def _look_back(self) -> None:
        one = self.current
        if one is not None and one.status.active:
            history = await self.ask(lambda ws: history_facts(ws.deployments.health_history(one.id, _HISTORY)))
            self._history[one.id] = history
            self._tell_facts()

    async def _show_log(self) -> None:
        one = self.current
        if one is not None and one.id != self._log_of:
            self._log_of = one.id
            self.query_one(LogView).show(await self.ask(lambda ws: ws.deployments.log_path(one.id)))

    async def _poll_log(self) -> None:
        if self.query_one(Tabs).current == "logs":
            self.query_one(LogView).poll()

    def hidden_actions(self) -> tuple[str, ...]:
        one = self.current
        up = one is not None and one.status.active
        return () if up else tuple(f"deployments.{name}" for name in _NEED_SERVERS)

    async def on_frame_table_row_highlighted(self) -> None:
        self._tell_facts()
        self.tell_keys()
        self.start(self._show_log(), "log-path")
        self.start(self._look_at_page(), "page")
        if self.current is not None and self.current.id not in self._history:
            self.start(self._look_back(), "history")

    def on_frame_table_row_selected(self) -> None:
        self.show_tab("facts")
        self.query_one(DetailPanel).focus()

    def show_tab(self, key: str) -> None:
        self.query_one(Tabs).choose(key)
        self.start(self._look_at_page(), "page")

    # Actions

    def action_deployments_filter(self) -> None:
        self.open_filter()

    def action_deployments_predict(self) -> None:
        one = self.current
        if one is not None:
            self.start(self._predict(one))

    async def _predict(self, one: Deployment) -> None:
        asked = await self.ask(lambda ws: (ws.deployments.example(one.id), ws.deployments.signature(one.id)))
        await self.app.push_screen(PredictScreen(self, one, *asked))

    def action_deployments_logs(self) -> None:
        tabs = self.query_one(Tabs)
        self.show_tab("facts" if tabs.current == "logs" else "logs")
        if tabs.current == "logs":
            self.query_one(LogView).focus()
        else:
            self.table.focus()

    def action_deployments_next_tab(self) -> None:
        self.show_tab(self.query_one(Tabs).step(1))

    def action_deployments_previous_tab(self) -> None:
        self.show_tab(self.query_one(Tabs).step(-1))

    def action_deployments_deploy(self) -> None:
        self.start(deploy_flows.choose_and_deploy(self, self.current))

    def action_deployments_stop(self) -> None:
        one = self.current
        if one is not None:
            self.start(deploy_flows.stop(self, one))

    def action_deployments_rollback(self) -> None:
        one = self.current
        if one is not None and one.status.active:
            self.start(deploy_flows.roll_back(self, one))

    def action_deployments_scale(self) -> None:
        one = self.current
        if one is not None and one.status.active:
            self.start(deploy_flows.scale(self, one))

    def action_deployments_gates(self) -> None:
        self.start(gate_flows.edit_gates(self))

    def action_deployments_bench(self) -> None:
        one = self.current
        if one is not None and one.status.active:
            self.start(deploy_flows.load_test(self, one, lambda: self.show_tab("load")))

    def action_deployments_lineage(self) -> None:
        if self.current is not None:
            open_lineage(self, "deployment", self.current.id)

    def action_object_copy(self) -> None:
        one = self.current
        if one is not None:
            self.start(self._copy(one))

    async def _copy(self, one: Deployment) -> None:
        token = await self.ask(lambda ws: ws.deployments.token(one.id))
        curl = f"curl -s {one.url}/predict -H 'Content-Type: application/json'"
        curl += f' -H "Authorization: Bearer $(lab deployments token {one.name})"' if token else ""
        what = [("address", one.url), ("name", one.name), ("id", one.id), ("token", token),
                ("curl", f"{curl} -d @rows.json"), command("lab", "deployments", "show", one.name),
                python("deployments", one.id)]  # fmt: skip
        await copy(self, what, self.main_table)


def _read(ws: Workspace) -> tuple[list[Deployment], dict[str, Rollout]]:
    """All deployments, and of those that serve already the rollout that is under way."""
    found, coming = list(ws.deployments.list()), {}
    for one in found:
        latest = next(iter(ws.deployments.history(one.id)), None) if one.status in SERVING else None
        if latest is not None and latest.outcome is Outcome.GOING:
            coming[one.id] = latest
    return found, coming
