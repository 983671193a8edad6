import csv
import io
import json
import os
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.datasets import lines, tables
from lab.datasets.schema import inspect
from lab.datasets.tables import NotATableError, Tables, collect, read, scan

_NOISE = random.Random(5).randbytes(300)  # the same in every process that collects these tests


def opened(tmp_path: Path, name: str, content: bytes) -> Tables:
    # As in the store: the name is known, the file is called otherwise.
    path = tmp_path / "object[1]*"
    path.write_bytes(content)
    return read([(name, path)])


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.csv", b"a,b\n1,x\n2,y\n", [(1, "x"), (2, "y")]),
        ("A.CSV", b"a,b\r\n1,2\r\n\r\n3,4\r\n", [(1, 2), (3, 4)]),
        ("a.csv", b"\n\na,b\n\n1,2\n  \n3,4\n\n", [(1, 2), (3, 4)]),
        ("a.csv", b'a,b\n1,"x\n\ny"\n\n2,"z,w"\n', [(1, "x\n\ny"), (2, "z,w")]),
        ("a.csv", b'\xef\xbb\xbf"a",b\n1,"say ""hi"""\n', [(1, 'say "hi"')]),
        ("a.csv", b'a,b\n1,5" disk\n2,x\n3,"y"\n', [(1, '5" disk'), (2, "x"), (3, "y")]),
        ("a.csv", b'\xef\xbb\xbf\n"a",b\n1,5" disk\n', [(1, '5" disk')]),
        ("a.csv", b"a,b\ncaf\xe9,2\n", [("caf\ufffd", 2)]),
        ("a.csv", b"a,b\n1,2,3\n4\n", [(1, 2), (4, None)]),
        ("a.csv", b"a,a\n1,2\n", [(1, 2)]),
        ("a.csv", b"a,b\n", []),
        ("a.csv", b"a\n1\n\n2", [(1,), (2,)]),
        ("a.tsv", b"a\tb\n1\t2,5\n\t\n", [(1, "2,5"), (None, None)]),
        ("a.csv", b'a;b\r\n1;"2;5"\r\n\r\n3;4,5\r\n', [(1, "2;5"), (3, "4,5")]),
        ("a.csv", b"\n\na\tb\n1\t2\n", [(1, 2)]),
        ("a.csv", b"\xef\xbb\xbfa|b\n1|2\n", [(1, 2)]),
        ("a.csv", b"a;b,c\n1;2,3\n", [("1;2", 3)]),
        ("a.jsonl", b'{"a":1}\n\n{"a":2.5,"b":[1]}\n', [(1.0, None), (2.5, [1])]),
        ("a.ndjson", b'{"a":9007199254740993}', [(9007199254740993,)]),
        ("a.jsonl", b'{"a":1.5}\n{"a":NaN}\n{"a":-Infinity}\n', [(1.5,), (None,), (None,)]),
    ],
)
def test_rows_are_what_the_file_says(tmp_path: Path, name: str, content: bytes, rows: list[tuple[object, ...]]) -> None:
    frame = collect(opened(tmp_path, name, content).frame)
    assert frame.rows() == rows
    table = inspect([(name, tmp_path / "object[1]*")])
    assert table is not None
    assert table.rows == len(rows)


def test_stray_quotes_are_told(tmp_path: Path) -> None:
    found = opened(tmp_path, "a.csv", b'a,b\n1,5" disk\n2,"x\ny"\n')
    assert collect(found.frame)["b"].to_list() == ['5" disk', "x\ny"]
    assert found.notes == ("a.csv: quotes inside unquoted values are taken as characters.",)


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_left_out_or_replaced_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    if not kept:
        monkeypatch.setattr(tables, "_KEPT_BYTES", 0)
    assert opened(tmp_path, "a.csv", b"a,b\n1\n2,3\n").notes == ()
    ragged = opened(tmp_path, "a.csv", b"a,b\n1,2,3\n4,5\n")
    assert ragged.notes == ("a.csv: cells beyond those of the header are left out.",)
    assert collect(ragged.frame).rows() == [(1, 2), (4, 5)]
    (note,) = opened(tmp_path, "a.csv", b"a,b\ncaf\xe9,2\n").notes
    assert "another encoding" in note


