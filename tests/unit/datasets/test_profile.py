import datetime
import json
import math
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lab.datasets import pii, profile, relations
from lab.datasets.columns import column_profile, sorted_quantiles
from lab.datasets.profile import compute
from lab.domain.profiles import MASKED, QUANTILES, ColumnProfile, Leakage, Pii, Profile, TableProfile


def table_of(tmp_path: Path, frame: pl.DataFrame, label: str = "") -> TableProfile:
    frame.write_parquet(tmp_path / "object")
    found = compute([("x.parquet", tmp_path / "object")], label)
    assert Profile.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found
    assert found.table is not None, found.notes
    return found.table


def by_name(table: TableProfile) -> dict[str, ColumnProfile]:
    return {column.name: column for column in table.columns}


def test_numbers() -> None:
    found = column_profile(pl.Series("x", [3.0, 1.0, None, 2.0, 2.0, math.nan, math.inf, -math.inf, 2.0]))
    assert (found.kind, found.nulls, found.nans, found.infinities, found.distinct) == ("number", 1, 1, 2, 6)
    assert (found.minimum, found.maximum, found.mean) == (1.0, 3.0, 2.0)
    assert found.sd == pytest.approx(np.std([1, 2, 2, 2, 3], ddof=1))
    assert found.quantiles == pytest.approx(np.percentile([1, 2, 2, 2, 3], QUANTILES))
    assert found.histogram.edges == pytest.approx(np.linspace(1, 3, 21))
    assert (found.histogram.counts[0], found.histogram.counts[10], found.histogram.counts[19]) == (1, 3, 1)
    assert not found.constant
    assert not found.id_like


@settings(deadline=None)
@given(st.lists(st.none() | st.floats() | st.integers(-5, 5).map(float), max_size=40))
def test_numbers_agree_with_numpy(values: list[float | None]) -> None:
    found = column_profile(pl.Series("x", values, dtype=pl.Float64))
    known = [value for value in values if value is not None]
    finite = [value for value in known if math.isfinite(value)]
    assert found.nulls == len(values) - len(known)
    assert found.distinct == len({("nan" if math.isnan(value) else value) for value in known})
    assert found.nans + found.infinities == len(known) - len(finite)
    assert sum(found.histogram.counts) == len(finite)
    if finite:
        assert (found.minimum, found.maximum) == (min(finite), max(finite))
        assert len(found.quantiles) == len(QUANTILES)
        assert list(found.quantiles) == sorted(found.quantiles)
        with np.errstate(all="ignore"):
            expected = np.percentile(finite, QUANTILES)
        if np.isfinite(expected).all():
            assert found.quantiles == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_quantiles_of_huge_values_are_finite() -> None:
    assert sorted_quantiles(np.array([-1.7e308, 1.7e308]), (50,)) == (0.0,)
    assert sorted_quantiles(np.array([-(2**63), 2**63 - 1]), (0, 100)) == (-(2.0**63), 2.0**63)
    found = column_profile(pl.Series("x", [-1.7e308, 1.7e308]))
    assert np.isfinite(found.histogram.edges).all()
    assert found.histogram.counts[0] == found.histogram.counts[-1] == 1


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt64, pl.Int128, pl.Float32, pl.Decimal(20, 2)], ids=str)
def test_numbers_of_every_type(dtype: pl.DataType) -> None:
    found = column_profile(pl.Series("x", [1, 2, 2, 5, None]).cast(dtype))
    assert (found.distinct, found.minimum, found.maximum, found.mean) == (3, 1, 5, 2.5)
    assert found.top[0][1] == 2


def test_whole_numbers_beyond_floats_stay_apart() -> None:
    big = 2**63
    found = column_profile(pl.Series("x", [big, big + 1, big + 2], dtype=pl.Int128))
    assert found.distinct == 3
    assert found.id_like


def test_text() -> None:
    found = column_profile(pl.Series("x", ["b", "a", "b", None, "ccc", "", "x" * 500]))
    assert (found.kind, found.distinct, found.nulls, found.first) == ("text", 5, 1, "")
    assert found.top[0] == ("b", 2)
    assert found.lengths == (0.0, pytest.approx(506 / 6), 500.0)
    assert found.last == "x" * 199 + "…"


