"""Views on disk: tables and charts as files, by the name's ending, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from lab.domain.figures import Figure
from lab.domain.query import RunQuery, write_filter, write_orders
from lab.domain.sheets import Sheet, Value, distinct
from lab.domain.text import clean
from lab.errors import ConflictError, LabError, UsageError
from lab.experiments.service import Runs
from lab.pipelines.figure_draw import draw
from lab.pipelines.figure_png import to_png
from lab.pipelines.figure_svg import to_svg
from lab.pipelines.sheet_files import WRITERS
from lab.stores.durable import write_atomic

#: What a sheet and a figure can be written as.
SHEETS = tuple(WRITERS)
FIGURES = (".svg", ".png")
#: Columns of a screen that are of now, or told better by others.
_NOT_KEPT = frozenset(("eta", "badge", "reproduces", "peak_memory", "cpu_time", "cost"))


class Exports:
    """Writes what a view shows."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def check(self, path: Path, endings: Sequence[str], *, overwrite: bool) -> None:
        """Raises UsageError for another ending, ConflictError for a file that is there."""
        if path.suffix.lower() not in endings:
            raise UsageError(f"{clean(path.name)!r} does not say as what", f"name it with {', '.join(endings)}")
        if path.exists() and not overwrite:
            raise ConflictError(f"{clean(str(path))} is there already", "choose another name, or add --force")

    def figure(self, figure: Figure, path: Path, *, overwrite: bool = False, dark: bool = False) -> int:
        """Write a chart; the bytes that it took. Raises as `check` does; UsageError for PNG without Pillow; LabError
        where the folder cannot be written."""
        self.check(path, FIGURES, overwrite=overwrite)
        drawing = draw(figure, dark=dark)
        data = to_png(drawing) if path.suffix.lower() == ".png" else to_svg(drawing).encode("utf-8", "replace")
        return _write(path, lambda: data)

    def sheet(self, sheet: Sheet, path: Path, *, overwrite: bool = False) -> int:
        """Write a table; the bytes that it took. Raises as `check` does, LabError where the folder cannot be
        written."""
        self.check(path, SHEETS, overwrite=overwrite)
        return _write(path, lambda: WRITERS[path.suffix.lower()](sheet))

    def of_runs(self, query: RunQuery, columns: Sequence[str] = ()) -> Sheet:
        """All runs that fit (whatever the page), in that order, with values as they are kept; without columns, the
        usual ones and all parameters and metrics. `id` is always there."""
        kept = [name for name in columns if name not in _NOT_KEPT]
        names = [*kept, *([] if not kept or "id" in kept else ["id"])]
        told = write_filter(query.conditions) if query.conditions else ""
        frame = self._runs.frame(told, write_orders(query.orders), names)
        heads = distinct([name.removeprefix("metric.").removeprefix("param.") for name in frame.columns])
        title = f"Runs {told}".strip()
        return Sheet(title, heads, [tuple(map(_value, row)) for row in frame.iter_rows()])


def _value(value: object) -> Value:
    if value is None or isinstance(value, str | int | float | bool | datetime | timedelta):
        return value
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _write(path: Path, make: Callable[[], bytes]) -> int:
    data = make()
    try:
        write_atomic(path, data)
    except OSError as error:
        raise LabError(f"cannot write {clean(str(path))}: {error.strerror}", "choose another folder") from error
    return len(data)
