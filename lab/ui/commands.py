"""The `:` command line: where to go, in a word or two."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from lab.domain.text import clean
from lab.errors import UsageError
from lab.ui.actions import MODES

#: Other words for the same place.
_ALIASES = {
    "h": "home",
    "d": "data",
    "datasets": "data",
    "dataset": "data",
    "r": "runs",
    "m": "models",
    "deploy": "deployments",
    "dep": "deployments",
    "deployment": "deployments",
    "model": "models",
    "find": "search",
    "quit": "q",
    "exit": "q",
    "?": "help",
    "@": "log",
}
WORDS = (*MODES, "run", "view", "compare", "diff", "disk", "queue", "sweeps", "search", "help", "log", "theme", "q")


@dataclass(frozen=True)
class Command:
    """A word of `WORDS` and what follows it: a filter, or names."""

    word: str
    rest: str = ""


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
