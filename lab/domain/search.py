"""Searching everything: what is looked for, where, and what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.errors import UsageError

LONGEST = 500  # characters of what is looked for
_SHOWN = 240  # characters of a line that are shown
_BEFORE = 60  # of them before the match, where the line is longer
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?")


class Place(StrEnum):
    """Where one may look, in the order in which hits count."""

    NAMES = "names"
    TAGS = "tags"
    PARAMS = "params"
    COLUMNS = "columns"
    NOTES = "notes"
    CODE = "code"
    DIFFS = "diffs"
    LOGS = "logs"


#: Places that the index knows; the others are read from files.
INDEXED = (Place.NAMES, Place.TAGS, Place.PARAMS, Place.COLUMNS, Place.NOTES)


@dataclass(frozen=True)
class Needle:
    """What is looked for: a text, or a regular expression (`regex`). With `fold` the case does not count: so it is
    where the text has no capitals."""

    text: str
    regex: bool
    fold: bool


def parse_needle(text: str) -> Needle:
    """`/…/` is a regular expression, all else a text as it stands. Raises UsageError for nothing, a line break,
    bytes that are no text, or more than 500 characters."""
    inner = text[1:-1] if len(text) > 2 and text.startswith("/") and text.endswith("/") else ""
    wanted = inner or text
    if not wanted.strip():
        raise UsageError("nothing to look for", "lab search TEXT, or lab search '/a regular (expression)?/'")
    if "\n" in wanted or len(wanted) > LONGEST or any("\ud800" <= char <= "\udfff" for char in wanted):
        raise UsageError(
            f"only one line of text of at most {LONGEST} characters can be looked for", "look for a part of it"
        )
    return Needle(wanted, bool(inner), wanted == wanted.lower())


def parse_places(words: Sequence[str]) -> tuple[Place, ...]:
    """`["logs,code"]` as places; all of them where nothing is said. Raises UsageError for an unknown one."""
    names = [name.strip() for word in words for name in word.split(",") if name.strip()]
    known = {place.value: place for place in Place}
    for name in names:
        if name not in known:
            raise UsageError(f"{clean(name, 40)!r} is no place to search", f"there are: {', '.join(known)}")
    return tuple(place for place in Place if not names or place.value in names)


@dataclass(frozen=True)
class Excerpt:
    """A piece of a line, safe to show, and where in it the match is."""

    text: str
    start: int
    end: int


def excerpt(line: str, start: int, end: int) -> Excerpt:
    """The part of `line` around a match that is from `start` to `end` in it."""
    first = max(0, start - _BEFORE) if len(line) > _SHOWN else 0
    before, match, after = (_tidy(part) for part in (line[first:start], line[start:end], line[end:]))
    before = before.lstrip() if not first else "…" + before
    text = clean(before + match + after, _SHOWN)
    return Excerpt(text, min(len(before), len(text)), min(len(before) + len(match), len(text)))


def _tidy(text: str) -> str:
    return clean(_ESCAPE.sub("", text))


@dataclass(frozen=True)
class Hit:
    """One match.

    `kind` and `id` say what it is about (`run`, `dataset`, `model`, `deployment`), `name` what that is called. `where`
    is the place in it: a parameter, a column, `train.py:12`, `stdout.log:1024`. `match` is the text that fits; `line`
    counts from 1, 0 where there are no lines. `runs` have it in common, of which `id` is the newest; `digest` is the
    object of the store that holds the file. `at` in seconds since the epoch; `rank` 0 for the best.
    """

    place: Place
    kind: str
    id: str
    name: str
    where: str
    excerpt: Excerpt
    match: str
    at: float
    rank: int
    line: int = 0
    runs: int = 1
    digest: str = ""

    @property
    def order(self) -> tuple[int, float]:
        """Sorts the best and newest first."""
        return self.rank, -self.at


@dataclass(frozen=True)
class Step:
    """News of a search: `hits` that are new, and how far it is in one place. `files` and `bytes` were read there so
    far, of `total` files; `done` with the place, `cut` short where there may be more: by its limit or by the time."""

    place: Place
    hits: tuple[Hit, ...] = ()
    files: int = 0
    total: int = 0
    bytes: int = 0
    seconds: float = 0.0
    done: bool = False
    cut: str = ""


@dataclass(frozen=True)
class SearchRequest:
    """What to look for, where, and for how long: at most `limit` hits of each place and `seconds` in all; `project`
    "" for all of them."""

    needle: Needle
    places: tuple[Place, ...]
    limit: int = 50
    seconds: float = 10.0
