"""Runs and their histories as data frames."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from lab.catalog import histories as catalog_histories
from lab.domain.runs import History, MetricSummary, Run, RunStatus
from lab.errors import IntegrityError, UsageError
from lab.experiments.frames import frame, histories
from lab.paths import LabHome

START = 1_700_000_000.0


def run(number: int, **changes: object) -> Run:
    given: dict[str, object] = {
        "id": f"r{number}",
        "name": f"run-{number}",
        "project": "p",
        "entry": "train",
        "status": RunStatus.FINISHED,
        "params": {"lr": 0.1 * number, "depth": number, "kind": "forest", "deep": number > 1},
        "metrics": {"loss": MetricSummary(0.5, 0.25, 1.0, 0.6, 4), "acc": MetricSummary(math.nan, 0.1, 0.9, 0.5, 4)},
        "datasets": {"sales": "v3"},
        "tags": ("a", "b"),
        "created": START,
        "started": START + 1,
        "ended": START + 61.5,
    }
    return Run(**{**given, **changes})  # type: ignore[arg-type]


def table(runs: list[Run], *columns: str, statistic: str = "last") -> pl.DataFrame:
    return frame(runs, columns, statistic, START + 100, ((), ()))


def test_every_column_has_its_type() -> None:
    found = table([run(1), run(2)])
    kinds = dict(zip(found.columns, found.dtypes, strict=True))
    time = pl.Datetime("us", "UTC")
    assert {name: kinds[name] for name in ("created", "started", "ended")} == dict.fromkeys(
        ("created", "started", "ended"), time
    )
    assert kinds["duration"] == pl.Duration("us")
    assert kinds["tags"] == kinds["data"] == pl.List(pl.String)
    assert (kinds["lr"], kinds["depth"], kinds["kind"], kinds["deep"]) == (pl.Float64, pl.Int64, pl.String, pl.Boolean)
    assert (kinds["loss"], kinds["seed"]) == (pl.Float64, pl.Int64)
    first = found.row(0, named=True)
    assert first["created"] == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert first["duration"] == timedelta(seconds=60.5)
    assert (first["tags"], first["data"], first["status"]) == (["a", "b"], ["sales@v3"], "finished")
    assert first["loss"] == 0.5
    assert math.isnan(first["acc"])


def test_a_statistic_is_of_all_metrics_or_of_one() -> None:
    found = table([run(1)], "loss", "loss.max", "acc.best", "metric.acc", statistic="mean")
    assert found.row(0) == (0.6, 1.0, 0.9, 0.5)
    assert found.columns == ["loss", "loss.max", "acc.best", "metric.acc"]


def test_what_a_run_does_not_have_is_null_and_mixed_parameters_are_text() -> None:
    runs = [run(1, params={"x": 1}, metrics={}, started=None, ended=None), run(2, params={"x": "one"})]
    found = table(runs)
    assert found["x"].to_list() == ["1", "one"]
    assert found["loss"].to_list() == [None, 0.5]
    assert found["duration"].to_list()[0] is None
    assert table([run(1, params={"x": 1}), run(2, params={"x": 0.5}), run(3, params={})])["x"].to_list() == [
        1,
        0.5,
        None,
    ]
    assert table([run(1, params={"x": 1 << 70})])["x"].dtype == pl.String


def test_a_name_with_two_meanings_has_a_prefix() -> None:
    both = run(1, params={"loss": "mse", "memory": 5, "name": "x"})
    found = table([both])
    assert found["param.loss"].to_list() == ["mse"]
    assert found["metric.loss"].to_list() == [0.5]
    assert found["name"].to_list() == ["run-1"]
    assert found["param.name"].to_list() == ["x"]
    assert table([both], "run.memory", "memory").row(0) == (0, 5)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="losss") as caught:
        table([run(1)], "losss")
    assert "loss" in caught.value.hint
    with pytest.raises(UsageError, match="median"):
        table([run(1)], statistic="median")
    assert frame([], ("loss", "name"), "last", START, ((), ("loss",))).schema == {"loss": pl.Float64, "name": pl.String}
    assert frame([], (), "last", START, ((), ())).height == 0


def _history(home: LabHome, id: str, lines: list[dict[str, object]]) -> None:
    folder = home.run(id)
    folder.root.mkdir(parents=True)
    folder.events.write_text("".join(json.dumps(line) + "\n" for line in lines))
    catalog_histories.write(folder.events, folder.metrics)


def test_histories_are_one_long_table(tmp_path: Path) -> None:
    home = LabHome(tmp_path)
    _history(home, "r1", [{"t": START + s, "s": s, "m": {"loss": 1 - s / 4, "b": "NaN"}} for s in range(3)])
    live = History([7.0], [START], [0.125])
    runs = [run(1), run(2, status=RunStatus.RUNNING), run(3)]
    found = histories(home, runs, ["loss"], lambda id, metric: live if id == "r2" else History((), (), ()))
    assert found.schema == {
        "run": pl.String,
        "name": pl.String,
        "metric": pl.String,
        "step": pl.Float64,
        "time": pl.Datetime("us", "UTC"),
        "value": pl.Float64,
    }
    assert found.select("run", "metric", "step", "value").rows() == [
        ("r1", "loss", 0.0, 1.0),
        ("r1", "loss", 1.0, 0.75),
        ("r1", "loss", 2.0, 0.5),
        ("r2", "loss", 7.0, 0.125),
    ]
    assert found["time"][1] == datetime(2023, 11, 14, 22, 13, 21, tzinfo=UTC)
    everything = histories(home, [run(1)], (), lambda id, metric: live)
    assert everything["metric"].to_list() == ["b"] * 3 + ["loss"] * 3
    assert histories(home, [], (), lambda id, metric: live).height == 0


def test_a_damaged_history_is_an_error_that_names_the_run(tmp_path: Path) -> None:
    home = LabHome(tmp_path)
    _history(home, "r1", [{"t": START, "s": 0, "m": {"loss": 1}}])
    home.run("r1").metrics.write_bytes(b"PAR1 not really")
    with pytest.raises(IntegrityError, match="r1"):
        histories(home, [run(1)], (), lambda id, metric: History((), (), ()))
