from __future__ import annotations

import numpy as np
import pytest
from textual import events
from widget_app import WidgetApp, assert_safe, lines, text

from lab.ui.render.series import Series
from lab.ui.widgets.chart_view import ChartView


def curve(name: str, factor: float = 1.0, size: int = 101, **more: object) -> Series:
    x = np.arange(size, dtype=np.float64)
    return Series(name, x, x * factor, **more)  # type: ignore[arg-type]


MESSAGES = (ChartView.AxisRequested, ChartView.HighlightChanged)


async def test_shows_its_series_and_says_when_there_are_none() -> None:
    chart = ChartView("loss", empty="no metrics yet")
    app = WidgetApp(chart)
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        assert "no metrics yet" in text(app)
        assert_safe(app)
        chart.set_series([curve("a"), curve("b", 2)])
        await pilot.pause()
        assert lines(app)[0].startswith("loss  ● a 100  ■ b 200")
        assert_safe(app)


async def test_keys_change_how_it_is_drawn() -> None:
    chart = ChartView("loss")
    app = WidgetApp(chart, MESSAGES)
    async with app.run_test(size=(80, 20)) as pilot:
        chart.set_series([curve("a"), curve("b", 2)])
        chart.suggest_smoothing(0.6)
        chart.suggest_smoothing(0.0)
        assert chart.options.smoothing == 0.0
        await pilot.press("l")
        assert chart.options.log_y
        assert "log y" in lines(app)[0]
        await pilot.press("l", ")")
        assert chart.options.smoothing == 0.3
        assert "smooth 0.3" in lines(app)[0]
        await pilot.press("(", "(")
        assert chart.options.smoothing == 0.0
        chart.suggest_smoothing(0.6)
        assert chart.options.smoothing == 0.0, "somebody chose it"
        await pilot.press("a")
        assert isinstance(app.seen[-1], ChartView.AxisRequested)


async def test_highlight_goes_round_through_none() -> None:
    chart = ChartView("loss")
    app = WidgetApp(chart, MESSAGES)
    async with app.run_test(size=(80, 20)) as pilot:
        chart.set_series([curve("a", key="ka"), curve("b", 2, key="kb")])
        await pilot.press("n", "n", "n", "N")
        assert [event.key for event in app.seen] == ["ka", "kb", None, "kb"]
        assert chart.highlighted == "kb"
        chart.set_series([curve("a", key="ka")])
        assert chart.highlighted is None


async def test_crosshair_moves_and_tells_values() -> None:
    chart = ChartView()
    app = WidgetApp(chart)
    async with app.run_test(size=(80, 20)) as pilot:
        chart.set_series([curve("a"), curve("b", 2)])
        await pilot.press("left")
        assert chart.options.crosshair == pytest.approx(100, abs=1)
        await pilot.press("left", "left", "left")
        assert 90 < (chart.options.crosshair or 0) < 99
        assert "step 9" in lines(app)[0]
        await pilot.press("0")
        assert chart.options.crosshair is None
        await pilot.press("right")
        assert chart.options.crosshair == pytest.approx(0, abs=1)


async def test_zoom_and_pan() -> None:
    chart = ChartView()
    app = WidgetApp(chart)
    async with app.run_test(size=(80, 20)) as pilot:
        chart.set_series([curve("a", size=1001)])
        await pilot.press(">")
        low, high = chart.options.x_range or (0, 0)
        assert high - low == pytest.approx(1000 / 1.5)
        assert (low + high) / 2 == pytest.approx(500)
        await pilot.press(*["right"] * 90)
        shifted = chart.options.x_range
        assert shifted is not None
        assert shifted[0] > low
        assert shifted[1] - shifted[0] == pytest.approx(high - low)
        await pilot.press("<", "<")
        assert chart.options.x_range is None
        await pilot.press(*[">"] * 60)
        assert_safe(app)
        await pilot.press("0")
        assert chart.options.x_range is None


