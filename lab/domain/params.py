"""What a parameter's value is when it is typed: `lr=0.1`."""

from __future__ import annotations

import re

from lab.domain.runs import Param

_INT = re.compile(r"[+-]?(0|[1-9][0-9_]*)")
_FLOAT = re.compile(
    r"[+-]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*)([eE][+-]?[0-9]+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE
)
_WORDS: dict[str, Param] = {"true": True, "false": False, "null": None, "none": None}


def parse_value(text: str) -> Param:
    """`3` int, `1e-3` float, `true` bool, `null` or `none` None; anything else, and what is quoted, a string.

    Whole numbers with leading zeros, such as `007`, are codes rather than counts and stay strings.
    """
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and not re.fullmatch(r"[+-]?0[0-9_]+", text):
            return float(text)
    except ValueError:  # underscores at odd places, or thousands of digits
        return text
    return text
