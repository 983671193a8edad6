"""Hold a table against what is expected of it: one pass over the data, and a second where something fails."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
from polars.exceptions import PanicException, PolarsError

from lab.dataclass import dataclass
from lab.datasets import tables
from lab.datasets.column_rules import Test, Unfit, column_test, iso, moments, unique_test
from lab.datasets.expect_drift import drift_results
from lab.datasets.formats import column
from lab.domain.datasets import Column
from lab.domain.expectations import (
    SAMPLE_ROWS,
    CheckReport,
    Expectations,
    FreshnessRule,
    PanderaRule,
    Result,
    RowsRule,
    Sample,
    SchemaRule,
    Severity,
    format_duration,
    type_matches,
)
from lab.domain.text import clean

_SAMPLE_COLUMNS = 8
_CELL_MAX = 200  # characters of a sampled value
_LISTED = 5  # names or values that a sentence lists
_DAY = 86_400


def check(
    frame: pl.LazyFrame | tables.NotATableError,
    expect: Expectations,
    *,
    key: Sequence[str] = (),
    newest: float | None = None,
    now: float | None = None,
    previous: Sequence[Column] | None = None,
    reference: pl.LazyFrame | None = None,
    pandera: Callable[[PanderaRule], Result] | None = None,
) -> CheckReport:
    """Results of all rules; nothing that a table holds or lacks raises.

    `frame` is from `tables.scan`, or the reason why there is none. `key` columns lead the samples. `newest` is when
    the newest file was changed, `now` the time, both in seconds since 1970. `previous` are the columns of the
    version before, which a strict schema or a subset is held against; `reference` is the version that drift is
    measured from. What is not given is skipped, and told so. `pandera` runs the project's own schema.
    """
    began = time.perf_counter()
    now = time.time() if now is None else now
    results: list[Result] = []
    rows: int | None = None
    try:
        if isinstance(frame, tables.NotATableError):
            raise frame
        table = _Table(frame, key, now)
        results, rows = table.check(expect, previous)
        results += _drift(expect, frame, reference, key)
    except tables.NotATableError as error:
        results = _unreadable(expect, error)
    if expect.freshness and not expect.freshness.column:
        results.append(_file_age(expect.freshness, newest, now))
    if expect.pandera:
        results.append(pandera(expect.pandera) if pandera else _no_pandera(expect.pandera))
    return CheckReport(tuple(results), rows, time.perf_counter() - began)


def _unreadable(expect: Expectations, error: tables.NotATableError) -> list[Result]:
    """One failed result in place of all that are about a table; none where nothing is expected of a table."""
    severities = [rule.severity for rules in expect.columns.values() for rule in rules]
    for rule in (expect.schema, expect.rows, expect.unique, expect.drift):
        severities += [rule.severity] if rule else []
    if expect.freshness and expect.freshness.column:
        severities.append(expect.freshness.severity)
    if not severities:
        return []
    severity = Severity.BLOCK if Severity.BLOCK in severities else Severity.WARN
    reason = clean(error.message, 300)
    return [Result("table", "", severity, False, "no table", "a table", f"this is no table: {reason}")]


def _drift(
    expect: Expectations, frame: pl.LazyFrame, reference: pl.LazyFrame | None, key: Sequence[str]
) -> list[Result]:
    rule = expect.drift
    if rule is None:
        return []
    if reference is None:
        sentence = f"there is no {clean(rule.against, 80)} to measure drift from"
        wanted = f"PSI at most {rule.psi:g}"
        return [Result("drift", "", rule.severity, True, "nothing to compare", wanted, sentence, skipped=True)]
    unique = [name for name, rules in expect.columns.items() if any(one.rule == "unique" for one in rules)]
    return drift_results(rule, frame, reference, [*key, *unique])


def _no_pandera(rule: PanderaRule) -> Result:
    sentence = f"the schema {rule.schema} was not run"
    return Result("pandera", "", rule.severity, True, "not run", rule.schema, sentence, skipped=True)


def _file_age(rule: FreshnessRule, newest: float | None, now: float) -> Result:
    wanted = f"at most {format_duration(rule.max_age)} old"
    if newest is None:
        sentence = "the age of the files is not known, so that freshness was not checked"
        return Result("freshness", "", rule.severity, True, "not known", wanted, sentence, skipped=True)
    return _age("the newest file", "", rule, newest, now)


def _age(what: str, name: str, rule: FreshnessRule, last: float, now: float) -> Result:
    age = now - last
    observed = f"{format_duration(age)} old" if age >= 0 else f"{format_duration(-age)} in the future"
    wanted = f"at most {format_duration(rule.max_age)} old"
    return Result("freshness", name, rule.severity, age <= rule.max_age, observed, wanted, f"{what} is {observed}")


@dataclass(frozen=True)
class _Asked:
    """A rule and the test made of it, or why there can be none."""

    rule: str
    columns: tuple[str, ...]
    severity: Severity
    test: Test | None = None
    refusal: str = ""
    wanted: str = ""

    @property
    def label(self) -> str:
        return ", ".join(self.columns)

    @property
    def shown(self) -> str:
        return clean(self.label, 80)


class _Table:
    """A table under check."""

    def __init__(self, frame: pl.LazyFrame, key: Sequence[str], now: float) -> None:
        self._frame = frame
        self._schema = frame.collect_schema()
        self._key = tuple(name for name in key if name in self._schema)
        self._now = now
        self._rows = 0

    def check(self, expect: Expectations, previous: Sequence[Column] | None) -> tuple[list[Result], int]:
        """Results of all rules that the table itself answers, and how many rows it has."""
        asked = self._proved(list(self._asked(expect)))
        fresh = expect.freshness if expect.freshness and expect.freshness.column else None
        latest, refusal = self._latest(fresh) if fresh else (None, "")
        measured, last = self._measure(asked, latest)
        results: list[Result] = []
        if expect.schema:
            results.append(self._columns(expect.schema, previous))
        if expect.rows:
            results.append(self._row_count(expect.rows))
        if fresh:
            results.append(self._freshness(fresh, last, refusal))
        return results + self._judged(asked, measured), self._rows

    def _asked(self, expect: Expectations) -> Iterable[_Asked]:
        for name, rules in expect.columns.items():
            for rule in rules:
                made = _Asked(rule.rule, (name,), rule.severity)
                if name in self._schema:
                    yield replace(made, test=column_test(rule, name, self._schema[name]))
                else:
                    yield replace(made, refusal=self._missing(name))
        if unique := expect.unique:
            made = _Asked("unique", unique.columns, unique.severity)
            missing = [name for name in unique.columns if name not in self._schema]
            if missing:
                yield replace(made, refusal=self._missing(missing[0]))
            else:
                yield replace(made, test=unique_test(unique, self._schema))

    def _missing(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._schema, 1)
        there = f"; did you mean {clean(near[0], 80)!r}?" if near else ""
        return f"there is no column {clean(name, 80)!r}{there}"

    def _proved(self, asked: Sequence[_Asked]) -> list[_Asked]:
        """`asked`, with a refusal where polars does not accept a test: one bad expression would spoil the pass."""
        empty = pl.DataFrame(schema=self._schema).lazy()
        return list(asked) if _refusal(empty, asked) is None else [self._refused(one) for one in asked]

    def _refused(self, asked: _Asked) -> _Asked:
        test = asked.test
        # Only its own columns: a frame of all of them, for each of their rules, takes minutes where they are many.
        error = _refusal(pl.LazyFrame(schema={name: self._schema.get(name) for name in asked.columns}), [asked])
        if test is None or error is None:
            return asked
        reason = clean(" ".join(str(error).split("\n\nThis error")[0].split()), 200)
        return replace(asked, test=None, wanted=test.wanted, refusal=f"cannot be checked: {reason}")

    def _latest(self, rule: FreshnessRule) -> tuple[pl.Expr | None, str]:
        """The last moment in a column in seconds since 1970, or why there is none. A date lasts until its end."""
        if rule.column not in self._schema:
            return None, self._missing(rule.column)
        dtype = self._schema[rule.column]
        try:
            last = moments(column(rule.column), dtype).max().dt.epoch("us") / 1e6
        except Unfit as misfit:
            return None, f"{clean(rule.column, 80)} {misfit}"
        return last + (_DAY if dtype == pl.Date else 0), ""

    def _measure(self, asked: Sequence[_Asked], latest: pl.Expr | None) -> tuple[list[list[Any]], float | None]:
        """What each test measures, and the latest moment: one pass."""
        measures = [measure for one in asked if one.test for measure in one.test.measures]
        row = iter(
            tables.collect(
                self._frame.select(_named([pl.len(), pl.lit(None) if latest is None else latest, *measures]))
            ).row(0)
        )
        self._rows, last = next(row), next(row)
        return [[next(row) for _ in one.test.measures] if one.test else [] for one in asked], last

    def _columns(self, rule: SchemaRule, previous: Sequence[Column] | None) -> Result:
        made = Result("schema", "", rule.severity, True, "", "", "")
        if rule.mode == "columns":
            wanted = dict(rule.columns)
            made = replace(made, wanted=f"exactly {len(wanted)} columns")
        elif previous is None:
            sentence = "there is no version before, so that columns were not compared"
            return replace(made, observed="no version before", wanted=rule.mode, sentence=sentence, skipped=True)
        else:
            wanted = {one.name: one.type for one in previous}
            made = replace(made, wanted=f"{'the' if rule.mode == 'strict' else 'at least the'} columns of before")
        found = {name: str(dtype) for name, dtype in self._schema.items()}
        exact = rule.mode != "columns"
        retyped = [
            f"{clean(name, 60)} is {clean(found[name], 60)}, not {clean(kind, 60)}"
            for name, kind in wanted.items()
            if name in found and not (found[name] == kind if exact else type_matches(kind, found[name]))
        ]
        missing = [name for name in wanted if name not in found]
        added = [name for name in found if name not in wanted and rule.mode != "subset"]
        faults = [f"{kind} {_list(names)}" for kind, names in (("missing", missing), ("new", added)) if names]
        faults += retyped[:_LISTED] + ([f"{len(retyped) - _LISTED} more"] if len(retyped) > _LISTED else [])
        if not faults:
            return replace(made, observed=f"{len(found)} columns", sentence=f"columns are {made.wanted}")
        return replace(
            made, ok=False, observed="; ".join(faults), sentence=f"columns are not {made.wanted}: {'; '.join(faults)}"
        )

    def _row_count(self, rule: RowsRule) -> Result:
        least = "" if rule.min is None else f"at least {rule.min:,}"
        most = "" if rule.max is None else f"at most {rule.max:,}"
        wanted = " and ".join(filter(None, (least, most)))
        ok = (rule.min is None or rule.min <= self._rows) and (rule.max is None or self._rows <= rule.max)
        sentence = f"{_rows(self._rows)}, {wanted} wanted"
        return Result("rows", "", rule.severity, ok, f"{self._rows:,}", wanted, sentence)

    def _freshness(self, rule: FreshnessRule, last: float | None, refusal: str) -> Result:
        if last is not None:
            return _age(f"the latest value of {clean(rule.column, 80)}", rule.column, rule, last, self._now)
        sentence = refusal or f"{clean(rule.column, 80)} holds no date or time"
        wanted = f"at most {format_duration(rule.max_age)} old"
        return Result("freshness", rule.column, rule.severity, False, "not known", wanted, sentence)

    def _judged(self, asked: Sequence[_Asked], measured: Sequence[Sequence[Any]]) -> list[Result]:
        held = [one.test is not None and one.test.holds(found) for one, found in zip(asked, measured, strict=True)]
        blamed = [
            one for one, holds in zip(asked, held, strict=True) if one.test and one.test.bad is not None and not holds
        ]
        samples = dict(zip(map(id, blamed), self._blame(blamed), strict=True)) if blamed else {}
        results = []
        for one, holds, found in zip(asked, held, measured, strict=True):
            failing, sample = samples.get(id(one), (None, Sample()))
            results.append(self._result(one, holds or failing == 0, found, failing, sample))
        return results

    def _result(self, one: _Asked, holds: bool, found: Sequence[Any], failing: int | None, sample: Sample) -> Result:
        made = Result(one.rule, one.label, one.severity, holds, "", one.wanted, "", failing, sample)
        if one.test is None:
            at = "" if one.refusal.startswith("there is no") else f"{one.shown} "
            return replace(made, ok=False, observed="not checked", sentence=f"{at}{one.refusal}")
        observed = one.test.observed(found)
        made = replace(made, observed=observed, wanted=one.test.wanted)
        if holds:
            return replace(made, failing=0, sentence=f"{one.shown}: {one.test.wanted}; found {observed}")
        if failing is None:
            return replace(made, sentence=f"{one.shown} {one.test.complaint}")
        told = f"{one.shown}: {failing:,} of {_rows(self._rows)} {one.test.complaint}"
        if one.test.listing:
            values = dict.fromkeys(row[sample.columns.index(one.columns[0])] for row in sample.rows)
            more = ", …" if len(values) > _LISTED else ""
            observed = ", ".join(clean(str(value), 40) for value in list(values)[:_LISTED]) + more
        return replace(made, observed=observed, sentence=f"{told}; found {observed}")

    def _blame(self, asked: Sequence[_Asked]) -> list[tuple[int, Sample]]:
        """How many rows each failed rule blames, and the first of them: one more pass."""
        number = "#"
        while number in self._schema:
            number += "#"
        wanted: list[pl.Expr] = []
        names: list[tuple[str, ...]] = []
        for one in asked:
            if one.test is None or one.test.bad is None:
                continue
            bad, order = one.test.bad, one.test.order
            shown = self._shown(one.columns)
            names.append(shown)
            cells = [pl.col(number), *(_cell(name, self._schema[name]) for name in shown)]
            rows = pl.struct(_named(cells)).filter(bad)
            rows = rows.sort_by(order.filter(bad), maintain_order=True) if order is not None else rows
            wanted += [bad.sum(), rows.head(SAMPLE_ROWS).implode()]
        found = iter(tables.collect(self._frame.with_row_index(number, offset=1).select(_named(wanted))).row(0))
        return [(next(found), _sample(shown, next(found))) for shown in names]

    def _shown(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The columns of a sample: the key, those that the rule is about, others as far as there is room."""
        first = dict.fromkeys((*self._key, *columns))
        others = (name for name in self._schema if name not in first)
        room = max(0, _SAMPLE_COLUMNS - len(first))
        return (*first, *(name for _, name in zip(range(room), others, strict=False)))