@pytest.mark.parametrize(
    ("beginning", "late", "dtype", "last"),
    [
        (b"1", b"1.5", pl.Float64, 1.5),
        (b"1", b"99999999999999999999", pl.Int128, 99999999999999999999),
        (b"1", b"n/a", pl.String, "n/a"),
        (b"1.5", b"n/a", pl.String, "n/a"),
        (b"true", b"maybe", pl.String, "maybe"),
    ],
)
@pytest.mark.parametrize("kept", [True, False])
def test_a_late_value_widens_its_column_only(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    beginning: bytes,
    late: bytes,
    dtype: type,
    last: object,
    kept: bool,
) -> None:
    if not kept:
        monkeypatch.setattr(tables, "_KEPT_BYTES", 0)
    found = opened(tmp_path, "a.csv", b"x,a\n" + b"7,%s\n" % beginning * 10_001 + b"8,%s\n" % late)
    frame = collect(found.frame)
    assert frame.schema == {"x": pl.Int64, "a": dtype}
    assert frame.row(-1) == (8, last)
    assert frame.height == 10_002
    assert len(found.notes) == 1
    assert "'a'" in found.notes[0]


def test_a_late_column_and_type_of_json_lines(tmp_path: Path) -> None:
    frame = collect(opened(tmp_path, "a.jsonl", b'{"a":1}\n' * 20_000 + b'{"a":"x","b":3}\n').frame)
    assert frame.row(-1) == ("x", 3)


@pytest.mark.parametrize(
    ("suffix", "write"),
    [
        (".parquet", pl.DataFrame.write_parquet),
        (".arrow", pl.DataFrame.write_ipc),
        (".feather", pl.DataFrame.write_ipc),
        (".ipc", pl.DataFrame.write_ipc_stream),
    ],
)
def test_binary_formats(tmp_path: Path, suffix: str, write: object) -> None:
    frame = pl.DataFrame({"a": [1, None], "\x1b[2J": ["x", "y"]})
    write(frame, tmp_path / "object")  # type: ignore[operator]
    assert collect(scan([("f" + suffix, tmp_path / "object")])).equals(frame)
    table = inspect([("f" + suffix, tmp_path / "object")])
    assert table is not None
    assert table.rows == 2


def several(tmp_path: Path, *contents: bytes) -> list[tuple[str, Path]]:
    made = []
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}"
        path.write_bytes(content)
        made.append((f"{number}.csv", path))
    return made


def test_files_of_one_schema_are_one_frame(tmp_path: Path) -> None:
    pl.DataFrame({"a": [7], "b": [True]}, schema={"a": pl.Int16, "b": pl.Boolean}).write_parquet(tmp_path / "p")
    files = several(tmp_path, b"a,b\n1,2\n", b"a,b\n1.5,x\n\n3,y\n")
    frame = collect(scan([*files, ("p.parquet", tmp_path / "p")]))
    assert frame.schema == {"a": pl.Float64, "b": pl.String}
    assert frame.rows() == [(1.0, "2"), (1.5, "x"), (3.0, "y"), (7.0, "true")]


