"""Where a run, model or deployment comes from, as a tree down to data files and code, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from lab.domain.datasets import DatasetVersion
from lab.domain.deployments import Deployment
from lab.domain.lineage import CodeTree, Lineage, TreeFile
from lab.domain.models import ModelVersion
from lab.domain.runs import Run
from lab.domain.text import count_of
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.lineage import Node, flat
from lab.ui.render.number import format_age, format_number, format_size
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.status import deployment_mark, run_mark

COLUMNS = (
    Column("what", "what", min_width=24, max_width=80, sortable=False, flex=1),
    Column("kind", "", min_width=6, max_width=10, sortable=False),
    Column("state", "state", min_width=8, max_width=16, sortable=False),
    Column("detail", "detail", min_width=8, max_width=60, sortable=False),
    Column("age", "age", width=8, sortable=False),
)

_SHOWN = 8  # files of one version or tree


def origin_heading(kind: str, found: Lineage) -> Spans:
    """What it is about, and how much it saw."""
    saw = [one.ref for one in found.versions[:3]] + [f"code {_short(one.tree)}" for one in found.code[:1]]
    row: Spans = [(f" {found.data}", "bold")]
    row += [(" saw " + ", ".join(saw) if saw else ": what it saw is not known", "muted")]
    if kind == "run":
        came = [one.id for one in found.models[:3]]
        row += [("; " + ", ".join(came) + " came of it" if came else "; nothing came of it yet", "muted")]
    return row


def origin_rows(kind: str, found: Lineage, now: float, *, files: bool = True) -> list[Row]:
    """Rows keyed by what they lead to: `run ID`, `model NAME:v2`, `deployment ID`, `version REF`, `file REF PATH`,
    `code RUN`, `text DIGEST PATH`. The thing itself comes first, what it came from below it, then what came of it."""
    sources = [*(_version(one, found, now, files) for one in found.versions),
               *(_code(one, found, files) for one in found.code),
               *(_lost(name) for name in found.unknown)]  # fmt: skip
    runs = [_run(run, found, now, sources) for run in found.runs] or sources
    served = [_deployment(one, now) for one in found.deployments]
    models = [_model(one, now, [_deployment(two, now) for two in found.deployments if _serves(two, one)])
              for one in found.models]  # fmt: skip
    if kind == "deployment":
        bare = [_model(one, now, runs) for one in found.models]
        return flat([Node(one.key, one.cells, tuple(bare)) for one in served])
    if kind == "model":
        return flat([_model(one, now, [*runs, *served]) for one in found.models])
    return flat([Node(run.key, run.cells, (*sources, *models)) for run in runs] if found.runs else models)


def _run(run: Run, found: Lineage, now: float, below: Sequence[Node]) -> Node:
    sign = run_mark(run.status)
    told = "  ".join(f"{name} {format_number(metric.last)}" for name, metric in list(run.metrics.items())[:2])
    gone = run.id in found.purged
    state = Cell("purged", "warn") if gone else Cell(sign.text, sign.token)
    age = Cell(format_age(run.created, now), "muted")
    return Node(f"run {run.id}", (Cell(run.name), Cell("run", "muted"), state, Cell(told, "muted"), age), tuple(below))


def _model(one: ModelVersion, now: float, below: Sequence[Node]) -> Node:
    told = "  ".join(f"{name} {format_number(value)}" for name, value in list(one.metrics.items())[:2])
    cells = (Cell(one.id), Cell("model", "muted"), Cell(one.framework, "muted"), Cell(told, "muted"),
             Cell(format_age(one.created, now), "muted"))  # fmt: skip
    return Node(f"model {one.id}", cells, tuple(below))


def _deployment(one: Deployment, now: float) -> Node:
    sign = deployment_mark(one.status)
    cells = (Cell(one.name), Cell("serves", "muted"), Cell(sign.text, sign.token), Cell(one.url, "muted"),
             Cell(format_age(one.created, now), "muted"))  # fmt: skip
    return Node(f"deployment {one.id}", cells)


def _version(one: DatasetVersion, found: Lineage, now: float, files: bool) -> Node:
    rows = "" if one.rows is None else f"{one.rows:,} rows"
    cells = (Cell(one.ref), Cell("data", "primary"), Cell(rows), Cell(count_of(one.files, "file"), "muted"),
             Cell(format_age(one.created, now), "muted"))  # fmt: skip
    below = _files(f"file {one.ref}", found.files.get(one.id, ()), one.files) if files else []
    return Node(f"version {one.ref}", cells, tuple(below))


def _code(one: CodeTree, found: Lineage, files: bool) -> Node:
    commit = f"commit {one.commit[:10]}{', changed since' if one.dirty else ''}" if one.commit else "no commit"
    state = Cell("partial", "warn") if one.partial else Cell("")
    told = f"{count_of(one.files, 'file')}, {commit}" if one.files else commit
    cells = (Cell(f"code {_short(one.tree)}"), Cell("code", "accent"), state, Cell(told, "muted"), Cell(""))
    known = found.files.get(one.tree, ())
    below = _files("text", known, one.files or len(known)) if files else []
    return Node(f"code {one.run}", cells, tuple(below))


def _files(key: str, files: Sequence[TreeFile], total: int) -> list[Node]:
    """The first few files, and how many more there are."""
    shown = [_file(f"{key} {file.digest}" if key == "text" else key, file) for file in files[:_SHOWN]]
    more = max(total, len(files)) - len(shown)
    if shown and more > 0:
        text = f"and {count_of(more, 'file')} more"
        shown.append(Node(f"more {key} {files[0].digest}", (Cell(text, "muted"), *(Cell("") for _ in range(4)))))
    return shown


def _file(key: str, file: TreeFile) -> Node:
    size = Cell(format_size(file.size), "muted")
    return Node(f"{key} {file.path}", (Cell(file.path, "muted"), Cell("file", "muted"), size, Cell(""), Cell("")))


def _lost(name: str) -> Node:
    cells = (Cell(name), Cell("data", "muted"), Cell("not in this lab", "warn"), Cell(""), Cell(""))
    return Node(f"unknown {name}", cells)


def _serves(deployment: Deployment, model: ModelVersion) -> bool:
    return (deployment.model, deployment.version) == (model.model, model.number)


def _short(manifest: str) -> str:
    return manifest.removeprefix("b3:")[:10]
