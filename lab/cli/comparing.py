"""The comparison of runs: verdicts, then a table with a run or a group of seeds per column, what differs per row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.cli.formats import NOTHING, format_delta, format_value
from lab.cli.output import Output
from lab.cli.tables import Cell, Column, Styled
from lab.domain.compare import Comparison, Row, Value
from lab.domain.text import cell_width, clean
from lab.domain.verdicts import GroupStats, Outcome, Verdict, stats

_GAP = 2
_HASH = 12  # characters that tell two hashes apart
_VALUE = 28  # cells of a value
_STYLES = {Outcome.BETTER: "ok", Outcome.WORSE: "fail", Outcome.HIGHER: "warn", Outcome.LOWER: "warn"}


def draw(out: Output, comparison: Comparison, *, everything: bool, apart: bool = False) -> None:
    """Print the verdicts, then the table in blocks of as many columns as the terminal has room for; each block has the
    baseline. A column is a group of seeds, or with `apart` one run."""
    _verdicts(out, comparison)
    if comparison.seeded and not apart:
        base, titles = comparison.base_group, [one.label for one in comparison.groups]
        rows = list(_group_rows(comparison, everything=everything))
    else:
        base = next(at for at, run in enumerate(comparison.runs) if run.id == comparison.baseline)
        titles = [run.name for run in comparison.runs]
        rows = list(_rows(comparison, base, everything=everything))
    titles = [title + (" *" if at == base else "") for at, title in enumerate(titles)]
    for number, block in enumerate(_blocks(titles, rows, base, out.room)):
        if number:
            out.line()
        columns = [Column("", keep=True), *(Column(titles[at], keep=True, verbatim=True) for at in block)]
        out.table(columns, [[row[0], *(row[1 + at] for at in block)] for row in rows])
    out.say(f"* baseline; the code is {'the same' if comparison.code_same else 'not the same'}")
    if comparison.seeded and not apart:
        out.say("runs that differ by their seed alone are one column, mean ± sd (seeds); --apart shows each")


def _verdicts(out: Output, comparison: Comparison) -> None:
    """A line for each metric and group; one for all where there are too few seeds for any."""
    if all(one.outcome is Outcome.NONE for one in comparison.verdicts):
        for verdict in comparison.of(comparison.verdicts[0].metric) if comparison.verdicts else ():
            out.say(comparison.sentence(verdict))
        return
    width = max(cell_width(clean(one.metric)) for one in comparison.verdicts)
    for verdict in comparison.verdicts:
        name = clean(verdict.metric)
        style = _STYLES.get(verdict.outcome, "")
        out.line(f"{name}{' ' * (width - cell_width(name))}  {comparison.sentence(verdict)}{_effect(verdict)}", style)
    out.line()


def _effect(verdict: Verdict) -> str:
    """`; +0.012 [+0.004, +0.02]`: the difference of the means and its 95 % interval."""
    if verdict.effect is None or verdict.low is None or verdict.high is None or verdict.outcome is Outcome.SAME:
        return ""
    return f"; {verdict.effect:+.3g} [{verdict.low:+.3g}, {verdict.high:+.3g}]"


def _group_rows(comparison: Comparison, *, everything: bool) -> Iterator[list[Cell]]:
    """Rows of cells, one per group; a heading row before each part. What differs by the seed alone does not count."""
    groups, base = comparison.groups, comparison.base_group
    yield [Styled("metrics", "bold"), *([""] * len(groups))]
    for row in comparison.metrics:
        found = [stats(one, row.key) for one in groups]
        yield [f"  {row.key}", *(_mean(one, found[base], at == base) for at, one in enumerate(found))]
    parts = (
        ("params", comparison.params),
        ("datasets", comparison.datasets),
        ("environment", comparison.environment),
    )
    for title, rows in parts:
        told = [(row.key, [_several(values) for values in comparison.of_groups(row)]) for row in rows]
        shown = [(key, texts) for key, texts in told if everything or len(set(texts)) > 1]
        if shown:
            same = f" ({len(told) - len(shown)} the same)" if len(told) > len(shown) else ""
            yield [Styled(f"{title}{same}", "bold"), *([""] * len(groups))]
            for key, texts in shown:
                yield [f"  {key}", *texts]


def _mean(one: GroupStats, base: GroupStats, is_base: bool) -> str:
    if not one.n:
        return NOTHING
    spread = f" ± {one.sd:.2g}" if one.n > 1 else ""
    delta = "" if is_base or not base.n else format_delta(one.mean, base.mean)
    left = f", {one.left_out} left out" if one.left_out else ""
    return f"{format_value(one.mean)}{spread} ({one.n}{left})" + (f" {delta}" if delta else "")


def _several(values: Sequence[Value]) -> str:
    texts = [format_value(value) for value in values]
    text = ", ".join(texts)
    return text if len(text) <= _VALUE else f"{len(texts)} values" if len(texts) > 1 else text[: _VALUE - 1] + "…"


def _rows(comparison: Comparison, base: int, *, everything: bool) -> Iterator[list[Cell]]:
    """Rows of cells, key first; a heading row before each part."""
    parts = (
        ("params", comparison.params),
        ("metrics", comparison.metrics),
        ("datasets", comparison.datasets),
        ("environment", comparison.environment),
    )
    for title, rows in parts:
        shown = [row for row in rows if everything or row.differs or title == "metrics"]
        if not shown:
            continue
        same = len(rows) - len(shown)
        note = f"({same} the same)" if same else ""
        yield [Styled(f"{title} {note}".rstrip(), "bold"), *([""] * len(comparison.runs))]
        for row in shown:
            yield [f"  {row.key}", *_values(row, title, base)]


def _values(row: Row, part: str, base: int) -> Iterator[Cell]:
    for at, value in enumerate(row.values):
        text = format_value(value)
        if part == "environment" and len(text) > _VALUE:
            text = text[:_HASH] + "…"
        delta = format_delta(value, row.values[base]) if part == "metrics" and at != base else ""
        yield f"{text} ({delta})" if delta else (text if len(text) <= _VALUE else text[: _VALUE - 1] + "…") or NOTHING


def _blocks(titles: Sequence[str], rows: Sequence[Sequence[Cell]], base: int, room: int | None) -> Iterator[list[int]]:
    """Columns of each block: the baseline, and others while there is room (at least one)."""
    others = [at for at in range(len(titles)) if at != base]
    if room is None:
        yield list(range(len(titles)))
        return
    widths = [max([cell_width(title), *(_width(row[1 + at]) for row in rows)]) for at, title in enumerate(titles)]
    key = max((_width(row[0]) for row in rows), default=0)
    block: list[int] = []
    used = key + _GAP + widths[base]
    for at in others:
        if block and used + _GAP + widths[at] > room:
            yield [base, *block]
            block, used = [], key + _GAP + widths[base]
        block.append(at)
        used += _GAP + widths[at]
    if block or not others:
        yield [base, *block]


def _width(cell: Cell) -> int:
    return cell_width(cell.text if isinstance(cell, Styled) else cell)
