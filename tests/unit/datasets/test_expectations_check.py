"""Every rule, passing and failing, on real files of each kind."""

import datetime as dt
from collections.abc import Sequence
from math import inf, nan
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.datasets import tables
from lab.datasets.expectations import check
from lab.domain.datasets import Column
from lab.domain.expectations import (
    CheckReport,
    ColumnRule,
    Expectations,
    FreshnessRule,
    PanderaRule,
    Result,
    RowsRule,
    SchemaRule,
    Severity,
    UniqueRule,
)

WARN, BLOCK = Severity.WARN, Severity.BLOCK
NOW = dt.datetime(2026, 5, 2, 12, tzinfo=dt.UTC).timestamp()


def local(*parts: int) -> dt.datetime:
    """A time without a zone, as tables and settings hold them."""
    return dt.datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


SALES = pl.DataFrame(
    {
        "id": [1, 2, 3, 4, 5],
        "amount": [1.5, 2.5, None, 1000.0, -3.0],
        "country": ["CH", "DE", "CH", "FR", None],
        "code": ["A-1", "A-22", "B-3", "bad", "C-4\n"],
        "day": [dt.date(2026, 4, 28 + i) if i < 3 else dt.date(2026, 5, i - 2) for i in range(5)],
        "paid": [True, False, True, None, True],
        "shop": [1, 1, 2, 2, 1],
        "till": [1, 2, 1, 1, 1],
    }
)


@pytest.fixture(params=["csv", "parquet", "jsonl"])
def sales(request: pytest.FixtureRequest, tmp_path: Path) -> pl.LazyFrame:
    return stored(SALES, tmp_path, request.param)


def stored(frame: pl.DataFrame, folder: Path, kind: str) -> pl.LazyFrame:
    path = folder / f"table.{kind}"
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[kind](path)
    return tables.scan([(path.name, path)])


def one(frame: pl.LazyFrame, rule: str, column: str, value: object, key: Sequence[str] = ()) -> Result:
    expect = Expectations(columns={column: (ColumnRule(rule, value, BLOCK),)})
    report = check(frame, expect, key=key, now=NOW)
    assert CheckReport.from_json(report.to_json()) == report
    (result,) = report.results
    return result


@pytest.mark.parametrize(
    ("column", "rule", "value"),
    [
        ("id", "not_null", 0.0),
        ("amount", "not_null", 0.2),
        ("id", "unique", True),
        ("amount", "unique", True),
        ("amount", "range", (-3, 1000.0)),
        ("id", "range", (1, inf)),
        ("id", "range", (-inf, 5.5)),
        ("id", "range", (-(10**30), 1e300)),
        ("country", "values", ("CH", "DE", "FR")),
        ("shop", "values", (1, 2.0, 3.5, 10**30)),
        ("amount", "values", (1.5, 2.5, 1000, -3)),
        ("paid", "values", (True, False)),
        ("country", "pattern", "[A-Z]{2}"),
        ("country", "length", (2, 2)),
        ("code", "length", (3, inf)),
        ("id", "type", "int"),
        ("id", "type", "number"),
        ("amount", "type", "float"),
        ("amount", "type", "FLOAT64"),
        ("country", "type", "text"),
        ("paid", "type", "bool"),
        ("day", "range", (dt.date(2026, 4, 28), dt.date(2026, 5, 2))),
        ("day", "range", (local(2026, 4, 28), inf)),
        ("day", "range", (dt.datetime(2026, 4, 27, 23, tzinfo=dt.timezone(-dt.timedelta(hours=1))), inf)),
    ],
)
def test_rules_that_hold(sales: pl.LazyFrame, column: str, rule: str, value: object) -> None:
    result = one(sales, rule, column, value)
    assert result.ok, result.sentence
    assert (result.failing, result.sample.rows, result.skipped) == (0, (), False)
    assert result.sentence.startswith(f"{column}: ")


