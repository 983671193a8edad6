from __future__ import annotations

import math

from lab.domain.runs import MetricSummary, Run, RunStatus
from lab.experiments.compare import compare


def run(id: str, code: str = "b3:1", **params: object) -> Run:
    return Run(
        id,
        f"run-{id}",
        "p",
        "train",
        RunStatus.FINISHED,
        params=params,
        code=code,  # type: ignore[arg-type]
        metrics={"loss": MetricSummary(float(len(id)), 0, 1, 0.5, 3)},
    )


def test_only_what_differs_is_marked() -> None:
    table = compare([run("a", lr=0.1, depth=3), run("bb", lr=0.2, depth=3)], "a")
    rows = {row.key: row for row in table.params}
    assert rows["lr"].values == (0.1, 0.2)
    assert (rows["lr"].differs, rows["depth"].differs) == (True, False)
    assert table.metrics[0].values == (1.0, 2.0)
    assert table.code_same


def test_a_key_that_one_run_lacks_differs() -> None:
    table = compare([run("a", lr=0.1), run("b", lr=0.1, extra="x")], "a")
    extra = next(row for row in table.params if row.key == "extra")
    assert (extra.values, extra.differs) == ((None, "x"), True)


def test_nan_equals_nan_and_kinds_of_one_do_not() -> None:
    table = compare([run("a", x=math.nan, y=1), run("b", x=math.nan, y=True)], "a")
    rows = {row.key: row.differs for row in table.params}
    assert rows == {"x": False, "y": True}


def test_other_code_is_told() -> None:
    assert not compare([run("a"), run("b", code="b3:2")], "a").code_same
