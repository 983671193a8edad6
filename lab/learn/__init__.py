"""What the words and numbers on the screens mean, why their bounds are where they are, and what to do.

One table for F1, `:explain` and `lab explain`: `words.md`, and `screens.md` for the screens by id. Each entry is a
heading and lines `also:`, `what:`, `why:` and `do:`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from lab.dataclass import dataclass

_FIELDS = ("also", "what", "why", "do")


@dataclass(frozen=True)
class Entry:
    """One word: other words for it, what it is, why its bounds are where they are ("" for none), what to do."""

    word: str
    also: tuple[str, ...]
    what: str
    why: str
    todo: str


@cache
def _table(file: str) -> Mapping[str, Entry]:
    return {entry.word: entry for entry in parse((Path(__file__).parent / file).read_text(encoding="utf-8"))}


def parse(text: str) -> list[Entry]:
    """The entries of a file. Raises ValueError for a line that is neither a heading, a field nor empty."""
    entries: list[Entry] = []
    for part in f"\n{text}".split("\n# ")[1:]:
        word, *lines = part.split("\n")
        fields = dict.fromkeys(_FIELDS, "")
        for line in filter(None, lines):
            name, colon, value = line.partition(": ")
            if not colon or name not in fields:
                raise ValueError(f"under {word!r}: {line!r}")
            fields[name] = value.strip()
        also = tuple(one.strip() for one in fields["also"].split(",") if one.strip())
        entries.append(Entry(word.strip(), also, fields["what"], fields["why"], fields["do"]))
    return entries


@cache
def _names() -> Mapping[str, Entry]:
    return {name.lower(): one for one in _table("words.md").values() for name in (one.word, *one.also)}


def words() -> list[str]:
    """All words that have an entry."""
    return sorted(_table("words.md"))


def find(word: str) -> Entry | None:
    """The entry of a word, one of its other names, or a metric's name with what stands around it (`val_f1.max`)."""
    names = _names()
    key = " ".join(word.lower().split())
    for one in (key, key.replace("_", " "), key.partition(".")[0], key.rpartition(".")[2]):
        if one in names:
            return names[one]
    for part in key.replace(".", "_").replace("/", "_").replace(" ", "_").split("_"):
        if len(part) > 1 and part in names:
            return names[part]
    return None


def knows(word: str) -> bool:
    """Whether a word, or a metric's name, has an entry under one of its own names; a part of it does not count."""
    names = _names()
    key = word.lower()
    return key in names or key.rpartition("_")[2] in names


def nearest(word: str) -> str:
    """A known word that is written much like this one, "" if there is none."""
    names = {name.lower(): entry.word for entry in _table("words.md").values() for name in (entry.word, *entry.also)}
    near = difflib.get_close_matches(word.lower(), names, 1)
    return names[near[0]] if near else ""


def screen(id: str) -> Entry | None:
    """What a screen is for, by its id."""
    return _table("screens.md").get(id)