@pytest.mark.parametrize(
    ("column", "rule", "value", "numbers", "sentence"),
    [
        ("amount", "not_null", 0.0, [3], "amount: 1 of 5 rows are null; found 20 % nulls"),
        ("amount", "not_null", 0.19, [3], "amount: 1 of 5 rows are null, more than 19 %; found 20 % nulls"),
        ("shop", "unique", True, [1, 2, 5, 3, 4], "shop: 5 of 5 rows are there more than once; found 2 different ones"),
        ("amount", "range", (0, 1e3), [5], "amount: 1 of 5 rows are outside 0 to 1000; found -3 to 1000"),
        ("amount", "range", (0, 999), [4, 5], "amount: 2 of 5 rows are outside 0 to 999"),
        ("id", "range", (1.5, inf), [1], "id: 1 of 5 rows are outside at least 1.5; found 1 to 5"),
        ("id", "range", (10**30, inf), [1, 2, 3, 4, 5], "id: 5 of 5 rows are outside at least 1"),
        ("id", "range", (-inf, -1e300), [1, 2, 3, 4, 5], "id: 5 of 5 rows are outside at most -1e+300"),
        ("country", "values", ("CH",), [2, 4], "country: 2 of 5 rows are none of the values allowed; found DE, FR"),
        ("shop", "values", (1, 3.5), [3, 4], "shop: 2 of 5 rows are none of the values allowed; found 2"),
        ("paid", "values", (True,), [2], "paid: 1 of 5 rows are none of the values allowed; found "),
        ("code", "pattern", r"[A-Z]-\d+", [4, 5], r"code: 2 of 5 rows do not match [A-Z]-\d+; found bad, C-4"),
        ("code", "length", (4, 9), [1, 3, 4], "code: 3 of 5 rows are not 4 to 9 characters long; found 3 to 4 char"),
        ("day", "range", (dt.date(2026, 4, 29), dt.date(2026, 5, 1)), [1, 5], "day: 2 of 5 rows are outside 2026-0"),
    ],
)  # fmt: skip
def test_rules_that_fail_blame_rows(
    sales: pl.LazyFrame, column: str, rule: str, value: object, numbers: list[int], sentence: str
) -> None:
    result = one(sales, rule, column, value, key=["id"])
    assert not result.ok
    assert result.sentence.startswith(sentence)
    assert list(result.sample.numbers) == numbers
    assert result.failing == len(numbers)
    assert result.sample.columns[:2] == tuple(dict.fromkeys(["id", column, "amount"]))[:2]
    assert [row[0] for row in result.sample.rows] == [str(SALES["id"][number - 1]) for number in numbers]


@pytest.mark.parametrize(
    ("column", "rule", "value", "sentence"),
    [
        ("amuont", "range", (0, 1), "there is no column 'amuont'; did you mean 'amount'?"),
        ("zzz", "not_null", 0.0, "there is no column 'zzz'"),
        ("country", "range", (0, 1), "country holds String, which cannot be compared with numbers"),
        ("paid", "range", (0, 1), "paid holds Boolean, which cannot be compared with numbers"),
        ("id", "range", (dt.date(2020, 1, 1), inf), "id holds Int64, which is no date or time"),
        ("id", "range", (dt.time(1), inf), "id holds Int64, which cannot be compared with times of day"),
        ("id", "values", ("1", "2"), "id holds Int64, and the values allowed are text"),
        ("country", "values", (1, 2), "country holds String, and the values allowed are numbers"),
        ("id", "values", (True,), "id holds Int64, and the values allowed are true or false"),
        ("id", "pattern", "1", "id holds Int64, and a pattern is for text"),
        ("amount", "length", (1, 2), "amount holds Float64, which has no length"),
        ("country", "type", "int", "country is String, not int"),
        ("id", "type", "float", "id is Int64, not float"),
        ("country", "pattern", "(", "country cannot be checked: regex error: regex parse error"),
        ("country", "pattern", "(?=a)", "look-around"),
        ("country", "pattern", "(a{1000}){1000}", "country cannot be checked: regex error: Compiled regex exceeds"),
    ],
)
def test_rules_that_cannot_be_put_to_a_column_fail_with_a_sentence(
    sales: pl.LazyFrame, column: str, rule: str, value: object, sentence: str
) -> None:
    result = one(sales, rule, column, value)
    assert not result.ok
    assert sentence in result.sentence
    assert (result.failing, result.sample.rows) == (None, ())


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_nan_counts_as_null_and_infinities_as_numbers(tmp_path: Path, kind: str) -> None:
    frame = stored(pl.DataFrame({"x": [nan, nan, None, 1.0, inf], "y": 1}), tmp_path, kind)
    assert one(frame, "not_null", "x", 0.5).failing == 3
    assert one(frame, "not_null", "x", 0.6).ok
    assert one(frame, "unique", "x", value=True).ok
    assert one(frame, "range", "x", (1, inf)).ok
    assert one(frame, "range", "x", (1, 1e308)).sample.numbers == (5,)
    assert one(frame, "values", "x", (1.0,)).sample.rows == (("inf", "1"),)
    only = stored(pl.DataFrame({"x": [nan, nan]}), tmp_path, kind)
    for rule, value in (("range", (5, 6)), ("values", (1.0,)), ("unique", True)):
        assert one(only, rule, "x", value).ok


