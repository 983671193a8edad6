"""Reading TOML against a schema that is data: which keys there are, and what each one takes."""

from __future__ import annotations

import difflib
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import field
from math import isfinite
from pathlib import Path
from typing import Any

from lab.dataclass import dataclass
from lab.domain.names import check_name
from lab.domain.resources import parse_size
from lab.domain.text import clean
from lab.errors import SettingsError, UsageError
from lab.settings.lines import Keys, Lines

_LARGEST = 1 << 20  # bytes of a settings file
_MAX = 2**63 - 1
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PARAM = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_SHELL = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "<<", "2>", "2>&1"})
_AT_LINE = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)$")


class Wrong(Exception):
    """A value is not what its key takes; the text completes `KEY must be …`, or stands alone if it is `plain`."""

    def __init__(self, text: str, hint: str = "", plain: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint
        self.plain = plain


@dataclass(frozen=True)
class Value:
    """A key with a value: `expects` completes `must be …`, `read` turns TOML into what is kept, or raises Wrong."""

    expects: str
    read: Callable[[Any], Any]
    required: bool = False


@dataclass(frozen=True)
class Table:
    """A table: `keys` that it may have; or, with `each`, any names that `check` accepts, all of one form.

    `build` makes of its values what is kept, or raises Wrong with a text that stands behind the table's name.
    """

    keys: Mapping[str, Schema] = field(default_factory=dict)
    each: Schema | None = None
    check: Callable[[str], Any] = str
    required: bool = False
    build: Callable[[dict[str, Any]], Any] | None = None


@dataclass(frozen=True)
class Tables:
    """An array of tables (`[[name]]`), each of the form `each`."""

    each: Table
    required: bool = False


@dataclass(frozen=True)
class Either:
    """A key that takes a value, or a table that says more; `long` is the form of a table with the key `is`."""

    value: Value
    table: Table
    long: Table | None = None
    required: bool = False


Schema = Value | Table | Tables | Either


class Document:
    """A TOML file and its errors. `data` is what `schema` made of it: only keys that are there."""

    def __init__(self, path: Path, schema: Table) -> None:
        """Raises FileNotFoundError if there is no file, SettingsError for all that is wrong with it."""
        self._name = path.name
        text = self._text(path)
        raw = self._parse(text)
        self._lines = Lines(text)
        self.data: dict[str, Any] = self._keys(schema, raw, ())

    def error(self, keys: Keys, text: str, hint: str = "") -> SettingsError:
        """An error at the line of `keys`."""
        return SettingsError(f"{self._name}:{self._lines.of(keys)}: {text}", hint)

    def _text(self, path: Path) -> str:
        if path.exists() and not path.is_file():  # a pipe would hang us
            raise SettingsError(f"{path.name} is not a file", f"move {clean(str(path))} away")
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST + 1)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise SettingsError(f"cannot read {clean(str(path))}: {error.strerror}") from error
        if len(data) > _LARGEST:
            raise SettingsError(f"{path.name} is larger than 1 MB", "keep data out of settings")
        try:
            return data.decode("utf-8").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise SettingsError(f"{path.name}:{line}: not UTF-8", "save the file as UTF-8") from error

    def _parse(self, text: str) -> dict[str, Any]:
        try:
            return tomllib.loads(text)
        except RecursionError as error:
            raise SettingsError(f"{self._name}:1: tables or lists are nested too deeply") from error
        except ValueError as error:  # TOMLDecodeError, and numbers too long for Python
            message = str(error)
            match = _AT_LINE.search(message)
            last = text.rstrip("\n").count("\n") + 1
            line = (match[1] or last) if match else 1
            what = clean(_AT_LINE.sub("", message), 200)
            raise SettingsError(f"{self._name}:{line}: not valid TOML: {what}") from error

    def _table(self, schema: Table, raw: Mapping[str, Any], keys: Keys) -> Any:
        result = self._keys(schema, raw, keys)
        if schema.build is None:
            return result
        try:
            return schema.build(result)
        except Wrong as error:
            raise self.error(keys, f"{_place(keys)} {error.text}", error.hint) from error

    def _keys(self, schema: Table, raw: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
        result = {}
        for name, value in raw.items():
            inner = schema.each or schema.keys.get(name)
            if inner is None:
                raise self._unknown(name, schema, keys)
            try:
                schema.check(name)
            except UsageError as error:
                raise self.error((*keys, name), error.message, error.hint) from error
            result[name] = self._value(inner, value, (*keys, name))
        for name, inner in schema.keys.items():
            if inner.required and name not in result:
                place = f" in {_place(keys)}" if keys else ""
                what = "table" if isinstance(inner, Table) else "key"
                raise self.error(keys, f"missing {what} {_quoted(name)}{place}")
        return result

    def _value(self, schema: Schema, raw: Any, keys: Keys) -> Any:
        if isinstance(schema, Either):
            long = schema.long if isinstance(raw, dict) and "is" in raw else None
            schema = long or (schema.table if isinstance(raw, dict) else schema.value)
        if isinstance(schema, Table):
            if not isinstance(raw, dict):
                raise self.error(keys, f"{_place(keys)} must be a table, not {describe(raw)}")
            return self._table(schema, raw, keys)
        if isinstance(schema, Tables):
            if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
                raise self.error(keys, f"{_place(keys)} must be tables, written [[{'.'.join(keys)}]]")
            return [self._table(schema.each, item, (*keys, str(place))) for place, item in enumerate(raw)]
        try:
            return schema.read(raw)
        except Wrong as error:
            place = f"{_place(keys[:-1])} " if len(keys) > 1 else ""
            text = error.text if error.plain else f"must be {schema.expects}, not {error.text}"
            raise self.error(keys, f"{place}{clean(keys[-1], 60)} {text}", error.hint) from error

    def _unknown(self, name: str, schema: Table, keys: Keys) -> SettingsError:
        tables = [f"[{key}]" if isinstance(value, Table) else f'"{key}"' for key, value in schema.keys.items()]
        near = difflib.get_close_matches(name, schema.keys, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"the keys are {', '.join(tables)}"
        place = f" in {_place(keys)}" if keys else ""
        return self.error((*keys, name), f"unknown key {_quoted(name)}{place}", hint)


def describe(raw: Any) -> str:
    """A TOML value in words: `a list`, `"abc"`, `12`."""
    match raw:
        case bool():
            return "true" if raw else "false"
        case str():
            return _quoted(raw)
        case int() | float():
            return clean(repr(raw), 40)
        case list():
            return "a list"
        case dict():
            return "a table"
    return "a date or time"


def _place(keys: Keys) -> str:
    """The table's name as it is written; the number of one in an array is not."""
    return f"[{'.'.join(clean(key, 60) for key in keys if not key.isdecimal())}]"


def _quoted(text: str) -> str:
    return f'"{clean(text, 60)}"'


def _string(raw: Any) -> str:
    if not isinstance(raw, str):
        raise Wrong(describe(raw))
    return raw


def _line(raw: Any) -> str:
    if not isinstance(raw, str) or not raw.strip() or _CONTROL.search(raw):
        raise Wrong(describe(raw))
    return raw


def _inside(raw: Any) -> str:
    """A path below the project, normalised."""
    return _below(_line(raw))


def _below(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and not parts:
            raise Wrong("leaves the project", "use a path inside the project", plain=True)
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if path.startswith("/"):
        raise Wrong("must be relative to the project", "use a path inside the project", plain=True)
    return "/".join(parts) or "."


def _anywhere(raw: Any) -> str:
    """A path below the project, or an absolute one."""
    path = _line(raw)
    if path.startswith("/"):
        return path
    try:
        return _below(path)
    except Wrong as error:
        raise Wrong(error.text, "use a path inside the project, or an absolute one", plain=True) from error


def _boolean(raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise Wrong(describe(raw))
    return raw


def check_count(raw: Any, least: int) -> int:
    """`raw` if it is a whole number from `least` up. Raises Wrong."""
    if not isinstance(raw, int) or isinstance(raw, bool) or not least <= raw <= _MAX:
        raise Wrong(describe(raw))
    return raw


def _positive(raw: Any) -> float:
    if not isinstance(raw, (int, float)) or isinstance(raw, bool) or not 0 < raw <= 1e6:
        raise Wrong(describe(raw))
    return float(raw)


def _gpus(raw: Any) -> int:
    return -1 if raw == "all" else check_count(raw, 0)


def _size(raw: Any) -> int:
    if not isinstance(raw, (str, int)) or isinstance(raw, bool):
        raise Wrong(describe(raw))
    try:
        size = parse_size(raw)
    except (UsageError, OverflowError) as error:
        raise Wrong(describe(raw)) from error
    if size > _MAX:
        raise Wrong(describe(raw))
    return size


def _strings(raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, list):
        raise Wrong(describe(raw))
    for item in raw:
        if not isinstance(item, str) or "\0" in item:
            raise Wrong(f"a list with {describe(item)}")
    return tuple(raw)


def _command(raw: Any) -> tuple[str, ...]:
    """argv; a string is split as a shell would, but no shell runs it."""
    if not isinstance(raw, str):
        command = _strings(raw)
    else:
        try:
            command = tuple(shlex.split(raw))
        except ValueError as error:
            raise Wrong(f"cannot be split into words: {error}", "close the quotes", plain=True) from error
        operator = next((word for word in command if word in _SHELL), None)
        if operator:
            wrapped = json.dumps(["sh", "-c", clean(raw, 200)], ensure_ascii=False)
            raise Wrong(f"holds {_quoted(operator)}, but no shell runs it", f"write command = {wrapped}", plain=True)
    if not command or not command[0].strip() or any("\0" in word for word in command):
        raise Wrong("an empty one")
    return command


def _param(raw: Any) -> str | int | float | bool:
    if isinstance(raw, str):
        return raw
    if (
        isinstance(raw, bool)
        or (isinstance(raw, int) and abs(raw) <= _MAX)
        or (isinstance(raw, float) and isfinite(raw))
    ):
        return raw
    raise Wrong(describe(raw))


def check_param(name: str) -> None:
    """Raises UsageError for a parameter name that `-p NAME=VALUE` could not say."""
    if not _PARAM.fullmatch(name):
        raise UsageError(
            f"{_quoted(name)} cannot be the name of a parameter",
            "use letters, digits, '.', '_' or '-', beginning with a letter or '_'",
        )


def _named(kind: str) -> Callable[[Any], str]:
    def read(raw: Any) -> str:
        if not isinstance(raw, str):
            raise Wrong(describe(raw))
        try:
            return check_name(kind, raw)
        except UsageError as error:
            raise Wrong(f"{_quoted(raw)}", error.hint) from error

    return read


def one_of(*choices: str) -> Value:
    """A value that is one of a few words."""

    def read(raw: Any) -> str:
        if raw not in choices:
            raise Wrong(describe(raw))
        return str(raw)

    return Value(f"one of {', '.join(choices)}", read)


STRING = Value("a string", _string)
LINE = Value("a string on one line", _line)
INSIDE = Value("a path inside the project", _inside)
ANYWHERE = Value("a path", _anywhere)
BOOLEAN = Value("true or false", _boolean)
CORES = Value("a number of cores such as 2 or 0.5", _positive)
GPUS = Value('a number of GPUs or "all"', _gpus)
SIZE = Value('a size such as "512m"', _size)
PROCESSES = Value("a number of processes such as 512", lambda raw: check_count(raw, 1))
STRINGS = Value("a list of strings", _strings)
COMMAND = Value('a command such as "python train.py"', _command, required=True)
PARAM = Value("a string, a finite number, true or false", _param)
PROJECT_NAME = Value("a name", _named("project"), required=True)
