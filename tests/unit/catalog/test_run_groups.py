"""Groups of runs: their names, means and spreads; edits and their history; saved views."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.catalog import groups, runs, views
from lab.catalog.connection import Catalog
from lab.catalog.values import summary
from lab.domain.groups import GroupPage, Spread, as_of_now, pooled, sort_groups, with_live
from lab.domain.query import Order, RunQuery, parse_filter, parse_orders
from lab.domain.views import RunView
from lab.events import GOVERNANCE
from lab.journal import Journal
from lab.paths import LabHome

SCORES = {("forest", 0): 0.9, ("forest", 1): 0.8, ("forest", 2): 0.7, ("linear", 0): 0.5, ("linear", 1): "NaN"}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    home = LabHome(tmp_path_factory.mktemp("groups") / "home").create()
    journal = Journal(home, GOVERNANCE)
    for (model, seed), score in SCORES.items():
        id = f"{model}{seed}"
        body = {"name": id, "project": "p", "entry": "train", "seed": seed, "code": "b3:1", "datasets": {}}
        journal.append(
            "run.created", id, {**body, "params": {"seed": seed, "model": model, "depth": 3, "random_state": seed}}
        )
        stats = {"last": score, "min": seed / 10, "max": 1, "mean": 0.5, "count": 2}
        journal.append("run.ended", id, {"ending": "finished", "authority": 3, "metrics": {"acc": stats}})
    journal.append("run.renamed", "linear0", {"name": "base"})
    journal.append("run.renamed", "linear0", {"name": "baseline"})
    journal.append("run.tagged", "linear0", {"tags": ["a", "b"]})
    journal.append("run.starred", "linear0", {"value": True})
    journal.append("run.archived", "linear0", {"value": True})
    journal.append("run.archived", "linear0", {"value": False})
    for name, removed in (("good", False), ("gone", False), ("gone", True)):
        body = {"project": "p", "name": name, "filter": "acc>0.6", "sort": "-acc", "columns": ["acc", "acc.min"]}
        journal.append("view.saved", f"p/{name}", {**body, "removed": removed})
    catalog = Catalog(home)
    yield catalog
    catalog.close()


def test_a_group_tells_mean_and_spread_of_finite_values(catalog: Catalog) -> None:
    found = {group.name: group for group in groups.groups(catalog, RunQuery(), ["model"]).items}
    forest, linear = found["forest"], found["linear"]
    acc = forest.metrics["acc"]
    assert (forest.n, acc.n, acc.min, acc.max) == (3, 3, 0.7, 0.9)
    assert math.isclose(acc.mean, 0.8)
    assert acc.sd is not None
    assert math.isclose(acc.sd, statistics.stdev([0.9, 0.8, 0.7]))
    assert forest.runs == ("forest0", "forest1", "forest2")
    assert (linear.n, linear.metrics["acc"].n, linear.metrics["acc"].sd) == (2, 1, None)


def test_groups_of_several_keys_and_of_what_is_missing(catalog: Catalog) -> None:
    found = groups.groups(catalog, RunQuery(parse_filter("model=forest")), ["model", "seed", "nothing"]).items
    assert sorted(group.values for group in found) == [("forest", str(seed), None) for seed in range(3)]
    assert found[0].name == "forest, 2, none"


def test_seed_groups_are_named_by_what_differs(catalog: Catalog) -> None:
    found = groups.groups(catalog, RunQuery(), ["seeds"]).items
    assert {group.name: group.n for group in found} == {"model=forest": 3, "model=linear": 2}
    alone = groups.groups(catalog, RunQuery(parse_filter("model=forest")), ["seeds"]).items
    assert [group.name for group in alone] == ["train"]


def test_groups_can_be_sorted(catalog: Catalog) -> None:
    found = groups.groups(catalog, RunQuery(), ["model"]).items

    def names(order: str) -> list[str]:
        return [group.name for group in sort_groups(found, ["model"], parse_orders(order))]

    assert names("acc") == names("-model") == names("n") == ["linear", "forest"]
    assert names("-acc.max") == names("model") == names("acc.sd") == ["forest", "linear"]
    assert [group.name for group in sort_groups(found, ["model"], [Order("nothing")])] == [one.name for one in found]


@pytest.mark.parametrize(
    "order", ["acc", "-acc", "acc.sd", "-acc.max", "model", "-model", "n", "-n", "nothing", "-seeds"]
)
def test_the_first_groups_are_those_that_sorting_all_puts_first(catalog: Catalog, order: str) -> None:
    orders = parse_orders(order)
    for keys in (["model"], ["model", "seed"], ["seeds"]):
        every = groups.groups(catalog, RunQuery(), keys)
        ordered = groups.groups(catalog, RunQuery(), keys, orders).items
        assert sort_groups(ordered, keys, orders) == list(ordered) or order == "-seeds"
        pages = [groups.groups(catalog, RunQuery(limit=1, offset=at), keys, orders) for at in range(every.total)]
        assert [one for page in pages for one in page.items] == list(ordered)
        assert {(page.total, page.runs) for page in pages} == {(every.total, 5)}


def test_runs_of_a_group_are_in_the_order_asked_for(catalog: Catalog) -> None:
    def first(order: str) -> tuple[str, ...]:
        return (
            groups.groups(catalog, RunQuery(parse_filter("model=forest")), ["model"], parse_orders(order)).items[0].runs
        )

    assert first("acc") == first("-seed") == ("forest2", "forest1", "forest0")
    assert first("-acc") == first("acc.sd,-acc") == ("forest0", "forest1", "forest2")
    assert first("-created") == first("n")[::-1] == ("forest2", "forest1", "forest0")


def test_groups_and_their_runs_go_by_age_alike(catalog: Catalog) -> None:
    def names(order: str) -> list[tuple[str, tuple[str, ...]]]:
        found = groups.groups(catalog, RunQuery(), ["model"], parse_orders(order)).items
        return [(group.name, group.runs) for group in found]

    oldest = [("forest", ("forest0", "forest1", "forest2")), ("linear", ("linear0", "linear1"))]
    assert names("created") == oldest
    assert names("-created") == [(name, runs[::-1]) for name, runs in oldest[::-1]]


def test_numbers_come_before_words_and_what_is_missing_comes_last(tmp_path: Path) -> None:
    home = LabHome(tmp_path).create()
    journal = Journal(home, GOVERNANCE)
    for at, value in enumerate(("b", 10, 2, None, "a", 2.5)):
        body = {"name": f"r{at}", "project": "p", "entry": "train", "params": {} if value is None else {"x": value}}
        journal.append("run.created", f"r{at}", body)
        journal.append("run.ended", f"r{at}", {"ending": "finished", "authority": 3, "metrics": {}})
    catalog = Catalog(home)
    for order, wanted in (("x", ["2", "2.5", "10", "a", "b", None]), ("-x", ["b", "a", "10", "2.5", "2", None])):
        found = groups.groups(catalog, RunQuery(), ["x"], parse_orders(order)).items
        assert [group.values[0] for group in found] == wanted
        assert sort_groups(found, ["x"], parse_orders(order)) == list(found)
    catalog.close()


def test_a_page_behind_the_last_group_tells_how_many_there_are(catalog: Catalog) -> None:
    page = groups.groups(catalog, RunQuery(limit=5, offset=7), ["model"])
    assert (page.items, page.total, page.runs) == ((), 2, 5)
    assert groups.groups(catalog, RunQuery(parse_filter("model=none")), ["model"]) == GroupPage((), 0, 0)


def test_sorting_by_several_keys_and_by_statistics(catalog: Catalog) -> None:
    def ids(text: str) -> list[str]:
        orders = parse_orders(text)
        return [run.id for run in runs.page(catalog, RunQuery((), orders[0], then=orders[1:])).items]

    assert ids("model,-seed") == ["forest2", "forest1", "forest0", "linear1", "linear0"]
    assert ids("-acc.min,model") == ["forest2", "forest1", "linear1", "forest0", "linear0"]


def test_edits_are_told_with_what_was_there_before(catalog: Catalog) -> None:
    run = runs.get(catalog, "linear0")
    assert run is not None
    assert (run.name, run.tags, run.starred, run.archived) == ("baseline", ("a", "b"), True, False)
    assert runs.find(catalog, "baseline") == ["linear0"]
    assert [(edit.what, edit.before, edit.after) for edit in runs.history(catalog, "linear0")] == [
        ("name", "linear0", "base"),
        ("name", "base", "baseline"),
        ("tags", (), ("a", "b")),
        ("starred", False, True),
        ("archived", False, True),
        ("archived", True, False),
    ]
    assert runs.history(catalog, "forest0") == []


def test_views_are_of_a_project_and_can_be_removed(catalog: Catalog) -> None:
    assert views.views(catalog, "p") == [RunView("p", "good", "acc>0.6", "-acc", ("acc", "acc.min"))]
    assert views.views(catalog, "other") == []


def test_what_is_going_counts_as_it_is_now(catalog: Catalog) -> None:
    found = groups.groups(catalog, RunQuery(), ["model"]).items
    forest = {group.name: group for group in found}["forest"]
    ended = runs.get_many(catalog, ["forest0", "forest1"])
    live = [
        replace(run, metrics={"acc": summary({"last": value})}) for run, value in zip(ended, (0.1, "NaN"), strict=True)
    ]
    other = replace(live[0], metrics={"loss": summary({"last": 2.0}), "acc": summary({"last": 1e200})})
    begun = as_of_now(found, live)
    assert [group.going for group in begun] == [("forest0", "forest1") if group is forest else () for group in found]
    now = with_live(replace(forest, ended=forest.metrics), [*live, other])
    values = [0.9, 0.8, 0.7, 0.1]
    acc = now.metrics["acc"]
    assert (acc.n, acc.min, acc.max) == (4, 0.1, 0.9)
    assert acc.sd is not None
    assert math.isclose(acc.mean, statistics.mean(values))
    assert math.isclose(acc.sd, statistics.stdev(values))
    assert now.metrics["loss"] == Spread(1, 2.0, None, 2.0, 2.0)
    again = with_live(now, [replace(live[0], metrics={"acc": summary({"last": 0.5})})])
    assert math.isclose(again.metrics["acc"].mean, statistics.mean([0.9, 0.8, 0.7, 0.5])), "not on top of what was live"


def test_spreads_are_pooled_as_if_of_all_values() -> None:
    samples = [[0.1, 0.25, 0.3], [7.0], [-2.0, 4.5]]
    spreads = [
        Spread(len(one), statistics.fmean(one), statistics.stdev(one) if len(one) > 1 else None, min(one), max(one))
        for one in samples
    ]
    whole = [value for one in samples for value in one]
    found = pooled(spreads)
    assert (found.n, found.min, found.max) == (6, -2.0, 7.0)
    assert found.mean == pytest.approx(statistics.fmean(whole))
    assert found.sd == pytest.approx(statistics.stdev(whole))
    assert pooled([Spread(1, 2.0, None, 2.0, 2.0)]).sd is None
