"""Models: names, versions, aliases, and where each version came from."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.metric_order import metric_order
from lab.domain.models import CHAMPION, Model, ModelVersion
from lab.ui import actions
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.number import format_age, format_delta, format_number, format_size
from lab.ui.render.rows import Cell, Column, ListSource, Row
from lab.ui.screens import deploy_flows, flows
from lab.ui.screens.copying import command, python
from lab.ui.screens.lineage import open_lineage
from lab.ui.screens.list_screen import ListScreen, filter_spans, fits
from lab.ui.screens.parts import Lines
from lab.ui.widgets.detail import DetailPanel, Pair
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowHighlighted, RowSelected

_MOST_METRICS = 8

_COLUMNS = (
    Column("name", "model", min_width=10, max_width=36, sortable=False, flex=1),
    Column("champion", CHAMPION, width=9, sortable=False),
    Column("latest", "latest", width=7, sortable=False),
    Column("versions", "versions", width=8, align="right", sortable=False),
    Column("framework", "framework", max_width=16, sortable=False),
    Column("metric", "latest says", min_width=12, max_width=44, sortable=False),
    Column("age", "age", width=8, sortable=False),
)


def model_row(model: Model, now: float) -> Row:
    champion = model.aliases.get(CHAMPION)
    latest = model.latest
    cells = (
        Cell(model.name, "bold"),
        Cell(f"v{champion}" if champion is not None else "none", "ok" if champion is not None else "muted"),
        Cell(latest.label, "accent"),
        Cell(str(model.versions)),
        Cell(latest.framework, "muted"),
        Cell(flows.metrics_text(latest.metrics, 2)),
        Cell(format_age(latest.created, now), "muted"),
    )
    return Row(model.name, cells)


def version_columns(metrics: Sequence[str]) -> list[Column]:
    return [
        Column("version", "version", width=8, sortable=False),
        Column("aliases", "aliases", width=12, sortable=False),
        *(Column(f"metric.{name}", name, min_width=8, max_width=20, align="right", sortable=False)
          for name in metrics[:_MOST_METRICS]),
        Column("run", "run", width=10, sortable=False),
        Column("size", "size", width=8, align="right", sortable=False),
        Column("age", "age", width=8, sortable=False),
    ]  # fmt: skip


def version_rows(
    versions: Sequence[ModelVersion], aliases: Mapping[str, int], metrics: Sequence[str], now: float
) -> list[Row]:
    """Metrics of each version, with their distance from those of the champion."""
    champion = next((one for one in versions if one.number == aliases.get(CHAMPION)), None)
    rows = []
    for one in versions:
        names = " ".join(name for name, number in aliases.items() if number == one.number)
        cells = [Cell(one.label, "accent"), Cell(names, "ok")]
        for name in metrics[:_MOST_METRICS]:
            value = one.metrics.get(name)
            base = champion.metrics.get(name) if champion is not None and champion is not one else None
            delta = format_delta(value, base) if base is not None else ""
            cells.append(Cell(f"{format_number(value)} {delta.partition(' ')[0]}".strip()))
        cells += [Cell(one.run, "primary"), Cell(format_size(one.bytes)), Cell(format_age(one.created, now), "muted")]
        rows.append(Row(one.label, tuple(cells)))
    return rows


def version_facts(one: ModelVersion) -> list[Pair]:
    """Provenance and signature of one version."""
    signature = one.signature
    inputs = signature.get("inputs")
    classes = signature.get("classes")
    pairs = [Pair(one.id), Pair("framework", one.framework or "–"), Pair("task", str(signature.get("task", "–")))]
    pairs += [Pair("run", one.run or "–", "primary"), Pair("project", one.project or "–")]
    pairs += [Pair("content", one.manifest)]
    pairs += [Pair(f"data {name}", str(version)) for name, version in one.datasets.items()]
    if isinstance(inputs, list):
        shown = ", ".join(_input(item) for item in inputs[:12])
        pairs.append(Pair("inputs", f"{len(inputs)}: {shown}{', …' if len(inputs) > 12 else ''}"))
    if isinstance(classes, list) and classes:
        pairs.append(Pair("classes", f"{len(classes)}: {', '.join(str(item) for item in classes[:20])}"))
    return pairs


def _input(item: object) -> str:
    return f"{item.get('name', '?')} {item.get('dtype', '')}".strip() if isinstance(item, Mapping) else str(item)


class ModelsScreen(ListScreen):
    KIND = "models"
    MODE = "models"
    LIST = "models"
    NOUNS = frozenset({"models"})
    LEAD = "Versions/run"
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("models"))

    def __init__(self) -> None:
        super().__init__()
        self._models: dict[str, Model] = {}
        self._versions: dict[str, ModelVersion] = {}

    def body(self) -> ComposeResult:
        yield Lines([[]], id="heading")
        yield FrameTable(_COLUMNS, empty="reading …", id="models")
        title: Spans = [(" Versions", "title"), ("   tab goes there; enter opens the run", "muted")]
        yield Lines([title], id="versions-title")
        with Container(classes="lower panes"):
            yield FrameTable(version_columns(()), empty="", id="versions", pinned=2)
            yield DetailPanel(id="facts", classes="side", empty="no version")

    def _table(self, name: str) -> FrameTable:
        return self.query_one(f"#{name}", FrameTable)

    @property
    def current(self) -> Model | None:
        return self._models.get(self._table("models").cursor_key or "")

    @property
    def version(self) -> ModelVersion | None:
        """The version that actions are about: under the lower cursor when that has the focus, else the latest."""
        if self._table("versions").has_focus:
            return self._versions.get(self._table("versions").cursor_key or "")
        return self.current.latest if self.current else None

    async def load(self) -> None:
        models = await self.ask(lambda ws: list(ws.models.list()))
        kept = [one for one in models if fits(self.filter_text, one.name, one.latest.framework)]
        self._models = {one.name: one for one in kept}
        table = self._table("models")
        table.set_empty("no model fits the filter: esc clears it" if models
                        else "no models yet: on Runs, m registers the model of a finished run")  # fmt: skip
        table.replace(ListSource([model_row(one, time.time()) for one in kept]))
        row: Spans = [(f" {len(kept)} model{'s' if len(kept) != 1 else ''}", "bold")]
        row += filter_spans(self.filter_text)
        self.query_one("#heading", Lines).show([row])
        await self._load_versions()

    async def _load_versions(self) -> None:
        model = self.current
        versions = await self.ask(lambda ws: list(ws.models.versions(model.name))) if model else []
        if model is not self.current:
            return
        self._versions = {one.label: one for one in versions}
        metrics = metric_order(name for one in versions for name in one.metrics)
        table = self._table("versions")
        columns = version_columns(metrics)
        if [one.id for one in columns] != [one.id for one in table.columns]:
            table.set_columns(columns)
        table.replace(ListSource(version_rows(versions, model.aliases if model else {}, metrics, time.time())))
        self._tell_facts()

    def _tell_facts(self) -> None:
        one = self._versions.get(self._table("versions").cursor_key or "")
        self.query_one("#facts", DetailPanel).set_pairs(version_facts(one) if one else [])

    def hidden_actions(self) -> tuple[str, ...]:
        return () if self._models else ("models.promote", "models.deploy")

    def on_frame_table_row_highlighted(self, event: RowHighlighted) -> None:
        if event.table.id == "models":
            self.start(self._load_versions(), "versions")
        else:
            self._tell_facts()

    async def on_frame_table_row_selected(self, event: RowSelected) -> None:
        if event.table.id == "models":
            self._table("versions").focus()
        elif (one := self._versions.get(event.key)) is not None and one.run:
            await self.lab.show_object("run", one.run)

    # Actions

    def action_models_filter(self) -> None:
        self.open_filter()

    def action_models_promote(self) -> None:
        one, model = self.version, self.current
        if one is None or model is None:
            return
        before = model.aliases.get(CHAMPION)
        if before == one.number:
            self.lab.tell(f"{one.id} is {CHAMPION} already")
            return
        summary = f"{CHAMPION} is v{before} now. " if before is not None else f"There is no {CHAMPION} yet. "
        self.start(flows.promote(self, one.id, summary + flows.metrics_text(one.metrics, 4)))

    def action_models_deploy(self) -> None:
        one, model = self.version, self.current
        if one is not None and model is not None:
            champion = model.aliases.get(CHAMPION) == one.number
            self.start(deploy_flows.deploy(self, f"{model.name}@{CHAMPION}" if champion else one.id))

    def action_models_lineage(self) -> None:
        if self.version is not None:
            open_lineage(self, "model", self.version.id)

    def copies(self) -> Sequence[tuple[str, str]]:
        one = self.version
        if one is None:
            return ()
        return [("version", one.id), ("run", one.run), ("content id", one.manifest),
                command("lab", "models", "show", one.id), python("models", one.id)]  # fmt: skip
