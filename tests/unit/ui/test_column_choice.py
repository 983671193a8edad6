"""What keys do to the columns of the run table."""

from __future__ import annotations

from lab.domain.runs import MetricSummary, Run, RunStatus
from lab.ui.screens.column_choice import Layout, choices, hidden, moved, pinned
from lab.ui.screens.run_cells import OWN_COLUMNS, run_row, view_columns

SHOWN = ["status", "name", "param.lr", "metric.loss"]


def test_columns_move_hide_and_pin() -> None:
    layout = moved(Layout(), SHOWN, 2, 1)
    assert layout.ids == ("status", "name", "metric.loss", "param.lr")
    assert moved(layout, layout.ids, 3, 1) is layout
    assert moved(layout, layout.ids, 0, -1) is layout
    away = hidden(layout, layout.ids, 0)
    assert (away.ids, away.pinned) == (("name", "metric.loss", "param.lr"), 1)
    assert hidden(away, away.ids, 2).pinned == 1
    assert hidden(Layout(), ["name"], 0) == Layout()
    assert pinned(Layout(), 2).pinned == 3
    assert pinned(pinned(Layout(), 2), 2).pinned == 2


def test_a_layout_survives_json_and_odd_files() -> None:
    layout = Layout(("name", "param.lr"), 0)
    assert Layout.from_json(layout.to_json()) == layout
    for odd in (None, 3, {}, {"ids": "x", "pinned": -1}, {"ids": [1, None], "pinned": "2"}):
        assert Layout.from_json(odd) == Layout()


def test_every_field_parameter_and_statistic_is_a_column_with_a_cell() -> None:
    every = [key for key, _, _ in choices(OWN_COLUMNS, ["lr", "name"], ["loss", "loss.min"])]
    assert len(every) == len(set(every)) + 1  # the metric loss.min, and the least of loss
    assert {"metric.loss.best", "metric.loss.mean", "param.name", "cpu_time", "seed"} <= set(every)
    run = Run("r", "calm", "p", "train", RunStatus.FINISHED, params={"lr": 0.1, "name": "x"},
              metrics={"loss": MetricSummary(3.0, 1.0, 5.0, 2.0, 9)}, seed=7, cpu_time=61.0)  # fmt: skip
    columns = view_columns(["name", *every], ["lr", "name"], ["loss"])
    cells = dict(zip((column.id for column in columns), run_row(run, columns, 0.0).cells, strict=True))
    assert [cells[key].text for key in ("metric.loss", "metric.loss.best", "metric.loss.max")] == ["3", "1", "5"]
    assert (cells["param.lr"].text, cells["seed"].text, cells["param.name"].text) == ("0.1", "7", "x")
    assert cells["cpu_time"].text == "1m 01s"


def test_status_and_name_come_first_unless_the_name_has_its_place() -> None:
    assert [one.id for one in view_columns(["lr"], ["lr"], [])] == ["status", "name", "param.lr"]
    assert [one.id for one in view_columns(["lr", "name"], ["lr"], [])] == ["param.lr", "name"]