def test_times() -> None:
    days = [datetime.date(1969, 12, 31), datetime.date(2026, 1, 1), None, datetime.date(2026, 1, 1)]
    found = column_profile(pl.Series("x", days))
    assert (found.kind, found.first, found.last, found.distinct) == ("time", "1969-12-31", "2026-01-01", 2)
    assert found.histogram.edges[0] == -86400
    moments = pl.Series("x", ["2026-01-01 12:00", "2026-01-02 00:00"]).str.to_datetime()
    assert column_profile(moments).first.startswith("2026-01-01 12:00:00")
    written = column_profile(pl.Series("x", ["2026-01-02T03:04:05Z", "2025-12-31", "2026-01-01"]))
    assert (written.kind, written.first, written.last) == ("time", "2025-12-31", "2026-01-02T03:04:05Z")
    assert sum(written.histogram.counts) == 3
    assert column_profile(pl.Series("x", ["2026-13-02", "2026-01-01"])).kind == "text"
    for odd in (pl.Series("x", [datetime.timedelta(days=1)]), pl.Series("x", [datetime.time(1)])):
        assert column_profile(odd).distinct == 1
    far = column_profile(pl.Series("x", [2**62, -(2**62)], dtype=pl.Int64).cast(pl.Datetime("ms")))
    assert (far.distinct, far.last) == (2, "4.61168601842739e+15 s")


def test_other_types() -> None:
    assert column_profile(pl.Series("x", [True, False, True, None])).top == (("true", 2), ("false", 1))
    assert column_profile(pl.Series("x", [[1], None])).kind == "nested"
    assert column_profile(pl.Series("x", [b"a", b"b"])).distinct == 2
    assert column_profile(pl.Series("x", [None, None])).constant
    assert column_profile(pl.Series("x", ["a", "a"]).cast(pl.Categorical)).constant
    assert not column_profile(pl.Series("x", [], dtype=pl.String)).constant


def test_a_table(tmp_path: Path) -> None:
    n = 500
    draw = np.random.default_rng(0)
    x = draw.normal(size=n)
    frame = pl.DataFrame(
        {
            "\x1b[31mkey": range(n),
            "x": x,
            "-x": -x + draw.normal(size=n) * 0.01,
            "noise": draw.normal(size=n),
            "same": [7] * n,
            "copy of x": x,
        }
    )
    found = table_of(tmp_path, frame)
    columns = by_name(found)
    assert (found.rows, found.duplicate_rows, found.sampled) == (n, 0, n)
    assert columns["\x1b[31mkey"].id_like
    assert not columns["x"].id_like
    assert columns["same"].constant
    assert [column.duplicate_of for column in found.columns] == ["", "", "", "", "", "x"]
    strongest = {(pair.one, pair.other): pair.r for pair in found.correlations}
    assert strongest["x", "copy of x"] == pytest.approx(1)
    assert strongest["x", "-x"] == pytest.approx(np.corrcoef(x, frame["-x"])[0, 1])
    assert not any("noise" in pair for pair in strongest if abs(strongest[pair]) > 0.3)


def test_duplicate_rows(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 1, 2, 1, None, None], "b": [math.nan, math.nan, 1.0, 2.0, None, None]})
    assert table_of(tmp_path, frame).duplicate_rows == 2


def test_groups_of_columns_tell_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    frame = pl.DataFrame({f"c{number}": draw.integers(0, 3, 3000) for number in range(6)})
    frame = frame.with_columns(pl.col("c0").alias("again"), pl.col("c1").cast(pl.String).alias("text"))
    monkeypatch.setattr(profile, "SAMPLE_ROWS", 1000)
    whole = table_of(tmp_path, frame)
    monkeypatch.setattr(profile, "_GROUP_BYTES", 3000 * 20)
    assert table_of(tmp_path, frame) == whole
    assert whole.duplicate_rows == 3000 - frame.n_unique()
    assert (whole.sampled, by_name(whole)["again"].duplicate_of) == (1000, "c0")


def test_leakage_of_a_class(tmp_path: Path) -> None:
    n = 2000
    draw = np.random.default_rng(0)
    score = draw.normal(size=n)
    label = np.where(score > 0.3, "yes", "no")
    frame = pl.DataFrame(
        {
            "id": range(n),
            "token": [f"{number:x}" for number in range(n)],
            "score": score,
            "code": np.where(label == "yes", 17, 4),
            "reason": ["granted" if value == "yes" else None for value in label],
            "weak": score + draw.normal(size=n),
            "noise": draw.normal(size=n),
            "label": label,
        }
    )
    found = table_of(tmp_path, frame, "label")
    assert {leak.column for leak in found.leakage} == {"score", "code", "reason"}
    assert found.leakage[0] == Leakage("code", "U", 1.0)
    assert found.label == "label"


