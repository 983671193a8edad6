"""Filters, orders and pages of the run table."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from lab.catalog import runs
from lab.catalog.connection import Catalog
from lab.domain.query import Condition, Order, RunQuery, parse_filter, parse_order
from lab.errors import UsageError
from lab.events import GOVERNANCE
from lab.journal import Journal
from lab.paths import LabHome

HOSTILE = "a'b\"; DROP TABLE runs; -- %_[/x]"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    home = LabHome(tmp_path_factory.mktemp("page") / "home").create()
    journal = Journal(home, GOVERNANCE)
    table: list[tuple[str, dict[str, object], dict[str, object], str]] = [
        ("alpha", {"lr": 0.1, "model": "forest", "deep": True}, {"acc": 0.9}, "finished"),
        ("beta", {"lr": 0.01, "model": "mlp"}, {"acc": "NaN", "loss": 2.0}, "finished"),
        ("gamma", {"lr": 1, "model": "logistic"}, {"acc": 0.7, "loss": "Infinity"}, "failed"),
        ("delta", {"lr": "auto", HOSTILE: HOSTILE}, {}, ""),
        (HOSTILE, {}, {"acc": -1.0}, "finished"),
    ]
    for number, (name, params, metrics, ending) in enumerate(table):
        id = f"id{number}"
        journal.append(
            "run.created", id, {"name": name, "project": "p", "entry": "train", "params": params, "seed": number}
        )
        journal.append("run.started", id)
        if ending:
            body = {key: {"last": value, "min": 0, "max": 1, "mean": 0.5, "count": 1} for key, value in metrics.items()}
            journal.append(
                "run.ended",
                id,
                {"ending": ending, "authority": 3, "started": 10.0, "ended": 20.0 + number, "metrics": body},
            )
    journal.append("run.tagged", "id0", {"tags": ["best", HOSTILE]})
    journal.append("run.noted", "id1", {"notes": "Try AGAIN with dropout"})
    catalog = Catalog(home)
    yield catalog
    catalog.close()


def found(catalog: Catalog, text: str, order: str = "seed") -> list[int]:
    page = runs.page(catalog, RunQuery(parse_filter(text), parse_order(order)))
    assert page.total == len(page.items)
    return [run.seed for run in page.items]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("status:finished", [0, 1, 4]),
        ("status=running", [3]),
        ("status:n", [0, 1, 3, 4]),  # finished and running
        ("status:FAIL", [2]),
        ("status:run", [3]),
        ("status:nowhere", []),
        ("status=fin", []),
        ("not status:failed", [0, 1, 3, 4]),
        ("status!=finished", [2, 3]),
        ("lr<0.1", [1]),
        ("lr<=0.1", [0, 1]),
        ("lr=auto", [3]),
        ("lr>0", [0, 1, 2]),
        ("acc>0.8", [0]),
        ("acc<0.8", [2, 4]),
        ("loss>1", [1, 2]),
        ("metric.lr>0", []),
        ("param.acc>0", []),
        ("param.lr=1", [2]),
        ("model:o", [0, 2]),
        ("model=forest acc>=0.9", [0]),
        ("tag:best", [0]),
        ("tag!=best", [1, 2, 3, 4]),
        ("again", [1]),
        ("ALPHA", [0]),
        ("id3", [3]),
        ("duration>=12", [2, 4]),
        ("nothing_has_this>1", []),
        ("deep=true", [0]),
    ],
)
def test_filters(catalog: Catalog, text: str, expected: list[int]) -> None:
    assert found(catalog, text) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("acc", [4, 2, 0, 3, 1]),
        ("-acc", [0, 2, 4, 3, 1]),
        ("lr", [1, 0, 2, 3, 4]),
        ("-lr", [2, 0, 1, 3, 4]),
        ("-seed", [4, 3, 2, 1, 0]),
        ("duration", [0, 1, 2, 4, 3]),
    ],
)
def test_orders_put_what_has_no_value_last(catalog: Catalog, order: str, expected: list[int]) -> None:
    seeds = found(catalog, "", order)
    known = len([seed for seed in expected if seed not in (1, 3)]) if "acc" in order else 5
    assert seeds[:known] == expected[:known]
    assert sorted(seeds) == [0, 1, 2, 3, 4]


def test_hostile_values_are_only_values(catalog: Catalog) -> None:
    conditions = [
        Condition("", ":", HOSTILE),
        Condition("name", "=", HOSTILE.lower()),
        Condition(HOSTILE, "=", HOSTILE),
        Condition("tag", ":", HOSTILE),
    ]
    assert [run.seed for c in conditions for run in runs.page(catalog, RunQuery((c,))).items] == [4, 4, 3, 0]
    assert runs.page(catalog, RunQuery(order=Order(HOSTILE))).total == 5
    assert runs.find(catalog, HOSTILE) == ["id4"]
    assert runs.find(catalog, "' OR 1=1 --") == []


def test_pages_count_the_whole(catalog: Catalog) -> None:
    first = runs.page(catalog, RunQuery(order=Order("seed", False), limit=2))
    last = runs.page(catalog, RunQuery(order=Order("seed", False), limit=2, offset=4))
    beyond = runs.page(catalog, RunQuery(limit=2, offset=50))
    assert [([run.seed for run in page.items], page.total) for page in (first, last, beyond)] == [
        ([0, 1], 5), ([4], 5), ([], 5),
    ]  # fmt: skip


def test_values_come_back_as_they_were(catalog: Catalog) -> None:
    beta, gamma = runs.get(catalog, "id1"), runs.get(catalog, "id2")
    assert beta is not None
    assert gamma is not None
    assert math.isnan(beta.metrics["acc"].last)
    assert gamma.metrics["loss"].last == math.inf
    assert gamma.params == {"lr": 1, "model": "logistic"}
    assert runs.keys(catalog)[1] == ["acc", "loss"]
    assert runs.counts(catalog) == {"failed": 1, "finished": 3, "running": 1}
    assert [run.id for run in runs.active(catalog)] == ["id3"]
    assert runs.get(catalog, "nope") is None


@pytest.mark.parametrize("text", ["lr<high", "'open", "acc>="])
def test_what_cannot_be_a_filter_is_told(catalog: Catalog, text: str) -> None:
    with pytest.raises(UsageError):
        runs.page(catalog, RunQuery(parse_filter(text)))


def test_the_place_of_a_run_is_where_the_pages_have_it(catalog: Catalog) -> None:
    for text, order in (("", "-created"), ("", "acc"), ("status:finished", "-acc"), ("model=mlp or lr=1", "name")):
        query = RunQuery(parse_filter(text), parse_order(order), 1000)
        ids = [run.id for run in runs.page(catalog, query).items]
        assert ids
        for id in (f"id{number}" for number in range(5)):
            assert runs.place(catalog, query, id) == (ids.index(id) if id in ids else None)
    assert runs.place(catalog, RunQuery(), HOSTILE) is None
