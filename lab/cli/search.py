"""`lab search`: one box over names, parameters, notes, columns, code, differences and logs."""

from __future__ import annotations

from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_duration, format_utc
from lab.cli.shapes import Shape
from lab.cli.tables import cut
from lab.cli.values import count, positive
from lab.domain.resources import format_size
from lab.domain.search import INDEXED, Hit, Place, SearchRequest, Step, parse_needle, parse_places
from lab.domain.text import count_of

commands = Declarations("Search")

_NAME, _WHERE = 22, 26  # cells


@commands.add(
    "search",
    help="find a text, or a /regular expression/, in everything that the lab knows",
    example="lab search 'cuda out of memory' --in logs",
    arguments=(
        argument("text", metavar="TEXT", help="as it stands, or /…/; capitals count if there are any"),
        argument(
            "--in",
            dest="places",
            metavar="PLACE,PLACE",
            action="append",
            default=[],
            completes="|".join(Place),
            help=f"only in some of {', '.join(Place)} (default: all)",
        ),
        argument("--limit", metavar="N", type=count, default=20, help="at most so many of each place (default: 20)"),
        argument("--seconds", metavar="S", type=positive, default=10.0, help="for at most so long (default: 10)"),
    ),
)
def search(context: Context, args: Namespace) -> int:
    """Hits are told as they are found; with --json the best and newest first."""
    needle, places = parse_needle(args.text), parse_places(args.places)
    request = SearchRequest(needle, places, max(1, args.limit), args.seconds)
    hits: list[Hit] = []
    ends: dict[Place, Step] = {}
    for step in context.settled.search.look(request):
        hits += step.hits
        if step.done:
            ends[step.place] = step
        if context.out.json:
            continue
        for hit in step.hits:
            _tell(context, hit)
        if not step.done and not step.hits:
            context.out.progress(f"{step.place.value}: {_so_far(step)}")
    if context.out.json:
        found = sorted(hits, key=lambda hit: hit.order)
        shape = {place.value: _end_shape(step) for place, step in ends.items()}
        context.out.document({"items": [_shape(hit) for hit in found], "total": len(found), "places": shape})
        return 0
    _tell_end(context, hits, ends)
    return 0


def _tell(context: Context, hit: Hit) -> None:
    out = context.out
    shared = f"  ({count_of(hit.runs, 'run')})" if hit.runs > 1 else ""
    where = cut(f"{hit.kind} {hit.where}" if hit.place is Place.NAMES else hit.where, _WHERE)
    head = f"{hit.place.value:<8}{cut(hit.name, _NAME):<{_NAME}}  {where:<{_WHERE}}  "
    text, start, end = hit.excerpt.text, hit.excerpt.start, hit.excerpt.end
    if out.room is not None:
        room = max(20, out.room - len(head) - len(shared))
        first = max(0, min(start - room // 3, len(text) - room))
        text, start, end = text[first : first + room], max(0, start - first), max(0, end - first)
    out.line_of(((head, "dim"), (text[:start], ""), (text[start:end], "bold"), (text[end:], ""), (shared, "dim")))


def _so_far(step: Step) -> str:
    noun = "tree" if step.place is Place.CODE else "change" if step.place is Place.DIFFS else "log"
    return (
        f"{step.files:,} of {count_of(step.total, noun)}, {format_size(step.bytes)} in {format_duration(step.seconds)}"
    )


def _tell_end(context: Context, hits: list[Hit], ends: dict[Place, Step]) -> None:
    out = context.out
    if not hits:
        out.say("nothing found")
    for place, step in ends.items():
        if step.cut == "limit":
            out.say(f"{place.value}: there may be more; --limit N shows them")
        elif step.cut:
            out.say(f"{place.value}: the time was up after {_so_far(step)}; --seconds N gives it longer")
    runs = [hit for hit in hits if hit.kind == "run" and hit.place not in INDEXED]
    if runs:
        out.hint(f"lab runs logs {runs[0].name}" if runs[0].place is Place.LOGS else f"lab runs show {runs[0].name}")


def _shape(hit: Hit) -> Shape:
    return {
        "place": hit.place.value,
        "kind": hit.kind,
        "id": hit.id,
        "name": hit.name,
        "where": hit.where,
        "line": hit.line or None,
        "text": hit.excerpt.text,
        "start": hit.excerpt.start,
        "end": hit.excerpt.end,
        "runs": hit.runs,
        "object": hit.digest or None,
        "at": format_utc(hit.at),
    }


def _end_shape(step: Step) -> Shape:
    return {
        "files": step.files,
        "total": step.total,
        "bytes": step.bytes,
        "seconds": step.seconds,
        "cut": step.cut or None,
    }
