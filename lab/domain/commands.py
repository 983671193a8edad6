"""Commands that are shell text with parameters in it, as other tools' projects have them."""

from __future__ import annotations

import difflib
import math
import shlex
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import UsageError

#: What a parameter may be; see `lab.domain.runs`, which holds commands itself.
Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Part:
    """A piece of a command: text as it is, or the name of a parameter whose value stands there."""

    text: str
    param: bool = False


@dataclass(frozen=True)
class ShellCommand:
    """`parts` in order. `types` are parameters that must be given, with `float` for those that must be numbers.

    With `options` a parameter that no part names is added as `--name value`; without, parameters other than `known`
    are refused.
    """

    parts: tuple[Part, ...]
    types: Mapping[str, str] = field(default_factory=dict)
    options: bool = False
    known: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ShellCommand:
        """From the dataclass as a JSON object."""
        parts = tuple(Part(str(part["text"]), bool(part["param"])) for part in data["parts"])
        return cls(parts, dict(data["types"]), bool(data["options"]), tuple(data["known"]))

    @property
    def text(self) -> str:
        """The command with the names of parameters in braces."""
        return "".join(f"{{{part.text}}}" if part.param else part.text for part in self.parts)

    def argv(self, entry: str, params: Mapping[str, Scalar]) -> tuple[str, ...]:
        """What to execute, every value quoted for the shell. Raises UsageError for a parameter that is missing, is no
        number where it must be one, or is unknown."""
        self._check(entry, params)
        text = "".join(shlex.quote(_word(params[part.text])) if part.param else part.text for part in self.parts)
        if self.options:
            named = {part.text for part in self.parts if part.param}
            extra = [(name, value) for name, value in params.items() if name not in named and value is not None]
            text += "".join(f" --{name} {shlex.quote(_word(value))}" for name, value in extra)
        return ("sh", "-c", text)

    def _check(self, entry: str, params: Mapping[str, Scalar]) -> None:
        needed = [*self.types, *(part.text for part in self.parts if part.param)]
        missing = next((name for name in needed if params.get(name) is None), None)
        if missing is not None:
            raise UsageError(f"{clean(entry)} needs the parameter {clean(missing)}", f"give it: -p {missing}=…")
        for name, kind in self.types.items():
            if kind == "float" and not _is_number(params[name]):
                raise UsageError(
                    f"{clean(entry)}: {clean(name)} must be a number, not {clean(str(params[name]), 60)!r}"
                )
        if self.options or not self.known:
            return
        for name in params:
            if name not in self.known:
                near = difflib.get_close_matches(name, self.known, 1)
                hint = f"did you mean {near[0]}?" if near else f"it has: {', '.join(sorted(self.known)[:10])}"
                raise UsageError(f"{clean(entry)} has no parameter {clean(name)!r}", hint)


def _word(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _is_number(value: Scalar) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    try:
        return not math.isnan(float(value))
    except (ValueError, OverflowError):
        return False
