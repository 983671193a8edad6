"""YAML from strangers, read as mappings, lists and text; nothing in it can do or become anything else.

Values keep the text that they have in the file (`"1e5"`, `"true"`), tags are ignored, merge keys are plain keys. Depth
and size are bounded, and aliases are refused unless the caller says otherwise: with them small files mean huge ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from lab.domain.text import clean
from lab.errors import LabError

#: Bytes of a file that is read at all.
LARGEST = 16 << 20

_DEEPEST = 64
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: A value: text, a list of values, or a mapping from text to values; None for an empty document.
Value = Any


def parse(
    data: bytes, name: str, *, aliases: bool = False, scalar: Callable[[str, bool], Value] | None = None
) -> Value:
    """The one document in `data`; `name` is told in errors.

    With `aliases` a value may be reached on several ways, so the caller must not walk through all of them.
    `scalar` makes a value from a text and whether that is quoted. Raises LabError for what is not YAML, or not of this
    kind.
    """
    if len(data) > LARGEST:
        raise LabError(f"{clean(name)} is larger than {LARGEST >> 20} MB", "it is not read")
    builder = _Builder(aliases, scalar or (lambda text, _quoted: text))
    try:
        for event in yaml.parse(data, Loader=_LOADER):
            builder.take(event)
    except (yaml.YAMLError, _RefusedError, UnicodeDecodeError) as error:
        raise LabError(f"{clean(name)} cannot be read: {_reason(error)}", "mend the file") from error
    return builder.result


def line(data: bytes, keys: Sequence[str]) -> int:
    """The line, from 1, of a key below others in a document that `parse` takes, or of the nearest one around it."""
    node, found = yaml.compose(data, Loader=_LOADER), 1
    for key in keys:
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        pair = next((pair for pair in pairs if getattr(pair[0], "value", None) == key), None)
        if pair is None:
            break
        found, node = pair[0].start_mark.line + 1, pair[1]
    return found


def _reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f" in line {mark.line + 1}" if mark is not None else ""
    return clean(str(getattr(error, "problem", None) or error).partition("\n")[0], 120) + where


class _RefusedError(Exception):
    """YAML that is well-formed, and not read all the same."""

    def __init__(self, text: str, event: Any) -> None:
        super().__init__(f"{text} in line {event.start_mark.line + 1}")


class _Builder:
    """Makes values from events, without recursion."""

    def __init__(self, aliases: bool, scalar: Callable[[str, bool], Value]) -> None:
        self.result: Value = None
        self._aliases = aliases
        self._scalar = scalar
        self._anchors: dict[str, Value] = {}
        self._open: list[tuple[Value, str | None]] = []  # containers with their anchors, the outermost first
        self._keys: list[str | None] = []  # the key that waits for its value, of each open container
        self._documents = 0

    def take(self, event: Any) -> None:
        if isinstance(event, ScalarEvent):
            waits = bool(self._open) and isinstance(self._open[-1][0], dict) and self._keys[-1] is None
            self._add(event, event.value if waits else self._scalar(event.value, bool(event.style)), event.anchor)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            if len(self._open) >= _DEEPEST:
                raise _RefusedError(f"it is more than {_DEEPEST} levels deep", event)
            self._open.append(({} if isinstance(event, MappingStartEvent) else [], event.anchor))
            self._keys.append(None)
        elif isinstance(event, CollectionEndEvent):
            self._keys.pop()
            self._add(event, *self._open.pop())
        elif isinstance(event, AliasEvent):
            if not self._aliases or event.anchor not in self._anchors:
                raise _RefusedError("it has aliases", event)
            self._add(event, self._anchors[event.anchor], None)
        elif isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _RefusedError("it holds more than one document", event)

    def _add(self, event: Any, value: Value, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = value
        if not self._open:
            self.result = value
            return
        container, key = self._open[-1][0], self._keys[-1]
        if isinstance(container, list):
            container.append(value)
        elif key is not None:
            container[key] = value
            self._keys[-1] = None
        elif isinstance(value, str):
            self._keys[-1] = value
        else:
            raise _RefusedError("it has a key that is no text", event)
