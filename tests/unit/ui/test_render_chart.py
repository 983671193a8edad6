from __future__ import annotations

import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.domain.figures import Event
from lab.ui.render.chart import render, smoothed
from lab.ui.render.legend import row_width
from lab.ui.render.series import ChartOptions, Frame, Series


def series(y: object, name: str = "a", x: object = None, **more: object) -> Series:
    values = np.asarray(y, dtype=np.float64)
    return Series(name, np.arange(values.size, dtype=np.float64) if x is None else np.asarray(x, float), values, **more)


def exact(frame: Frame, width: int, height: int) -> bool:
    return len(frame.rows) == height and all(row_width(row) == width for row in frame.rows)


def plot_cells(frame: Frame) -> list[str]:
    """The curves alone: dots of the plot, without axes, legend and labels."""
    plot = frame.plot
    lines = frame.text.split("\n")[plot.top : plot.top + plot.height]
    return [line[plot.left : plot.left + plot.width] for line in lines]


def dots(frame: Frame) -> list[tuple[int, int]]:
    """Braille dots as (column, row) in pixels."""
    bits = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
    return [
        (2 * x + dx, 4 * y + dy)
        for y, line in enumerate(plot_cells(frame))
        for x, char in enumerate(line)
        if 0x2800 < ord(char) <= 0x28FF
        for bit, (dx, dy) in enumerate(bits)
        if (ord(char) - 0x2800) >> bit & 1
    ]


def tokens_of(frame: Frame) -> set[str]:
    plot = frame.plot
    rows = frame.rows[plot.top : plot.top + plot.height]
    return {token for row in rows for text, token in row if any(0x2800 < ord(char) <= 0x28FF for char in text)}


def test_a_line_goes_from_corner_to_corner() -> None:
    frame = render([series(np.arange(1000))], 60, 20)
    pixels = dots(frame)
    columns = {x for x, _ in pixels}
    assert columns == set(range(2 * frame.plot.width))
    left = [y for x, y in pixels if x == 0]
    right = [y for x, y in pixels if x == 2 * frame.plot.width - 1]
    assert min(left) > 4 * frame.plot.height * 0.9
    assert max(right) < 4 * frame.plot.height * 0.1


@pytest.mark.parametrize("style", ["braille", "block", "ascii"])
@pytest.mark.parametrize("height", [13, 18, 23, 37])
def test_what_a_curve_has_at_a_tick_is_drawn_in_the_row_of_the_tick(style: str, height: int) -> None:
    for value in np.linspace(0.1, 9.9, 40):
        low, high = value - 2.3, value + 3.1
        options = ChartOptions(style=style, y_range=(low, high), guides=False)  # type: ignore[arg-type]
        for tick in (np.ceil(low), np.ceil(low) + 1, np.floor(high)):
            frame = render([series([tick, tick])], 50, height, options)
            labels = [line[: frame.plot.left - 1].strip() for line in frame.text.split("\n")]
            labels = labels[frame.plot.top : frame.plot.top + frame.plot.height]
            at = [row for row, label in enumerate(labels) if label and float(label) == tick]
            drawn = [row for row, line in enumerate(plot_cells(frame)) if line.strip()]
            assert not at or drawn == at


def test_one_sample_among_many_stays_in_sight() -> None:
    y = np.zeros(100_000)
    y[54_321] = 1.0
    frame = render([series(y)], 80, 24)
    tall = {x for x, row in dots(frame) if row < 8}
    assert len(tall) in (1, 2, 3)
    assert abs(min(tall) / (2 * frame.plot.width) - 0.54321) < 0.02


def test_few_points_are_joined_and_gaps_are_not() -> None:
    whole = {x for x, _ in dots(render([series([0, 1, 2, 3, 4, 5])], 80, 20))}
    broken = {x for x, _ in dots(render([series([0, 1, np.nan, 3, 4, 5])], 80, 20))}
    assert whole - broken
    assert len(broken) < len(whole) * 0.8


def test_infinities_are_gaps_and_the_legend_tells_the_last_value() -> None:
    frame = render([series([1.0, 2.0, np.inf, np.nan])], 80, 20)
    assert "a 2" in frame.text.split("\n")[0]
    assert "a nan" in render([series([np.nan])], 80, 20).text


