"""Commands with parameters in them: words of `lab.toml`, and shell text as other tools' projects have it."""

from __future__ import annotations

import difflib
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import UsageError

#: What a parameter may be; see `lab.domain.runs`, which holds commands itself.
Scalar = str | int | float | bool | None

#: Words of a command in whose place all parameters stand that no other word names: `--lr 0.1`, or `lr=0.1`.
OPTIONS, OVERRIDES = "{params}", "{overrides}"
_NAME = r"[A-Za-z_][\w.-]*"
_NAMED = re.compile(rf"\{{\{{({_NAME})\}}\}}|\{{({_NAME})\}}")
_BRACED = re.compile(rf"\{{({_NAME})\}}")


def filled(command: Sequence[str], entry: str, params: Mapping[str, Scalar], seed: int = 0) -> tuple[str, ...]:
    """argv of `command` with the values of parameters in it; words stay words, no shell reads them.

    `{lr}` is the value of one, OPTIONS are `--name value` and OVERRIDES `name=value` of those that no word names. As an
    option true is `--name` alone, and false and None are left out. `{seed}` is `seed` where no parameter has that name.
    `{{lr}}` is the text `{lr}`; all other braces are as they are. Raises UsageError for a parameter that is named and
    has no value.
    """
    named = {match[2] for word in command for match in _NAMED.finditer(word) if match[2]}
    known = params if params.get("seed") is not None else {**params, "seed": seed}
    rest = {name: value for name, value in params.items() if name not in named and value is not None}
    argv: list[str] = []
    for word in command:
        if word == OPTIONS:
            argv += [part for name, value in rest.items() for part in _option(name, value)]
        elif word == OVERRIDES:
            argv += [f"{name}={_word(value)}" for name, value in rest.items()]
        else:
            argv.append(_NAMED.sub(lambda at: f"{{{at[1]}}}" if at[1] else _value(at[2], entry, known), word))
    return tuple(argv)


def literal(words: Sequence[str]) -> tuple[str, ...]:
    """A command that `filled` makes just these words of."""
    return tuple(_BRACED.sub(r"{{\1}}", word) for word in words)


def _option(name: str, value: Scalar) -> tuple[str, ...]:
    if isinstance(value, bool):
        return (f"--{name}",) if value else ()
    return (f"--{name}", _word(value))


def _value(name: str, entry: str, params: Mapping[str, Scalar]) -> str:
    if params.get(name) is None:
        raise UsageError(
            f"the command of {clean(entry)} names the parameter {clean(name)}, which has no value",
            f"give it: -p {name}=…; text in braces that is no parameter is written {{{{{name}}}}}",
        )
    return _word(params[name])


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
