"""`lab gc`, `lab disk`, `lab data verify`: the store that holds the bytes of datasets, code and models."""

from __future__ import annotations

import shutil
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_age, format_local
from lab.cli.shapes import listing
from lab.cli.tables import Column
from lab.domain.resources import format_size
from lab.domain.text import count_of
from lab.errors import IntegrityError

commands = Declarations("Store")

_SHOWN = 20  # lines that are shown to people; JSON has them all


_GC = "tell what could be freed; with --apply move it to the trash for 14 days"
_GC_ARGUMENTS = (
    argument("--apply", action="store_true", help="do it"),
    argument("--trash", action="store_true", help="list what is in the trash"),
    argument("--undo", metavar="ID", default="", help="bring a batch back from the trash"),
    argument("--empty", action="store_true", help="erase what is in the trash for more than 14 days"),
)


# Users of other tools look for it among the verbs of data.
@commands.add("data", "gc", help=_GC, example="lab gc", arguments=_GC_ARGUMENTS, hidden=True)
@commands.add("gc", help=_GC, example="lab gc", arguments=_GC_ARGUMENTS)
def gc(context: Context, args: Namespace) -> int:
    """Without --apply nothing is touched."""
    if args.undo:
        return _restore(context, args.undo)
    if args.trash or args.empty:
        return _trash(context, empty=args.empty)
    store, out = context.settled.store, context.out
    plan = store.plan()
    removed: dict[str, list[str]] = {}
    for version in context.ws.datasets.by_manifest([cost.id for cost in plan.goes]):
        removed.setdefault(version.id, []).append(f"dataset {version.ref}")
    owners = store.owners()
    freed = store.collect(plan, progress=out.progress) if args.apply else None
    if out.json:
        out.document({"plan": _plan_shape(plan, {**removed, **owners}), "freed": asdict(freed) if freed else None})
        return 0
    if freed is not None:
        out.line(
            f"{format_size(freed.bytes)} are in the trash for 14 days, {format_size(freed.cache_bytes)} are free now"
        )
        if freed.batch:
            out.hint(f"lab gc --undo {freed.batch}")
        return 0
    going, now = plan.object_bytes, plan.cache_bytes
    out.line(
        f"{format_size(going)} could go to the trash, and {format_size(now)} of caches could be freed at once", "bold"
    )
    if plan.goes:
        out.table(
            [Column("goes", keep=True), Column("files", right=True), Column("frees", right=True), Column("why")],
            [
                [
                    cost.id[3:13],
                    f"{cost.files:,}",
                    format_size(cost.exclusive),
                    f"{', '.join(removed[cost.id][:3])} removed" if cost.id in removed else "nothing needs it",
                ]
                for cost in plan.goes[:_SHOWN]
            ],
        )
        if len(plan.goes) > _SHOWN:
            out.say(f"and {len(plan.goes) - _SHOWN:,} more; --json lists them all")
    out.line(f"{len(plan.stays):,} contents stay, {format_size(plan.kept_bytes)}:")
    out.table(
        [Column("stays", keep=True), Column("size", right=True), Column("alone", right=True), Column("because of")],
        [
            [
                cost.id[3:13],
                format_size(cost.bytes),
                format_size(cost.exclusive),
                ", ".join(owners.get(cost.id, ())[:3]) or cost.why,
            ]
            for cost in plan.stays[:_SHOWN]
        ],
    )
    if len(plan.stays) > _SHOWN:
        out.say(f"and {len(plan.stays) - _SHOWN:,} more; --json lists them all")
    for bad in plan.bad_roots:
        out.say(f"{bad.id[:13]} cannot be read, so nothing that it may need is touched: {bad.reason}")
    if going or now:
        out.hint("lab gc --apply")
    return 0


def _plan_shape(plan: Any, owners: Mapping[str, Sequence[str]]) -> dict[str, object]:
    shape = asdict(plan)
    for cost in (*shape["goes"], *shape["stays"]):
        cost["owners"] = list(owners.get(cost["id"], ()))
    for cached in shape["caches"]:
        cached["path"] = str(cached["path"])
    return {**shape, "to_trash": plan.object_bytes, "at_once": plan.cache_bytes}