def test_what_is_not_one_table(tmp_path: Path) -> None:
    with pytest.raises(NotATableError, match="different columns"):
        scan(several(tmp_path, b"a,b\n1,2\n", b"a,c\n1,2\n"))
    with pytest.raises(NotATableError, match="no files"):
        scan([])
    with pytest.raises(NotATableError, match="none"):
        scan([("none.csv", tmp_path / "none")])
    pl.DataFrame({"a": [[1]]}).write_parquet(tmp_path / "p")
    with pytest.raises(NotATableError, match="disagree on the type"):
        scan([*several(tmp_path, b"a\n1\n"), ("p.parquet", tmp_path / "p")])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"a,b\n\0,1\n"),
        ("a.csv", b"a,b\n1," + b'"' + b"x\n" * 200_000),
        ("a.csv", b"a\n1\n" + b"x" * (33 << 20)),
        ("a.csv", ",".join(f"c{number}" for number in range(20_000)).encode() + b"\n"),
        ("a.parquet", b"PAR1" + _NOISE + b"\xff\xff\xff\x7fPAR1"),
        ("a.arrow", b"ARROW1" + _NOISE),
        ("a.arrow", _NOISE),
        ("a.jsonl", b'{"a":1}\nnope\n'),
        ("a.jsonl", b'{"a":' * 100_000 + b"\n"),
        ("a.jsonl", b'{"a":NaN\n'),
        ("a.txt", b"a,b\n"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_is_no_table(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(NotATableError):
        collect(opened(tmp_path, name, content).frame)


def test_a_parquet_that_is_broken_inside(tmp_path: Path) -> None:
    pl.DataFrame({"a": range(50_000), "b": [os.urandom(4).hex() for _ in range(50_000)]}).write_parquet(tmp_path / "p")
    content = bytearray((tmp_path / "p").read_bytes())
    content[1000:60_000] = os.urandom(59_000)
    frame = opened(tmp_path, "a.parquet", bytes(content)).frame
    with pytest.raises(NotATableError):
        collect(frame)
    with pytest.raises(NotATableError):
        tables.row_hashes(frame)


def test_equal_rows_have_equal_hashes() -> None:
    frame = pl.DataFrame({"a": [1.0, float("nan"), 1.0, float("nan"), None], "b": ["x", "y", "x", "y", "x"]})
    hashes = tables.row_hashes(frame.lazy())
    assert hashes[0] == hashes[2]
    assert hashes[1] == hashes[3]
    assert hashes.n_unique() == 3
    assert len(tables.row_hashes(frame.clear().lazy())) == 0


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\ufeff"), max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cells, cells), max_size=8), st.sampled_from(["\n", "\r\n"]), st.integers(2, 40))
def test_quoted_cells_come_back(tmp_path: Path, rows: list[tuple[str, str]], end: str, buffer: int) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([("a", "b"), ("x", "x"), *rows])
    with pytest.MonkeyPatch.context() as patch:
        # Pieces of a few bytes, so that quotes and line ends lie at the edges of pieces.
        patch.setattr(lines, "_BUFFER", buffer)
        (tmp_path / "t").write_text(text.getvalue(), newline="")
        assert lines.survey(tmp_path / "t", ",") == lines.Survey(2 + len(rows), quoted=True)
    frame = collect(opened(tmp_path, "t.csv", text.getvalue().encode()).frame)
    assert [tuple(cell or "" for cell in row) for row in frame.rows()] == [("x", "x"), *rows]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text('ab,"\n\r \t', max_size=40), st.sampled_from([",", "\t"]), st.integers(2, 30))
def test_counting_agrees_with_pythons_csv(tmp_path: Path, text: str, separator: str, buffer: int) -> None:
    (tmp_path / "t").write_text(text, newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BUFFER", buffer)
        try:
            found = lines.survey(tmp_path / "t", separator)
        except NotATableError:
            return
        try:
            careful = lines._careful(tmp_path / "t", separator)
        except NotATableError:
            assert found.regular
            return
    assert found.records == careful


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.arrow"]), st.binary(max_size=200))
def test_bytes_are_a_table_or_none(tmp_path: Path, name: str, content: bytes) -> None:
    try:
        frame = opened(tmp_path, name, content).frame
    except NotATableError:
        return
    collect(frame)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.text(max_size=3), json_values, max_size=3), max_size=6))
def test_json_lines_are_a_table_or_none(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    try:
        frame = opened(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)).encode()).frame
    except NotATableError:
        return
    assert collect(frame).height == len(rows)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["t.csv", "t.tsv"]), st.text('ab1,"\n\r \té', max_size=30), st.sampled_from(["", "\ufeff"]))
def test_as_many_rows_are_read_as_are_counted(tmp_path: Path, name: str, text: str, mark: str) -> None:
    header = "a,b\n" if name == "t.csv" else "a\tb\n"
    (tmp_path / "t").write_text(mark + header + text, newline="")
    try:
        frame = scan([(name, tmp_path / "t")])
    except NotATableError:
        return
    table = inspect([(name, tmp_path / "t")])
    assert table is not None
    assert collect(frame).height == table.rows
