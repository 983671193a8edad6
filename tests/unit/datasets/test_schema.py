import csv
import datetime
import gzip
import io
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.datasets.schema import Table, head, inspect
from lab.domain.datasets import Column

_NOISE = random.Random(5).randbytes(300)  # the same in every process that collects these tests


def look(tmp_path: Path, name: str, content: bytes) -> Table | None:
    # As in the store: the name is known, the file is called otherwise.
    path = tmp_path / "object[1]*"
    path.write_bytes(content)
    return inspect([(name, path)])


@pytest.mark.parametrize(
    ("name", "content", "rows", "columns"),
    [
        ("a.csv", b"a,b\n1,x\n2,y\n", 2, "a Int64, b String"),
        ("a.csv", b"a,b\n1,2.5\n3,4", 2, "a Int64, b Float64"),
        ("A.CSV", b"a,b\r\n1,2\r\n\r\n3,4\r\n", 2, "a Int64, b Int64"),
        ("a.csv", b"a,b\n1,2\n\n3,4\n\n\n", 2, "a Int64, b Int64"),
        ("a.csv", b'a,b\n1,"x\ny"\n2,"z,w"\n\n', 2, "a Int64, b String"),
        ("a.csv", b'a,b\n"he said ""hi""\n\n ok",2\n', 1, "a String, b Int64"),
        ("a.csv", b'a,b\n1,5" disk\n2,x\n', 2, "a Int64, b String"),
        ("a.csv", b"\xef\xbb\xbfa,b\n1,2\n", 1, "a Int64, b Int64"),
        ("a.csv", b"a,b\ncaf\xe9,2\n", 1, "a String, b Int64"),
        ("a.csv", b"a,b\n", 0, "a String, b String"),
        ("a.csv", b"a,b\n1,2,3\n4\n", 2, "a Int64, b Int64"),
        ("a.tsv", b"a\tb\n1\t2,5\n", 1, "a Int64, b String"),
        ("a.jsonl", b'{"a":1,"b":"x"}\n\n{"a":2.5,"c":[1]}\n', 2, "a Float64, b String, c List(Int64)"),
        ("a.ndjson", b'{"a":null}', 1, "a Null"),
    ],
)
def test_tables(tmp_path: Path, name: str, content: bytes, rows: int, columns: str) -> None:
    table = look(tmp_path, name, content)
    assert table is not None
    assert table.rows == rows
    assert ", ".join(f"{column.name} {column.type}" for column in table.columns) == columns


