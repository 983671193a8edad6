"""The `:` command line: where to go and what to do, in a word or two; and what completes such a line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from lab.dataclass import dataclass
from lab.domain.query_values import NEW_FIELDS, OLD_FIELDS
from lab.domain.runs import RunStatus
from lab.domain.text import clean
from lab.errors import UsageError
from lab.ui.actions import MODES

#: Other words for the same place.
_ALIASES = {
    "h": "home",
    "d": "data",
    "datasets": "data",
    "r": "runs",
    "m": "models",
    "deploy": "deployments",
    "dep": "deployments",
    "find": "search",
    "quit": "q",
    "exit": "q",
    "?": "help",
    "@": "log",
}
#: What one object is called: `:model churn` goes to it.
OBJECTS = ("run", "dataset", "model", "deployment")
WORDS = (*MODES, *OBJECTS, "view", "compare", "diff", "disk", "queue", "sweeps", "search", "explain", "help", "log",
         "theme", "undo", "redo", "q")  # fmt: skip
#: How often a name is offered twice in a line: as often as the command takes names.
_SEVERAL = {"compare": "run", "diff": "dataset"}
#: Offered at once.
_MOST = 200


@dataclass(frozen=True)
class Command:
    """A word of `WORDS` and what follows it: a filter, or names."""

    word: str
    rest: str = ""


@dataclass(frozen=True)
class Names:
    """What there is to complete: `objects` by kind (also `view`, `theme` and `explain`), `keys` that a filter of runs
    may name."""

    objects: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: Sequence[str] = ()


def parse_command(line: str) -> Command | None:
    """What a line means; None for an empty one. Raises UsageError for an unknown word."""
    word, _, rest = line.strip().removeprefix(":").strip().partition(" ")
    if not word:
        return None
    known = _ALIASES.get(word.lower(), word.lower())
    if known not in WORDS:
        near = difflib.get_close_matches(known, WORDS, 1)
        raise UsageError(
            f"no command {clean(word, 40)!r}", f"did you mean {near[0]}?" if near else f"there are: {', '.join(WORDS)}"
        )
    return Command(known, rest.strip())


def complete_command(line: str, names: Names) -> list[str]:
    """Whole lines that go on where `line` ends: words of commands, then names or the parts of a filter."""
    word, blank, rest = line.lstrip().partition(" ")
    if not blank:
        return [one for one in WORDS if one.startswith(word.lower()) and one != word][:_MOST]
    command = _ALIASES.get(word.lower(), word.lower())
    if command == "runs":
        return [f"{word} {offer}" for offer in complete_filter(rest, names.keys)]
    kind = _SEVERAL.get(command, command)
    before, _, last = rest.rpartition(" ") if command in _SEVERAL else ("", "", rest)
    head = f"{word} {before} " if before else f"{word} "
    return [f"{head}{name}" for name in _begun(names.objects.get(kind, ()), last)]


def complete_filter(text: str, keys: Sequence[str]) -> list[str]:
    """Whole filters that go on where `text` ends: fields, parameters, metrics; after `status:` the states."""
    before, blank, last = text.rpartition(" ")
    head = f"{before}{blank}"
    sign = last[:1] if last[:1] in "(-" else ""
    key, colon, value = last[len(sign) :].partition(":")
    if colon and key == "status":
        return [f"{head}{sign}status:{one}" for one in _begun([status.value for status in RunStatus], value)]
    if colon:
        return []
    return [f"{head}{sign}{one}" for one in _begun(keys, key)]


def filter_keys(params: Iterable[str], metrics: Iterable[str]) -> list[str]:
    """What a filter of runs may name, the commonest first. Names with a blank in them cannot be written there."""
    usual = ["status:", "tag:", "created>-", "starred:yes", "archived:yes", "sweep:"]
    found = [*usual, *params, *metrics, *sorted(OLD_FIELDS | NEW_FIELDS)]
    return [one for one in dict.fromkeys(found) if " " not in one]


def _begun(names: Iterable[str], start: str) -> list[str]:
    """Those that begin so, then those that hold it."""
    start = start.lower()
    all_names = [name for name in dict.fromkeys(names) if name.lower() != start]
    first = [name for name in all_names if name.lower().startswith(start)]
    return [*first, *(name for name in all_names if start and start in name.lower() and name not in first)][:_MOST]
