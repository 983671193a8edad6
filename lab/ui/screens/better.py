"""Which way is better for a metric: what the user has said, for every screen, else what its name tells."""

from __future__ import annotations

from lab.domain.directions import Direction, direction
from lab.ui.state import ViewState

_SECTION, _KEY = "compare", "better"


def ways(state: ViewState) -> dict[str, Direction]:
    """What the user has said, by metric."""
    told = state.get(_SECTION, _KEY, {})
    return {str(name): Direction(way) for name, way in told.items() if way in (Direction.HIGHER, Direction.LOWER)}


def way(state: ViewState, metric: str) -> Direction:
    return ways(state).get(metric) or direction(metric)


def turn_round(state: ViewState, metric: str) -> None:
    """Have the other way be the better one, now and after a restart."""
    other = Direction.LOWER if way(state, metric) is Direction.HIGHER else Direction.HIGHER
    told = {**{name: one.value for name, one in ways(state).items()}, metric: other.value}
    state.put(_SECTION, _KEY, told)
