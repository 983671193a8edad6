"""What came of a dataset version, as a tree: the version, the runs that saw it, their models, what serves those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from lab.dataclass import dataclass
from lab.domain.datasets import DatasetVersion
from lab.domain.deployments import Deployment
from lab.domain.lineage import Lineage
from lab.domain.models import ModelVersion
from lab.domain.runs import Run
from lab.ui.render.cells import tidy
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.glyphs import glyphs
from lab.ui.render.number import format_age, format_number
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.status import deployment_mark, run_mark

COLUMNS = (
    Column("what", "what came of it", min_width=24, max_width=80, sortable=False, flex=1),
    Column("kind", "", min_width=5, max_width=10, sortable=False),
    Column("state", "state", min_width=8, max_width=16, sortable=False),
    Column("detail", "detail", min_width=8, max_width=60, sortable=False),
    Column("age", "age", width=8, sortable=False),
)

#: Branches of the tree: a child, the last child, what goes on beside them, and nothing.
_BRANCHES = ("├─ ", "└─ ", "│  ", "   ")
_PLAIN = ("|- ", "`- ", "|  ", "   ")


@dataclass(frozen=True)
class Node:
    """One thing of the tree; `key` is its kind and id, as rows are named."""

    key: str
    cells: tuple[Cell, ...]
    children: tuple[Node, ...] = field(default_factory=tuple)


def lineage_rows(lineage: Lineage, now: float) -> list[Row]:
    """Rows keyed `kind id`: `version …`, `run …`, `model …`, `deployment …`. A model of a run that is not there, or a
    deployment of such a model, stands by itself."""
    models = list(lineage.models)
    served = [one for one in lineage.deployments if any(_of_model(one, model) for model in models)]
    known = {run.id for run in lineage.runs}
    runs = [_run(run, models, served, now) for run in lineage.runs]
    alone = [_model(one, served, now) for one in models if one.run not in known]
    strays = [_deployment(one, now) for one in lineage.deployments if one not in served]
    lost = [Node(f"unknown {name}", (Cell(name), Cell("data", "muted"), Cell("not in this lab", "warn"), Cell("")))
            for name in lineage.unknown]  # fmt: skip
    below = (*runs, *alone, *strays, *lost)
    roots = [_version(one, now) for one in lineage.versions]
    if not roots:
        roots = [Node("data", (Cell(lineage.data), Cell("data", "muted"), Cell(""), Cell(""), Cell("")))]
    last = roots[-1]
    return flat([*roots[:-1], Node(last.key, last.cells, below)])


def lineage_heading(lineage: Lineage) -> Spans:
    """One line of counts."""
    counts = ((lineage.runs, "run"), (lineage.models, "model"), (lineage.deployments, "deployment"))
    told = [f"{len(items):,} {noun}{'' if len(items) == 1 else 's'}" for items, noun in counts if items]
    return [
        (f" {lineage.data}", "bold"),
        (" was seen by " + ", ".join(told) if told else ": no run has seen it yet", "muted"),
    ]


def flat(nodes: Sequence[Node], lead: str = "", depth: int = 0) -> list[Row]:
    branch, end, beside, blank = _PLAIN if glyphs().ok.isascii() else _BRANCHES
    rows: list[Row] = []
    for index, node in enumerate(nodes):
        last = index == len(nodes) - 1
        sign = (end if last else branch) if depth else ""
        first = node.cells[0]
        rows.append(Row(node.key, (Cell(lead + sign + tidy(first.text), first.token), *node.cells[1:])))
        rows += flat(node.children, lead + ((blank if last else beside) if depth else ""), depth + 1)
    return rows


def _version(one: DatasetVersion, now: float) -> Node:
    rows = "" if one.rows is None else f"{one.rows:,} rows"
    age = Cell(format_age(one.created, now), "muted")
    return Node(
        f"version {one.ref}", (Cell(one.ref, "bold"), Cell("data", "muted"), Cell(rows), Cell(one.message), age)
    )


def _run(run: Run, models: Sequence[ModelVersion], served: Sequence[Deployment], now: float) -> Node:
    sign = run_mark(run.status)
    told = "  ".join(f"{name} {format_number(metric.last)}" for name, metric in list(run.metrics.items())[:2])
    cells = (Cell(run.name), Cell("run", "muted"), Cell(sign.text, sign.token), Cell(told, "muted"),
             Cell(format_age(run.created, now), "muted"))  # fmt: skip
    return Node(f"run {run.id}", cells, tuple(_model(one, served, now) for one in models if one.run == run.id))


def _model(one: ModelVersion, served: Sequence[Deployment], now: float) -> Node:
    told = "  ".join(f"{name} {format_number(value)}" for name, value in list(one.metrics.items())[:2])
    cells = (Cell(one.id), Cell("model", "muted"), Cell(one.framework, "muted"), Cell(told, "muted"),
             Cell(format_age(one.created, now), "muted"))  # fmt: skip
    return Node(f"model {one.model}", cells, tuple(_deployment(two, now) for two in served if _of_model(two, one)))


def _deployment(one: Deployment, now: float) -> Node:
    sign = deployment_mark(one.status)
    cells = (Cell(one.name), Cell("serves", "muted"), Cell(sign.text, sign.token), Cell(one.url, "muted"),
             Cell(format_age(one.created, now), "muted"))  # fmt: skip
    return Node(f"deployment {one.id}", cells)


def _of_model(deployment: Deployment, model: ModelVersion) -> bool:
    return (deployment.model, deployment.version) == (model.model, model.number)
