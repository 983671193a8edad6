"""From words to a command and its arguments, and what is nearest to a word that is none."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from lab.cli.declare import Argument, Command, argument
from lab.dataclass import dataclass
from lab.errors import UsageError

#: Accepted before the command, inside it and after it.
GLOBALS = (
    argument("--home", metavar="DIR", type=Path, completes="path", help="the lab home (default: $LAB_HOME or ~/.lab)"),
    argument(
        "-C",
        "--project-dir",
        metavar="DIR",
        type=Path,
        completes="path",
        help="work as if started in DIR; relative paths count from there",
    ),
    argument("--json", action="store_true", help="print one JSON document"),
    argument("-h", "--help", action="store_true", help="show this help"),
)
VERSION = argument("--version", action="store_true", help="show the version")
READ_ONLY = argument("--readonly", action="store_true", help="open the app without the keys that change anything")


@dataclass(frozen=True)
class Invocation:
    """What was typed. Without a `command` it is the app, or, with `args.help`, help on `noun` or on everything."""

    command: Command | None
    args: argparse.Namespace
    noun: str = ""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, see(self.prog))


def build(command: Command) -> argparse.ArgumentParser:
    """The parser of one command, global options included."""
    parser = _Parser(prog=command.name, description=command.help, add_help=False, allow_abbrev=False)
    parser.epilog = f"example: {command.example}" if command.example else None
    for item in (*command.arguments, *GLOBALS):
        parser.add_argument(*item.flags, **item.options)
    return parser


def parse(commands: Sequence[Command], argv: Sequence[str]) -> Invocation:
    """The command that `argv` names, with its arguments. Raises UsageError with the nearest right word."""
    words, options, rest = split(commands, argv)
    command = find(commands, words)
    if command is not None:
        return Invocation(command, _read(build(command), command.arguments, [*options, *rest]))
    top = _Parser(prog="lab", add_help=False, allow_abbrev=False)
    for item in (*GLOBALS, VERSION, READ_ONLY):
        top.add_argument(*item.flags, **item.options)
    args = _read(top, (VERSION, READ_ONLY), options)
    if rest:
        raise _unknown(commands, words, rest[0])
    if words and not args.help:
        verbs = ", ".join(item.words[1] for item in commands if item.words[0] == words[0])
        raise UsageError(f"'lab {words[0]}' needs a verb", f"one of: {verbs}")
    return Invocation(None, args, words[0] if words else "")


def find(commands: Iterable[Command], words: tuple[str, ...]) -> Command | None:
    return next((item for item in commands if item.words == words), None)


def split(commands: Sequence[Command], argv: Sequence[str]) -> tuple[tuple[str, ...], list[str], list[str]]:
    """(words of a command or noun, global options met on the way, what follows)."""
    prefixes = {item.words[:length] for item in commands for length in (1, 2, 3)}
    words: tuple[str, ...] = ()
    options: list[str] = []
    rest = list(argv)
    while rest and find(commands, words) is None:
        if rest[0].startswith("-") and len(rest[0]) > 1:
            taken = _taken(rest[0])
            options += rest[:taken]
            rest = rest[taken:]
        elif (*words, rest[0]) in prefixes:
            words = (*words, rest.pop(0))
        else:
            break
    return words, options, rest


def leading_words(argv: Sequence[str]) -> list[str]:
    """The words with which `argv` begins, its options before them left out."""
    rest = list(argv)
    while rest and rest[0].startswith("-") and len(rest[0]) > 1:
        rest = rest[_taken(rest[0]) :]
    return rest


def _taken(option: str) -> int:
    """How many words a global option takes, itself among them."""
    return 2 if any(option in item.flags and item.takes_value for item in GLOBALS) else 1


def _read(parser: argparse.ArgumentParser, arguments: Sequence[Argument], argv: Sequence[str]) -> argparse.Namespace:
    if asks_help(argv):
        return argparse.Namespace(help=True, json="--json" in argv, version=False)
    words = _joined(argv, arguments)
    # Intermixed: words of a filter may stand on both sides of an option. What follows `--` is positional as it stands.
    args, extra = parser.parse_known_args(words) if "--" in words else parser.parse_known_intermixed_args(words)
    extra = [word for word in extra if word != "--"]
    if not extra:
        return args
    if not extra[0].startswith("-"):
        raise UsageError(f"unexpected argument {extra[0]!r}", see(parser.prog))
    flags = [flag for item in (*arguments, *GLOBALS) for flag in item.flags]
    near = _nearest(extra[0].partition("=")[0], flags)
    raise UsageError(f"there is no option {extra[0]!r}", f"did you mean {near}?" if near else see(parser.prog))


def _joined(argv: Sequence[str], arguments: Sequence[Argument]) -> list[str]:
    """`--sort -lr` as `--sort=-lr`: argparse would take the value for an option."""
    known = {flag: item.takes_value for item in (*arguments, *GLOBALS) for flag in item.flags}
    words: list[str] = []
    for at, word in enumerate(argv):
        before = words[-1] if words else ""
        if word == "--":
            return [*words, *argv[at:]]
        if before.startswith("--") and known.get(before) and word.startswith("-") and word not in known:
            words[-1] = f"{before}={word}"
        else:
            words.append(word)
    return words


def asks_help(argv: Sequence[str]) -> bool:
    """Whether help is wanted: by an option, not by an argument behind `--`."""
    end = argv.index("--") if "--" in argv else len(argv)
    return any(word in ("-h", "--help") for word in argv[:end])


def _unknown(commands: Sequence[Command], words: tuple[str, ...], word: str) -> UsageError:
    """The error for `word` after `words`, which no command has there."""
    typed = " ".join(("lab", *words, word))
    shown = [item for item in commands if not item.hidden and item.words[: len(words)] == words]
    near = _nearest(word, {item.words[len(words)] for item in shown})
    if near:
        return UsageError(f"there is no command {typed!r}", f"did you mean '{' '.join(('lab', *words, near))}'?")
    if words:
        return UsageError(f"there is no command {typed!r}", f"one of: {', '.join(item.words[1] for item in shown)}")
    verb = next((item for item in shown if len(item.words) > 1 and item.words[1] == word), None)
    if verb:
        return UsageError(f"there is no command {typed!r}", f"did you mean '{verb.name}'?")
    return UsageError(f"there is no command {typed!r}", see("lab"))


def _nearest(word: str, choices: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return near[0] if near else ""


def see(prog: str) -> str:
    """Where the help is."""
    return f"see '{prog} --help'"