def test_parquet(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": [1, 2, 3], "when": [datetime.date(2026, 1, 1)] * 3, "\x1b[2J": ["a", None, "c"]})
    frame.write_parquet(tmp_path / "object")
    table = inspect([("x.parquet", tmp_path / "object")])
    assert table == Table(3, (Column("id", "Int64"), Column("when", "Date"), Column("\x1b[2J", "String")))
    names, rows = head("x.parquet", tmp_path / "object", 2)
    assert names == ["id", "when", "\x1b[2J"]
    assert rows == [["1", "2026-01-01", "a"], ["2", "2026-01-01", ""]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"\n\n"),
        ("a.csv", b"a,b\n\0,1\n"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16")),
        ("a.csv", gzip.compress(b"a,b\n" * 100, mtime=0)),
        ("a.csv", b"a,b\n1," + b'"' + b"x\n" * 200_000),
        ("a.csv", b"x" * (17 << 20)),
        ("a.csv", b"a\n1\n" + b"x" * (33 << 20)),
        ("a.csv", ",".join(f"c{number}" for number in range(20_000)).encode() + b"\n"),
        ("a.parquet", b""),
        ("a.parquet", b"PAR1 and no more"),
        ("a.parquet", b"PAR1" + _NOISE + b"\xff\xff\xff\x7fPAR1"),
        ("a.parquet", b"PAR1" + b"\x15" * 300 + b"\x00\x01\x00\x00PAR1"),
        ("a.jsonl", b""),
        ("a.jsonl", b"nope\n"),
        ("a.jsonl", b"[1]\n"),
        ("a.jsonl", b"[" * 100_000 + b"\n"),
        ("a.jsonl", b'{"a":' * 100_000 + b"\n"),
        ("a.png", b"a,b\n1,2\n"),
        ("README", b"a"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_is_no_table_is_none_with_a_reason(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / "object"
    path.write_bytes(content)
    reasons: list[str] = []
    assert inspect([(name, path)], reasons.append) is None
    assert len(reasons) == 1
    assert reasons[0]
    head(name, path, 5)


def test_a_truncated_parquet_at_every_length(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}).write_parquet(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    for cut in range(0, len(whole), 7):
        (tmp_path / "cut").write_bytes(whole[:cut])
        assert inspect([("a.parquet", tmp_path / "cut")]) is None


def test_missing_file_and_no_files(tmp_path: Path) -> None:
    reasons: list[str] = []
    assert inspect([("a.csv", tmp_path / "none")], reasons.append) is None
    assert inspect([], reasons.append) is None
    assert len(reasons) == 2
    assert head("a.csv", tmp_path / "none", 3) == ([], [])


def files(tmp_path: Path, *contents: bytes) -> list[tuple[str, Path]]:
    made = []
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}"
        path.write_bytes(content)
        made.append((f"{number}.csv", path))
    return made


def test_files_of_one_schema_add_up(tmp_path: Path) -> None:
    table = inspect(files(tmp_path, b"a,b\n1,2\n", b"a,b\n1.5,x\n3,y\n", b"a,b\n"))
    assert table == Table(3, (Column("a", "String"), Column("b", "String")))
    table = inspect(files(tmp_path, b"a\n1\n", b"a\n1.5\n"))
    assert table == Table(2, (Column("a", "Float64"),))


def test_files_of_different_schemas_do_not(tmp_path: Path) -> None:
    reasons: list[str] = []
    assert inspect(files(tmp_path, b"a,b\n1,2\n", b"a,c\n1,2\n"), reasons.append) is None
    assert inspect([*files(tmp_path, b"a,b\n1,2\n"), ("readme.md", tmp_path / "0")], reasons.append) is None
    assert reasons[0] == "the files have different columns"
    assert "readme.md" in reasons[1]


def test_head(tmp_path: Path) -> None:
    (made,) = files(tmp_path, b'a,a,b\n1,"x\ny"\n\n2,3,4,5\n' + b"z" * 300 + b",,\n")
    assert head(*made, 3) == (["a", "a", "b"], [["1", "x\ny", ""], ["2", "3", "4"], ["z" * 199 + "…", "", ""]])
    (tmp_path / "j").write_bytes(b'{"a":1}\n\n{"a":null}\n{"a":3}\n')
    assert head("x.jsonl", tmp_path / "j", 2) == (["a"], [["1"], [""]])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=5), min_size=2, max_size=2),
        max_size=8,
    )
)
def test_rows_are_those_that_were_written(tmp_path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    table = look(tmp_path, "x.csv", text.getvalue().encode())
    assert table is not None
    assert table.rows == len(rows)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.parquet"]), st.binary(max_size=200))
def test_no_bytes_raise(tmp_path: Path, name: str, content: bytes) -> None:
    table = look(tmp_path, name, content)
    assert table is None or table.rows >= 0
    head(name, tmp_path / "object[1]*", 3)


GROWTH = """
import resource, sys
from pathlib import Path
from lab.datasets.schema import inspect
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
table = inspect([("big.csv", Path(sys.argv[1]))])
print(table.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_file_is_not_loaded_whole(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n")
        for _ in range(50):
            file.write(b"1,%s\n" % (b"x" * 200) * 20_000 + b'2,"quoted"\n')
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    rows, growth = map(int, done.stdout.split())
    assert rows == 50 * 20_001
    assert growth * 1024 < path.stat().st_size / 2


def test_large_files_with_and_without_quotes_are_counted(tmp_path: Path) -> None:
    plain, quoted = tmp_path / "plain", tmp_path / "quoted"
    plain.write_bytes(b"a,b\n" + b"12345,abcdef\n" * 200_000)
    quoted.write_bytes(b'"a","b"\n' + b'"12345","abc""d\nef"\n' * 200_000)
    for path in (plain, quoted):
        table = inspect([("x.csv", path)])
        assert table is not None
        assert table.rows == 200_000