def _refusal(empty: pl.LazyFrame, asked: Iterable[_Asked]) -> BaseException | None:
    """What polars says against tests, if anything; `empty` is a frame without rows."""
    tests = [one.test for one in asked if one.test is not None]
    measures = [measure for test in tests for measure in test.measures]
    try:
        empty.select(_named([*measures, *(test.bad.sum() for test in tests if test.bad is not None)])).collect()
    except (PolarsError, PanicException) as error:
        return error
    return None


def _named(expressions: Iterable[pl.Expr]) -> list[pl.Expr]:
    """Expressions under names that cannot meet."""
    return [expression.alias(str(at)) for at, expression in enumerate(expressions)]


def _cell(name: str, dtype: pl.DataType) -> pl.Expr:
    """A value that Python can take, whatever it is: dates outside of its calendar as text, huge text cut."""
    cell = column(name)
    if dtype.is_temporal():
        return iso(cell, dtype)
    if dtype in (pl.Categorical, pl.Enum, pl.String):
        return cell.cast(pl.String).str.head(_CELL_MAX + 1)
    if dtype == pl.Binary:
        return cell.bin.slice(0, _CELL_MAX // 2).bin.encode("hex")
    if dtype.is_numeric() or dtype == pl.Boolean:
        return cell
    if isinstance(dtype, pl.List) and not dtype.inner.is_nested() and dtype.inner not in (pl.Binary, pl.Null):
        items = cell.list.head(_CELL_MAX // 2).cast(pl.List(pl.String)).list.join(", ", ignore_nulls=True)
        return pl.format("[{}]", items.str.head(_CELL_MAX + 1))
    return pl.when(cell.is_not_null()).then(pl.lit(f"({clean(str(dtype), 60)})"))


def _sample(columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> Sample:
    cells = [list(row.values()) for row in rows]
    return Sample(columns, tuple(tuple(map(_text, row[1:])) for row in cells), tuple(int(row[0]) for row in cells))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = str(value)
    return text if len(text) <= _CELL_MAX else text[: _CELL_MAX - 1] + "…"


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(clean(name, 60) for name in names[:_LISTED]) + more


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