@pytest.mark.parametrize("style", ["braille", "block", "ascii"])
@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize(
    "y",
    [
        [],
        [1.0],
        [5.0] * 100,
        [np.nan] * 10,
        [np.inf, -np.inf],
        [1e308, -1e308, 1e308],
        [5e-324, 1e-323],
        [1e-300, 1e300],
        [0.0, -1.0],
        [1e15, 1e15 + 1],
        [np.nan, 3.0, np.nan],
    ],
    ids=str,
)
def test_no_data_is_too_strange(y: list[float], log_y: bool, style: str) -> None:
    for width, height in ((80, 24), (120, 36), (30, 8), (10, 3), (3, 2), (1, 1)):
        for smoothing in (0.0, 0.9):
            drawn = smoothed(series(y, highlighted=True), smoothing)
            options = ChartOptions(title="loss", log_y=log_y, style=style, crosshair=0.5, smoothing=smoothing)  # type: ignore[arg-type]
            assert exact(render([drawn, series(y)], width, height, options), width, height)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(), max_size=30), max_size=4),
    st.integers(0, 90),
    st.integers(0, 30),
    st.booleans(),
)
def test_any_values_in_any_size(values: list[list[float]], width: int, height: int, log_y: bool) -> None:
    curves = [series(y, f"s{i}", x=list(reversed(y)), highlighted=i == 1) for i, y in enumerate(values)]
    frame = render(curves, width, height, ChartOptions(log_y=log_y))
    assert exact(frame, width, height) or width == 0 or height == 0


def test_sizes_of_nothing() -> None:
    assert render([series([1, 2])], 0, 10).rows == ()
    assert render([series([1, 2])], 10, -1).rows == ()


def test_hostile_names_are_text(hostile: str) -> None:
    for style in ("braille", "ascii"):
        frame = render(
            [series([1, 2, 3], hostile), series([3, 2], hostile)], 80, 24, ChartOptions(hostile, hostile, style=style)
        )  # type: ignore[arg-type]
        assert exact(frame, 80, 24)
        joined = frame.text.replace("\n", "")
        assert not [char for char in joined if unicodedata.category(char) in ("Cc", "Cf", "Cs")]


def test_the_legend_is_always_there_and_names_everybody() -> None:
    curves = [series([i, i + 1.5], f"run-{i}", colour=i) for i in range(5)]
    top = "\n".join(render(curves, 80, 24).text.split("\n")[:3])
    assert all(f"run-{i}" in top for i in range(5))
    assert "1.500" in top


def test_end_labels_stand_beside_their_lines() -> None:
    frame = render([series(np.linspace(0, i, 50), f"run-{i}", colour=i) for i in range(1, 5)], 100, 24)
    rows = [line[frame.plot.left + frame.plot.width :].strip() for line in frame.text.split("\n")]
    order = [text.split()[-1] for text in rows if "run-" in text]
    assert order == ["run-4", "run-3", "run-2", "run-1"]


def test_the_highlighted_curve_wins_its_cells_and_the_others_step_back() -> None:
    y = np.sin(np.arange(200) / 10)
    frame = render(
        [series(y, "a", colour=0), series(y, "b", colour=1, highlighted=True), series(y, "c", colour=2)], 80, 24
    )
    assert tokens_of(frame) == {"series.1 bold"}
    apart = render([series(y + 9, "a", colour=0), series(y, "b", colour=1, highlighted=True)], 80, 24)
    assert tokens_of(apart) == {"series.0.soft", "series.1 bold"}


def test_dots_of_crossing_curves_are_kept() -> None:
    up, down = np.linspace(0, 1, 200), np.linspace(1, 0, 200)
    both = set(dots(render([series(up, "a"), series(down, "b", colour=1)], 80, 24)))
    alone = [set(dots(render([series(y, "a"), series(y, "b", colour=1)], 80, 24))) for y in (up, down)]
    assert both == alone[0] | alone[1]


def test_the_crosshair_tells_every_value_there() -> None:
    curves = [series(np.arange(100.0), "up"), series(np.arange(100.0) * 2, "twice"), series([7.0, 7.0], "short")]
    frame = render(curves, 100, 24, ChartOptions(crosshair=50))
    heading = "\n".join(frame.text.split("\n")[:2])
    assert "step 50" in heading
    assert "up 50" in heading
    assert "twice 100" in heading
    assert "short –" in heading
    column = frame.plot.left + frame.plot.width // 2
    marked = [
        line[column - 1 : column + 2]
        for line in frame.text.split("\n")[frame.plot.top : frame.plot.top + frame.plot.height]
    ]
    assert sum("│" in part for part in marked) > frame.plot.height // 2
    between = render(curves, 100, 24, ChartOptions(crosshair=49.83)).text
    assert "step 50 " in between, "where the values told are, not where the mouse is"
    assert "step 400 " in render(curves, 100, 24, ChartOptions(crosshair=400.2)).text, "where nothing is"


def test_zoom_shows_the_part_and_fits_y_to_it() -> None:
    frame = render([series(np.arange(1000.0))], 80, 24, ChartOptions(x_range=(100, 200)))
    assert frame.plot.x_low == 100
    assert 90 < frame.plot.y_low < 100
    assert 200 < frame.plot.y_high < 210


def test_a_log_axis_hides_what_has_no_logarithm() -> None:
    frame = render([series([-1.0, 0.0, 1.0, 10.0, 100.0])], 80, 24, ChartOptions(log_y=True))
    ticks = [line[: frame.plot.left - 1].strip() for line in frame.text.split("\n")[frame.plot.top :]]
    assert [tick for tick in ticks if tick and "0" not in tick[:1]][:3] == ["100", "50", "20"]
    assert "no positive values" in render([series([-1.0, 0.0])], 80, 24, ChartOptions(log_y=True)).text


