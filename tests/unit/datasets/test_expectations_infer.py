import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.datasets import profile, tables
from lab.datasets.expectations import check
from lab.datasets.infer import infer
from lab.domain.expectations import CheckReport, ColumnRule, DriftRule, Expectations, RowsRule, Severity
from lab.settings import load_project

BLOCK = Severity.BLOCK


def proposed(
    frame: pl.DataFrame, folder: Path, kind: str = "parquet", dataset: str = "sales"
) -> tuple[Expectations, CheckReport]:
    """What is proposed for a table once it went through lab.toml, and what the table itself makes of it."""
    path = folder / f"table.{kind}"
    frame.write_csv(path) if kind == "csv" else frame.write_parquet(path)
    files = [(path.name, path)]
    text = infer(profile.compute(files), dataset)
    (folder / "lab.toml").write_text(f'[project]\nname = "x"\n[datasets."{dataset}"]\npath = "x"\n{text}')
    expect = load_project(folder).dataset(dataset).expect
    return expect, check(tables.scan(files), expect)


SALES = pl.DataFrame(
    {
        "id": range(1000),
        "amount": [i * 0.93 for i in range(1000)],
        "below": [-i / 7 for i in range(1000)],
        "country": ["CH", "DE", 'F"R'] * 333 + ["CH"],
        "stars": [1 + i % 5 for i in range(1000)],
        "rare": [None if i % 10 else i / 3 for i in range(1000)],
        "gaps": [i / 3 if i % 10 else None for i in range(1000)],
        "mail": [f"someone{i % 3}@example.com" for i in range(1000)],
        "paid": [True, False] * 500,
        "any name.at all": ["x"] * 1000,
    }
)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_is_proposed_for_sales(tmp_path: Path, kind: str) -> None:
    expect, report = proposed(SALES, tmp_path, kind, "my.sales")
    assert report.ok, [result.sentence for result in report.failed]
    rules = {name: {rule.rule: rule.value for rule in rules} for name, rules in expect.columns.items()}
    assert rules["id"] == {"type": "int", "not_null": 0.0, "unique": True}
    assert rules["amount"] == {"type": "number", "not_null": 0.0, "range": (0, 1030)}
    assert rules["below"]["range"] == (-160, 0)
    assert rules["country"] == {"type": "text", "not_null": 0.0, "values": ("CH", "DE", 'F"R')}
    assert rules["stars"]["values"] == (1, 2, 3, 4, 5)
    assert set(rules["rare"]) == {"type", "range"}
    assert rules["gaps"]["not_null"] == 0.13
    assert "values" not in rules["mail"]
    assert rules["paid"] == {"type": "bool", "not_null": 0.0}
    assert expect.columns["any name.at all"] == (ColumnRule("type", "text", BLOCK), ColumnRule("not_null", 0.0, BLOCK))
    assert expect.rows == RowsRule(BLOCK, min=500)
    assert expect.drift == DriftRule(0.25, Severity.WARN)


def test_nothing_is_proposed_for_what_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("x")
    assert infer(profile.compute([("note.txt", tmp_path / "note.txt")]), "notes") == ""
    (tmp_path / "empty.csv").write_text("a,b\n")
    assert infer(profile.compute([("empty.csv", tmp_path / "empty.csv")]), "empty") == ""


COLUMNS = st.one_of(
    st.tuples(st.sampled_from([pl.Int64, pl.Float64, pl.Int128]), st.lists(st.integers(-(2**53), 2**53), min_size=1)),
    st.tuples(st.sampled_from([pl.Int8, pl.Float32]), st.lists(st.integers(-128, 127), min_size=1)),
    st.tuples(st.just(pl.UInt64), st.lists(st.integers(0, 2**64 - 1), min_size=1)),
    st.tuples(st.just(pl.Float64), st.lists(st.floats(), min_size=1)),
    st.tuples(st.just(pl.Float32), st.lists(st.floats(width=32), min_size=1)),
    st.tuples(st.just(pl.Decimal(20, 3)), st.lists(st.decimals(-1000, 1000, places=3), min_size=1)),
    st.tuples(st.just(pl.String), st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), min_size=1)),
    st.tuples(st.just(pl.Boolean), st.lists(st.booleans(), min_size=1)),
    st.tuples(st.just(pl.Date), st.lists(st.dates(), min_size=1)),
    st.tuples(st.just(pl.Duration), st.lists(st.timedeltas(dt.timedelta(-9), dt.timedelta(9)), min_size=1)),
    st.tuples(st.just(pl.List(pl.Int64)), st.lists(st.lists(st.integers(0, 3), max_size=2), min_size=1)),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, COLUMNS, st.booleans(), st.integers(1, 40))
def test_what_is_proposed_holds_for_any_column(
    tmp_path: Path, name: str, column: tuple[pl.DataType, list[object]], nulls: bool, times: int
) -> None:
    dtype, values = column
    series = pl.Series(name, [*values, None] * times if nulls else values * times, dtype=dtype)
    expect, report = proposed(pl.DataFrame({name: series}), tmp_path)
    assert report.ok, [result.sentence for result in report.failed]
    assert set(expect.columns) <= {name}
