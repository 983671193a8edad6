from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from lab.domain.runs import Run, RunStatus
from lab.experiments import live as live_module
from lab.experiments.live import CAP, LiveMetrics, Series
from lab.paths import LabHome


def test_the_summary_is_exact_however_long_the_series() -> None:
    series = Series()
    values = [math.sin(index / 7) * index for index in range(3 * CAP)]
    for index, value in enumerate(values):
        series.add(index, index, value)
    assert series.summary is not None
    assert (series.summary.last, series.summary.min, series.summary.max) == (values[-1], min(values), max(values))
    assert series.summary.count == len(values)
    assert math.isclose(series.summary.mean, sum(values) / len(values), rel_tol=1e-9)
    assert len(series.values) <= CAP


def test_thinning_keeps_every_peak() -> None:
    series = Series()
    for index in range(4 * CAP):
        series.add(index, index, 1000.0 if index == 12_345 else -1000.0 if index == 54_321 else 0.0)
    assert max(series.values) == 1000.0
    assert min(series.values) == -1000.0
    assert list(series.steps) == sorted(series.steps)


def test_infinities_and_nan_do_not_spoil_the_mean() -> None:
    series = Series()
    for value in (math.nan, 1.0, math.inf, 3.0, math.nan):
        series.add(0, 0, value)
    assert series.summary is not None
    assert (series.summary.min, series.summary.max, series.summary.mean, series.summary.count) == (1.0, 3.0, 2.0, 5)
    assert math.isnan(series.summary.last)


def active(id: str) -> Run:
    return Run(id, id, "p", "train", RunStatus.RUNNING)


def test_a_running_run_is_read_as_it_grows_and_hostile_lines_are_passed_over(tmp_path: Path) -> None:
    home = LabHome(tmp_path)
    live = LiveMetrics(home)
    assert live.fill(active("r")).metrics == {}
    events = home.run("r").events
    events.parent.mkdir(parents=True)
    lines = [
        json.dumps({"t": 1.0, "s": 1, "m": {"loss": 0.5}}),
        "garbage",
        json.dumps({"t": 1.5, "s": 1, "m": {"loss": "not a number"}}),
        json.dumps({"t": 1.6, "s": 1, "m": ["loss"]}),
        json.dumps({"t": 2.0, "s": 2, "m": {"loss": "NaN", "acc": 1}}),
        '{"t": 3.0, "s": 3, "m": {"loss": 0.1',
    ]
    events.write_text("\n".join(lines))
    first = live.fill(active("r")).metrics
    assert math.isnan(first["loss"].last)
    assert (first["loss"].count, first["acc"].last) == (2, 1.0)
    with open(events, "a") as file:
        file.write("}}\n")
    assert live.fill(active("r")).metrics["loss"].last == 0.1
    assert list(live.history("r", "loss").steps) == [1, 2, 3]
    assert live.names("r") == ["loss", "acc"]
    assert list(live.history("r", "nothing").values) == []


def test_a_large_file_is_taken_in_at_once_and_followed_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = LabHome(tmp_path)
    events = home.run("r").events
    events.parent.mkdir(parents=True)
    values: list[float | str] = [math.sin(step / 50) * step for step in range(20_000)]
    values[7_777], values[12_345], values[100] = 1e6, "NaN", "-Infinity"
    lines = [json.dumps({"t": 1.0 + step, "s": step, "m": {"loss": value}}) for step, value in enumerate(values)]
    lines[50:50] = ["", "garbage", json.dumps({"k": "artifact", "path": "x"}), json.dumps({"m": {"once": 3}})]
    events.write_text("\n".join(lines) + '\n{"t": 30000.0, "s": 30000, "m": {"loss": ')
    plain, leaping = LiveMetrics(home), LiveMetrics(home)
    wanted = plain.fill(active("r")).metrics
    monkeypatch.setattr(live_module, "_LEAP", 1000)
    assert leaping.fill(active("r")).metrics["loss"].count == 20_000
    for reader in (plain, leaping):
        history = reader.history("r", "loss")
        assert max(history.values) == 1e6
        assert min(history.values) == -math.inf
        assert len(history.values) <= CAP
        assert list(history.steps) == sorted(history.steps)
    assert leaping.fill(active("r")).metrics["once"] == wanted["once"]
    with open(events, "a") as file:
        file.write("0.25}}\n")
    exact, leapt = plain.fill(active("r")).metrics["loss"], leaping.fill(active("r")).metrics["loss"]
    assert (leapt.last, leapt.step, leapt.count) == (exact.last, exact.step, exact.count) == (0.25, 30000, 20_001)
    assert (leapt.min, leapt.max) == (exact.min, exact.max)
    assert math.isclose(leapt.mean, exact.mean, rel_tol=1e-9)


def test_the_pace_of_epochs_is_told_by_when_each_began(tmp_path: Path) -> None:
    home = LabHome(tmp_path)
    folder = home.run("r1")
    folder.root.mkdir(parents=True)
    lines = [{"t": 100.0 + at, "s": at, "m": {"loss": 1.0, "epoch": at // 10}} for at in range(25)]
    folder.events.write_text("".join(json.dumps(line) + "\n" for line in lines))
    live = LiveMetrics(home)
    assert live.pace("r1") == (0.0, 100.0, 24.0, 124.0)
    assert live.pace("r1", "epoch") == (0.0, 100.0, 2.0, 120.0)
    assert live.pace("r1", "other") is None
