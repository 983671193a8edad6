"""How commands are declared: once, as data. The parser, the help, the completion and README's list come from it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lab.dataclass import dataclass

if TYPE_CHECKING:
    from lab.cli.context import Context

#: Does the command's work; the result is the exit code.
Handler = Callable[["Context", Namespace], int]


@dataclass(frozen=True)
class Argument:
    """One positional or option. `options` go to argparse as they are.

    `completes` says what the shell offers for it: a kind that lab.cli.complete knows, or words separated by `|`.
    """

    flags: tuple[str, ...]
    options: Mapping[str, Any]
    completes: str = ""

    @property
    def positional(self) -> bool:
        return not self.flags[0].startswith("-")

    @property
    def takes_value(self) -> bool:
        return self.options.get("action", "store") in ("store", "append")

    @property
    def synopsis(self) -> str:
        """`REF`, `[DIR]`, `TAG …` for a positional; `--tail N` for an option."""
        name = str(self.options.get("metavar", self.flags[0].upper()))
        if not self.positional:
            return f"{self.flags[-1]} {name}" if self.takes_value else self.flags[-1]
        return {"?": f"[{name}]", "*": f"[{name} …]", "+": f"{name} …"}.get(str(self.options.get("nargs", "")), name)


def argument(*flags: str, completes: str = "", **options: Any) -> Argument:
    """An Argument, written as `ArgumentParser.add_argument` is called."""
    return Argument(flags, options, completes)


@dataclass(frozen=True)
class Command:
    """`lab <words…>`: `help` is one line, `example` one command that works."""

    words: tuple[str, ...]
    group: str
    help: str
    handler: Handler
    arguments: tuple[Argument, ...] = ()
    example: str = ""
    hidden: bool = False

    @property
    def name(self) -> str:
        return " ".join(("lab", *self.words))

    @property
    def synopsis(self) -> str:
        """The command with its positionals: `lab models register RUN NAME`."""
        return " ".join((self.name, *(item.synopsis for item in self.arguments if item.positional)))


class Declarations:
    """Collects a file's commands: `@commands.add("runs", "ls", help=…)` above each handler."""

    def __init__(self, group: str) -> None:
        self._group = group
        self.all: list[Command] = []

    def add(
        self, *words: str, help: str, arguments: tuple[Argument, ...] = (), example: str = "", hidden: bool = False
    ) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            self.all.append(Command(words, self._group, help, handler, arguments, example, hidden))
            return handler

        return declare
