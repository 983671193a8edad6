"""The few signs that Lab draws, and their plain ASCII twins for terminals or fonts without them (`LAB_ASCII=1`)."""

from __future__ import annotations

import os

from lab.dataclass import dataclass

#: A piece of a line: what to show and the style token (`lab.ui.theme`) to show it in.
Span = tuple[str, str]
Row = list[Span]


def use_ascii() -> bool:
    """Whether the user asked for plain ASCII signs (`LAB_ASCII` set, and not to `0`)."""
    return os.environ.get("LAB_ASCII", "0") not in ("", "0")


@dataclass(frozen=True)
class Glyphs:
    """One set of signs; every one is a single cell wide except the status signs of the ASCII set."""

    ok: str
    warn: str
    fail: str
    run: str
    idle: str
    mark: str
    cursor: str
    range: str
    up: str
    down: str
    ellipsis: str
    bars: str
    blank_bar: str
    less: str
    more: str
    series: str
    folded: str
    unfolded: str


UNICODE = Glyphs(
    ok="●",
    warn="▲",
    fail="✖",
    run="◐",
    idle="○",
    mark="✓",
    cursor="▌",
    range="┃",
    up="▲",
    down="▼",
    ellipsis="…",
    bars="▁▂▃▄▅▆▇█",
    blank_bar="·",
    less="‹",
    more="›",
    series="●■▲◆○□△◇▼★",
    folded="▸",
    unfolded="▾",
)
ASCII = Glyphs(
    ok="[ok]",
    warn="[!!]",
    fail="[XX]",
    run="[>>]",
    idle="[--]",
    mark="*",
    cursor=">",
    range="|",
    up="^",
    down="v",
    ellipsis="~",
    bars="_.:-=+*#",
    blank_bar=".",
    less="<",
    more=">",
    series="*+xo#@%&=$",
    folded="+",
    unfolded="-",
)


def glyphs(plain: bool | None = None) -> Glyphs:
    """The set to draw with: ASCII when `plain`, and by `LAB_ASCII` when `plain` is None."""
    return ASCII if (use_ascii() if plain is None else plain) else UNICODE


#: Signs in sentences of ours and their plain twins, each as wide.
_PLAINLY = str.maketrans("→←↑↓…–±×·µ›‹●○▲▼■✖✓─│┤├┬└█▾▸", "><^v~-+x.u><*o^v#x*-||||+#-+")


def plainly(text: str) -> str:
    """`text` with the signs that Lab itself writes as ASCII; other letters are somebody's, and stay."""
    return text if text.isascii() else text.translate(_PLAINLY)
