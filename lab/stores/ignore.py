"""Which files a snapshot leaves out: patterns as in `.gitignore`.

A pattern without `/` (but at its end) fits a name at any depth, one with `/` is relative to the root; `/` at the end
asks for a folder, `**` crosses folders, `!` takes back what an earlier pattern left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from lab.errors import LabError

IGNORE_FILE = ".labignore"

DEFAULTS = (
    *(".lab-new-*/", ".lab-stage-*/"),
    *(".git/", ".hg/", ".svn/", ".lab/", ".venv/", "__pycache__/", "node_modules/"),
    *(".mypy_cache/", ".ruff_cache/", ".pytest_cache/", ".ipynb_checkpoints/", ".tox/", ".nox/"),
    *("*.pyc", "*.part", "*~", "*.swp", ".DS_Store"),
)

_LONGEST = 1 << 20  # bytes of an ignore file


class Ignore:
    """Compiled patterns; the last one that fits decides."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._groups: list[tuple[bool, re.Pattern[str], re.Pattern[str]]] = []
        run: list[tuple[str, bool]] = []
        sign = True
        for line in patterns:
            parsed = _parse(line)
            if parsed is None:
                continue
            ignores, regex, folders_only = parsed
            if ignores != sign and run:
                self._add(sign, run)
                run = []
            sign = ignores
            run.append((regex, folders_only))
        if run:
            self._add(sign, run)
        self._groups.reverse()

    def fits(self, path: str, folder: bool) -> bool:
        """Whether the entry at `path` (relative, `/` separators) is left out, `folder` telling what it is."""
        for ignores, for_files, for_folders in self._groups:
            if (for_folders if folder else for_files).match(path):
                return ignores
        return False

    def _add(self, ignores: bool, run: list[tuple[str, bool]]) -> None:
        every = "|".join(regex for regex, _ in run)
        files = "|".join(regex for regex, folders_only in run if not folders_only)
        self._groups.append((ignores, re.compile(files or r"(?!)", re.DOTALL), re.compile(every, re.DOTALL)))


def ignore_for(root: Path, extra: Iterable[str] = ()) -> Ignore:
    """The default patterns, then those of `root/.labignore`, then `extra`. Raises LabError if that is unreadable."""
    return Ignore((*DEFAULTS, *_lines(root / IGNORE_FILE), *extra))


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > _LONGEST:
        raise LabError(f"{path} is larger than 1 MB", "an ignore file holds one pattern a line")
    return data.decode("utf-8", "surrogateescape").split("\n")


def _parse(line: str) -> tuple[bool, str, bool] | None:
    """(leaves out, regex over whole paths, for folders only), None for blank lines and comments."""
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    ignores = not line.startswith("!")
    line = line.removeprefix("!").removeprefix("./")
    folders_only = line.endswith("/")
    line = line.rstrip("/")
    if not line:
        return None
    anchored = "/" in line
    parts = line.lstrip("/").split("/")
    return ignores, _translate(parts if anchored else ["**", *parts]), folders_only


def _translate(parts: list[str]) -> str:
    regex = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            regex += r".*" if last else r"(?:[^/]+/)*" if parts[number + 1] != "**" else ""
        else:
            regex += _component(part) + ("" if last else "/")
    return rf"(?:{regex})\Z"


def _component(part: str) -> str:
    """One path component. A star but the last takes as little as it can and never gives back: that is enough for
    wildcards, and keeps hostile patterns from taking exponential time."""
    chunks = [_chunk(chunk) for chunk in re.split(r"(?<!\\)\*+", part)]
    if len(chunks) == 1:
        return chunks[0]
    first, *middle, last = chunks
    return first + "".join(rf"(?>[^/]*?{chunk})" for chunk in middle) + rf"[^/]*{last}"


def _chunk(text: str) -> str:
    """A piece without stars: `?`, `[…]` classes and `\\` escapes."""
    regex, at = "", 0
    while at < len(text):
        char = text[at]
        close = text.find("]", at + 2)
        if char == "[" and close > 0:
            regex += _class(text[at + 1 : close])
            at = close + 1
            continue
        if char == "\\" and at + 1 < len(text):
            at += 1
            regex += re.escape(text[at])
        else:
            regex += "[^/]" if char == "?" else re.escape(char)
        at += 1
    return regex


def _class(body: str) -> str:
    negated = body.startswith(("!", "^"))
    safe = re.sub(r"([\\\[\]&~|^])", r"\\\1", body[1:] if negated else body)
    regex = rf"(?!/)[{'^' if negated else ''}{safe}]"
    try:
        re.compile(regex)
    except re.error:  # such as [z-a]: what cannot be a class is plain text
        return re.escape(f"[{body}]")
    return regex
