"""How well a deployment serves, as lines: load tests, and two versions beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.domain.canary import Beside, Side
from lab.domain.load_tests import LoadTest
from lab.ui.render.cells import fit, tidy
from lab.ui.render.glyphs import Row, glyphs
from lab.ui.render.number import NOTHING, format_age, format_duration
from lab.ui.render.sparkline import bar

_WIDTHS = (18, 8, 8, 9, 11, 11, 11)
_COLUMN = 22  # of the version that serves
_BAR = 12


def load_lines(tests: Sequence[LoadTest], now: float) -> list[Row]:
    """Newest first, each with a bar of its requests a second against the best one's."""
    if not tests:
        return []
    best = max(test.per_second for test in tests) or 1.0
    rows = [_cells(("model", "servers", "clients", "req/s", "p50", "p95", "p99"), "muted")]
    for test in tests:
        words = (
            f"{test.model}:v{test.version}", str(test.replicas), str(test.connections), f"{test.per_second:,.0f}",
            *(_ms(value) for value in (test.p50, test.p95, test.p99)),
        )  # fmt: skip
        row = _cells(words, "")
        row += [("  ", ""), (bar(test.per_second / best, _BAR), "primary")]
        row += [(f"  {format_age(test.at, now)}", "muted")]
        if test.failed:
            told = ", ".join(f"{number} × {what}" for what, number in test.failures.items())
            row += [(f"  {glyphs().fail} {tidy(told, 60)}", "fail")]
        rows.append(row)
    return rows


def canary_lines(seen: Beside) -> list[Row]:
    """Blue and green side by side, the worse number marked, then how they compare."""
    old, new = seen.old, seen.new
    rows: list[Row] = [
        [(fit(" ", 18), ""), (fit("blue: serves", _COLUMN), "primary bold"), ("green: is tried", "ok bold")],
        _pair("model", old.ref, new.ref),
        _pair("share", f"{old.share} %", f"{new.share} %"),
        _pair("servers", str(old.servers), str(new.servers)),
        _pair("requests", f"{old.traffic.requests:,}", f"{new.traffic.requests:,}"),
        _pair("failed", _failed(old), _failed(new), _share(new) > _share(old)),
        _timed("p50", old, new, lambda side: side.traffic.p50),
        _timed("p95", old, new, lambda side: side.traffic.p95),
        _pair("other answers", "", "nothing replayed" if seen.disagreement is None else f"{seen.disagreement:.1%}"),
        [],
    ]
    sign, token = (glyphs().ok, "ok") if seen.verdict.ok else (glyphs().fail, "fail")
    told = f"after {format_duration(seen.seconds)}: {tidy(seen.verdict.told, 200)}"
    return [*rows, [(f" {sign} ", token), (told, "" if seen.verdict.ok else token)]]


def _cells(words: Sequence[str], token: str) -> Row:
    first, *others = zip(words, _WIDTHS, strict=True)
    row: Row = [(f" {fit(tidy(first[0]), first[1])}", token)]
    return row + [(fit(word, width, "right"), token) for word, width in others]


def _pair(name: str, old: str, new: str, worse: bool = False) -> Row:
    return [(f" {fit(name, 17)}", "muted"), (fit(tidy(old, 40), _COLUMN), ""), (tidy(new, 40), "warn" if worse else "")]


def _timed(name: str, old: Side, new: Side, of: Callable[[Side], float | None]) -> Row:
    before, now = of(old), of(new)
    worse = before is not None and now is not None and now > 1.5 * before
    return _pair(name, _ms(before), _ms(now), worse)


def _ms(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds * 1000:.2f} ms"


def _share(side: Side) -> float:
    return side.traffic.failed / side.traffic.requests if side.traffic.requests else 0.0


def _failed(side: Side) -> str:
    return f"{side.traffic.failed:,}  {_share(side):.2%}"
