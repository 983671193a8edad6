"""TOML as Lab writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_string(text: str) -> str:
    """A basic string. `text` holds no lone surrogates, which TOML cannot say."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_strings(items: Iterable[str]) -> str:
    return f"[{', '.join(toml_string(item) for item in items)}]"


def toml_key(name: str) -> str:
    """A key, quoted where it must be."""
    return name if _BARE.fullmatch(name) else toml_string(name)
