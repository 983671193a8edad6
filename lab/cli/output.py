"""Where words go: results on stdout, narration on stderr, with `--json` exactly one document on stdout."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from lab.cli.tables import Cell, Column, cut, table
from lab.domain.numbers import jsonable
from lab.domain.query_tree import QueryError
from lab.domain.text import clean, clean_lines
from lab.errors import LabError

_STYLES = {"ok": "32", "fail": "31", "warn": "33", "run": "36", "dim": "2", "bold": "1"}
_ERASE_LINE = "\r\x1b[K"


class Output:
    """The two streams of one command. Everything written is cleaned; colour only on a terminal without NO_COLOR."""

    def __init__(self, stdout: TextIO, stderr: TextIO, json: bool = False) -> None:
        self.json = json
        self._stdout = stdout
        self._stderr = stderr
        self._arrow = "→" if (stderr.encoding or "").lower().startswith("utf") else "->"
        self._progress_shown = False
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        self._colour_out = stdout.isatty() and not plain
        self._colour_err = stderr.isatty() and not plain

    # -- results ------------------------------------------------------------------------------------------------------

    @property
    def room(self) -> int | None:
        """Cells in a line of stdout; None where it is a file or a pipe and `COLUMNS` does not say."""
        if self._stdout.isatty() or os.environ.get("COLUMNS"):
            return max(20, shutil.get_terminal_size().columns)
        return None

    def line(self, text: str = "", style: str = "") -> None:
        """One line of the result."""
        self._clear_progress()
        text = clean(text)
        print(self.paint(text, style) if style else text, file=self._stdout)

    def line_of(self, parts: Sequence[tuple[str, str]]) -> None:
        """One line of pieces of text, each in its style, at once."""
        self._clear_progress()
        print("".join(self.paint(clean(text), style) for text, style in parts), file=self._stdout, flush=True)

    def log(self, text: str, flush: bool = True) -> None:
        """One line of a log as it comes: on stdout, or beside the document when that is JSON."""
        self._clear_progress()
        print(clean(text), file=self._stderr if self.json else self._stdout, flush=flush)

    def script(self, text: str) -> None:
        """Lab's own text of several lines, as it is."""
        print(text, end="", file=self._stdout)

    def document(self, value: Mapping[str, Any]) -> None:
        """The one JSON document. Everything but ASCII is escaped, so no terminal obeys a name in it."""
        self._clear_progress()
        indent = 2 if self._stdout.isatty() else None
        print(json.dumps(jsonable(value), indent=indent, allow_nan=False), file=self._stdout)

    def items(self, head: Mapping[str, Any]) -> Items:
        """The one JSON document, with a list of any length that is written as it comes."""
        self._clear_progress()
        return Items(self._stdout, head)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        """A table that fits the terminal; columns without room are named on stderr."""
        self._clear_progress()
        drawn = table(columns, rows, self.room, self.paint)
        for text in drawn.lines:
            print(text, file=self._stdout)
        if drawn.left_out:
            self.say(f"(no room for: {', '.join(drawn.left_out)})")

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Aligned `key  value` lines; empty values are left out."""
        self._clear_progress()
        width = max((len(key) for key, _ in facts), default=0)
        for key, value in facts:
            if value:
                print(f"{self.paint(clean(key).ljust(width), 'dim')}  {clean(value)}", file=self._stdout)

    def paint(self, text: str, style: str) -> str:
        """`text` (cleaned already) in `style`, where stdout shows colours."""
        return _painted(text, style) if self._colour_out else text

    # -- narration ----------------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """One sentence about what goes on."""
        self._clear_progress()
        print(clean(text), file=self._stderr, flush=True)

    def mark(self, ok: bool) -> str:
        """A sign that something went well, or not, for use in `say`."""
        if self._arrow == "->":
            return "ok" if ok else "no"
        return "✓" if ok else "✗"

    def hint(self, text: str) -> None:
        """What to do next."""
        self.say(f"{self._arrow} {text}")

    def progress(self, text: str) -> None:
        """What is being done now: one line that is overwritten on a terminal, a line each elsewhere."""
        text = clean(text)
        if not self._stderr.isatty():
            print(text, file=self._stderr, flush=True)
            return
        shown = cut(text, max(20, shutil.get_terminal_size().columns - 1))
        shown = _painted(shown, "dim") if self._colour_err else shown
        print(f"{_ERASE_LINE}{shown}", end="", file=self._stderr, flush=True)
        self._progress_shown = True

    def error(self, error: LabError) -> None:
        """A failure: a sentence and its way out on stderr, or the error document."""
        if self.json:
            told = {"code": error.code, "message": clean(error.message), "hint": clean(error.hint)}
            place = {"position": error.at} if isinstance(error, QueryError) else {}
            self.document({"error": {**told, **place}})
            return
        self._clear_progress()
        head = _painted("lab:", "fail") if self._colour_err else "lab:"
        print(f"{head} {clean_lines(error.message)}", file=self._stderr)
        if isinstance(error, QueryError):
            print(clean_lines(error.detail), file=self._stderr)
        if error.hint:
            self.hint(error.hint)

    def flush(self) -> None:
        """Everything out now; raises BrokenPipeError here rather than when the process ends."""
        self._clear_progress()
        self._stdout.flush()
        self._stderr.flush()

    def _clear_progress(self) -> None:
        if self._progress_shown:
            self._progress_shown = False
            print(_ERASE_LINE, end="", file=self._stderr, flush=True)


class Items:
    """A document with `head`, then `items` as they are added, then their number as `total`."""

    def __init__(self, stdout: TextIO, head: Mapping[str, Any]) -> None:
        self._stdout = stdout
        self._count = 0
        stdout.write(json.dumps(jsonable(head), allow_nan=False)[:-1] + ', "items": [')

    def add(self, item: Any) -> None:
        self._stdout.write((", " if self._count else "") + json.dumps(jsonable(item), allow_nan=False))
        self._count += 1

    def end(self) -> None:
        self._stdout.write(f'], "total": {self._count}}}\n')


def _painted(text: str, style: str) -> str:
    code = _STYLES.get(style)
    return f"\x1b[{code}m{text}\x1b[0m" if code else text
