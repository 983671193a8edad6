from __future__ import annotations

from lab.domain.profiles import (
    NUMBER,
    QUANTILES,
    TEXT,
    TIME,
    ColumnProfile,
    Correlation,
    FileGroup,
    Histogram,
    ImagesProfile,
    Leakage,
    Pii,
    Profile,
    TableProfile,
)
from lab.ui.render.cells import tidy, width_of
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.profile_pages import column_page, files_page
from lab.ui.render.profiles import (
    COLUMNS,
    column_flags,
    column_rows,
    percent,
    trouble_page,
    trouble_rows,
    troubles,
    wrap,
)


def words(rows: list[Spans]) -> str:
    return "\n".join("".join(text for text, _ in row) for row in rows)


def number(name: str = "age", **changes: object) -> ColumnProfile:
    facts: dict[str, object] = {
        "nulls": 0, "distinct": 60, "minimum": 1.0, "maximum": 99.0, "mean": 40.0, "sd": 10.0,
        "quantiles": tuple(float(share) for share in QUANTILES),
        "histogram": Histogram(tuple(range(11)), (0, 1, 5, 9, 12, 9, 5, 3, 1, 1)), "top": (("40", 9), ("41", 8)),
    }  # fmt: skip
    return ColumnProfile(name, "Float64", NUMBER, **{**facts, **changes})  # type: ignore[arg-type]


def table(*columns: ColumnProfile, rows: int = 1000, duplicate_rows: int = 0, **facts: object) -> TableProfile:
    return TableProfile(rows, duplicate_rows, rows, columns, **facts)  # type: ignore[arg-type]


def profile(of: TableProfile, notes: tuple[str, ...] = ()) -> Profile:
    return Profile(1, 100, (FileGroup(".csv", 1, 100),), of, notes=notes)


def test_the_worst_is_told_first() -> None:
    columns = (
        number("age", nulls=350), number("refund"), number("id", id_like=True), number("nation", constant=True),
        number("copy", duplicate_of="age"), number("odd", nans=3),
        ColumnProfile("mail", "String", TEXT, pii=(Pii("e-mail", 0.98),)),
    )  # fmt: skip
    of = table(*columns, duplicate_rows=12, label="y", leakage=(Leakage("refund", "U", 0.99),),
               correlations=(Correlation("age", "copy", -1.0), Correlation("age", "odd", 0.5)))  # fmt: skip
    found = troubles(profile(of, ("Judged by some rows.",)))
    told = [one.text for one in found]
    assert [one.level for one in found] == sorted((one.level for one in found), key=["fail", "warn", "idle"].index)
    assert told[0].startswith("refund alone nearly tells the label y (U 0.99)")
    everything = "\n".join(told)
    for text in ("mail seems to hold personal data: e-mail (98% of its values)", "12 rows (1.2%) are exact copies",
                 "many nulls: age 35%", "not finite numbers: odd 3", "only one value: nation", "copy = age",
                 "age and copy (r -1.00)", "identifier, most likely: id", "Judged by some rows."):  # fmt: skip
        assert text in everything, text
    assert "0.50" not in everything
    shown = words(trouble_rows(found, 4))
    assert shown.count("\n") == 3
    assert f"and {len(found) - 3} more: W shows all" in shown
    assert all(text.split(":")[0] in words(trouble_page(found, 60)) for text in told[3:])
    assert "nothing strange" in words(trouble_rows([], 4))
    assert [one.level for one in troubles(profile(table(rows=0)))] == ["fail"]


def test_a_row_per_column() -> None:
    of = table(number(), number("leaky", nulls=1), ColumnProfile(
        "mail", "String", TEXT, distinct=9, pii=(Pii("e-mail", 1.0),), top=(("secret@example.com", 3),)),
        ColumnProfile("day", "Date", TIME, first="2024-01-01", last="2024-12-31"),
        ColumnProfile("city", "String", TEXT, nulls=500, distinct=2, top=(("Oslo", 400), ("", 100))),
        label="city", leakage=(Leakage("leaky", "U", 0.9),))  # fmt: skip
    rows = {row.cells[0].text: [cell.text for cell in row.cells] for row in column_rows(of)}
    assert all(len(cells) == len(COLUMNS) for cells in rows.values())
    assert rows["age"][1:5] == ["", "Float64", "0%", "60"]
    assert rows["age"][6] == "1 – 50 – 99"
    assert len(rows["age"][5]) == 10
    assert rows["leaky"][1] == "✖ leaks label"
    assert rows["leaky"][3] == "0.1%"
    assert rows["mail"][6] == "not shown: personal"
    assert "secret" not in str(rows)
    assert rows["day"][6] == "2024-01-01 – 2024-12-31"
    assert rows["city"][1] == "▲ many nulls +1"
    assert rows["city"][6] == "Oslo 80%, (empty) 20%"
    assert rows["day"][4] == "–"


