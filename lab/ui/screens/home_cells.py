"""Home as rows: what needs somebody first, then what runs, waits, serves, has ended, and the data. Pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from lab.dataclass import dataclass
from lab.domain.datasets import Dataset
from lab.domain.deployments import Deployment, Health
from lab.domain.rollouts import Outcome, Rollout
from lab.domain.runs import Run, RunStatus
from lab.domain.standing import LOW_DISK, Need, Standing, needs
from lab.domain.text import count_of
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.glyphs import glyphs
from lab.ui.render.number import format_age, format_duration, format_number, format_size
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.status import Mark, deployment_mark, mark, run_mark
from lab.ui.screens.run_cells import headline, progress_text

_DATASETS = 8

COLUMNS = (
    Column("section", "", width=9, sortable=False),
    Column("state", "state", min_width=11, max_width=14, sortable=False),
    Column("name", "name", min_width=10, max_width=22, sortable=False),
    Column("detail", "what", min_width=12, max_width=200, sortable=False, flex=1),
    Column("when", "when", width=9, sortable=False),
)
NEEDS, RUNNING, WAITING, SERVING, LATELY, DATA = "NEEDS YOU", "RUNNING", "WAITING", "SERVING", "LATELY", "DATA"


@dataclass(frozen=True)
class Line:
    """One line of Home. `kind` and `id` are what it opens, `told` its detail in full, `todo` what can be done there."""

    section: str
    kind: str
    id: str
    state: Mark
    name: str
    told: str
    when: str
    todo: str = ""
    token: str = ""
    part: str = ""  # several lines may be about one object

    @property
    def key(self) -> str:
        return f"{self.kind} {self.id}\t{self.part or self.section}"


#: What tells of the object of a line, by its kind; of some there is only one.
_TELLS = {"run": "runs show", "deployment": "deployments show", "dataset": "data show", "model": "models show"}
_ONE = {"queue": "lab queue ls", "disk": "lab disk"}


def command_of(line: Line) -> str:
    """The command that tells of what the line is about."""
    tells = _TELLS.get(line.kind)
    return shlex.join(["lab", *tells.split(), line.id]) if tells else _ONE.get(line.kind, "lab status")


def opened_by(key: str) -> tuple[str, str]:
    """(kind, id) of what the line of that key opens."""
    kind, _, rest = key.partition(" ")
    return kind, rest.rpartition("\t")[0]


def home_lines(standing: Standing, health: Mapping[str, Health], now: float) -> list[Line]:
    """The most urgent first. What needs somebody is not told again below."""
    wanted = needs(standing, now)
    told = {(need.kind, need.id) for need in wanted}
    lines = [_need(need, now) for need in wanted]
    lines += [_rollout(one, standing.rollouts[one.id], now) for one in standing.deployments
              if one.id in standing.rollouts and standing.rollouts[one.id].outcome is Outcome.GOING]  # fmt: skip
    lines += [_running(run, now) for run in standing.running]
    lines += [_waiting(standing.waiting, standing.queue_eta)] if standing.waiting else []
    down = {need.id for need in wanted if need.kind == "deployment" and need.word != "gate red"}
    lines += [_served(one, health.get(one.id), now) for one in standing.deployments if one.id not in down]
    lines += [_ended(run, now) for run in standing.latest if ("run", run.id) not in told]
    lines += [_dataset(one, now) for one in standing.datasets[:_DATASETS] if ("dataset", one.id) not in told]
    return lines


def home_rows(lines: Sequence[Line]) -> list[Row]:
    """The rows of the table: a section is named by its first line."""
    rows, before = [], ""
    for line in lines:
        section = Cell(
            line.section if line.section != before else "", "fail bold" if line.section == NEEDS else "muted"
        )
        before = line.section
        rows.append(Row(line.key, (
            section, Cell(line.state.text, line.state.token), Cell(line.name, "bold" if line.token != "muted" else ""),
            Cell(line.told, line.token), Cell(line.when, "muted"),
        )))  # fmt: skip
    return rows


def about(line: Line | None) -> list[Spans]:
    """Two lines about the one under the cursor: all of what it tells, and what can be done."""
    if line is None:
        return [[], []]
    first: Spans = [(f" {line.state.text}", f"{line.state.token} bold"), (f"  {line.name}", "title"),
                    (f"  {line.told}", "")]  # fmt: skip
    return [first, [(f" {line.todo}", "muted")]]


def _need(need: Need, now: float) -> Line:
    return Line(NEEDS, need.kind, need.id, mark(need.level, need.word), need.name, need.told,
                _since(need, now), need.todo, part=need.word)  # fmt: skip


def _since(need: Need, now: float) -> str:
    """Since when it is so; nothing for many things in one line."""
    if need.count > 1:
        return ""
    return "now" if need.at is None else format_age(need.at, now)


def _running(run: Run, now: float) -> Line:
    told = "   ".join(part for part in (progress_text(run), headline(run)) if part)
    return Line(
        RUNNING,
        "run",
        run.id,
        run_mark(run.status),
        run.name,
        told,
        format_duration(now - (run.started or run.created)),
        "enter watches it: curves, log, what it uses",
    )


def _rollout(one: Deployment, rollout: Rollout, now: float) -> Line:
    step = rollout.steps[-1] if rollout.steps else None
    told = f"to {rollout.model}:v{rollout.version} by {rollout.strategy}" + (
        f"   {step.step}: {step.told}" if step else ""
    )
    return Line(RUNNING, "deployment", one.id, mark("run", "rollout"), one.name, told,
                format_duration(now - rollout.started), "enter, then ] shows its steps", part="rollout")  # fmt: skip


def _waiting(waiting: Sequence[tuple[str, str]], eta: float | None) -> Line:
    """All that waits, in one line: the reason of the first is why the others wait too."""
    name, reason = waiting[0]
    return Line(
        WAITING,
        "queue",
        "all",
        run_mark(RunStatus.QUEUED),
        count_of(len(waiting), "run"),
        f"{reason or 'about to start'} ({name})" + ("" if eta is None else f"   ETA {format_duration(eta)} for all"),
        "",
        "enter shows the queue, where they can be moved",
    )


def _served(one: Deployment, health: Health | None, now: float) -> Line:
    parts = [f"{one.model}:v{one.version}", one.url]
    if health is not None and health.rate:
        parts.append(f"{format_number(health.rate, 3)} requests/s")
    if health is not None and health.p95 is not None:
        parts.append(f"p95 {format_duration(health.p95)}")
    if health is not None and (health.errors_5xx or health.errors_4xx):
        parts.append(f"{format_number((health.errors_5xx or 0) + (health.errors_4xx or 0), 3)} errors/s")
    return Line(SERVING, "deployment", one.id, deployment_mark(one.status), one.name, "   ".join(parts),
                format_age(one.created, now), "enter goes there: p asks it, l shows its log, B rolls back")  # fmt: skip


def _ended(run: Run, now: float) -> Line:
    return Line(LATELY, "run", run.id, run_mark(run.status), run.name, headline(run, 3) or run.cause,
                format_age(run.ended, now), "enter opens it: metrics, log, what changed since the run before",
                "muted")  # fmt: skip


def _dataset(one: Dataset, now: float) -> Line:
    rows = "" if one.latest.rows is None else f"{one.latest.rows:,} rows   "
    return Line(DATA, "dataset", one.id, mark("ok", one.latest.label), one.name,
                f"{rows}{format_size(one.latest.bytes)}   {one.path}", format_age(one.latest.created, now),
                "enter goes there: profile, expectations, differences", "muted")  # fmt: skip


def heading(standing: Standing, now: float) -> Spans:
    """One line of counts."""
    counts = standing.counts
    running = counts.get("running", 0) + counts.get("created", 0)
    bad = sum(need.count for need in needs(standing, now))
    ready = sum(one.status.value == "ready" for one in standing.deployments)
    parts = [
        (f"{bad} need{'s' if bad == 1 else ''} you", "fail bold")
        if bad
        else (f"{glyphs().ok} nothing needs you", "ok"),
        *([(f"{running} running", "run")] if running else []),
        *([(f"{counts['queued']:,} waiting", "idle")] if counts.get("queued") else []),
        *([(f"{ready} serving", "ok")] if ready else []),
        (count_of(sum(counts.values()), "run"), "muted"),
        (count_of(standing.models, "model"), "muted"),
        (count_of(len(standing.datasets), "dataset"), "muted"),
        (f"{format_size(standing.free)} free", "warn bold" if standing.free < LOW_DISK else "muted"),
    ]
    spans: Spans = [(" ", "")]
    for index, (text, token) in enumerate(parts):
        spans += [(text, token)] if not index else [(" · ", "muted"), (text, token)]
    return spans


def notice_rows(notices: Sequence[str], most: int = 3) -> list[Spans]:
    """Warnings, newest last; how many more there are."""
    rows: list[Spans] = [[(f" {glyphs().warn} {notice}", "warn")] for notice in notices[-most:]]
    if len(notices) > most:
        rows.append([(f"   and {len(notices) - most} more: lab doctor tells all", "muted")])
    return rows
