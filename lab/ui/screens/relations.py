"""Parameters against a metric over many runs: those that are compared, or all that fit a filter."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import ClassVar

from textual.app import ComposeResult

from lab.domain.directions import Direction
from lab.domain.metric_order import metric_order
from lab.domain.query import RunQuery
from lab.domain.runs import Run
from lab.ui import actions
from lab.ui.screens import better
from lab.ui.screens.base import LabScreen
from lab.ui.screens.parts import Lines
from lab.ui.widgets.relation_view import RelationView

#: More runs than this are not drawn.
MOST_RUNS = 500


class RelationsScreen(LabScreen):
    KIND = "relations"
    MODE = "runs"
    NOUNS = frozenset({"runs"})
    LEAD = "Open run"
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("relations"))

    def __init__(self, query: RunQuery, filter: str) -> None:
        """`filter` is what the user typed to get `query`."""
        super().__init__()
        self._query, self._filter = query, filter
        self._runs: Sequence[Run] = ()
        self._total = 0
        self._metric = ""

    def trail(self) -> tuple[str, ...]:
        return ("Parameters",)

    def body(self) -> ComposeResult:
        yield Lines([[(" reading …", "muted")]], id="heading")
        yield RelationView(id="relations")

    def on_mount(self) -> None:
        super().on_mount()
        self._metric = self.lab.view_state.get("compare", "metric", "")

    @property
    def metrics(self) -> list[str]:
        return metric_order(dict.fromkeys(name for run in self._runs for name in run.metrics))

    async def load(self) -> None:
        page = await self.ask(lambda ws: ws.runs.list(self._query))
        self._runs, self._total = page.items, page.total
        if self._metric not in self.metrics:
            self._metric = next(iter(self.metrics), "")
        self._show()

    def _show(self) -> None:
        way = self._way()
        shown = f"{len(self._runs):,} of {self._total:,} runs" if len(self._runs) < self._total else (
            f"{self._total:,} runs")  # fmt: skip
        row = [(f" {shown}", "bold"), ("  fitting ", "muted") if self._filter else ("", ""), (self._filter, "accent")]
        row += [("   metric ", "muted"), (self._metric or "none", "accent")]
        row += [(f"   {way.value} is better", "muted")] if way is not Direction.UNKNOWN else []
        self.query_one("#heading", Lines).show([row])
        self.query_one(RelationView).show(self._runs, self._metric, way)
        self.tell_keys()

    def export_chart(self) -> None:
        exporting = import_module("lab.ui.screens.exporting")
        self.start(exporting.export_figure(self, self.query_one(RelationView).figure))

    def on_relation_view_chosen(self, event: RelationView.Chosen) -> None:
        self.start(self.lab.show_object("run", event.run.id))

    def action_relations_next_metric(self) -> None:
        self._step(1)

    def action_relations_previous_metric(self) -> None:
        self._step(-1)

    def action_relations_better(self) -> None:
        """Turn round which way is better, for the metric that is shown."""
        if self._metric:
            better.turn_round(self.lab.view_state, self._metric)
            self._show()

    def _way(self) -> Direction:
        return better.way(self.lab.view_state, self._metric)

    def _step(self, by: int) -> None:
        names = self.metrics
        if names:
            self._metric = names[(names.index(self._metric) + by) % len(names)]
            self.lab.view_state.put("compare", "metric", self._metric)
            self._show()

    def copies(self) -> Sequence[tuple[str, str]]:
        command = actions.command(actions.get("runs.relate"), filter=self._filter, metric=self._metric)
        return [("command", command), ("drawing", self.query_one(RelationView).text)]