def test_nothing_to_show_says_so() -> None:
    assert "no data yet" in render([], 40, 10).text
    assert "waiting" in render([series([])], 40, 10, ChartOptions(empty="waiting")).text


def test_ascii_style_is_ascii_and_tells_curves_apart() -> None:
    frame = render([series([1, 2, 3], "a"), series([3, 2, 1], "b")], 80, 24, ChartOptions(style="ascii"))
    assert frame.text.isascii()
    body = "".join(plot_cells(frame))
    assert "*" in body
    assert "+" in body


def test_times_are_told_as_times() -> None:
    frame = render([series(np.arange(601.0))], 80, 24, ChartOptions(x_label="time", x_kind="seconds", crosshair=120))
    assert "2m" in frame.text.split("\n")[-1]
    assert "time 2m" in frame.text.split("\n")[0]


@pytest.mark.parametrize("weight", [0.3, 0.6, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("size", [1, 2, 50, 239])
def test_smoothing_is_the_debiased_moving_average(weight: float, size: int) -> None:
    y = np.random.default_rng(1).normal(10, 3, size)
    expected, state = [], 0.0
    for step, value in enumerate(y, 1):
        state = state * weight + (1 - weight) * value
        expected.append(state / (1 - weight**step))
    trend = smoothed(series(y), weight).trend
    np.testing.assert_allclose(trend, expected, rtol=1e-6)


def test_smoothing_keeps_gaps_and_ignores_them() -> None:
    trend = smoothed(series([1.0, np.nan, 1.0, np.inf, 1.0]), 0.5).trend
    assert trend is not None
    np.testing.assert_array_equal(np.isnan(trend), [False, True, False, True, False])
    np.testing.assert_allclose(trend[[0, 2, 4]], 1.0)
    assert smoothed(series([1.0]), 0.0).trend is None


def test_raw_values_show_faintly_behind_a_trend_that_is_highlighted_or_alone() -> None:
    noise = np.random.default_rng(1).normal(0, 1, 2000)
    curves = [smoothed(series(noise + i * 20, f"s{i}", colour=i, highlighted=i == 1), 0.9) for i in range(2)]
    assert tokens_of(render(curves, 100, 30)) == {"series.0.soft", "series.1 bold", "series.1.faint"}
    assert tokens_of(render([smoothed(series(noise), 0.9)], 100, 30)) == {"series.0", "series.0.faint"}


def test_unsorted_steps_are_sorted() -> None:
    forward = render([series([0, 1, 2], x=[0, 1, 2])], 60, 16).text
    assert render([series([2, 0, 1], x=[2, 0, 1])], 60, 16).text.split("\n")[1:] == forward.split("\n")[1:]


def test_widgets_do_not_bring_numpy() -> None:
    code = (
        "import sys, lab.ui.widgets.chart_view, lab.ui.widgets.frame_table, lab.ui.widgets.log_view;"
        "import lab.ui.widgets.forms, lab.ui.widgets.detail, lab.ui.theme, lab.ui.render.sparkline;"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_largest_values_have_a_logarithm() -> None:
    text = render([series([1.7976931348622105e308])], 80, 20, ChartOptions(log_y=True)).text
    assert "1.798e308" in text


def test_a_band_fills_what_no_curve_uses_and_its_edges_count_for_y() -> None:
    flat = np.full(100, 5.0)
    frame = render([series(flat, low=flat - 2, high=flat + 2)], 60, 20)
    plot = frame.plot
    assert plot.y_low <= 3
    assert plot.y_high >= 7
    rows = {row for _, row in dots(frame)}
    line = [row for row in rows if sum(one == row for _, one in dots(frame)) == 2 * plot.width]
    assert len(line) == 1
    assert max(rows) - min(rows) > 2 * plot.height
    without = render([series(flat)], 60, 20)
    assert len(dots(frame)) > 10 * len(dots(without))


@pytest.mark.parametrize("style", ["braille", "block", "ascii"])
def test_events_stand_where_they_were_with_names_that_do_not_meet(style: str) -> None:
    marks = (Event(30.0, "epoch 1"), Event(31.0, "epoch 2", "bad"), Event(99.0, "kept.pt"), Event(1e9, "outside"))
    options = ChartOptions(events=marks, style=style, guides=False)
    frame = render([series(np.arange(100.0))], 80, 16, options)
    assert exact(frame, 80, 16)
    top = frame.text.split("\n")[frame.plot.top]
    assert "kept.pt" in top
    assert "outside" not in frame.text
    assert ("epoch 1" in top) != ("epoch 2" in top)
    sign = ":" if style == "ascii" else "╎"
    assert sum(sign in line for line in frame.text.split("\n")) >= frame.plot.height - 2
    assert style != "ascii" or frame.text.isascii()
