"""What a form asks for, one value each, whatever it is about: a launch, a sweep, a deployment, gates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from lab.dataclass import dataclass
from lab.errors import LabError

Value = str | int | float | bool
Values = dict[str, Value]


@dataclass(frozen=True)
class ParamSpec:
    """One value that is asked for. `validate` gets it (a number as int or float) and returns what is wrong, or None.

    A number left empty is an error unless `optional`; then it is left out of the result. `empty` says what stands for
    a value that is left empty.
    """

    id: str
    label: str
    kind: Literal["text", "number", "choice", "bool"] = "text"
    value: Value = ""
    choices: tuple[str, ...] = ()
    help: str = ""
    validate: Callable[[Value], str | None] | None = None
    optional: bool = True
    empty: str = ""

    def read(self, text: str) -> tuple[Value | None, str | None]:
        """The value that `text` is (None: left empty), and what is wrong with it."""
        if not text and self.kind == "number":
            return None, None if self.optional else "a number is needed"
        if not text and not self.optional:
            return text, "this is needed"
        value = parse_number(text) if self.kind == "number" else text
        return (None, "not a number") if value is None else (value, self.trouble(value))

    def trouble(self, value: Value) -> str | None:
        """What is wrong with a value."""
        return self.validate(value) if self.validate is not None else None


def reads(read: Callable[[str], object]) -> Callable[[Value], str | None]:
    """A check that a text can be read: what the LabError says that `read` raises."""

    def check(value: Value) -> str | None:
        try:
            read(str(value))
        except LabError as error:
            return f"{error.message}: {error.hint}" if error.hint else error.message
        return None

    return check


def parse_number(text: str) -> int | float | None:
    """The number that `text` is (`3`, `0.1`, `1e-3`), None when it is none."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
