"""A column described by the index, against numpy on the same runs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.catalog.connection import Catalog
from lab.catalog.describe import describe
from lab.domain.numbers import jsonable
from lab.domain.query import RunQuery, parse_filter
from lab.events import GOVERNANCE
from lab.journal import Journal
from lab.paths import LabHome


def lab_of(root: Path, rows: list[dict[str, object]]) -> Catalog:
    """A catalog of finished runs with a parameter `p` and a metric `m`, where given."""
    home = LabHome(root)
    home.create()
    journal = Journal(home, GOVERNANCE)
    for at, row in enumerate(rows):
        params = {"p": row["p"]} if "p" in row else {}
        metrics = {"m": {"last": row["m"]}} if "m" in row else {}
        body = {"name": f"r{at}", "project": "x", "entry": "t", "params": params}
        journal.append("run.created", f"r{at}", jsonable(body))
        journal.append("run.ended", f"r{at}", jsonable({"ending": "finished", "started": 0.0, "metrics": metrics}))
    journal.close()
    return Catalog(home)


def test_words_are_counted(tmp_path: Path) -> None:
    catalog = lab_of(tmp_path, [{"p": word} for word in ("adam", "sgd", "adam", "a'b%")] + [{}])
    one = describe(catalog, RunQuery(), "p")
    assert (one.runs, one.missing, one.distinct, one.numbers) == (5, 1, 3, None)
    assert one.values == (("adam", 2), ("a'b%", 1), ("sgd", 1))
    assert one.counted
    only = describe(catalog, RunQuery(parse_filter("p=sgd")), "param.p")
    assert (only.runs, only.values) == (1, (("sgd", 1),))


def test_numbers_are_spread_and_words_among_them_are_not_hidden(tmp_path: Path) -> None:
    catalog = lab_of(tmp_path, [{"m": value} for value in (1.0, 2.0, math.nan, math.inf, 4.0)] + [{"p": 1}, {"p": "x"}])
    one = describe(catalog, RunQuery(), "m")
    assert (one.runs, one.missing, one.odd) == (7, 2, 2)
    assert one.numbers is not None
    assert (one.numbers.n, one.numbers.low, one.numbers.median, one.numbers.high) == (3, 1.0, 2.0, 4.0)
    assert not one.counted, "each value once: a histogram tells more"
    assert describe(catalog, RunQuery(), "p").numbers is None, "one of them is a word"


@pytest.mark.parametrize("values", [[7.0], [3.0, 3.0, 3.0], [-1.7e308, 1.7e308], [1e200, 2e200], [0.0, 5e-324]])
def test_odd_numbers_break_nothing(tmp_path: Path, values: list[float]) -> None:
    one = describe(lab_of(tmp_path, [{"m": value} for value in values]), RunQuery(), "m")
    assert one.numbers is not None
    assert sum(one.numbers.bins) == len(values)
    assert (one.numbers.low, one.numbers.high) == (min(values), max(values))


def test_nothing_at_all(tmp_path: Path) -> None:
    catalog = lab_of(tmp_path, [{"p": 1}])
    one = describe(catalog, RunQuery(parse_filter("p>5")), "p")
    assert (one.runs, one.distinct, one.values, one.numbers) == (0, 0, (), None)
    assert describe(catalog, RunQuery(), "tags").values == ()
    assert describe(catalog, RunQuery(), "status").values == (("finished", 1),)


@settings(max_examples=15)
@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=2, max_size=60))
def test_it_is_what_numpy_says(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    catalog = lab_of(tmp_path_factory.mktemp("lab"), [{"m": value} for value in values])
    one = describe(catalog, RunQuery(), "m")
    catalog.close()
    assert one.numbers is not None
    array = np.array(values)
    assert one.numbers.mean == pytest.approx(array.mean(), abs=1e-6)
    assert one.numbers.sd == pytest.approx(array.std(ddof=1), abs=1e-6)
    quartiles = (one.numbers.q1, one.numbers.median, one.numbers.q3)
    assert quartiles == pytest.approx(tuple(np.quantile(array, [0.25, 0.5, 0.75])), abs=1e-6)
    assert sum(one.numbers.bins) == len(values)
