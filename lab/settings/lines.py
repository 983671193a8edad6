"""Where in a TOML file a key stands: `tomllib` does not tell.

A scanner over text that `tomllib` has accepted, so it need not find faults. Keys inside inline tables and arrays
are found through the key that holds them: an inline table is on one line. Tables of an array have their number, from 0,
as the last part of their name.
"""

from __future__ import annotations

import re
import tomllib

Keys = tuple[str, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)


class Lines:
    """Line numbers of keys, from 1."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[Keys, int] = {}
        self._counts: dict[Keys, int] = {}
        self._at = 0
        self._line = 1
        self._counted = 0
        self._scan()

    def of(self, keys: Keys) -> int:
        """The line of `keys` or of the nearest table around it; 1 where nothing is known."""
        for length in range(len(keys), 0, -1):
            line = self._found.get(keys[:length])
            if line is not None:
                return line
        return 1

    def _scan(self) -> None:
        table: Keys = ()
        while True:
            self._skip(_SPACE)
            if self._at >= len(self._text):
                return
            start = self._at
            line = self._here()
            if self._text[self._at] == "[":
                array = self._text.startswith("[[", self._at)
                self._at += 2 if array else 1
                table = self._keys()
                if array:
                    self._counts[table] = self._counts.get(table, -1) + 1
                    table = (*table, str(self._counts[table]))
                self._note(table, line)
                self._at = self._line_end()
            else:
                self._note(table + self._keys(), line)
                self._value()
            if self._at <= start:  # not TOML after all: stop rather than loop
                return

    def _note(self, keys: Keys, line: int) -> None:
        for length in range(1, len(keys) + 1):
            self._found.setdefault(keys[:length], line)

    def _keys(self) -> Keys:
        """A dotted key, up to what follows it."""
        keys: list[str] = []
        while True:
            self._skip(_BLANK)
            match = _STRING.match(self._text, self._at) or _BARE.match(self._text, self._at)
            if match is None:
                return tuple(keys)
            self._at = match.end()
            keys.append(_unquoted(match[0]))
            self._skip(_BLANK)
            if not self._text.startswith(".", self._at):
                return tuple(keys)
            self._at += 1

    def _value(self) -> None:
        """Skip `= value`, over strings and brackets that may span lines, to the end of its line."""
        depth = 0
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in "\"'" and (match := _STRING.match(self._text, self._at)):
                self._at = match.end()
                continue
            if char == "#":
                self._at = self._line_end()
                continue
            if char == "\n" and depth == 0:
                return
            depth += (char in "[{") - (char in "]}")
            self._at += 1

    def _line_end(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self._text, self._at):
            self._at = match.end()

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    try:
        return str(tomllib.loads(f"key = {key}")["key"])
    except tomllib.TOMLDecodeError:
        return key
