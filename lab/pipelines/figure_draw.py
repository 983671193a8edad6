"""Figures to shapes: curves with bands and events, points, bars, matrices. Their frame is `figure_frame`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from lab.dataclass import dataclass
from lab.domain.figures import COLOURS, Bars, Curves, Event, Figure, Line, Matrix, Points
from lab.pipelines.figure_frame import (
    HEIGHT,
    WIDTH,
    Frame,
    axes,
    axis,
    frame,
    heading,
    names_axis,
    short,
    span,
    width_of,
)
from lab.pipelines.palette import ON_DARK, ON_WHITE, Ground, mix
from lab.pipelines.shapes import Area, Drawing, Point, Shape, Spot, Stroke, Words, box
from lab.pipelines.svg import thin

_MOST = 1600  # points of one curve
_NAME = 22  # characters of a name at the end of a curve
_GAP = 15.0  # pixels between two such names
_FAR = 60.0  # pixels from the end of a curve to the edge: what joins it with its name is dashed
_READABLE = 22.0  # pixels of a matrix's cell from which on its number is written
_STRONG = 0.55  # from this part of the largest value on, the number is of the colour of the ground
_MANY = 30  # beyond so many curves none has a name


def draw(figure: Figure, *, dark: bool = False) -> Drawing:
    """The figure on a white or a dark sheet; one without anything to show says so."""
    ground = ON_DARK if dark else ON_WHITE
    match figure:
        case Curves():
            shapes = _curves(figure, ground)
        case Points():
            shapes = _points(figure, ground)
        case Bars():
            shapes = _bars(figure, ground)
        case Matrix():
            shapes = _matrix(figure, ground)
    return Drawing(WIDTH, HEIGHT, ground.back, short(figure.title, 120), tuple(shapes))


def _nothing(title: str, ground: Ground) -> list[Shape]:
    return [*heading(title, "", ground), Words((WIDTH / 2, HEIGHT / 2), "no values", ground.quiet, 16, "middle")]


# Curves


@dataclass(frozen=True)
class _Path:
    """A line in the coordinates of the axes: pieces between gaps."""

    line: Line
    y: tuple[tuple[Point, ...], ...]
    raw: tuple[tuple[Point, ...], ...]
    band: tuple[tuple[float, float, float], ...]

    @property
    def values(self) -> Iterator[float]:
        """What the y axis must hold; of a band only its upper edge, since the lower one may lie near zero."""
        for piece in (*self.y, *self.raw):
            for _, value in piece:
                yield value
        yield from (high for _, _, high in self.band)


def _path(line: Line, log: bool, view: tuple[float, float] | None) -> _Path:
    band = [(x, _drawn(low, log), _drawn(high, log)) for x, low, high in zip(line.x, line.low, line.high, strict=False)]
    known = tuple(
        (x, low if math.isfinite(low) else -math.inf, high)
        for x, low, high in band
        if math.isfinite(high) and _inside(x, view)
    )
    return _Path(line, _pieces(line.x, line.y, log, view), _pieces(line.x, line.raw, log, view), known)


def _drawn(value: float, log: bool) -> float:
    if not log:
        return value
    return math.log10(value) if 0 < value < math.inf else math.nan


def _inside(x: float, view: tuple[float, float] | None) -> bool:
    return math.isfinite(x) and (view is None or view[0] <= x <= view[1])


def _pieces(
    xs: Sequence[float], ys: Sequence[float], log: bool, view: tuple[float, float] | None
) -> tuple[tuple[Point, ...], ...]:
    """Runs of neighbouring points that can be drawn, thinned where they are many."""
    pieces: list[list[Point]] = [[]]
    for x, value in zip(xs, ys, strict=False):
        y = _drawn(float(value), log)
        if _inside(x, view) and math.isfinite(y):
            pieces[-1].append((float(x), y))
        elif pieces[-1]:
            pieces.append([])
    return tuple(tuple(thin(piece, _MOST)) for piece in pieces if piece)


def _curves(figure: Curves, ground: Ground) -> list[Shape]:
    paths = [_path(line, figure.log_y, figure.x_range) for line in figure.lines]
    y_span = span(value for path in paths for value in path.values)
    x_span = figure.x_range or span((x for path in paths for piece in path.y for x, _ in piece), 0.0)
    if y_span is None or x_span is None:
        return _nothing(figure.title, ground)
    x = axis(x_span, 9, figure.x_label, kind=figure.x_kind)
    y = axis(y_span, 7, "", log=figure.log_y)
    named = len(paths) <= _MANY
    room = max((width_of(short(path.line.name, _NAME)) for path in paths), default=0.0) + 24 if named else 0.0
    area = frame(x, y, room)
    notes = [*(["log y"] if figure.log_y else []), *([figure.note] if figure.note else [])]
    found = [*heading(figure.title, ", ".join(notes), ground), *axes(area, ground)]
    found += _events(figure.events, area, ground)
    for path in paths:
        found += _line(path, area, _colour(path.line, ground))
    return [*found, *(_names(paths, area, ground) if named else [])]


def _colour(line: Line, ground: Ground) -> str:
    return ground.series[line.colour % COLOURS]


def _line(path: _Path, area: Frame, colour: str) -> list[Shape]:
    name = short(path.line.name, 80)
    found: list[Shape] = []
    if path.band:
        edge = [area.place(x, high) for x, _, high in path.band]
        edge += [area.place(x, max(low, area.y.low)) for x, low, _ in reversed(path.band)]
        found.append(Area(tuple(edge), colour, 0.18, name))
    found += [Stroke(_placed(piece, area), colour, 1.0, 0.25) for piece in path.raw if len(piece) > 1]
    for piece in path.y:
        places = _placed(piece, area)
        found.append(Stroke(places, colour, 1.8, name=name) if len(places) > 1 else Spot(places[0], 4, colour, 1, name))
    return found


def _placed(piece: Sequence[Point], area: Frame) -> tuple[Point, ...]:
    return tuple(area.place(x, y) for x, y in piece)


def _names(paths: Sequence[_Path], area: Frame, ground: Ground) -> list[Shape]:
    """Names at the ends of the curves, moved apart where they would meet."""
    ends = sorted((area.place(*path.y[-1][-1])[1], at) for at, path in enumerate(paths) if path.y)
    wanted = _apart([y for y, _ in ends], area.top, area.bottom)
    found: list[Shape] = []
    for (end, at), y in zip(ends, wanted, strict=True):
        line, colour = paths[at].line, _colour(paths[at].line, ground)
        last = area.place(*paths[at].y[-1][-1])[0]
        far = area.right - last > _FAR
        found.append(Stroke(((last, end), (area.right + 8, y)), colour, 0.8, 0.4 if far else 0.6, 3 if far else 0))
        found.append(Words((area.right + 12, y + 4), short(line.name, _NAME), colour))
    return found


def _apart(wanted: Sequence[float], low: float, high: float) -> list[float]:
    """Ascending places near the wanted ones, a gap between neighbours, closer where there is no room for that."""
    if not wanted:
        return []
    gap = min(_GAP, (high - low) / len(wanted))
    places: list[float] = []
    for y in wanted:
        places.append(max(y, places[-1] + gap if places else low))
    limit = high
    for at in range(len(places) - 1, -1, -1):
        places[at] = min(places[at], limit)
        limit = places[at] - gap
    return places


def _events(events: Sequence[Event], area: Frame, ground: Ground) -> list[Shape]:
    """A dashed line at each, and its name where there is room beside the one before."""
    found: list[Shape] = []
    until = -math.inf
    for event in sorted(events, key=lambda one: one.x):
        if not area.x.low <= event.x <= area.x.high:
            continue
        colour = {"good": ground.good, "bad": ground.bad, "warn": ground.warn}.get(event.tone, ground.quiet)
        x, _ = area.place(event.x, area.y.low)
        found.append(Stroke(((x, area.top), (x, area.bottom)), colour, 1.0, 0.8, 4))
        name = short(event.name, 24)
        if x > until:
            at_end = x + width_of(name, 11) > area.right
            found.append(
                Words((x - 4 if at_end else x + 4, area.top + 11), name, colour, 11, "end" if at_end else "start")
            )
            until = x + width_of(name, 11)
    return found


# Points


def _points(figure: Points, ground: Ground) -> list[Shape]:
    known = [dot for dot in figure.points if math.isfinite(dot.x) and math.isfinite(dot.y)]
    y_span = span(dot.y for dot in known)
    x_span = span(dot.x for dot in known)
    if y_span is None or x_span is None:
        return _nothing(figure.title, ground)
    x = names_axis(figure.x_names, figure.x_label) if figure.x_names else axis(
        x_span, 9, figure.x_label, log=figure.log_x)  # fmt: skip
    area = frame(x, axis(y_span, 7, figure.y_label, log=figure.log_y))
    found = [*heading(figure.title, f"{len(known):,} runs", ground), *axes(area, ground)]
    for dot in known:
        colour = ground.series[0] if dot.shade is None else mix(ground.cold, ground.warm, min(1.0, max(0.0, dot.shade)))
        found.append(Spot(area.place(dot.x, dot.y), 5, colour, 0.8, short(dot.name, 80)))
    return found


# Bars


def _bars(figure: Bars, ground: Ground) -> list[Shape]:
    top = max((value for value in figure.values if math.isfinite(value)), default=0.0)
    if top <= 0:
        return _nothing(figure.title, ground)
    y = axis((0.0, top * 1.05), 7, "")
    if len(figure.edges) == len(figure.values) + 1:
        x = axis((figure.edges[0], figure.edges[-1]), 9, figure.x_label)
        places = list(zip(figure.edges, figure.edges[1:], strict=False))
        names = [f"{low:g} to {high:g}" for low, high in places]
    else:
        x = names_axis(figure.names, figure.x_label)
        places = [(at - 0.4, at + 0.4) for at in range(len(figure.values))]
        names = [short(name, 60) for name in figure.names]
    area = frame(x, y)
    found = [*heading(figure.title, "", ground), *axes(area, ground)]
    for value, (low, high), name in zip(figure.values, places, names, strict=True):
        if math.isfinite(value) and value > 0:
            (left, upper), (right, floor) = area.place(low, value), area.place(high, 0.0)
            told = f"{name}: {value:g}"
            found.append(box(left, upper, max(1.0, right - left - 1), floor - upper, ground.series[0], told))
    return found


# Matrices


def _matrix(figure: Matrix, ground: Ground) -> list[Shape]:
    rows, columns = len(figure.rows), len(figure.columns)
    known = [abs(value) for row in figure.values for value in row if math.isfinite(value)]
    if not rows or not columns or not known:
        return _nothing(figure.title, ground)
    gutter = max(width_of(short(name, 18)) for name in figure.rows) + 40
    top = 96
    side = min(90.0, (WIDTH - gutter - 40) / columns, (HEIGHT - top - 24) / rows)
    most = max(known) or 1.0
    found = heading(figure.title, "", ground)
    found.append(Words((gutter, 62), short(figure.column_label, 40), ground.quiet, 13))
    found.append(Words((20, top - 10), short(figure.row_label, 20), ground.quiet, 13))
    fits = max(2, int(side / (11 * 0.6)) - 1)
    for at, name in enumerate(figure.columns):
        middle = gutter + (at + 0.5) * side
        found.append(Words((middle, top - 10), short(name, fits), ground.text, 11, "middle"))
    for at, (name, values) in enumerate(zip(figure.rows, figure.values, strict=True)):
        y = top + at * side
        found.append(Words((gutter - 8, y + side / 2 + 4), short(name, 18), ground.text, 12, "end"))
        for column, value in enumerate(values):
            left = gutter + column * side
            told = f"{short(name, 30)}, {short(figure.columns[column], 30)}: {_count(value, figure.signed)}"
            found.append(box(left, y, side - 1, side - 1, _heat(value, most, figure, ground), told))
            if side >= _READABLE and value:
                colour = ground.back if abs(value) > most * _STRONG else ground.text
                text = _count(value, figure.signed)
                found.append(Words((left + side / 2, y + side / 2 + 4), text, colour, 11, "middle"))
    return found


def _count(value: float, signed: bool) -> str:
    if not math.isfinite(value):
        return "none"
    return f"{value:+.4g}" if signed else f"{value:.4g}"


def _heat(value: float, most: float, figure: Matrix, ground: Ground) -> str:
    """From the middle to the warm end; of negative values to the cold one."""
    if not math.isfinite(value):
        return ground.line
    end = ground.warm if figure.signed and value > 0 else ground.cold
    return mix(mix(ground.middle, ground.line, 0.4), end, min(1.0, abs(value) / most))
