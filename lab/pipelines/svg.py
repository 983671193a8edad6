"""Charts as inline SVG: colours come from the style sheet of the page, no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from lab.domain.report import Chart, Curve
from lab.domain.text import clean
from lab.domain.ticks import linear_ticks

_WIDTH, _HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 10, 44
COLOURS = 10
#: A curve is drawn by at most so many points: of each piece the lowest and the highest.
_MOST = 600


def svg(chart: Chart) -> str:
    """The chart; empty where there is no point to draw."""
    xs = [x for curve in chart.curves for x in curve.x]
    ys = [y for curve in chart.curves for y in curve.y]
    if not xs:
        return ""
    x_span, y_span = _span(xs), _span(ys)
    if chart.ticks:
        x_span = -0.5, max(0.5, len(chart.ticks) - 0.5)
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_safe(chart.title)}">',
        *_axes(chart, x_span, y_span),
        *(_curve(curve, chart.points, x_span, y_span) for curve in chart.curves),
        "</svg>",
    ]
    return "".join(parts)


def _safe(text: str) -> str:
    return escape(clean(text, 200), quote=True)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if high - low <= abs(high) * 1e-12:
        half = abs(high) * 0.05 or 0.5
        return low - half, high + half
    air = (high - low) * 0.03
    return low - air, high + air


def _x(value: float, span: tuple[float, float]) -> float:
    return _LEFT + (value - span[0]) / (span[1] - span[0]) * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, span: tuple[float, float]) -> float:
    return _TOP + (span[1] - value) / (span[1] - span[0]) * (_HEIGHT - _TOP - _BOTTOM)


def _axes(chart: Chart, x_span: tuple[float, float], y_span: tuple[float, float]) -> list[str]:
    floor = _HEIGHT - _BOTTOM
    parts = [f'<path class="axis" d="M{_LEFT} {_TOP}V{floor}H{_WIDTH - _RIGHT}"/>']
    for value in linear_ticks(*y_span, 5):
        y = _y(value, y_span)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
    if chart.ticks:
        named = [(float(at), _safe(text[:20])) for at, text in enumerate(chart.ticks)]
    else:
        values = linear_ticks(*x_span, 8)
        named = [(value, _number(10**value) if chart.log_x else _number(value)) for value in values]
    for value, text in named:
        x = _x(value, x_span)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{floor + 16}" text-anchor="middle">{text}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="tick" x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{_safe(chart.x_label)}</text>'
    )
    return parts


def _curve(curve: Curve, points: bool, x_span: tuple[float, float], y_span: tuple[float, float]) -> str:
    colour = f"s{curve.colour % COLOURS}"
    title = f"<title>{_safe(curve.name)}</title>"
    places = [(_x(x, x_span), _y(y, y_span)) for x, y in thinned(curve)]
    if points or len(places) == 1:
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in places)
        return f'<g class="dot {colour}">{title}{dots}</g>'
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    return f'<path class="line {colour}" d="M{path}">{title}</path>' if places else ""


def thinned(curve: Curve) -> list[tuple[float, float]]:
    """The points of a curve, as many as are drawn of it."""
    return thin(list(zip(curve.x, curve.y, strict=True)), _MOST)


def thin(pairs: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """All points, or of many the lowest and the highest of each of `most` / 2 pieces, so that no spike is lost."""
    if len(pairs) <= most:
        return list(pairs)
    kept = []
    pieces = most // 2
    for piece in range(pieces):
        part = range(piece * len(pairs) // pieces, (piece + 1) * len(pairs) // pieces)
        ends = {min(part, key=lambda at: pairs[at][1]), max(part, key=lambda at: pairs[at][1])}
        kept += [pairs[at] for at in sorted(ends)]
    return kept


def _number(value: float) -> str:
    return f"{0.0 if abs(value) < 1e-300 else value:.4g}"