def test_an_empty_table_breaks_nothing_but_the_number_of_rows(tmp_path: Path) -> None:
    rules = {
        "a": (ColumnRule("not_null", 0.0, BLOCK), ColumnRule("unique", True, WARN), ColumnRule("range", (0, 1), BLOCK)),
        "b": (ColumnRule("pattern", "x", BLOCK), ColumnRule("length", (1, 2), BLOCK), ColumnRule("type", "int", BLOCK)),
    }  # fmt: skip
    expect = Expectations(columns=rules, rows=RowsRule(WARN, min=1), unique=UniqueRule(("a", "b"), BLOCK))
    (tmp_path / "empty.csv").write_text("a,b\n")
    report = check(tables.scan([("empty.csv", tmp_path / "empty.csv")]), expect)
    assert [result.rule for result in report.failed] == ["rows"]
    assert (report.ok, report.blocked, report.warnings, report.rows) == (False, False, 1, 0)


def test_a_column_without_values_meets_every_rule_but_not_null(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,\n2,\n")
    frame = tables.scan([("t.csv", tmp_path / "t.csv")])
    for rule, value in (("range", (0, 1)), ("values", (1,)), ("type", "float"), ("unique", True), ("length", (1, 2))):
        assert one(frame, rule, "b", value).ok
    assert not one(frame, "not_null", "b", 0.9).ok


def test_narrow_types_are_compared_as_they_are(tmp_path: Path) -> None:
    frame = stored(
        pl.DataFrame(
            {
                "f": pl.Series([0.1, 0.2], dtype=pl.Float32),
                "u": pl.Series([0, 255], dtype=pl.UInt8),
                "big": pl.Series([2**53 + 1, 2**64 - 1], dtype=pl.UInt64),
                "dec": pl.Series(["1.10", "2.20"]).cast(pl.Decimal(10, 2)),
                "cat": pl.Series(["a", "b"], dtype=pl.Categorical),
                "list": [[1], [1, 2, 3]],
                "bin": [b"\xff", b"\xff\xfe\x00"],
                "when": pl.Series([local(2026, 1, 1, 23, 30), local(2026, 1, 2)]).dt.replace_time_zone("Europe/Zurich"),
                "clock": [dt.time(8), dt.time(20)],
                "wait": [dt.timedelta(1), dt.timedelta(2)],
            }
        ),
        tmp_path,
        "parquet",
    )
    for column, rule, value in [
        ("f", "range", (0.1, 0.2)),
        ("f", "values", (0.1, 0.2)),
        ("u", "range", (-5, 1000)),
        ("u", "values", (0, 255, 256, -1)),
        ("big", "range", (2**53 + 1, 2**64 - 1)),
        ("dec", "range", (1.1, 2.2)),
        ("dec", "values", (1.1, 2.2)),
        ("cat", "values", ("a", "b")),
        ("cat", "pattern", "[ab]"),
        ("list", "length", (1, 3)),
        ("bin", "length", (1, 3)),
        ("list", "type", "list"),
        ("when", "type", "datetime"),
        ("when", "range", (dt.date(2026, 1, 1), dt.date(2026, 1, 1))),  # 22:30 and 23:00 in UTC
        ("when", "values", (local(2026, 1, 1, 22, 30), local(2026, 1, 1, 23))),
        ("clock", "range", (dt.time(8), dt.time(20))),
        ("clock", "values", (dt.time(8), dt.time(20))),
        ("wait", "unique", True),
        ("list", "unique", True),
    ]:
        result = one(frame, rule, column, value)
        assert result.ok, (column, rule, result.sentence)
    assert one(frame, "range", "big", (2**53 + 2, 2**64 - 1)).sample.numbers == (1,)
    assert one(frame, "range", "f", (0.1000001, 1)).sample.numbers == (1,)
    assert one(frame, "length", "list", (2, 9)).sample.rows[0][0] == "[1]"
    assert one(frame, "length", "bin", (2, 9)).sample.rows[0][0] == "ff"
    assert one(frame, "range", "clock", (dt.time(9), inf)).sample.rows[0][0] == "08:00:00"
    assert "Duration" in one(frame, "range", "wait", (0, 1)).sentence


def test_times_in_text_are_read_where_they_are_iso(tmp_path: Path) -> None:
    texts = ["2026-01-01", "2026-01-01T10:00:00.5", "2026-01-01 10:00", "2026-01-01T23:30:00-01:00", "soon", None]
    frame = stored(pl.DataFrame({"t": texts}), tmp_path, "parquet")
    result = one(frame, "range", "t", (dt.date(2026, 1, 1), dt.date(2026, 1, 1)))
    assert result.sample.rows == ((texts[3],), ("soon",))
    assert one(frame, "range", "t", (-inf, dt.date(2026, 1, 2))).sample.numbers == (5,)


def test_a_compound_key(sales: pl.LazyFrame) -> None:
    (result,) = check(sales, Expectations(unique=UniqueRule(("shop", "till"), BLOCK)), key=["id"]).results
    assert (result.column, result.failing) == ("shop, till", 4)
    assert result.sample.columns[:3] == ("id", "shop", "till")
    assert [row[:3] for row in result.sample.rows] == [
        ("1", "1", "1"),
        ("5", "1", "1"),
        ("3", "2", "1"),
        ("4", "2", "1"),
    ]
    assert result.sentence == "shop, till: 4 of 5 rows repeat the values of another; found 3 different ones of 5"
    assert check(sales, Expectations(unique=UniqueRule(("id", "till"), BLOCK))).ok
    assert check(sales, Expectations(unique=UniqueRule(("amount", "shop"), BLOCK))).ok
    (missing,) = check(sales, Expectations(unique=UniqueRule(("shop", "tills"), WARN))).results
    assert missing.sentence == "there is no column 'tills'; did you mean 'till'?"


def test_rows(sales: pl.LazyFrame) -> None:
    for least, most, ok in ((5, 5, True), (6, None, False), (None, 4, False), (0, None, True)):
        (result,) = check(sales, Expectations(rows=RowsRule(BLOCK, least, most))).results
        assert result.ok is ok
    assert result.sentence == "5 rows, at least 0 wanted"


def test_schemas(sales: pl.LazyFrame) -> None:
    columns = [Column(name, str(dtype)) for name, dtype in sales.collect_schema().items()]

    def schema(mode: str, before: Sequence[Column] | None = None, **types: str) -> Result:
        (result,) = check(sales, Expectations(schema=SchemaRule(mode, BLOCK, types)), previous=before).results
        return result

    assert schema("strict").skipped
    assert schema("strict").ok
    assert schema("strict", columns[::-1]).ok
    assert schema("subset", columns[1:3]).ok
    fewer = schema("strict", columns[2:])
    assert fewer.sentence == "columns are not the columns of before: new id, amount"
    gone = schema("subset", [*columns, Column("gone\x1b[2J", "Int64")])
    assert gone.observed == "missing gone[2J"
    retyped = schema("strict", [Column("id", "String"), *columns[1:]])
    assert retyped.observed == "id is Int64, not String"
    declared = {"id": "int", "amount": "number", "country": "text", "code": "String", "paid": "bool"}
    assert schema("columns", **declared).observed == "new day, shop, till"
    kind = "text" if columns[4].type == "String" else "date"
    assert schema("columns", **declared, day=kind, shop="int", till="number").ok
    assert schema("columns", **declared, day=kind, shop="float", till="int").observed == "shop is Int64, not float"


def test_freshness_of_files(sales: pl.LazyFrame) -> None:
    expect = Expectations(freshness=FreshnessRule(86_400, BLOCK))
    for age, ok, observed in ((3600, True, "1h old"), (90_000, False, "25h old"), (-7200, True, "2h in the future")):
        (result,) = check(sales, expect, newest=NOW - age, now=NOW).results
        assert (result.ok, result.observed) == (ok, observed)
    assert result.wanted == "at most 1d old"
    (unknown,) = check(sales, expect, now=NOW).results
    assert unknown.skipped
    assert unknown.ok


def test_freshness_of_a_column(sales: pl.LazyFrame) -> None:
    def fresh(column: str, days: float) -> Result:
        (result,) = check(sales, Expectations(freshness=FreshnessRule(days * 86_400, BLOCK, column)), now=NOW).results
        return result

    assert fresh("day", 1).ok
    assert fresh("id", 1).sentence == "id holds Int64, which is no date or time"
    assert fresh("country", 1).sentence == "country holds no date or time"
    assert fresh("dya", 1).sentence == "there is no column 'dya'; did you mean 'day'?"
    late = check(sales, Expectations(freshness=FreshnessRule(86_400, WARN, "day")), now=NOW + 3 * 86_400).results[0]
    assert not late.ok
    assert late.sentence.startswith("the latest value of day is ")


def test_severities_decide_what_a_failure_does(sales: pl.LazyFrame) -> None:
    def report(*severities: Severity) -> CheckReport:
        return check(sales, Expectations(columns={"id": [ColumnRule("range", (9, 9), one) for one in severities]}))

    assert (report(WARN).blocked, report(WARN).warnings, report(WARN).ok) == (False, 1, False)
    assert (report(WARN, BLOCK).blocked, report(WARN, BLOCK).warnings) == (True, 1)


def test_what_is_no_table_fails_once_and_its_files_are_still_checked() -> None:
    error = tables.NotATableError("a.bin is no table\x1b[2J")
    expect = Expectations(rows=RowsRule(WARN, 1), unique=UniqueRule(("a",), BLOCK), freshness=FreshnessRule(60, BLOCK))
    report = check(error, expect, newest=NOW, now=NOW)
    assert [(result.rule, result.ok, result.severity) for result in report.results] == [
        ("table", False, BLOCK),
        ("freshness", True, BLOCK),
    ]
    assert report.results[0].sentence == "this is no table: a.bin is no table[2J"
    assert report.rows is None
    assert check(error, Expectations(freshness=FreshnessRule(60, BLOCK)), newest=NOW, now=NOW).ok


def test_a_file_broken_inside_is_a_failed_check(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": list(range(10_000))}).write_parquet(path)
    frame = tables.scan([("t.parquet", path)])
    data = bytearray(path.read_bytes())
    data[100 : len(data) // 2] = b"\xff" * (len(data) // 2 - 100)
    path.write_bytes(data)
    report = check(frame, Expectations(columns={"a": (ColumnRule("range", (0, 1), BLOCK),)}))
    assert report.blocked
    assert report.results[0].rule == "table"


def test_hostile_names_and_values(tmp_path: Path) -> None:
    names = ["*", "^.*$", "#", "0", "a\x1b[2J", "", "x" * 500, "len"]
    frame = stored(
        pl.DataFrame({name: [f"v{i}\x1b]0;x\x07" * 99, None] for i, name in enumerate(names)}), tmp_path, "parquet"
    )
    rules = (ColumnRule("not_null", 0.0, BLOCK), ColumnRule("values", ("x",), BLOCK), ColumnRule("unique", True, BLOCK))
    report = check(frame, Expectations(columns=dict.fromkeys(names, rules), unique=UniqueRule(tuple(names), BLOCK)))
    assert len(report.failed) == 2 * len(names)
    for at, result in enumerate(report.failed):
        assert result.failing == 1
        assert "\x1b" not in result.sentence + result.observed
        assert len(result.sentence) < 1000
        assert result.sample.columns[0] == names[at // 2]
        assert all(cell is None or len(cell) <= 200 for row in result.sample.rows for cell in row)


def test_dates_beyond_every_calendar(tmp_path: Path) -> None:
    days = pl.Series([5_000_000, -3_000_000, 2**31 - 1], dtype=pl.Int32).cast(pl.Date)
    frame = stored(pl.DataFrame({"d": days, "n": [[days[:1]], [], []]}, strict=False), tmp_path, "parquet")
    result = one(frame, "range", "d", (dt.date(2020, 1, 1), dt.date(2021, 1, 1)))
    assert result.failing == 3
    assert one(frame, "unique", "d", value=True).ok
    assert check(frame, Expectations(freshness=FreshnessRule(60, BLOCK, "d")), now=NOW).results[0].sentence


def test_samples_are_twenty_rows_in_the_order_of_the_table(tmp_path: Path) -> None:
    frame = stored(pl.DataFrame({"x": range(100_000), "k": [f"k{i}" for i in range(100_000)]}), tmp_path, "csv")
    result = one(frame, "range", "x", (-5, 49_999), key=["k", "gone"])
    assert result.failing == 50_000
    assert result.sample.columns == ("k", "x")
    assert result.sample.numbers == tuple(range(50_001, 50_021))
    assert result.sample.rows[0] == ("k50000", "50000")


def test_pandera_is_left_to_who_can_run_it(sales: pl.LazyFrame) -> None:
    expect = Expectations(pandera=PanderaRule("schemas.Sales", WARN))
    assert check(sales, expect).results[0].skipped
    told = Result("pandera", "", WARN, False, "1 failure", "schemas.Sales", "no")
    assert check(sales, expect, pandera=lambda rule: told).results == (told,)


VALUES = {
    pl.Int8: st.integers(-128, 127),
    pl.UInt64: st.integers(0, 2**64 - 1),
    pl.Float32: st.floats(width=32),
    pl.Float64: st.floats(),
    pl.String: st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    pl.Boolean: st.booleans(),
    pl.Date: st.dates(),
    pl.Datetime: st.datetimes(),
    pl.Time: st.times(),
    pl.Duration: st.timedeltas(dt.timedelta(-1000), dt.timedelta(1000)),
    pl.List(pl.Int64): st.lists(st.integers(-5, 5), max_size=3),
    pl.Null: st.none(),
}
NUMBER = st.one_of(st.floats(allow_nan=False), st.integers(-(2**70), 2**70))
RULES = st.one_of(
    st.tuples(st.just("not_null"), st.floats(0, 1)),
    st.tuples(st.just("unique"), st.just(True)),
    *(
        st.tuples(st.just("range"), st.tuples(bound, bound).map(sorted).map(tuple))
        for bound in (NUMBER, st.dates(), st.datetimes(), st.times())
    ),
    *(
        st.tuples(st.just("values"), st.lists(value, min_size=1, max_size=3).map(tuple))
        for value in (NUMBER, st.text(max_size=2), st.booleans(), st.dates(), st.datetimes(), st.times())
    ),
    st.tuples(st.just("pattern"), st.text(st.sampled_from("ab.*+?()[]{}\\|^$0é"), max_size=6)),
    st.tuples(st.just("type"), st.sampled_from(["int", "text", "Float32", "date"])),
    st.tuples(st.just("length"), st.tuples(st.integers(0, 3), st.one_of(st.integers(3, 5), st.just(inf)))),
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_rule_on_any_column_raises(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(list(VALUES)))
    values = data.draw(st.lists(st.one_of(st.none(), VALUES[dtype]), max_size=6))
    rules = data.draw(st.lists(RULES, min_size=1, max_size=3))
    frame = pl.LazyFrame({"x": pl.Series(values, dtype=dtype)})
    expect = Expectations(columns={"x": [ColumnRule(rule, value, BLOCK) for rule, value in rules]})
    report = check(frame, expect, key=["x"], now=NOW)
    assert [result.rule for result in report.results] == [rule for rule, _ in rules]
    for result in report.results:
        assert result.sentence
        assert (result.failing or 0) <= len(values)
        assert result.ok or result.failing is None or 0 < len(result.sample.rows) == result.failing
        if result.ok:
            assert result.failing in (0, None)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(-20, 20)), max_size=30),
    st.tuples(st.integers(-20, 20), st.integers(-20, 20)).map(sorted),
)
def test_counts_are_those_of_plain_python(values: list[int | None], bounds: list[int]) -> None:
    low, high = bounds
    frame = pl.LazyFrame({"x": pl.Series(values, dtype=pl.Int64)})
    there = [value for value in values if value is not None]
    assert one(frame, "range", "x", (low, high)).failing == sum(not low <= value <= high for value in there)
    assert one(frame, "values", "x", (low, high)).failing == sum(value not in (low, high) for value in there)
    assert one(frame, "unique", "x", value=True).failing == sum(there.count(value) > 1 for value in there)
    assert one(frame, "not_null", "x", 0.0).failing == values.count(None)
