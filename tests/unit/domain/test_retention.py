from __future__ import annotations

from dataclasses import replace

import pytest

from lab.domain.retention import Policy, judge
from lab.domain.runs import MetricSummary, Run, RunStatus
from lab.errors import UsageError

DAY = 86_400.0
NOW = 100 * DAY


def run(name: str, accuracy: float | None = None, age: float = 50.0, **more: object) -> Run:
    metrics = {} if accuracy is None else {"accuracy": MetricSummary(accuracy, accuracy, accuracy, accuracy, 1)}
    one = Run(name, name, "p", "train", RunStatus.FINISHED, metrics=metrics, created=NOW - age * DAY)
    return replace(one, **more)  # type: ignore[arg-type]


def kept(runs: list[Run], policy: Policy) -> dict[str, tuple[str, ...]]:
    return {item.run.id: item.keeps for item in judge(runs, policy, NOW)}


def test_each_reason_keeps_by_itself_and_is_told() -> None:
    runs = [
        run("best", 0.9, 60),
        run("nan", float("nan"), 61),
        run("failed", 0.99, 62, status=RunStatus.FAILED),
        run("star", 0.1, 63, starred=True),
        run("tag", 0.1, 64, tags=("paper",)),
        run("young", 0.1, 2),
        run("going", None, 70, status=RunStatus.RUNNING),
        run("other", 0.2, 65, entry="tune"),
        run("gone", 0.2, 66),
        run("taken-in", 0.1, 67, tags=("imported", "mlflow")),
    ]
    found = kept(runs, Policy(best={"accuracy": 1}, younger=14 * DAY))
    assert found == {
        "best": ("1st best accuracy, 0.9",),
        "nan": (),
        "failed": (),
        "star": ("has a star",),
        "tag": ("is tagged paper",),
        "young": ("is younger than 14 days",),
        "going": ("is running",),
        "other": ("1st best accuracy, 0.2",),
        "gone": (),
        "taken-in": (),
    }
    assert list(found) == ["young", "best", "nan", "failed", "star", "tag", "other", "gone", "taken-in", "going"]


def test_the_latest_of_each_entry_stay() -> None:
    runs = [run(f"r{age}", None, age) for age in range(20, 25)] + [run("lone", None, 90, entry="tune")]
    found = kept(runs, Policy(last=2))
    assert [name for name, why in found.items() if why] == ["r20", "r21", "lone"]
    assert found["r21"] == ("2nd latest of train",)


def test_the_direction_of_a_metric_is_its_names_or_said() -> None:
    runs = [run(str(value), None, 50, metrics={"cost": MetricSummary(value, 0, 0, 0, 1)}) for value in (1.0, 2.0)]
    assert [name for name, why in kept(runs, Policy(best={"cost:lower": 1})).items() if why] == ["1.0"]
    assert [name for name, why in kept(runs, Policy(best={"cost:higher": 1})).items() if why] == ["2.0"]
    with pytest.raises(UsageError, match="cost"):
        kept(runs, Policy(best={"cost": 1}))


def test_needs_from_outside_are_reasons_too() -> None:
    (judged,) = judge([run("a")], Policy(last=0, younger=1.0), NOW, {"a": ("model m:v1 came from it",)})
    assert judged.keeps == ("model m:v1 came from it",)
    assert Policy(tagged=True).empty
    assert not Policy(last=1).empty
