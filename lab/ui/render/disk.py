"""What takes how much room, what could be freed, and why the rest stays. Values are as the store counted them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.glyphs import glyphs
from lab.ui.render.number import format_age, format_duration, format_size, format_time
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.sparkline import bar
from lab.ui.render.status import Level

_BAR = 10

OWNER_COLUMNS = (
    Column("kind", "kind", min_width=7, max_width=11, sortable=False),
    Column("name", "who holds it", min_width=20, max_width=60, sortable=False, flex=1),
    Column("bar", "", width=_BAR, sortable=False),
    Column("exclusive", "alone", width=8, align="right"),
    Column("shared", "shared", width=8, align="right"),
    Column("total", "together", width=8, align="right"),
)
GC_COLUMNS = (
    Column("fate", "fate", width=9, sortable=False),
    Column("what", "what", min_width=26, max_width=60, sortable=False, flex=1),
    Column("frees", "frees", width=9, align="right", sortable=False),
    Column("bytes", "holds", width=9, align="right", sortable=False),
    Column("why", "why", min_width=16, max_width=90, sortable=False, flex=1),
)
TRASH_COLUMNS = (
    Column("id", "batch", min_width=12, max_width=24, sortable=False),
    Column("age", "taken", width=9, sortable=False),
    Column("runs", "runs", width=6, align="right", sortable=False),
    Column("objects", "objects", width=9, align="right", sortable=False),
    Column("manifests", "lists", width=7, align="right", sortable=False),
    Column("bytes", "size", width=9, align="right", sortable=False),
    Column("expires", "erased", min_width=12, max_width=30, sortable=False, flex=1),
)

_SHOWN = 2000  # owners with a row of their own
_NAMED = 3  # owners that a line names


class Share(Protocol):
    """Bytes held by nobody else, and those that others hold too."""

    @property
    def exclusive(self) -> int: ...
    @property
    def shared(self) -> int: ...


class Space(Protocol):
    @property
    def files(self) -> int: ...
    @property
    def on_disk(self) -> int: ...


class Usage(Protocol):
    """What the store counted: `owners` are named `kind name`."""

    @property
    def owners(self) -> Mapping[str, Share]: ...
    @property
    def unowned(self) -> int: ...
    @property
    def unreadable(self) -> tuple[str, ...]: ...
    @property
    def objects(self) -> Space: ...
    @property
    def lists(self) -> Space: ...
    @property
    def assembled(self) -> Space: ...
    @property
    def mounts(self) -> Space: ...
    @property
    def caches(self) -> Space: ...
    @property
    def trash(self) -> Space: ...
    @property
    def quarantine(self) -> Space: ...
    @property
    def staging(self) -> Space: ...
    @property
    def total(self) -> Space: ...


class Cost(Protocol):
    """One content and what it costs: `why` it stays, "" if it goes."""

    @property
    def id(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def files(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def exclusive(self) -> int: ...


class Cached(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def bytes(self) -> int: ...
    @property
    def idle(self) -> float: ...


class BadRoot(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def reason(self) -> str: ...


class Plan(Protocol):
    """What garbage collection would do."""

    @property
    def goes(self) -> Sequence[Cost]: ...
    @property
    def stays(self) -> Sequence[Cost]: ...
    @property
    def caches(self) -> Sequence[Cached]: ...
    @property
    def bad_roots(self) -> Sequence[BadRoot]: ...
    @property
    def kept_bytes(self) -> int: ...
    @property
    def young(self) -> int: ...
    @property
    def held(self) -> int: ...
    @property
    def object_bytes(self) -> int: ...
    @property
    def cache_bytes(self) -> int: ...


class Batch(Protocol):
    """What one collection put into the trash."""

    @property
    def id(self) -> str: ...
    @property
    def made(self) -> float: ...
    @property
    def expires(self) -> float: ...
    @property
    def manifests(self) -> int: ...
    @property
    def objects(self) -> int: ...
    @property
    def runs(self) -> int: ...
    @property
    def bytes(self) -> int: ...


# Who holds what


def usage_heading(usage: Usage, free: int) -> Spans:
    total = usage.total
    return [
        (f" {format_size(total.on_disk)}", "bold"),
        (f" in {total.files:,} files of the lab home   ", "muted"),
        (format_size(free), "bold"),
        (" free on the disk", "muted"),
    ]


def owner_rows(usage: Usage) -> list[Row]:
    """Owners by what they hold, most first, then the parts of the lab home that nobody owns. Keyed `kind name`.

    Of very many owners those that hold least are one row together: a hundred thousand rows would hold up the app.
    """
    owners = sorted(usage.owners.items(), key=lambda item: (-item[1].exclusive, -item[1].shared, item[0]))
    places = _places(usage)
    most = max([1, *(one.exclusive + one.shared for one in usage.owners.values()), *(size for _, _, size in places)])
    owners = [(label, one) for label, one in owners if one.exclusive + one.shared]
    rows = [_owner_row(label, one.exclusive, one.shared, most) for label, one in owners[:_SHOWN]]
    if rest := owners[_SHOWN:]:
        text = f"{len(rest):,} more hold less than these"
        rows.append(_place_row("others", text, sum(one.exclusive for _, one in rest), most))
    rows += [_place_row(key, text, size, most) for key, text, size in places if size]
    rows += [
        Row(f"unreadable {name}", (Cell("damaged", "fail"), Cell(f"{glyphs().fail} {name} cannot be read", "fail")))
        for name in usage.unreadable
    ]
    return rows


def owner_totals(usage: Usage) -> Row:
    """What stays below the owners: all that each holds alone."""
    alone = sum(one.exclusive for one in usage.owners.values())
    return Row("", (Cell("all"), Cell("what each of them holds alone"), Cell(""), Cell(format_size(alone), "bold")))


def _places(usage: Usage) -> list[tuple[str, str, int]]:
    return [
        ("no owner", "objects that nobody names: collecting frees them", usage.unowned),
        ("cache", "files put together from their parts", usage.assembled.on_disk),
        ("cache", "read-only trees of runs (hard links, nearly free)", usage.mounts.on_disk),
        ("cache", "profiles, and what is known of unchanged files", usage.caches.on_disk),
        ("lists", "lists of the files of every version", usage.lists.on_disk),
        ("trash", "kept for 14 days: the third tab brings it back", usage.trash.on_disk),
        ("damaged", "damaged objects that were set aside", usage.quarantine.on_disk),
        ("staging", "being written right now", usage.staging.on_disk),
    ]


def _owner_row(label: str, exclusive: int, shared: int, most: int) -> Row:
    kind, _, name = label.partition(" ")
    cells = (
        Cell(kind, "muted"),
        Cell(name, "bold"),
        Cell(share_bar(exclusive, shared, most, _BAR), "series.0"),
        Cell(format_size(exclusive), "" if exclusive else "muted"),
        Cell(format_size(shared), "muted"),
        Cell(format_size(exclusive + shared)),
    )
    return Row(label, cells)


def _place_row(kind: str, text: str, size: int, most: int) -> Row:
    bytes = Cell(format_size(size))
    bar = Cell(share_bar(size, 0, most, _BAR), "series.1")
    return Row(f"{kind} {text}", (Cell(kind, "muted"), Cell(text, "muted"), bar, bytes, Cell(""), bytes))


def share_bar(exclusive: int, shared: int, most: int, width: int, plain: bool | None = None) -> str:
    """What is held alone as a full bar, then what is shared as a light one; blank for what is next to nothing."""
    light = "-" if glyphs(plain).bars.isascii() else "░"
    if most <= 0:
        return " " * width
    alone = bar(exclusive / most, width, plain).rstrip(" .")
    whole = min(width, round((exclusive + shared) / most * width))
    return (alone + light * (whole - len(alone))).ljust(width)


# What could be freed


def plan_heading(plan: Plan) -> list[Spans]:
    """What would go, and in a line each why what nobody needs stays all the same."""
    if plan.object_bytes or plan.cache_bytes:
        rows: list[Spans] = [[
            (f" {format_size(plan.object_bytes)}", "bold"), (" could go to the trash for 14 days, ", ""),
            (format_size(plan.cache_bytes), "bold"), (" of caches be free at once", ""),
            ("   nothing has been touched", "muted"),
        ]]  # fmt: skip
    else:
        rows = [[(f" {glyphs().ok} ", "ok"), ("nothing to free: all that is there is needed", "")]]
    rows.append([(f"   {format_size(plan.kept_bytes)} stay", "muted"), (_also(plan), "muted")])
    rows += [
        [(f" {glyphs().warn} ", "warn"), (f"{one.id[:15]} cannot be read, so no object goes: {one.reason}", "warn")]
        for one in plan.bad_roots[:2]
    ]
    return rows


def _also(plan: Plan) -> str:
    text = f", {format_size(plan.young)} more for having been written within a day" if plan.young else ""
    return text + (f", {format_size(plan.held)} more until all lists can be read" if plan.held else "")


def plan_rows(plan: Plan, owners: Mapping[str, Sequence[str]]) -> list[Row]:
    """What goes, most freed first, then what stays with those who need it (`owners`: content → `kind name`)."""
    rows = [_cost_row(one, owners) for one in plan.goes]
    loose = plan.object_bytes - sum(one.exclusive for one in plan.goes)
    if loose > 0:
        rows.append(Row("loose", (_fate("goes"), Cell("objects of nothing"), Cell(format_size(loose)), Cell(""),
                                  Cell("no version, run or model names them", "muted"))))  # fmt: skip
    rows += [_cache_row(one) for one in plan.caches]
    return rows + [_cost_row(one, owners) for one in plan.stays]


def _fate(word: str) -> Cell:
    level: Level = "warn" if word == "goes" else "ok"
    return Cell(f"{getattr(glyphs(), level)} {word}", level)


def _cost_row(one: Cost, owners: Mapping[str, Sequence[str]]) -> Row:
    named = list(owners.get(one.id, ()))
    others = named[1 : _NAMED + 1]
    more = f" and {len(named) - _NAMED - 1} more" if len(named) > _NAMED + 1 else ""
    why = {"": "nobody needs it any more", "in use": "in use right now"}.get(one.why, one.why)
    why += f", also by {', '.join(others)}{more}" if others else ""
    cells = (
        _fate("stays" if one.why else "goes"),
        Cell(named[0] if named else f"content {one.id.removeprefix('b3:')[:10]}"),
        Cell(format_size(one.exclusive), "muted" if one.why else "bold"),
        Cell(format_size(one.bytes), "muted"),
        Cell(why, "muted"),
    )
    return Row(one.id, cells)


_CACHES = {"tree": "a read-only tree", "assembled": "a file put together from parts", "stat": "what is known of files"}


def _cache_row(one: Cached) -> Row:
    why = f"a cache: made again when needed, unused for {format_duration(one.idle)}"
    cells = (_fate("goes"), Cell(_CACHES.get(one.kind, one.kind)), Cell(format_size(one.bytes), "bold"), Cell(""),
             Cell(why, "muted"))  # fmt: skip
    return Row(f"cache {one.path}", cells)


# The trash


def trash_rows(batches: Sequence[Batch], now: float) -> list[Row]:
    return [
        Row(one.id, (Cell(one.id, "accent"), Cell(format_age(one.made, now), "muted"), Cell(f"{one.runs:,}"),
                     Cell(f"{one.objects:,}"),
                     Cell(f"{one.manifests:,}"), Cell(format_size(one.bytes)),
                     Cell(f"on {format_time(one.expires)}", "muted")))
        for one in batches
    ]  # fmt: skip
