"""What a script takes on its command line, read from its source without executing it."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from lab.dataclass import dataclass
from lab.domain.commands import OPTIONS, OVERRIDES
from lab.domain.runs import Param

#: Modules that make options of `--name value`, and one that wants `name=value`.
_PARSERS = frozenset("absl argparse click docopt fire jsonargparse optparse simple_parsing tap typer tyro".split())
_HYDRA = "hydra"
#: Calls that declare an option by its name, as `parser.add_argument("--lr", default=0.1)` does.
_DECLARE = frozenset({"add_argument", "add_option", "option"})
#: Where not every option may be given: its command decides, or another option.
_CHOICES = frozenset({"add_subparsers", "add_mutually_exclusive_group"})
_LOOKED_AT = 256 * 1024  # bytes
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
#: Lab's own way to parameters; a script that goes it needs nothing on its command line.
_LAB = re.compile(r"\btrack\.params\b|\blab\.track\b|\bLAB_PARAMS\b")
_HF = re.compile(r"\bHfArgumentParser\b")


@dataclass(frozen=True)
class Arguments:
    """`word` is what a command needs so that the script gets its parameters: OPTIONS, OVERRIDES, or "" where it reads
    no command line. `params` are the options whose default the source tells. `by_lab` says that it asks Lab for
    them instead."""

    word: str = ""
    params: Mapping[str, Param] = field(default_factory=dict)
    by_lab: bool = False


def arguments(source: str) -> Arguments:
    """Arguments of a script by its text; none for a text that is no Python."""
    if _LAB.search(source):
        return Arguments(by_lab=True)
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Arguments()
    modules = _modules(tree)
    if _HYDRA in modules:
        return Arguments(OVERRIDES)
    return Arguments(OPTIONS, _declared(tree)) if modules & _PARSERS or _HF.search(source) else Arguments()


def reads_params(folder: Path, command: Sequence[str]) -> bool:
    """Whether a command that is given no parameters may get at them by Lab: one of its scripts in `folder` says so, or
    none of its words is a script that can be looked at."""
    scripts = [folder / word for word in command if word.endswith(".py")]
    sources = [read_source(path) for path in scripts if path.is_file()]
    return not sources or any(arguments(source).by_lab for source in sources)


def read_source(path: Path) -> str:
    """The beginning of a script, as much as is looked at."""
    with path.open("rb") as file:
        return file.read(_LOOKED_AT).decode("utf-8", "replace")


def _modules(tree: ast.AST) -> set[str]:
    """Top names of the modules that are imported anywhere."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _declared(tree: ast.AST) -> dict[str, Param]:
    """Options with plain defaults, in the order of the source; none where not every one may be given."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    if any(_called(call) in _CHOICES for call in calls) or any(map(_is_group, ast.walk(tree))):
        return {}
    calls.sort(key=lambda call: call.lineno)
    options = [_option(call) for call in calls if _called(call) in _DECLARE]
    return {name: default for name, default in options if _NAME.fullmatch(name) and default is not None}


def _called(node: ast.expr) -> str:
    return node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""


def _is_group(node: ast.AST) -> bool:
    """A function that click calls before one of several commands."""
    return isinstance(node, ast.FunctionDef) and any(_called(item) == "group" for item in node.decorator_list)


def _option(call: ast.Call) -> tuple[str, Param]:
    """(name without its dashes, default); "" for what is no option, None where its default is not plain."""
    names = [word.value for word in call.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
    # click: "--shout/--no-shout" are the two ways of one option.
    longs = [name.partition("/")[0].removeprefix("--") for name in names if name.startswith("--")]
    told = {word.arg: word.value for word in call.keywords}
    action = told.get("action")
    if not longs or (action is not None and not _is(action, "store")):
        return "", None
    if any(_is(told.get(word), True) for word in ("is_flag", "multiple")) or "nargs" in told:
        return "", None
    return longs[0], _plain(told.get("default"))


def _is(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value == value


def _plain(node: ast.expr | None) -> Param:
    """A literal number or text; None for anything else. Truths are left to the script: which word sets them is its
    own affair."""
    try:
        value = ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if not isinstance(value, str) or (value and value.isprintable() and len(value) < 200) else None
