"""Colours of what is written to files, on white and on dark ground. Series differ for the usual kinds of colour
blindness as far as ten can; names at the ends of curves tell them apart as well."""

from __future__ import annotations

from lab.dataclass import dataclass

LIGHT = ("#0072b2", "#d55e00", "#009e73", "#a3298f", "#7a5c00", "#0b8fb8", "#b3002d", "#5b5b5b", "#3f6f00", "#5a3fc0")
DARK = ("#56b4e9", "#ff8a3d", "#35d0a5", "#e58fd6", "#f0e442", "#7fe0ff", "#ff6b7f", "#bdbdbd", "#a5d65b", "#b3a1ff")


@dataclass(frozen=True)
class Ground:
    """What a figure is drawn on and with, as `#rrggbb`. `cold` to `warm` are the ends of shades, `middle` between."""

    back: str
    text: str
    quiet: str
    line: str
    good: str
    bad: str
    warn: str
    cold: str
    middle: str
    warm: str
    series: tuple[str, ...]


ON_WHITE = Ground(
    back="#ffffff", text="#1b1f24", quiet="#5f6b7a", line="#dfe4ea", good="#00629b", bad="#b34700", warn="#7a5c00",
    cold="#00629b", middle="#ffffff", warm="#d55e00", series=LIGHT,
)  # fmt: skip
ON_DARK = Ground(
    back="#12161c", text="#e4e8ee", quiet="#97a3b3", line="#2d3540", good="#6cc0f0", bad="#ff8a5c", warn="#e6d25a",
    cold="#56b4e9", middle="#1d252e", warm="#ff8a3d", series=DARK,
)  # fmt: skip


def mix(colour: str, other: str, part: float) -> str:
    """`colour` with `part` (0 to 1) of it replaced by `other`."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
