import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lab.datasets import tables
from lab.datasets.expect_drift import SAMPLE
from lab.datasets.expectations import check
from lab.domain.expectations import CheckReport, ColumnRule, DriftRule, Expectations, Severity

WARN, BLOCK = Severity.WARN, Severity.BLOCK
RNG = np.random.default_rng(1)


def table(rows: int = 5000, shift: float = 0, shares: tuple[float, ...] = (0.5, 0.5), begin: int = 0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": range(begin, begin + rows),
            "x": RNG.normal(shift, 1, rows),
            "still": RNG.normal(0, 1, rows),
            "*": RNG.choice(["a", "b", "c", "d"][: len(shares)], rows, p=shares),
            "when": [dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=begin + i) for i in range(rows)],
            "text": [f"text {begin + i}" for i in range(rows)],
        }
    )


def drift(rule: DriftRule, then: pl.DataFrame, now: pl.DataFrame, key: tuple[str, ...] = ("id",)) -> CheckReport:
    return check(now.lazy(), Expectations(drift=rule), key=key, reference=then.lazy())


def test_what_has_not_moved() -> None:
    report = drift(DriftRule(0.2, BLOCK), table(), table(begin=9000))
    (result,) = report.results
    assert (result.ok, result.skipped, result.column) == (True, False, "")
    assert result.sentence.startswith("none of 3 columns has moved from baseline; the most is ")


def test_what_has_moved_is_told_worst_first() -> None:
    report = drift(DriftRule(0.2, WARN, "v3"), table(), table(shift=1, shares=(0.2, 0.2, 0.6)))
    assert [result.column for result in report.results] == ["*", "x"]
    assert (report.blocked, report.warnings) == (False, 2)
    assert report.results[1].sentence.startswith("x has moved from v3: PSI ")
    assert report.results[1].wanted == "PSI at most 0.2"


def test_keys_and_columns_of_unique_values_are_left_out_unless_named() -> None:
    then, now = table(), table(begin=9000)
    assert not drift(DriftRule(0.2, BLOCK), then, now, key=()).ok
    unique = Expectations(drift=DriftRule(0.2, BLOCK), columns={"id": (ColumnRule("unique", True, BLOCK),)})
    assert check(now.lazy(), unique, reference=then.lazy()).ok
    assert drift(DriftRule(0.2, BLOCK, columns=("still",)), then, now, key=()).ok
    assert not drift(DriftRule(0.2, BLOCK, columns=("when",)), then, now).ok


def test_columns_that_cannot_be_compared() -> None:
    then = table().with_columns(x=pl.lit("text"), gone=1)
    report = drift(DriftRule(0.2, BLOCK, columns=("x", "gone", "still")), then, table())
    assert [(result.column, result.ok) for result in report.results] == [("x", False), ("gone", False)]
    assert "not there, or of another kind" in report.results[0].sentence
    nothing = drift(DriftRule(0.2, BLOCK), then.select("gone"), table())
    assert nothing.results[0].skipped


@pytest.mark.parametrize("values", [[], [None, None]])
def test_no_values_are_no_drift(values: list[None]) -> None:
    empty = pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)})
    for then, now in ((empty, empty), (empty, pl.DataFrame({"x": [1.0]})), (pl.DataFrame({"x": [1.0]}), empty)):
        assert drift(DriftRule(0.2, BLOCK), then, now).results[0].skipped


def test_without_a_reference_it_is_skipped() -> None:
    (result,) = check(table().lazy(), Expectations(drift=DriftRule(0.2, BLOCK, "prod"))).results
    assert result.skipped
    assert result.sentence == "there is no prod to measure drift from"


def test_large_tables_are_sampled_whatever_their_order(tmp_path: Path) -> None:
    rows = 5 * SAMPLE
    values = np.sort(RNG.normal(size=rows))
    frames = []
    for name, shift in (("then", 0.0), ("now", 0.0), ("late", 0.3)):
        path = tmp_path / f"{name}.parquet"
        pl.DataFrame({"x": values[:: 1 if name == "then" else -1] + shift}).write_parquet(path)
        frames.append(tables.scan([(path.name, path)]))
    expect = Expectations(drift=DriftRule(0.05, BLOCK))
    assert check(frames[1], expect, reference=frames[0]).ok
    assert not check(frames[2], expect, reference=frames[0]).ok
