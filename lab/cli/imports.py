"""`lab import`: results of other tools as runs of this lab."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.fate import DETACHED
from lab.cli.shapes import listing
from lab.cli.tables import Column, Styled
from lab.domain.imports import Imported, ImportReport, ImportRequest, Outcome, Unread
from lab.domain.names import check_name
from lab.domain.text import count_of

commands = Declarations("Runs")

_SHOWN = 30  # lines that are shown to people; JSON has them all
_STYLES = {Outcome.NEW: "ok", Outcome.UPDATED: "run", Outcome.UNCHANGED: "dim", Outcome.PURGED: "dim"}


@commands.add(
    "import",
    help="take in runs of other tools: MLflow, W&B, TensorBoard, DVCLive, CSV and more",
    example="lab import ~/experiments --project digits",
    arguments=(
        argument(
            "path",
            metavar="PATH",
            completes="path",
            help="a folder with results of any of them, one file, or an archive",
        ),
        argument("--project", metavar="NAME", default="", help="their project (default: the folder's name)"),
        argument("--dry-run", action="store_true", help="tell what would be taken in, and change nothing"),
        argument("--follow", action="store_true", help="go on until no run grows any more; Ctrl-C ends it"),
        argument("--again", action="store_true", help="also runs that were purged from this lab"),
        argument("--copy", action="store_true", help="copy artifacts into the lab (default: they stay where they are)"),
    ),
)
def import_runs(context: Context, args: Namespace) -> int:
    """Exit code 1 if something was there that could not be read."""
    if args.project:
        check_name("project", args.project)
    request = ImportRequest(context.path(args.path), args.project, args.copy, args.dry_run, args.again)
    items: dict[str, Imported] = {}
    unread: tuple[Unread, ...] = ()
    code = 0
    try:
        for report in _reports(context, request, follow=args.follow):
            unread = report.unread
            for item in report.items:
                known = items.get(item.id)
                again = known is not None and item.outcome is Outcome.UNCHANGED
                items[item.id] = _with_outcome(item, known) if again else item
            if args.follow:
                _tell_news(context, report)
    except KeyboardInterrupt:
        code = DETACHED
    whole = ImportReport(tuple(items.values()), unread)
    if context.out.json:
        context.out.document(_shape(whole, dry=args.dry_run))
    else:
        _tell(context, whole, dry=args.dry_run)
    return code or (1 if unread else 0)


def _reports(context: Context, request: ImportRequest, *, follow: bool) -> Iterator[ImportReport]:
    imports = context.ws.runs.imports
    if follow and not request.dry:
        yield from imports.follow(request, context.out.progress, lambda: False)
    else:
        yield imports.look(request, context.out.progress)


def _with_outcome(item: Imported, known: Imported | None) -> Imported:
    """A run that is the same as a moment ago came all the same in the way that it did then."""
    return Imported(**{**vars(item), "outcome": known.outcome}) if known else item


def _tell_news(context: Context, report: ImportReport) -> None:
    for item in report.items:
        if item.outcome in (Outcome.NEW, Outcome.UPDATED):
            context.out.say(f"{item.name} ({item.id}) {item.outcome.value}: {item.status}, {item.points:,} values")


def _shape(report: ImportReport, *, dry: bool) -> dict[str, object]:
    return {
        **listing(asdict(item) for item in report.items),
        **{outcome.value: report.count(outcome) for outcome in Outcome},
        "unread": [asdict(item) for item in report.unread],
        "dry_run": dry,
    }


def _tell(context: Context, report: ImportReport, *, dry: bool) -> None:
    out = context.out
    news = [item for item in report.items if item.outcome in (Outcome.NEW, Outcome.UPDATED)]
    if news:
        out.table(
            [
                Column("run", keep=True),
                Column("id", keep=True),
                Column("tool"),
                Column("status"),
                Column("metrics", right=True),
                Column("values", right=True),
                Column("outcome"),
            ],
            [
                [
                    item.name,
                    item.id,
                    item.tool,
                    item.status,
                    str(item.metrics),
                    f"{item.points:,}",
                    Styled(item.outcome.value, _STYLES[item.outcome]),
                ]
                for item in news[:_SHOWN]
            ],
        )
    if len(news) > _SHOWN:
        out.say(f"and {len(news) - _SHOWN:,} more; --json lists them all")
    new, updated, unchanged, purged = (report.count(outcome) for outcome in Outcome)
    if not report.items:
        out.say("nothing here that Lab can read")
    else:
        out.line(f"{new} new, {updated} updated, {unchanged} unchanged{': nothing was written' if dry else ''}")
    if purged:
        out.say(f"{count_of(purged, 'run')} stay out, since they were purged from this lab; --again takes them in")
    for item in report.unread:
        out.say(f"not read: {item.path}: {item.reason}")
    if news and not dry:
        out.hint("lab runs ls tag:imported")
