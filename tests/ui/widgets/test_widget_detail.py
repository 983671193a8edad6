from __future__ import annotations

from widget_app import WidgetApp, assert_safe, lines, text

from lab.ui.render.legend import row_width
from lab.ui.widgets.detail import DetailPanel, Pair, detail_rows

PAIRS = [Pair("Run"), Pair("name", "base-1"), Pair("status", "● finished", "ok"), Pair("Params"), Pair("lr", "0.1")]


def flat(rows: list) -> list[str]:
    return ["".join(part for part, _ in row).rstrip() for row in rows]


def test_values_line_up_under_their_headings() -> None:
    assert flat(detail_rows(PAIRS, 40)) == ["Run", "name    base-1", "status  ● finished", "", "Params", "lr      0.1"]


def test_long_values_go_on_below() -> None:
    assert flat(detail_rows([Pair("k", "abcdefgh")], 11)) == ["k  abcdefgh"]
    assert flat(detail_rows([Pair("k", "abcdefghij")], 11)) == ["k  abcdefgh", "   ij"]
    assert flat(detail_rows([Pair("k", "one\ntwo")], 20)) == ["k  one", "   two"]
    assert flat(detail_rows([Pair("k", "日本語日本語")], 11)) == ["k  日本語日", "   本語"]


def test_hostile_pairs_fit(hostile: str) -> None:
    for width in (5, 20, 60):
        assert all(
            row_width(row) <= max(width, 8) for row in detail_rows([Pair(hostile, hostile), Pair(hostile)], width)
        )


async def test_shows_and_scrolls() -> None:
    panel = DetailPanel([*PAIRS, *(Pair(f"p{i}", str(i)) for i in range(30))])
    app = WidgetApp(panel)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        assert lines(app)[1].strip().startswith("name")
        await pilot.press("j", "j")
        assert lines(app)[0].strip().startswith("status")
        await pilot.press("G")
        assert "p29" in text(app)
        panel.set_pairs([*PAIRS, *(Pair(f"p{i}", str(i * 2)) for i in range(30))])
        await pilot.pause()
        assert "58" in text(app)
        assert_safe(app)
        panel.set_pairs([])
        await pilot.pause()
        assert "nothing to show" in text(app)


async def test_hostile_text_is_only_text(hostile: str) -> None:
    app = WidgetApp(DetailPanel([Pair(hostile), Pair(hostile, hostile)], empty=hostile))
    async with app.run_test(size=(50, 12)) as pilot:
        await pilot.click(DetailPanel, offset=(4, 1))
        assert_safe(app)
        assert not app.quit_by_markup
