"""What changed from one run to another, for a terminal: the short story first, then the text of the code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.cli.formats import NOTHING, format_delta, format_value
from lab.cli.output import Output
from lab.cli.tables import Cell, Column, Styled
from lab.cli.verdict_shapes import diff_text
from lab.domain.changes import ADDED, REMOVED, Changes, CodeChange, DataChange, DiffLine, MetricChange, ValueChange
from lab.domain.resources import format_size

_SHOWN = 30  # lines of each part; JSON has them all
DIFF_STYLES = {"file": "bold", "hunk": "run", "+": "ok", "-": "fail", "note": "dim"}


def draw(out: Output, changed: Changes, diff: Sequence[DiffLine]) -> None:
    """Print what changed; without a parent one sentence."""
    parent = changed.parent
    if parent is None:
        out.say(f"{changed.run.name} is the first run of {changed.run.entry}: there is nothing to compare it with")
        return
    out.line(f"{parent.name} → {changed.run.name}", "bold")
    if changed.nothing:
        out.line("nothing changed: code, data, environment and parameters are the same")
    if changed.only_seed:
        out.line("only the seed changed: what moved in the metrics is chance")
    _part(out, "params", [value_line(one) for one in changed.params])
    _part(out, "data", [_data(one) for one in changed.data])
    _part(out, "code", list(code_lines(changed.code)))
    _part(out, "environment", [value_line(one) for one in (*changed.environment, *changed.packages)])
    if changed.metrics:
        out.table(
            [Column("metric", keep=True), Column("before", right=True), Column("now", right=True), Column("change")],
            [_metric(one) for one in changed.metrics],
        )
    for line in diff:
        out.line(diff_text(line), DIFF_STYLES.get(line.kind, ""))


def _part(out: Output, title: str, lines: Sequence[str]) -> None:
    if lines:
        out.line(title, "bold")
        for line in lines[:_SHOWN]:
            out.line(f"  {line}")
        if len(lines) > _SHOWN:
            out.say(f"  and {len(lines) - _SHOWN:,} more")


def value_line(change: ValueChange) -> str:
    if change.kind == ADDED:
        return f"+ {change.name} = {format_value(change.new)}"
    if change.kind == REMOVED:
        return f"- {change.name} = {format_value(change.old)}"
    return f"~ {change.name}  {format_value(change.old)} → {format_value(change.new)}"


def _data(change: DataChange) -> str:
    facts = []
    if change.old_rows is not None and change.new_rows is not None:
        facts.append(f"{change.new_rows - change.old_rows:+,} rows")
    if change.old_bytes is not None and change.new_bytes is not None:
        facts.append(f"{format_size(change.old_bytes)} → {format_size(change.new_bytes)}")
    return f"~ {change.name}  {change.old or NOTHING} → {change.new or NOTHING}  {', '.join(facts)}".rstrip()


def code_lines(code: CodeChange) -> Iterable[str]:
    if code.note:
        yield code.note
    for sign, files in (("+", code.added), ("-", code.removed), ("~", code.changed)):
        yield from (f"{sign} {file.path}" for file in files)
    if code.commits[0] != code.commits[1]:
        yield f"commit {code.commits[0][:12] or NOTHING} → {code.commits[1][:12] or NOTHING}"
    if code.partial:
        yield "files over the caps of [code] are in neither snapshot"


def _metric(change: MetricChange) -> list[Cell]:
    style = "" if change.better is None else "ok" if change.better else "fail"
    word = "" if change.better is None else " better" if change.better else " worse"
    delta = format_delta(change.new, change.old)
    return [change.name, format_value(change.old), format_value(change.new), Styled(f"{delta}{word}", style)]