def _trash(context: Context, *, empty: bool) -> int:
    store, out = context.ws.store, context.out
    erased = store.empty_trash() if empty else 0
    batches = store.batches()
    if out.json:
        out.document({**listing(asdict(batch) for batch in batches), "erased": erased})
        return 0
    if empty:
        out.say(f"{format_size(erased)} are free now")
    if not batches:
        out.say("the trash is empty")
        return 0
    now = time.time()
    out.table(
        [
            Column("id", keep=True),
            Column("age", right=True),
            Column("runs", right=True),
            Column("files", right=True),
            Column("size", right=True),
            Column("erased on"),
        ],
        [
            [
                batch.id,
                format_age(batch.made, now),
                f"{batch.runs:,}",
                f"{batch.objects:,}",
                format_size(batch.bytes),
                format_local(batch.expires),
            ]
            for batch in batches
        ],
    )
    out.hint("lab gc --undo ID")
    return 0


def _restore(context: Context, batch: str) -> int:
    back = context.ws.store.restore(batch)
    if context.out.json:
        context.out.document({"id": batch, **asdict(back)})
    else:
        runs = f"{count_of(len(back.runs), 'run')}, " if back.runs else ""
        context.out.line(f"{runs}{back.objects:,} files and {back.manifests:,} manifests are back")
    return 0


@commands.add("disk", help="what takes how much room, alone and shared", example="lab disk")
def disk(context: Context, args: Namespace) -> int:
    store, out = context.ws.store, context.out
    usage, free = store.usage(), shutil.disk_usage(context.ws.home.root).free
    if out.json:
        out.document({**asdict(usage), "total": asdict(usage.total), "free": free})
        return 0
    rows = sorted(usage.owners.items(), key=lambda item: -(item[1].exclusive + item[1].shared))
    out.table(
        [Column("what", keep=True), Column("alone", right=True), Column("shared", right=True)],
        [[name, format_size(share.exclusive), format_size(share.shared)] for name, share in rows[:_SHOWN]],
    )
    if len(rows) > _SHOWN:
        out.say(f"and {len(rows) - _SHOWN:,} more; --json lists them all")
    out.line()
    places = {
        "objects": usage.objects,
        "assembled copies": usage.assembled,
        "trees for runs": usage.mounts,
        "caches": usage.caches,
        "trash": usage.trash,
        "quarantine": usage.quarantine,
        "unfinished": usage.staging,
    }
    out.facts([
        *((title, format_size(space.on_disk)) for title, space in places.items() if space.files),
        ("the lab home", f"{format_size(usage.total.on_disk)} in {usage.total.files:,} files"),
        ("free on the disk", format_size(free)),
    ])  # fmt: skip
    return 0


@commands.add(
    "data",
    "verify",
    help="compare stored bytes with their names; --repair brings good copies",
    example="lab data verify --repair",
    arguments=(
        argument("refs", metavar="REF", nargs="*", completes="dataset", help="versions (default: the whole store)"),
        argument("--quick", action="store_true", help="look only whether all is there, with its size"),
        argument("--repair", action="store_true", help="replace what is damaged by copies with the right hash"),
    ),
)
def verify(context: Context, args: Namespace) -> int:
    """Exit code 7 if something is damaged and was not repaired."""
    out, ws = context.out, context.ws
    versions = [ws.datasets.get(ref) for ref in args.refs]
    found = ws.store.verify(versions, quick=args.quick, mend=args.repair, progress=out.progress)
    left = [hit for hit in found.hits if not hit.mended]
    if out.json:
        out.document(
            {
                "objects": found.objects,
                "manifests": found.manifests,
                "bytes": found.bytes,
                "away": found.away,
                "damaged": [
                    {
                        "id": hit.finding.id,
                        "kind": hit.finding.kind,
                        "detail": hit.finding.detail,
                        "affected": list(hit.owners),
                        "repaired": hit.mended,
                        "source": hit.repair.source if hit.repair else None,
                    }
                    for hit in found.hits
                ],
            }
        )
        return IntegrityError.exit_code if left else 0
    out.line(f"{found.objects:,} objects and {found.manifests:,} manifests looked at, {format_size(found.bytes)} read")
    for hit in found.hits:
        state, style = ("repaired", "ok") if hit.mended else ("damaged", "fail")
        out.line(f"{state}  {hit.finding.id.removeprefix('b3:')[:12]}  {hit.finding.detail}", style)
        if hit.repair and hit.repair.source:
            out.say(f"  a good copy came from {hit.repair.source}")
        for tried in hit.repair.tried if hit.repair and not hit.mended else ():
            out.say(f"  {tried.where}: {tried.why}")
        for owner in hit.owners[:_SHOWN]:
            out.line(f"  needed by {owner}")
    if found.away:
        out.say(f"{found.away:,} objects were never pulled: they are still at the remote")
    if not found.hits:
        out.say("everything is what its name says")
    elif left and not args.repair:
        out.hint("lab data verify --repair")
    return IntegrityError.exit_code if left else 0
