"""What a chart is asked to draw. Holds arrays but imports no numpy: widgets import it before first paint."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal

from lab.dataclass import dataclass
from lab.domain.figures import COLOURS, Event, XKind
from lab.ui.render.glyphs import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["COLOURS", "ChartOptions", "Frame", "PlotArea", "Series", "Style", "XKind"]

Style = Literal["braille", "block", "ascii"]


@dataclass(frozen=True, eq=False)
class Series:
    """One curve. `x` and `y` are float arrays of one length, by order of logging; NaN and infinities in y are gaps.

    `colour` indexes the theme's series colours. `key` is what messages carry (the name where empty). `trend` is the
    smoothed y of the same length (see `chart.smoothed`); y then shows only as the faint envelope of the
    highlighted series, or of one that is drawn alone. `low` and `high` are the edges of a band around it, of the same
    length too.
    """

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    colour: int = 0
    highlighted: bool = False
    key: str = ""
    trend: NDArray[np.float64] | None = None
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None

    @property
    def id(self) -> str:
        return self.key or self.name

    @property
    def token(self) -> str:
        return f"series.{self.colour % COLOURS}"


@dataclass(frozen=True)
class ChartOptions:
    """How to draw. Ranges are in data values and None means all of the data; `crosshair` is a value of x."""

    title: str = ""
    x_label: str = "step"
    x_kind: XKind = "number"
    log_y: bool = False
    smoothing: float = 0.0  # only told in the heading: `trend` holds what it did
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    crosshair: float | None = None
    style: Style = "braille"
    guides: bool = True
    empty: str = "no data yet"
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class PlotArea:
    """Where the curves are inside a frame, in cells, and what its edges stand for in data values."""

    left: int = 0
    top: int = 0
    width: int = 0
    height: int = 0
    x_low: float = 0.0
    x_high: float = 1.0
    y_low: float = 0.0
    y_high: float = 1.0

    def x_at(self, column: int) -> float:
        """The data x in the middle of frame column `column`, clipped to the plot."""
        if self.width <= 0:
            return self.x_low
        fraction = min(1.0, max(0.0, (column - self.left + 0.5) / self.width))
        return self.x_low * (1 - fraction) + self.x_high * fraction


@dataclass(frozen=True)
class Frame:
    """A drawn chart: `height` rows of spans, each row exactly `width` cells."""

    rows: tuple[Row, ...] = ()
    plot: PlotArea = field(default_factory=PlotArea)

    @property
    def text(self) -> str:
        """The rows without their styles, for tests and for copying."""
        return "\n".join("".join(text for text, _ in row) for row in self.rows)
