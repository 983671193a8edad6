"""Raw SQL over runs: what may be asked, and that nothing else can be done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.catalog import sql
from lab.catalog.connection import Catalog
from lab.errors import LabError, UsageError
from lab.events import GOVERNANCE
from lab.journal import Journal
from lab.paths import LabHome


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> LabHome:
    home = LabHome(tmp_path_factory.mktemp("sql") / "it's a home").create()
    journal = Journal(home, GOVERNANCE)
    for number in range(3):
        id = f"id{number}"
        params = {"lr": number / 10, "model": "forest"}
        journal.append("run.created", id, {"name": f"n{number}", "project": "p", "entry": "train", "params": params})
        metrics = {"acc": {"last": 0.5 + number, "min": "NaN", "max": 1, "mean": 0.5, "count": 3}}
        journal.append(
            "run.ended", id, {"ending": "finished", "authority": 3, "started": 10.0, "ended": 12.5, "metrics": metrics}
        )
    journal.append("run.tagged", "id0", {"tags": ["best", "old"]})
    return home


@pytest.fixture(scope="module")
def catalog(home: LabHome) -> Iterator[Catalog]:
    catalog = Catalog(home)
    yield catalog
    catalog.close()


def asked(catalog: Catalog, home: LabHome, text: str, limit: int = 100, seconds: float = 30.0) -> sql.Answer:
    try:
        return sql.ask(catalog, home.index, text, limit, seconds)
    finally:
        assert not list(home.index.glob("sql.*")), "the copy goes when it was asked"


def test_runs_params_metrics_and_tags_can_be_joined(catalog: Catalog, home: LabHome) -> None:
    answer = asked(
        catalog,
        home,
        "select r.name, p.number as lr, m.last, m.min, r.started, r.tags from runs r "
        "join params p on p.run = r.id and p.name = 'lr' join metrics m on m.run = r.id order by lr desc",
    )
    assert answer.columns == ("name", "lr", "last", "min", "started", "tags")
    assert answer.rows[0] == ("n2", 0.2, 2.5, "NaN", "1970-01-01T00:00:10", [])
    assert answer.rows[2][5] == ["best", "old"]
    assert not answer.cut


@pytest.mark.parametrize("table", sql.TABLES)
def test_the_tables_are_as_documented(catalog: Catalog, home: LabHome, table: str) -> None:
    assert list(asked(catalog, home, f"from {table}").columns) == sql.TABLES[table]


def test_rows_are_limited(catalog: Catalog, home: LabHome) -> None:
    answer = asked(catalog, home, "select * from range(10)", limit=4)
    assert (len(answer.rows), answer.cut) == (4, True)


@pytest.mark.parametrize(
    "text",
    [
        "delete from runs",
        "insert into tags values ('a', 'b')",
        "create table x as select 1",
        "copy runs to '{there}'",
        "copy (select 1) to '{there}' (format csv)",
        "export database '{there}'",
        "attach '{there}' as other",
        "attach ':memory:' as other",
        "install httpfs",
        "load httpfs",
        "pragma database_list",
        "call pragma_version()",
        "set enable_external_access = true",
        "reset lock_configuration",
        "explain analyze delete from runs",
        "begin",
        "select 1; select 2",
        "select 1; copy runs to '{there}'",
        "",
        "-- nothing",
        "select * from read_text('/etc/passwd')",
        "select * from read_blob('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "from '/etc/passwd'",
        "from '{csv}'",
        "from parquet_scan('{there}')",
        "select * from glob('/etc/*')",
        "select * from sqlite_scan('{there}', 'x')",
        "select getenv('HOME')",
        "select * from query('copy runs to ''{there}''')",
        "select * from nowhere",
        "select",
    ],
)
def test_everything_else_is_refused(catalog: Catalog, home: LabHome, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match="refused"):
        asked(catalog, home, text.format(there=tmp_path / "there", csv=tmp_path / "a.csv"))
    assert sorted(tmp_path.iterdir()) == before


def test_what_never_ends_is_ended(catalog: Catalog, home: LabHome) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n where i > 0) select max(i) from n"
    with pytest.raises(LabError, match=r"more than 1 s|refused|out") as caught:
        asked(catalog, home, endless, seconds=1.0)
    assert "--timeout" in caught.value.hint or "Out of" in caught.value.message


def test_memory_is_bounded(catalog: Catalog, home: LabHome) -> None:
    with pytest.raises(UsageError, match="Out of Memory"):
        asked(catalog, home, "select list(a || repeat('x', 1000)) from range(10_000_000) t(a)", seconds=60)


def test_the_index_goes_on_as_before(catalog: Catalog, home: LabHome) -> None:
    asked(catalog, home, "select 1")
    assert catalog.rows("SELECT count(*) AS n FROM run_table") == [{"n": 3}]
    names = [row["database_name"] for row in catalog.rows("SELECT database_name FROM duckdb_databases()")]
    assert not [name for name in names if name.startswith("sql_")]
