"""`lab explain`: what a word or a number on the screens means, why its bounds are there, and what to do; of a
parameter or metric also what the runs tell."""

from __future__ import annotations

import textwrap
from argparse import Namespace

from lab import learn
from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.domain.text import clean
from lab.errors import NotFoundError

commands = Declarations("Project")

_WIDTH = 96


@commands.add(
    "explain",
    help="what a word or number on a screen means, and what to do",
    example="lab explain psi",
    arguments=(
        argument(
            "word",
            metavar="WORD",
            nargs="*",
            help="such as psi, or a parameter or metric of runs; none lists all that is written",
            completes="|".join(learn.words()),
        ),
    ),
)
def explain(context: Context, args: Namespace) -> int:
    word = " ".join(args.word)
    if not word:
        return _all(context)
    entry, own = learn.find(word), context.settled.runs.explain(word)
    if entry is None and own is None:
        near = learn.nearest(word)
        raise NotFoundError(
            f"nothing is written about {clean(word, 60)!r}",
            f"did you mean {near}?" if near else "lab explain lists the words that there are",
        )
    if context.out.json:
        context.out.document({**_shape(entry or _nothing(word)), "here": _shape(own) if own else None})
        return 0
    if entry is not None:
        _tell(context, entry.word.upper() if len(entry.word) < 4 else entry.word.capitalize(), entry)
    if own is not None:
        _tell(context, f"{own.word} in this lab", own)
    return 0


def _tell(context: Context, title: str, entry: learn.Entry) -> None:
    context.out.line(title)
    for name, text in (("", entry.what), ("Why: ", entry.why), ("Do: ", entry.todo)):
        if text:
            for line in textwrap.wrap(name + text, _WIDTH):
                context.out.line(f"  {line}")


def _nothing(word: str) -> learn.Entry:
    """The entry of a word that is known from runs alone."""
    return learn.Entry(word, (), "", "", "")


def _all(context: Context) -> int:
    entries = [entry for word in learn.words() if (entry := learn.find(word)) is not None]
    if context.out.json:
        context.out.document({"items": [_shape(entry) for entry in entries], "total": len(entries)})
    else:
        for entry in entries:
            context.out.line(f"{entry.word:<14}{textwrap.shorten(entry.what, _WIDTH - 14, placeholder=' …')}")
    return 0


def _shape(entry: learn.Entry) -> dict[str, object]:
    return {"word": entry.word, "also": list(entry.also), "what": entry.what, "why": entry.why, "do": entry.todo}