def test_columns_in_another_order_keep_their_keys() -> None:
    of = table(number("b", nulls=3), number("a", constant=True), number("c", nulls=900))
    assert [row.cells[0].text for row in column_rows(of, "name")] == ["a", "b", "c"]
    assert [row.cells[0].text for row in column_rows(of, "nulls")] == ["c", "b", "a"]
    assert [row.cells[0].text for row in column_rows(of, "nulls", reverse=True)] == ["a", "b", "c"]
    assert {row.key for row in column_rows(of, "flags")[:2]} == {"1", "2"}
    assert column_rows(of, "flags")[2].key == "0"
    for column in COLUMNS:
        if column.sortable:
            assert len(column_rows(of, column.id)) == 3


def test_a_share_is_never_rounded_to_all_or_nothing() -> None:
    assert [percent(part, 10_000) for part in (0, 1, 123, 5000, 9999, 10_000)] == [
        "0%", "<0.1%", "1.2%", "50%", ">99.9%", "100%"]  # fmt: skip
    assert percent(0, 0) == "–"


def test_a_page_about_a_column() -> None:
    column = number("age", nulls=300, nans=2)
    of = table(column, number("tall"), correlations=(Correlation("tall", "age", 0.97),))
    text = words(column_page(column, of, 56))
    for part in ("30% of its values are null", "2 values are NaN", "300 of 1,000 (30%)", "median", "50", "+0.97 tall",
                 "Most frequent", "█"):  # fmt: skip
        assert part in text, part
    pii = (Pii("e-mail", 0, True),)
    top = (("a@b.c", 3),)
    personal = ColumnProfile("mail", "String", TEXT, distinct=3, first="a@b.c", last="x@y.z", pii=pii, top=top)
    text = words(column_page(personal, table(personal), 56))
    assert "e-mail (by its name)" in text
    assert "@" not in text


def test_moments_of_a_histogram_are_days() -> None:
    day = ColumnProfile("day", "Date", TIME, histogram=Histogram((0.0, 86400.0, 172800.0), (3, 4)))
    text = words(column_page(day, table(day), 50))
    assert "1970-01-01" in text
    assert "1970-01-03" in text
    far = ColumnProfile("far", "Datetime", TIME, histogram=Histogram((-1e20, 1e20), (3,)))
    assert "1e20" in words(column_page(far, table(far), 50))


def test_pictures_and_other_files() -> None:
    images = ImagesProfile(10, (FileGroup("png", 9, 900), FileGroup("jpeg", 1, 100)), (1.0,) * 7, (28.0,) * 7,
                           (32.0,) * 7, ((28, 32, 10),), 2, ("bad.png", "\x1b[2J.png"))  # fmt: skip
    of = Profile(12, 1000, (FileGroup(".png", 11, 900), FileGroup("", 1, 100)), images=images, notes=("A note.",))
    text = words(files_page(of, 70))
    for part in ("12 files", "10 pictures", "28 × 32", "2 files are no pictures", "bad.png", "(none)", "png"):
        assert part in text, part
    told = troubles(of)
    assert told[0].level == "fail"
    assert "2 files are no pictures" in told[0].text


def test_hostile_names_and_values(hostile: str) -> None:
    column = number(hostile, top=((hostile, 3),), duplicate_of=hostile, nulls=999)
    text = ColumnProfile(hostile, hostile, TEXT, first=hostile, last=hostile, top=((hostile, 2),), distinct=1)
    of = table(column, text, label=hostile, leakage=(Leakage(hostile, "U", 1.0),),
               correlations=(Correlation(hostile, hostile, 1.0),))  # fmt: skip
    for one in of.columns:
        assert column_flags(one, of)
        for width in (1, 20, 78):
            for row in column_page(one, of, width):
                assert "\n" not in tidy("".join(part for part, _ in row))
    images = ImagesProfile(1, (FileGroup(hostile, 1, 1),), broken_count=1, broken=(hostile,))
    for row in files_page(Profile(1, 1, (FileGroup(hostile, 1, 1),), images=images), 60):
        for part, _ in row[:1]:
            assert width_of(tidy(part)) >= 0
    assert all(isinstance(cell.text, str) for row in column_rows(of) for cell in row.cells)
    assert all(width_of(line) <= 30 or " " not in line for line in wrap(hostile * 3, 30))
