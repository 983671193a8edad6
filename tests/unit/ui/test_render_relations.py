"""Points and lines of runs: every row exactly as wide as asked, whatever the runs."""

from __future__ import annotations

import random

import pytest

from lab.domain.relations import metric_axis, param_axes
from lab.domain.runs import MetricSummary, Run, RunStatus
from lab.ui.render.cells import width_of
from lab.ui.render.glyphs import Row
from lab.ui.render.parallel import fitting, parallel
from lab.ui.render.scatter import scatter
from lab.ui.render.shades import level, sign

HOSTILE = "[bold]\x1b[2J\u202e手手手手手手"


def runs(count: int = 30) -> list[Run]:
    dice = random.Random(1)
    return [
        Run(f"r{at}", f"run-{at}", "p", "train", RunStatus.FINISHED,
            params={"lr": 10 ** -(at % 5), "model": ["mlp", HOSTILE][at % 2], HOSTILE: at, "one": dice.random()},
            metrics={"acc": MetricSummary(at / count if at % 7 else float("nan"), 0, 1, 0, 1)})
        for at in range(count)
    ]  # fmt: skip


def widths(rows: tuple[Row, ...]) -> set[int]:
    return {sum(width_of(text) for text, _ in row) for row in rows}


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(("width", "height"), [(80, 20), (160, 40), (20, 6), (12, 3), (5, 3)])
def test_every_row_is_as_wide_as_asked(width: int, height: int, plain: bool) -> None:
    some = runs()
    axes, y = param_axes(some), metric_axis(some, "acc")
    for axis in axes:
        for shade in (None, axes[0], axes[1]):
            plot = scatter(axis, y, shade, width, height, 3, plain)
            assert len(plot.rows) == height
            assert widths(plot.rows) == {width}
    for cursor in (None, 3):
        rows = parallel(fitting([*axes, y], width), width, height, cursor, plain)
        assert len(rows) == height
        assert widths(rows) == {width}
        assert not plain or all(text.isascii() for row in rows[1:] for text, style in row if style != "axis")


def test_points_stand_where_their_values_are_and_the_cursor_shows() -> None:
    some = [Run(name, name, "p", "t", RunStatus.FINISHED, params={"x": x}, metrics={"m": MetricSummary(y, y, y, y, 1)})
            for name, x, y in (("low", 0, 0.0), ("high", 10, 1.0))]  # fmt: skip
    plot = scatter(param_axes(some)[0], metric_axis(some, "m"), None, 60, 12, 1, False)
    (low, first), (high, second) = sorted(plot.places.items(), reverse=True)
    assert (first, second) == ([0], [1])
    assert high == (0, 59)
    assert low[0] == 9
    assert any("reverse" in style for _, style in plot.rows[0])
    assert not any("reverse" in style for _, style in plot.rows[9])


def test_lines_are_unbroken_and_the_one_under_the_cursor_is_on_top() -> None:
    some = runs(50)
    axes = [*param_axes(some), metric_axis(some, "acc")]
    rows = parallel(axes, 100, 30, 8, False)
    for column in range(1, 85):
        assert any(_style(row, column) == "accent bold" for row in rows[1:]), column


def _style(row: Row, column: int) -> str:
    at = 0
    for text, style in row:
        at += width_of(text)
        if at > column:
            return style
    return ""


def test_shades_are_told_by_signs_as_well() -> None:
    assert [level(share) for share in (None, 0.0, 0.5, 1.0)] == [None, 0, 2, 4]
    assert len({sign(at, False) for at in (None, 0, 1, 2, 3, 4)}) == 6
    assert len({sign(at, True) for at in (None, 0, 1, 2, 3, 4)}) == 6
