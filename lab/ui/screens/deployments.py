"""Deployments: what serves, how well, and its answers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.deployments import Deployment, DeploymentStatus, Health
from lab.ui import actions
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.number import format_age, format_duration, format_number, format_size, format_time
from lab.ui.render.rows import Cell, Column, ListSource, Row
from lab.ui.render.sparkline import sparkline
from lab.ui.render.status import deployment_mark
from lab.ui.screens import flows
from lab.ui.screens.base import ListScreen, filter_spans, fits
from lab.ui.screens.copying import copy
from lab.ui.screens.lineage import open_lineage
from lab.ui.screens.parts import Lines
from lab.ui.screens.predict import PredictScreen
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.detail import DetailPanel, Pair
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.log_view import LogView

if TYPE_CHECKING:
    from lab.workspace import Workspace

#: Seconds of request rate that are kept and drawn.
_MINUTE = 60
_SPARK, _WIDE_SPARK = 16, 40

_COLUMNS = (
    Column("state", "state", width=13, sortable=False),
    Column("name", "name", min_width=10, max_width=30, sortable=False, flex=1),
    Column("model", "model", min_width=8, max_width=26, sortable=False),
    Column("rate", "req/s", width=7, align="right", sortable=False),
    Column("p95", "p95", width=7, align="right", sortable=False),
    Column("errors", "errors", width=6, align="right", sortable=False),
    Column("spark", "last minute", width=_SPARK, sortable=False),
    Column("memory", "memory", width=8, align="right", sortable=False),
    Column("url", "address", min_width=21, max_width=24, sortable=False),
    Column("age", "age", width=8, sortable=False),
)


def shown_status(one: Deployment, health: Health | None) -> DeploymentStatus:
    """What the last look says of a deployment that should serve."""
    if health is None or one.status not in (DeploymentStatus.READY, DeploymentStatus.UNHEALTHY):
        return one.status
    return DeploymentStatus.READY if health.ready else DeploymentStatus.UNHEALTHY


def rate_line(rates: Sequence[float], width: int) -> str:
    """Requests over the last minute; nothing while there were none, which is not the same as few."""
    return sparkline(rates, width) if any(rates) else ""


def deployment_row(one: Deployment, health: Health | None, rates: Sequence[float], now: float) -> Row:
    mark = deployment_mark(shown_status(one, health))
    up = one.status.active and health is not None
    cells = (
        Cell(mark.text, mark.token),
        Cell(one.name, "bold" if one.status.active else ""),
        Cell(f"{one.model}:v{one.version}"),
        Cell(format_number(health.rate, 3) if up and health and health.rate is not None else ""),
        Cell(format_duration(health.p95) if up and health and health.p95 is not None else ""),
        Cell(f"{health.errors:,}" if up and health else "", "fail" if health and health.errors else "muted"),
        Cell(rate_line(rates, _SPARK) if up else "", "primary"),
        Cell(format_size(health.rss) if up and health and health.rss is not None else ""),
        Cell(one.url if one.status.active else "", "muted"),
        Cell(format_age(one.created, now), "muted"),
    )
    return Row(one.id, cells)


def deployment_facts(one: Deployment, health: Health | None, rates: Sequence[float], now: float) -> list[Pair]:
    """One deployment at length."""
    mark = deployment_mark(shown_status(one, health))
    pairs = [Pair("state", mark.text, mark.token)]
    pairs += [Pair("why", one.cause, "warn")] if one.cause else []
    pairs += [Pair("not ready", health.reason, "warn")] if health and health.reason and one.status.active else []
    pairs += [Pair("address", one.url if one.status.active else f"{one.url} (not up)")]
    if health is not None and one.status.active:
        pairs += _health_facts(health, rates)
    pairs += [
        Pair("model", f"{one.model}:v{one.version}" + (f" (as {one.alias})" if one.alias else "")),
        Pair("engine", one.engine),
        Pair("image", one.image or "–"),
        Pair("created", format_time(one.created, now)),
        Pair("ready after", format_duration(one.ready - one.created) if one.ready else "–"),
        Pair("id", one.id),
    ]
    pairs += [Pair("ended", format_time(one.ended, now))] if one.ended else []
    return pairs


def _health_facts(health: Health, rates: Sequence[float]) -> list[Pair]:
    limit = f" of {format_size(health.memory_limit)}" if health.memory_limit else ""
    latency = "  ".join(f"{name} {format_duration(value)}" for name, value in
                        (("p50", health.p50), ("p95", health.p95), ("p99", health.p99)))  # fmt: skip
    rate = "–" if health.rate is None else f"{format_number(health.rate, 3)} /s"
    return [
        Pair("requests", f"{rate}   {rate_line(rates, _WIDE_SPARK)}", "primary"),
        Pair("", f"{health.requests:,} in all, {health.errors:,} errors, {health.in_flight} in flight"),
        Pair("latency", latency, "fail" if health.errors else ""),
        Pair("cpu", "–" if health.cpu is None else f"{health.cpu:.2f} cores"),
        Pair("memory", "–" if health.rss is None else f"{format_size(health.rss)}{limit}"),
        Pair("up", format_duration(health.uptime)),
    ]


def _example(ws: Workspace, id: str) -> tuple[Mapping[str, Any], Sequence[object]]:
    """A payload that fits, and the names of the classes."""
    classes = ws.deployments.signature(id).get("classes")
    return ws.deployments.example(id), classes if isinstance(classes, list) else ()


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
        self._log_of = ""

    def body(self) -> ComposeResult:
        yield Lines([[]], id="heading")
        yield FrameTable(_COLUMNS, empty="reading …", id="deployments", pinned=2)
        yield Tabs([("facts", "Health"), ("logs", "Logs")])
        with Container(classes="lower"):
            with Container(id="tab-facts", classes="tab -shown"):
                yield DetailPanel(id="facts", empty="nothing is deployed")
            with Container(id="tab-logs", classes="tab"):
                yield LogView(id="log")

    def on_mount(self) -> None:
        super().on_mount()
        self.every(1.0, "health", self._look)
        self.every(0.25, "log", self._poll_log)

    @property
    def table(self) -> FrameTable:
        return self.query_one(FrameTable)

    @property
    def current(self) -> Deployment | None:
        return self._deployments.get(self.table.cursor_key or "")

    async def load(self) -> None:
        everything = await self.ask(lambda ws: list(ws.deployments.list()))
        kept = [one for one in everything if fits(self.filter_text, one.name, one.model, one.status.value)]
        kept.sort(key=lambda one: not one.status.active)
        self._deployments = {one.id: one for one in kept}
        self.table.set_empty("no deployment fits the filter: esc clears it" if everything
                             else "nothing serves yet: D deploys a model version")  # fmt: skip
        self._fill()
        await self._show_log()

    def _fill(self) -> None:
        now, kept = time.time(), list(self._deployments.values())
        rows = [deployment_row(one, self._health.get(one.id), self._rate(one), now) for one in kept]
        self.table.replace(ListSource(rows))
        up = sum(one.status.active for one in kept)
        row: Spans = [(f" {up} up", "bold"), (f" of {len(kept)}", "muted")]
        row += filter_spans(self.filter_text)
        self.query_one("#heading", Lines).show([row])
        self._tell_facts()

    def _rate(self, one: Deployment) -> Sequence[float]:
        return tuple(self._rates.get(one.id, ()))

    def _tell_facts(self) -> None:
        one = self.current
        panel = self.query_one(DetailPanel)
        panel.set_pairs(deployment_facts(one, self._health.get(one.id), self._rate(one), time.time()) if one else [])

    async def _look(self) -> None:
        """One look at each that is up."""
        up = [one.id for one in self._deployments.values() if one.status.active]
        if up:
            self._take(await self.ask(lambda ws: {id: ws.deployments.health(id) for id in up}))
            self._fill()

    def _take(self, health: Mapping[str, Health]) -> None:
        self._health.update(health)
        for id, one in health.items():
            self._rates.setdefault(id, deque(maxlen=_MINUTE)).append(one.rate or 0.0)

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
        return () if one is not None and one.status.active else ("deployments.predict", "deployments.stop")

    async def on_frame_table_row_highlighted(self) -> None:
        self._tell_facts()
        self.tell_keys()
        self.start(self._show_log(), "log-path")

    def on_frame_table_row_selected(self) -> None:
        self.show_tab("facts")
        self.query_one(DetailPanel).focus()

    def show_tab(self, key: str) -> None:
        self.query_one(Tabs).choose(key)

    # Actions

    def action_deployments_filter(self) -> None:
        self.open_filter()

    def action_deployments_predict(self) -> None:
        one = self.current
        if one is not None:
            self.start(self._predict(one))

    async def _predict(self, one: Deployment) -> None:
        example, classes = await self.ask(lambda ws: _example(ws, one.id))
        await self.app.push_screen(PredictScreen(self, one, example, classes))

    def action_deployments_logs(self) -> None:
        tabs = self.query_one(Tabs)
        self.show_tab("facts" if tabs.current == "logs" else "logs")
        if tabs.current == "logs":
            self.query_one(LogView).focus()
        else:
            self.table.focus()

    def action_deployments_next_tab(self) -> None:
        self.query_one(Tabs).step(1)

    def action_deployments_previous_tab(self) -> None:
        self.query_one(Tabs).step(-1)

    def action_deployments_deploy(self) -> None:
        self.start(flows.choose_and_deploy(self))

    def action_deployments_stop(self) -> None:
        one = self.current
        if one is not None:
            self.start(flows.stop_deployment(self, one))

    def action_deployments_lineage(self) -> None:
        if self.current is not None:
            open_lineage(self, "deployment", self.current.id)

    def action_object_copy(self) -> None:
        one = self.current
        if one is not None:
            what = [("address", one.url), ("name", one.name), ("id", one.id),
                    ("command", f"lab deployments show {one.name}")]  # fmt: skip
            self.start(copy(self, what))
