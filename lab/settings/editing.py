"""Changing a few values of a TOML file and nothing else of it: comments, order and blanks stay."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.errors import SettingsError

_HEADER = re.compile(r"\s*\[")


def with_values(text: str, table: str, values: Mapping[str, str]) -> str:
    """`text` with `key = literal` of `values` in the table of that dotted name, which is added if it is not there.

    Raises ValueError where that would change anything else: the table is written in another way than with a header.
    """
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if _is_header(line, table)), None)
    if start is None:
        lines += [*([""] if lines and lines[-1].strip() else []), f"[{table}]"]
        start = len(lines) - 1
    end = next((at for at in range(start + 1, len(lines)) if _HEADER.match(lines[at])), len(lines))
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    for key, literal in values.items():
        at = next((at for at in range(start + 1, end) if re.match(rf"\s*{re.escape(key)}\s*=", lines[at])), None)
        if at is None:
            lines.insert(end, f"{key} = {literal}")
            end += 1
        else:
            comment = re.search(r"\s+#[^\"']*$", lines[at])
            lines[at] = f"{key} = {literal}{comment[0] if comment else ''}"
    fresh = "\n".join(lines) + "\n"
    if tomllib.loads(fresh) != _expected(tomllib.loads(text), table, values):
        raise ValueError(f"[{table}] is not written as a table of its own")
    return fresh


def edit_file(path: Path, table: str, values: Mapping[str, str]) -> None:
    """Change values of a file that Lab has read before. Raises SettingsError where they must be changed by hand."""
    text = path.read_text(encoding="utf-8")
    try:
        fresh = with_values(text, table, values)
    except ValueError as error:
        told = ", ".join(f"{key} = {literal}" for key, literal in values.items())
        raise SettingsError(
            f"{path.name} cannot be changed by Lab: {error}", f"write there yourself: {told}"
        ) from error
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    aside.write_text(fresh, encoding="utf-8")
    aside.chmod(stat.S_IMODE(path.stat().st_mode))
    aside.replace(path)


def _is_header(line: str, table: str) -> bool:
    match = re.fullmatch(r"\s*\[([^\[\]]+)\]\s*(#.*)?", line)
    return match is not None and re.sub(r"\s", "", match[1]) == table


def _expected(data: dict[str, Any], table: str, values: Mapping[str, str]) -> dict[str, Any]:
    place = data
    for part in table.split("."):
        place = place.setdefault(part, {})
    place |= tomllib.loads("\n".join(f"{key} = {literal}" for key, literal in values.items()))
    return data