def test_leakage_of_a_number(tmp_path: Path) -> None:
    n = 4000
    draw = np.random.default_rng(0)
    price = draw.gamma(2, 100, n)
    frame = pl.DataFrame(
        {
            "gross": price * 1.2 + draw.normal(size=n),
            "weak": price + draw.normal(size=n) * 200,
            "noise": draw.normal(size=n),
            "price": price,
        }
    )
    found = table_of(tmp_path, frame, "price")
    assert [(leak.column, leak.measure) for leak in found.leakage] == [("gross", "eta2")]


def test_leakage_needs_rows_and_a_label(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": range(50), "label": range(50)})
    assert table_of(tmp_path, frame, "label").leakage == ()
    frame.write_parquet(tmp_path / "object")
    found = compute([("x.parquet", tmp_path / "object")], "nothing\x1b")
    assert found.notes == ("There is no column 'nothing' to be the label.",)


def test_uncertainty_in_closed_form() -> None:
    label = np.array([0, 0, 1, 1])
    assert relations.uncertainty(label, label) == pytest.approx(1)
    assert relations.uncertainty(label, np.array([0, 1, 0, 1])) == pytest.approx(0)
    assert relations.uncertainty(label, np.array([0, 0, 0, 1])) == pytest.approx(
        1 - 0.75 * (-(2 / 3) * math.log2(2 / 3) - (1 / 3) * math.log2(1 / 3))
    )
    assert relations.uncertainty(np.zeros(4, int), label) == 0
    assert relations.correlation_ratio(np.array([1.0, 1.0, 3.0, 3.0]), label) == pytest.approx(1)
    assert relations.correlation_ratio(np.array([1.0, 2.0, 1.0, 2.0]), label) == pytest.approx(0)


def test_correlations_leave_out_what_is_not_known() -> None:
    frame = pl.DataFrame(
        {"a": [1.0, 2.0, 3.0, None, 5.0, math.inf], "b": [2.0, 4.1, 5.9, 1.0, math.nan, 0.0], "c": [1] * 6}
    )
    (pair,) = relations.correlations(frame)
    assert pair.r == pytest.approx(np.corrcoef([1, 2, 3], [2, 4.1, 5.9])[0, 1])
    huge = pl.DataFrame({"a": [1e300, 2e300, 3e300], "b": [1e-300, 2e-300, 3e-300]})
    assert relations.correlations(huge)[0].r == pytest.approx(1)


CARDS = ["4111111111111111", "5500 0000 0000 0004", "3400-0000-0000-009"]
IBANS = ["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "FR1420041010050500013M02606"]
MAILS = ["ada@example.org", "Grace.Hopper@navy.mil", "a+b@sub.example.co"]
PHONES = ["+49 30 901820", "(030) 90 18 20", "030/901820-12", "555-123-4567"]


@pytest.mark.parametrize(("values", "kind"), [(MAILS, "e-mail"), (CARDS, "card"), (IBANS, "iban"), (PHONES, "phone")])
def test_personal_values_are_found_and_never_shown(tmp_path: Path, values: list[str], kind: str) -> None:
    frame = pl.DataFrame({"x": values * 20})
    found = table_of(tmp_path, frame)
    (column,) = found.columns
    assert column.pii == (Pii(kind, 1.0),)
    assert {value for value, _ in column.top} <= {MASKED}
    text = json.dumps(Profile(1, 1, (), found).to_json())
    assert not any(value in text for value in values)


def test_card_numbers_as_numbers_are_not_shown(tmp_path: Path) -> None:
    found = table_of(tmp_path, pl.DataFrame({"x": [4111111111111111, 5500000000000004] * 10}))
    assert found.columns[0].pii == (Pii("card", 1.0),)
    text = json.dumps(Profile(1, 1, (), found).to_json())
    assert "4111111111" not in text
    assert "550000000" not in text


@pytest.mark.parametrize(
    "values",
    [
        ["2026-01-02", "2025-12-31"],
        ["01.02.2026", "31.12.2025"],
        ["192.168.0.1", "10.0.0.255"],
        ["3.14159265", "2.71828182"],
        ["12345678", "23456789"],
        ["DE00370400440532013000", "GB00WEST12345698765432"],
        ["not an address", "at@nothing"],
        ["10 - 20", "30 - 40"],
        [str(random.Random(seed).randrange(10**15, 10**16)) for seed in range(300)],
        [None, None],
        [],
    ],
)
def test_what_is_not_personal(values: list[str | None]) -> None:
    assert pii.find(pl.Series("x", values, dtype=pl.String)) == ()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Email", "e-mail"), ("customerEmail", "e-mail"), ("last-name", "name"), ("Date of Birth", "birth date"),
        ("SSN", "id number"), ("client_ip", "ip address"), ("zip_code", "address"), ("IBAN", "iban"),
    ],
)  # fmt: skip
def test_personal_names(name: str, kind: str) -> None:
    assert pii.find(pl.Series(name, ["x", "y"])) == (Pii(kind, 0.0, by_name=True),)


