"""Real pandera schemas in real processes; `pandera` is an extra that the development environment has."""

import os
import textwrap
import time
from pathlib import Path

import polars as pl
import pytest

from lab.datasets import pandera_schemas, tables
from lab.datasets.expectations import check
from lab.domain.expectations import CheckReport, Expectations, PanderaRule, Result, Severity

BLOCK = Severity.BLOCK

SCHEMAS = """
import pandera.polars as pa

print("noise on standard output")

class Sales(pa.DataFrameModel):
    id: int = pa.Field(unique=True)
    amount: float = pa.Field(ge=0, nullable=True)
    country: str = pa.Field(isin=["CH", "DE"])

loose = pa.DataFrameSchema({"id": pa.Column(int)})
number = 3
"""
GOOD = pl.DataFrame({"id": [1, 2, 3], "amount": [1.0, None, 2.5], "country": ["CH", "DE", "DE"]})
BAD = pl.DataFrame({"id": [1, 2, 2], "amount": [1.0, -4.0, 2.5], "country": ["CH", "\x1b[2JFR", "DE"]})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "schemas.py").write_text(SCHEMAS)
    return folder


def run(project: Path, name: str, frame: pl.DataFrame = GOOD, kind: str = "parquet", timeout: float = 60) -> Result:
    path = project.parent / f"t.{kind}"
    frame.write_csv(path) if kind == "csv" else frame.write_parquet(path)
    return pandera_schemas.run(PanderaRule(name, BLOCK), project, [(path.name, path)], ["id", "gone"], timeout)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_schema_that_holds(project: Path, kind: str) -> None:
    pytest.importorskip("pandera")
    result = run(project, "schemas.Sales", kind=kind)
    assert result.ok, result.sentence
    assert run(project, "schemas.loose", kind=kind).ok
    assert result.sentence == "schemas.Sales holds"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_schema_that_fails_shows_rows(project: Path, kind: str) -> None:
    pytest.importorskip("pandera")
    result = run(project, "schemas.Sales", BAD, kind)
    assert (result.ok, result.failing, result.observed) == (False, 4, "4 failures")
    assert "id field_uniqueness (2)" in result.sentence
    assert "amount greater_than_or_equal_to(0) (1)" in result.sentence
    assert result.sample.columns == ("id", "column", "check", "value")
    assert ("2", "amount", "greater_than_or_equal_to(0)", "-4.0") in result.sample.rows
    assert set(result.sample.numbers) == {2, 3}
    assert "\x1b" not in result.sentence


def test_it_is_one_of_the_results_of_a_check(project: Path) -> None:
    pytest.importorskip("pandera")
    path = project.parent / "t.parquet"
    BAD.write_parquet(path)
    files = [(path.name, path)]
    expect = Expectations(pandera=PanderaRule("schemas.Sales", BLOCK))
    report = check(tables.scan(files), expect, pandera=lambda rule: pandera_schemas.run(rule, project, files))
    assert report.blocked
    assert CheckReport.from_json(report.to_json()) == report


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("nowhere.Sales", "", "could not be run: ModuleNotFoundError: No module named 'nowhere'"),
        ("schemas.Slaes", None, "could not be run: AttributeError: module 'schemas' has no attribute 'Slaes'"),
        ("schemas.number", None, "TypeError: schemas.number is no schema: it has no validate()"),
        ("schemas.Sales", "def f():\n    raise RuntimeError('\\x1b[2Jno')\nf()", "RuntimeError: [2Jno (schemas.py:2)"),
        ("schemas.Sales", "import os\nos._exit(3)", "ended without an answer, with exit code 3"),
        ("schemas.Sales", "import os, signal\nos.kill(os.getpid(), 9)", "ended without an answer, by SIGKILL"),
        ("schemas.Sales", "import sys\nsys.exit()", "ended without an answer, with exit code 0"),
    ],
)
def test_what_goes_wrong_is_a_failed_check(project: Path, name: str, code: str | None, sentence: str) -> None:
    pytest.importorskip("pandera")
    if code is not None:
        (project / "schemas.py").write_text(code)
    result = run(project, name)
    assert not result.ok
    assert sentence in result.sentence
    assert "\x1b" not in result.sentence


def test_what_is_no_table(project: Path) -> None:
    pytest.importorskip("pandera")
    path = project.parent / "x.bin"
    path.write_bytes(b"x")
    result = pandera_schemas.run(PanderaRule("schemas.Sales", BLOCK), project, [("x.bin", path)])
    assert "this is no table: x.bin is not CSV" in result.sentence


def test_a_schema_that_never_ends_is_stopped_with_all_that_it_started(project: Path) -> None:
    pytest.importorskip("pandera")
    (project / "schemas.py").write_text(
        textwrap.dedent(
            """
            import pathlib, subprocess, time
            child = subprocess.Popen(["sleep", "600"])
            pathlib.Path("child.pid").write_text(str(child.pid))
            time.sleep(600)
            """
        )
    )
    for seconds in (2, 10, 60):  # a busy machine needs some to begin at all
        result = run(project, "schemas.Sales", timeout=seconds)
        assert result.sentence == f"the schema schemas.Sales took longer than {seconds} s, and was stopped"
        if (project / "child.pid").exists():
            break
    pid = int((project / "child.pid").read_text())
    deadline = time.monotonic() + 10
    while running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not running(pid)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_without_pandera_the_extra_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'pandera':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}')\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(project), prepend=os.pathsep)
    result = run(project, "schemas.Sales")
    assert result.sentence == (
        "the schema schemas.Sales was not run: pandera is not installed beside Lab (No module named 'pandera'); "
        "install Lab with its extra: pip install 'lab[pandera]'"
    )
