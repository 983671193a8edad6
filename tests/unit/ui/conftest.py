from __future__ import annotations

import pytest

HOSTILE = {
    "markup": "[/x]",
    "action": "[@click=app.quit]x[/]",
    "clipboard": "a\x1b]52;c;AAAA\x07b",
    "colour": "\x1b[31mred\x1b[0m",
    "c1": "a\x9b31mb\x85c",
    "override": "abc\u202edef\u2066x",
    "wide": "日本語の名前",
    "emoji": "👨‍👩‍👧 ❤️ 🏳️‍🌈",
    "null": "a\x00b",
    "lines": "one\r\ntwo\nthree\tfour",
    "surrogate": "x\udc80y",
    "combining": "e" + "\u0301" * 50,
    "invisible": "a\u200b\u2060\ufeff\u00adb",
    "long": "x" * 100_000,
    "empty": "",
}


@pytest.fixture(params=HOSTILE.values(), ids=HOSTILE.keys())
def hostile(request: pytest.FixtureRequest) -> str:
    return request.param
