"""Which columns of runs are shown."""

from __future__ import annotations

import io

import pytest

from lab.cli.comparing import draw
from lab.cli.output import Output
from lab.cli.runtable import cell, check_columns, columns_of, kept, usual_columns
from lab.cli.tables import Styled
from lab.domain.compare import Comparison, Row
from lab.domain.runs import MetricSummary, Run, RunStatus
from lab.domain.text import cell_width
from lab.errors import UsageError


def run(name: str, status: RunStatus = RunStatus.FINISHED, **fields: object) -> Run:
    cause = fields.pop("cause", status.value)
    return Run(id=name[:4], name=name, project="p", entry="train", status=status, cause=str(cause), **fields)  # type: ignore[arg-type]


def metric(value: float) -> dict[str, MetricSummary]:
    return {"loss": MetricSummary(value, value, value, value, 1)}


def test_only_what_tells_runs_apart_is_shown() -> None:
    runs = [
        run("a", params={"lr": 0.1, "same": 1}, metrics=metric(0.5)),
        run("b", params={"lr": 0.2, "same": 1}, metrics=metric(0.4)),
    ]
    assert usual_columns(runs) == ["name", "id", "status", "age", "param.lr", "metric.loss", "duration", "entry"]


def test_parameters_and_metrics_take_turns() -> None:
    values = {name: MetricSummary(1.0, 1.0, 1.0, 1.0, 1) for name in ("m1", "m2")}
    columns = usual_columns([run("a", params={"x": 1, "y": 1, "z": 1}, metrics=values), run("b")])
    assert columns[4:9] == ["param.x", "metric.m1", "param.y", "metric.m2", "param.z"]


def test_causes_tags_and_projects_appear_where_there_are_some() -> None:
    other = Run("c", "c", "q", "train", RunStatus.FAILED, cause="failed exit 3", tags=("x",))
    columns = usual_columns([run("a"), other])
    assert {"cause", "tags", "project"} <= set(columns)
    assert columns.index("cause") < columns.index("age")


def test_cells() -> None:
    failed = run(
        "a", RunStatus.FAILED, cause="failed exit 3", params={"x": 1}, created=100.0, started=100.0, ended=103.5
    )
    assert cell(failed, "status", 200.0) == Styled("failed", "fail")
    assert cell(failed, "cause", 200.0) == "failed exit 3"
    assert cell(run("b"), "cause", 200.0) == ""
    assert cell(failed, "duration", 200.0) == "3.5s"
    assert cell(failed, "age", 220.0) == "2m"
    assert cell(failed, "param.x", 0.0) == cell(failed, "x", 0.0) == "1"
    assert cell(failed, "metric.x", 0.0) == "–"


def test_values_of_columns_are_kept_as_they_are() -> None:
    loss = {"loss": MetricSummary(0.5, 0.25, 1.0, 0.6, 9)}
    one = run("a", params={"x": 1}, metrics=loss, created=100.0, started=100.0, ended=103.5, cpu_time=2.0,
              image="env", memory=1 << 30, tags=("best",), datasets={"d": "v1"})  # fmt: skip
    names = ["status", "age", "duration", "cost", "created", "tags", "data", "image", "memory", "badge", "x",
             "loss.min", "metric.loss.best", "param.gone"]  # fmt: skip
    assert [kept(one, name, 220.0) for name in names] == [
        "finished", 120.0, 3.5, 2.0, "1970-01-01T00:01:40.000000Z", ["best"], {"d": "v1"}, "env", 1 << 30, "", 1,
        0.25, 0.25, None,
    ]  # fmt: skip
    assert cell(one, "memory", 220.0) == "1 GB"
    assert kept(run("b", params={"memory": 7}), "memory", 0.0) == 7
    assert cell(run("b", params={"memory": 7}), "memory", 0.0) == "7"


def test_a_metric_and_a_param_of_one_name_are_told_apart() -> None:
    both = run("a", params={"loss": "mse"}, metrics=metric(0.5))
    assert cell(both, "param.loss", 0.0) == "mse"
    assert cell(both, "metric.loss", 0.0) == "0.5"
    assert [column.title for column in columns_of(["param.loss", "metric.loss"], [both])] == ["loss", "loss"]


def test_an_unknown_column_is_answered_with_the_nearest() -> None:
    check_columns(["name", "lr", "metric.loss", "param.lr"], ["lr"], ["loss"])
    with pytest.raises(UsageError) as caught:
        check_columns(["statsu"], ["lr"], ["loss"])
    assert "status" in caught.value.hint


def comparison(runs: list[Run]) -> Comparison:
    params = (Row("lr", tuple(0.1 * (at + 1) for at in range(len(runs))), True), Row("kind", ("x",) * len(runs), False))
    metrics = (Row("loss", tuple(0.5 - 0.1 * at for at in range(len(runs))), True),)
    return Comparison(tuple(runs), runs[0].id, params, metrics, (), (), True)


def drawn(runs: list[Run], monkeypatch: pytest.MonkeyPatch, columns: str, everything: bool = False) -> str:
    monkeypatch.setenv("COLUMNS", columns)
    out = io.StringIO()
    draw(Output(out, io.StringIO()), comparison(runs), everything=everything)
    return out.getvalue()


def test_a_comparison_shows_what_differs_and_by_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn([run("Aa-otter"), run("Bb-heron")], monkeypatch, "80")
    assert "Aa-otter *" in text
    assert "(-0.1)" in text
    assert "params (1 the same)" in text
    assert "kind" not in text
    assert "kind" in drawn([run("Aa-otter"), run("Bb-heron")], monkeypatch, "80", everything=True)


def test_more_runs_than_fit_are_drawn_in_blocks_with_the_baseline_in_each(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [run(f"run-number-{at:02d}") for at in range(9)]
    text = drawn(runs, monkeypatch, "80")
    headers = [line for line in text.splitlines() if "run-number-00 *" in line]
    assert len(headers) > 1
    assert all(text.count(one.name) == 1 for one in runs[1:])
    assert all(cell_width(line) <= 80 for line in text.splitlines())