async def test_mouse_crosshair_and_wheel() -> None:
    chart = ChartView()
    app = WidgetApp(chart)
    async with app.run_test(size=(80, 20)) as pilot:
        chart.set_series([curve("a", size=1001)])
        await pilot.pause()
        await pilot.hover(ChartView, offset=(40, 10))
        assert 400 < (chart.options.crosshair or 0) < 800
        wheel = {"widget": chart, "x": 40, "y": 10, "delta_x": 0, "delta_y": 0, "button": 0}
        wheel |= {"shift": False, "meta": False, "ctrl": False, "screen_x": 40, "screen_y": 10}
        chart.post_message(events.MouseScrollUp(**wheel))
        await pilot.pause()
        assert chart.options.x_range is not None
        chart.post_message(events.MouseScrollDown(**wheel))
        chart.post_message(events.MouseScrollDown(**wheel))
        await pilot.pause()
        assert chart.options.x_range is None


async def test_a_frame_is_drawn_once_until_something_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    chart = ChartView()
    app = WidgetApp(chart)
    drawn = 0
    original = ChartView._render_frame

    def counting(self: ChartView) -> object:
        nonlocal drawn
        drawn += 1
        return original(self)

    monkeypatch.setattr(ChartView, "_render_frame", counting)
    async with app.run_test(size=(80, 20)) as pilot:
        chart.set_series([curve("a")])
        await pilot.pause()
        before = drawn
        chart.refresh()
        await pilot.pause()
        assert drawn == before
        await pilot.press("l")
        await pilot.pause()
        assert drawn == before + 1


async def test_hostile_names_are_only_text(hostile: str) -> None:
    chart = ChartView(hostile, empty=hostile)
    app = WidgetApp(chart)
    async with app.run_test(size=(70, 16)) as pilot:
        await pilot.pause()
        assert_safe(app)
        chart.set_series([curve(hostile, key="1"), curve("b" + hostile, 2, key="2")])
        chart.set_axis(hostile)
        await pilot.press("n", "left", "l")
        assert_safe(app)
        await pilot.click(ChartView, offset=(8, 0))
        assert not app.quit_by_markup


@pytest.mark.parametrize("size", [(10, 3), (25, 5), (200, 60)])
async def test_sizes(size: tuple[int, int]) -> None:
    chart = ChartView("loss")
    app = WidgetApp(chart)
    async with app.run_test(size=size) as pilot:
        chart.set_series([curve("a"), curve("b", 2)])
        await pilot.press("n", "left", ">", "l")
        assert_safe(app)


async def test_live_data_keep_zoom_and_highlight() -> None:
    chart = ChartView()
    app = WidgetApp(chart)
    async with app.run_test(size=(80, 20)) as pilot:
        chart.set_series([curve("a"), curve("b", 2)])
        await pilot.press("n", ">")
        zoom = chart.options.x_range
        chart.set_series([curve("a", size=200), curve("b", 2, size=200)])
        await pilot.pause()
        assert (chart.options.x_range, chart.highlighted) == (zoom, "a")


def test_every_binding_has_an_id() -> None:
    assert all(binding.id for binding in ChartView.BINDINGS)  # type: ignore[union-attr]


async def test_a_zoomed_view_is_dragged_and_stepped_and_drawn_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_CHART", raising=False)
    chart = ChartView()
    app = WidgetApp(chart, (ChartView.StyleChosen,))
    async with app.run_test(size=(80, 20)) as pilot:
        chart.set_series([curve("a")])
        await pilot.press("shift+right")
        assert chart.options.x_range is None
        await pilot.press(">", ">", ">")
        low, high = chart.options.x_range or (0, 0)
        await pilot.press("shift+left")
        left, right = chart.options.x_range or (0, 0)
        assert left < low
        assert right - left == pytest.approx(high - low)
        plot = chart.frame.plot
        await pilot.mouse_down(ChartView, offset=(plot.left + 10, 5))
        await pilot.hover(ChartView, offset=(plot.left + 20, 5))
        await pilot.mouse_up(ChartView, offset=(plot.left + 20, 5))
        dragged = chart.options.x_range or (0, 0)
        assert dragged[0] == pytest.approx(max(0, left - 10 * (right - left) / plot.width))
        await pilot.press("B")
        assert chart.options.style == "block"
        assert not [char for char in text(app) if 0x2800 < ord(char) <= 0x28FF]
        await pilot.press("B")
        assert chart.options.style == "ascii"
        await pilot.press("B")
        assert [chart.options.style, len(app.seen)] == ["braille", 3]
        chart.use_style("block")
        monkeypatch.setenv("LAB_CHART", "ascii")
        chart.use_style("braille")
        assert [chart.options.style, ChartView().options.style] == ["block", "ascii"]
        assert_safe(app)