@pytest.mark.parametrize("name", ["ship", "description", "expand", "telemetry", "recipe", "filename", "snippet", ""])
def test_names_that_are_not_personal(name: str) -> None:
    assert pii.find(pl.Series(name, ["x", "y"])) == ()


def test_check_digits() -> None:
    assert pii.luhn("4111111111111111")
    assert not pii.luhn("4111111111111112")
    assert pii.iban("DE89370400440532013000")
    assert not pii.iban("DE88370400440532013000")


def test_late_values_are_told(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"a\n" + b"1\n" * 10_001 + b"x\n")
    found = compute([("t.csv", tmp_path / "t")])
    assert found.notes == ("Column 'a' is read as String: a later value is no Int64.",)


def test_no_rows(tmp_path: Path) -> None:
    found = table_of(tmp_path, pl.DataFrame(schema={"a": pl.Int64, "b": pl.String, "c": pl.Date, "d": pl.Boolean}))
    assert (found.rows, found.duplicate_rows, found.correlations) == (0, 0, ())
    assert [column.distinct for column in found.columns] == [0, 0, 0, 0]


def test_other_files(tmp_path: Path) -> None:
    for name, size in (("a.bin", 10), ("b.bin", 30), ("README", 5)):
        (tmp_path / name).write_bytes(bytes(size))
    files = [(name, tmp_path / name) for name in ("a.bin", "b.bin", "README")]
    found = compute(files)
    assert [(group.name, group.count, group.bytes) for group in found.groups] == [(".bin", 2, 40), ("", 1, 5)]
    assert (found.files, found.bytes, found.table, found.images) == (3, 45, None, None)
    (tmp_path / "t").write_bytes(b"a\n1\n")
    found = compute([*files, ("t.csv", tmp_path / "t")])
    assert found.table is None
    assert found.notes[0].startswith("Not profiled as a table: a.bin is not CSV")
    assert compute([]).files == 0


def test_a_folder_of_images_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no picture")
    found = compute([("a.png", tmp_path / "x"), ("labels.csv", tmp_path / "x")])
    assert found.images is not None
    assert (found.images.count, found.images.broken) == (1, ("a.png",))


def test_progress_is_told(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "t")
    told: list[str] = []
    compute([("t.parquet", tmp_path / "t")], progress=told.append)
    assert told


frames = st.lists(
    st.tuples(
        st.none() | st.floats(),
        st.none() | st.text(max_size=6),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        st.none() | st.datetimes(),
        st.none() | st.lists(st.integers(0, 3), max_size=2),
    ),
    max_size=12,
)
names = st.lists(st.text(st.characters(codec="utf-8"), max_size=6), min_size=6, max_size=6, unique=True)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames, names)
@example([(1.0, "a", 1, True, None, None)], ["", "^a*$", "*", "a", "^.*$", "x"])
def test_any_values_under_any_names(tmp_path: Path, rows: list[tuple[object, ...]], given_names: list[str]) -> None:
    dtypes = [pl.Float64, pl.String, pl.Int64, pl.Boolean, pl.Datetime("us"), pl.List(pl.Int64)]
    frame = pl.DataFrame(rows, schema=dict(zip(given_names, dtypes, strict=True)), orient="row")
    found = table_of(tmp_path, frame, given_names[0])
    assert found.rows == len(rows)
    assert [column.name for column in found.columns] == given_names
    assert [column.nulls for column in found.columns] == list(frame.null_count().row(0))
    distinct = [frame[name].rename("x").drop_nulls().n_unique() for name in given_names[:-1]]
    assert [column.distinct for column in found.columns[:-1]] == distinct


def test_personal_values_are_found_wherever_they_are() -> None:
    values = ["none"] * 50_000 + [f"user{number}@example.com" for number in range(50_000)]
    assert pii.find(pl.Series("x", values)) == (Pii("e-mail", 0.5, by_name=False),)
