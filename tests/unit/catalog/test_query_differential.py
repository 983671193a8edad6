"""Every filter finds in the index what plain Python finds in the same runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from query_oracle import NOW, Oracle

from lab.catalog import runs
from lab.catalog.connection import Catalog
from lab.domain.query import All, Among, Any, Condition, Missing, Node, Not, RunQuery, parse_filter, write_filter
from lab.events import GOVERNANCE
from lab.journal import Journal
from lab.paths import LabHome

DAY = 86_400.0
PARAMS = [
    {"lr": 0.1, "model": "forest", "deep": True, "val loss": 3},
    {"lr": 0.01, "model": "linear", "memory": "2GB"},
    {"lr": 1, "model": "Forest-2", "note": None, "a/b~c": "x"},
    {"lr": "auto", "deep": False},
    {},
    {"acc": 5, "lr": 0.002, "model": "a'b\"; DROP TABLE runs; --"},
    {"lr": 0.5, "loss.min": 7},
]
METRICS = [
    {"acc": (0.9, 0.1, 0.95, 0.5), "loss": (0.2, 0.1, 2.0, 0.7)},
    {"acc": ("NaN", 0.2, 0.8, 0.4), "val loss": (1.5, 1.0, 3.0, 2.0)},
    {"loss": ("Infinity", 0.5, 9.0, 1.0), "a/b~c": (1.0, 1.0, 1.0, 1.0)},
    {},
    {"acc": (-1.0, -2.0, 0.0, -1.0), "train.min": (4.0, 3.0, 5.0, 4.0)},
]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    home = LabHome(tmp_path_factory.mktemp("diff") / "home").create()
    journal = Journal(home, GOVERNANCE)
    for number in range(35):
        params, metrics = PARAMS[number % 7], METRICS[number % 5]
        id = f"r{number:02}"
        journal.append(
            "run.created",
            id,
            {
                "name": f"{('calm', 'bold', 'swift')[number % 3]}-otter-{number}",
                "project": ("p", "other")[number % 2],
                "entry": "train",
                "engine": ("docker", "process")[number % 4 == 0],
                "sweep": "" if number % 3 else "grid",
                "seed": number % 4,
                "memory": (0, 2**30, 2_000_000_000)[number % 3],
                "image": "",
                "code": "b3:0",
                "params": params,
                "datasets": {"sales": {"version": f"v{number % 3}"}} if number % 2 else {},
            },
        )
        journal.append("run.started", id)
        if number % 6:
            body = {
                key: {"last": last, "min": low, "max": high, "mean": mean, "count": 3}
                for key, (last, low, high, mean) in metrics.items()
            }
            journal.append(
                "run.ended",
                id,
                {
                    "ending": ("finished", "failed", "stopped")[number % 3],
                    "cause": "x",
                    "exit_code": number % 2,
                    "authority": 3,
                    "started": NOW - number * DAY / 3,
                    "ended": NOW - number * DAY / 3 + number * 60,
                    "metrics": body,
                },
            )
        if number % 4 == 1:
            journal.append("run.tagged", id, {"tags": ["best", f"t{number % 3}"][: number % 3]})
        if number % 5 == 1:
            journal.append("run.noted", id, {"notes": "Try AGAIN"})
        if number % 7 == 1:
            journal.append("run.archived", id, {"value": True})
        if number % 7 == 2:
            journal.append("run.starred", id, {"value": True})
        if number % 11 == 3:
            journal.append("run.renamed", id, {"name": f"given-{number}"})
    catalog = Catalog(home)
    yield catalog
    catalog.close()


@pytest.fixture(scope="module")
def oracle(catalog: Catalog) -> Oracle:
    page = runs.page(catalog, RunQuery(parse_filter("archived:any"), limit=1000))
    assert page.total == 35
    return Oracle(list(page.items))


_ANY_NAME = ["lr", "model", "deep", "acc", "loss", "val loss", "nothing", "param.acc", "metric.acc", "a/b~c", "note"]
_STATISTICS = ["loss.min", "loss.max", "acc.mean", "acc.best", "loss.best", "val loss.min", "metric.acc.max",
               "metric.a/b~c.min", "train.min", "train.min.max", "loss.count"]  # fmt: skip
_NUMBERS = ["0.1", "1", "-1", "0.5", "nan", "inf", "1e-5", "0", "3"]
_PATTERNS = ["^calm", "(a|o)tter", "\\d$", "^$", "x", "[a-f]"]


def _conditions(names: list[str], ops: list[str], values: list[str]) -> st.SearchStrategy[Node]:
    return st.builds(Condition, st.sampled_from(names), st.sampled_from(ops), st.sampled_from(values))


_EQUAL = ["=", "!="]
_ALL_OPS = ["<", ">", "<=", ">=", "=", "!="]
_TEXT_FIELDS = ["name", "project", "entry", "engine", "sweep", "notes", "run.notes", "cause", "image", "code"]
LEAVES = st.one_of(
    _conditions([*_ANY_NAME, *_STATISTICS], _ALL_OPS, _NUMBERS),
    _conditions(["lr", "model", "deep", "note", "val loss"], [*_EQUAL, ":"],
                ["forest", "true", "auto", "a'b\"; DROP", "o"]),
    _conditions(["model", "lr", "param.model"], ["~", "!~"], _PATTERNS),
    _conditions(_TEXT_FIELDS, [*_EQUAL, ":", "~", "!~"], ["p", "calm", "grid", "again", "x", "docker", "b3"]),
    _conditions(["name", "notes"], ["~", "!~"], _PATTERNS),
    _conditions(["status"], [*_EQUAL, ":"], ["failed", "fin", "running"]),
    _conditions(["created", "started", "ended"], [*_ALL_OPS, ":"],
                ["2023-11", "2023-11-10", "yesterday", "today"]),
    _conditions(["started", "ended"], _ALL_OPS, ["-3d", "-36h", "2023-11-10T12:30", "now", "1699900000"]),
    _conditions(["duration"], _ALL_OPS, ["10m", "0", "1h", "600", "4m"]),
    _conditions(["run.memory"], _ALL_OPS, ["1GiB", "2GB", "0", "1e9"]),
    _conditions(["seed", "exit_code"], _ALL_OPS, ["0", "1", "2.5"]),
    _conditions(["tag", "tags"], [*_EQUAL, ":", "~", "!~"], ["best", "t1", "^b"]),
    _conditions(["data", "dataset"], [*_EQUAL, ":"], ["sales", "sales@v1", "other", "sales@v9"]),
    _conditions(["archived", "starred", "run.starred"], [*_EQUAL, ":"], ["yes", "no", "any"]),
    _conditions([""], [":"], ["otter", "AGAIN", "r0", "train", "zzz"]),
    st.builds(Among, st.sampled_from(["model", "lr", "seed", "acc", "name"]),
              st.lists(st.sampled_from(["forest", "0.1", "1", "failed"]), min_size=1, max_size=3).map(tuple),
              st.booleans()),
    st.builds(Missing, st.sampled_from([*_ANY_NAME, *_STATISTICS, *_TEXT_FIELDS, "ended", "tag", "data", "exit_code"]),
              st.booleans()),
)  # fmt: skip


def _wider(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(All, several), st.builds(Any, several))


TREES = st.recursive(LEAVES, _wider, max_leaves=6)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TREES, min_size=1, max_size=2).map(tuple))
def test_sql_finds_what_python_finds(catalog: Catalog, oracle: Oracle, nodes: tuple[Node, ...]) -> None:
    page = runs.page(catalog, RunQuery(nodes, limit=1000), now=NOW)
    assert {run.id for run in page.items} == oracle.ids(nodes), write_filter(nodes)
    assert page.total == len(page.items)


@settings(max_examples=150, deadline=None)
@given(st.lists(TREES, min_size=1, max_size=2).map(tuple))
def test_text_and_tree_mean_the_same(nodes: tuple[Node, ...]) -> None:
    again = parse_filter(write_filter(nodes))
    assert write_filter(again) == write_filter(parse_filter(write_filter(again)))
    assert parse_filter(write_filter(again)) == again
