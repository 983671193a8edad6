"""`lab data profile|diff|expect|lineage`: what can be said of versions."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from lab.cli import datadiff
from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_value
from lab.cli.lineage_text import tell
from lab.cli.tables import Cell, Column, Styled
from lab.domain.datasets import DatasetVersion, Verdict
from lab.domain.expectations import CheckReport, Result, Severity
from lab.domain.profiles import ColumnProfile, Profile, TableProfile
from lab.domain.resources import format_size
from lab.errors import GateRejectedError, NotFoundError

commands = Declarations("Data")

_REF = argument("ref", metavar="REF", completes="dataset", help="NAME, NAME@v2, NAME@ALIAS or NAME@HASH")
_NAMED = 8  # columns that a sentence names
_SHOWN = 20  # lines that are shown to people; JSON has them all
_BARS = "▁▂▃▄▅▆▇█"


@commands.add(
    "data",
    "profile",
    help="what is in a version: types, nulls, distributions, and what looks wrong",
    example="lab data profile digits",
    arguments=(_REF,),
)
def profile(context: Context, args: Namespace) -> int:
    out = context.out
    version = context.ws.datasets.get(args.ref)
    found = context.ws.findings.profile(version, out.progress)
    if out.json:
        out.document({"id": version.ref, "manifest": version.id, "profile": found.to_json()})
        return 0
    files = "1 file" if found.files == 1 else f"{found.files:,} files"
    out.line(f"{version.dataset}@{version.label}  {files}, {format_size(found.bytes)}", "bold")
    for sentence in (*found.notes, *_warnings(found)):
        out.say(sentence)
    if found.table:
        _table(context, found.table)
    elif found.images:
        images = found.images
        out.facts([(item.name, f"{item.count:,}, {format_size(item.bytes)}") for item in images.formats])
        out.facts([(f"{width}×{height}", f"{count:,}") for width, height, count in images.dimensions])
        if images.broken_count:
            out.say(f"{images.broken_count:,} are no pictures: {', '.join(images.broken[:3])}")
    else:
        out.table(
            [Column("kind", keep=True), Column("files", right=True), Column("size", right=True)],
            [[item.name or "(none)", f"{item.count:,}", format_size(item.bytes)] for item in found.groups[:_SHOWN]],
        )
    return 0


def _warnings(found: Profile) -> list[str]:
    """What a person should know before anything else."""
    if found.table is None:
        return []
    table = found.table
    told = [
        f"{item.column} nearly tells {table.label} by itself ({item.measure} {item.score:.3f}): leakage?"
        for item in table.leakage
    ]
    if table.duplicate_rows:
        told.append(f"{table.duplicate_rows:,} rows are there more than once")
    personal: dict[str, list[str]] = {}
    for column in table.columns:
        for kind in column.pii:
            personal.setdefault(kind.kind, []).append(column.name)
    groups = [
        *((f"looks personal ({kind})", names) for kind, names in personal.items()),
        ("has one value only", [item.name for item in table.columns if item.constant]),
        ("is the same as another", [f"{one.name} = {one.duplicate_of}" for one in table.columns if one.duplicate_of]),
        ("looks like an identifier", [item.name for item in table.columns if item.id_like]),
    ]
    return told + [f"{what}: {_listed(names)}" for what, names in groups if names]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _table(context: Context, table: TableProfile) -> None:
    context.out.table(
        [
            Column("column", keep=True),
            Column("type"),
            Column("nulls", right=True),
            Column("distinct", right=True),
            Column("distribution"),
            Column("min", right=True),
            Column("median", right=True),
            Column("max", right=True),
            Column("most frequent"),
        ],
        [_column(column, table.rows) for column in table.columns],
    )
    for item in table.correlations[:5]:
        context.out.say(f"{item.one} and {item.other} go together (r = {item.r:+.3f})")


def _column(column: ColumnProfile, rows: int) -> Sequence[Cell]:
    share = column.nulls / rows if rows else 0.0
    median = column.quantiles[3] if len(column.quantiles) > 3 else None
    numbers = column.kind == "number"
    return [
        column.name,
        column.type,
        Styled(f"{share:.1%}", "warn" if share > 0 else "dim"),
        f"{column.distinct:,}" if column.distinct >= 0 else "",
        _bars(column.histogram.counts),
        format_value(column.minimum) if numbers else column.first,
        format_value(median) if numbers else "",
        format_value(column.maximum) if numbers else column.last,
        ", ".join(f"{value} ({count:,})" for value, count in column.top[:2]),
    ]


def _bars(counts: Sequence[int]) -> str:
    """A histogram in as many characters as it has bins; what is not empty is never drawn as empty."""
    most = max(counts, default=0)
    if not most:
        return ""
    return "".join(_BARS[min(7, count * 8 // (most + 1))] if count else " " for count in counts)


@commands.add(
    "data",
    "expect",
    help="hold a version against what lab.toml expects; --infer proposes expectations",
    example="lab data expect digits --infer",
    arguments=(_REF, argument("--infer", action="store_true", help="print expectations that it meets, for lab.toml")),
)
def expect(context: Context, args: Namespace) -> int:
    """Exit code 6 if a rule that blocks is not met."""
    out, findings = context.out, context.ws.findings
    version = context.ws.datasets.get(args.ref)
    if args.infer:
        text = findings.infer(version)
        if out.json:
            out.document({"id": version.ref, "toml": text})
        else:
            out.script(text)
            out.hint("read it, change it, and put it into lab.toml")
        return 0
    report = findings.check(version, out.progress)
    if out.json:
        out.document({"id": version.ref, "report": report.to_json() if report else None})
    elif report is None:
        out.say(f"nothing is expected of {version.dataset}")
        out.hint(f"lab data expect {version.dataset} --infer")
    else:
        _report(context, report)
    return GateRejectedError.exit_code if report and report.blocked else 0


def _report(context: Context, report: CheckReport) -> None:
    out = context.out
    order = sorted(report.results, key=lambda item: (item.ok, item.severity is Severity.WARN, item.skipped))
    out.table(
        [
            Column("", keep=True),
            Column("rule", keep=True),
            Column("column"),
            Column("found"),
            Column("wanted"),
            Column("rows", right=True),
        ],
        [
            [
                _state(item),
                item.rule,
                item.column,
                item.observed,
                item.wanted,
                f"{item.failing:,}" if item.failing else "",
            ]
            for item in order
        ],
    )
    for item in report.failed[:_SHOWN]:
        out.line(f"{item.sentence}")
        for number, row in zip(item.sample.numbers[:3], item.sample.rows, strict=False):
            cells = ", ".join(f"{name}={value}" for name, value in zip(item.sample.columns, row, strict=True))
            out.line(f"  row {number:,}: {cells}")
    verdict = Verdict.OK if report.ok else Verdict.BLOCKED if report.blocked else Verdict.WARNED
    out.say(f"{len(report.results)} rules on {report.rows or 0:,} rows: {verdict.value}")


def _state(result: Result) -> Styled:
    if result.skipped:
        return Styled("skipped", "dim")
    if result.ok:
        return Styled("ok", "ok")
    return Styled("block", "fail") if result.severity is Severity.BLOCK else Styled("warn", "warn")


@commands.add(
    "data",
    "lineage",
    help="which runs, models and deployments saw a version, or a file of it",
    example="lab data lineage digits@v1",
    arguments=(
        argument("ref", metavar="REF", completes="dataset", help="NAME@v2, or a file on disk"),
        argument("file", metavar="FILE", nargs="?", default="", help="only this file of the version"),
        argument("--model", action="store_true", help="REF is a model version: what did it see?"),
    ),
)
def lineage(context: Context, args: Namespace) -> int:
    out, ws = context.out, context.settled
    path = context.path(args.ref)
    if args.model:
        found = ws.lineage.of_model(ws.models.get(args.ref))
    elif args.file:
        found = ws.lineage.of_file(ws.datasets.get(args.ref), args.file)
    elif "@" not in args.ref and path.is_file():
        found = ws.lineage.of_content(path)
    else:
        found = ws.lineage.of_version(ws.datasets.get(args.ref))
    return tell(out, found)


@commands.add(
    "data",
    "diff",
    help="what changed between two versions: files, columns, rows, distributions",
    example="lab data diff digits@v1 digits@v2",
    arguments=(
        argument("old", metavar="OLD", completes="dataset", help="a version; alone: compared with the one before it"),
        argument(
            "new", metavar="NEW", nargs="?", default="", completes="dataset", help="another; or only v3 or @ALIAS"
        ),
        argument(
            "--key", metavar="A,B", default="", help="columns that tell rows apart (default: lab.toml, or inferred)"
        ),
    ),
)
def diff(context: Context, args: Namespace) -> int:
    """Exit code 0 if they are the same, 1 if they differ."""
    out, ws = context.out, context.ws
    old, new = _pair(context, args.old, args.new)
    key = [name for name in args.key.split(",") if name]
    found = ws.findings.diff(old, new, key, out.progress)
    if out.json:
        out.document({"old": old.ref, "new": new.ref, "diff": found.to_json()})
    elif found.identical:
        out.say(f"{old.ref} and {new.ref} hold the same files")
    else:
        datadiff.draw(out, found)
    return 0 if found.identical else 1


def _pair(context: Context, first: str, second: str) -> tuple[DatasetVersion, DatasetVersion]:
    datasets = context.ws.datasets
    one = datasets.get(first)
    if second:
        short = second.startswith("@") or ("@" not in second and second[:1] == "v" and second[1:].isdigit())
        return one, datasets.get(f"{one.project}/{one.dataset}@{second.removeprefix('@')}" if short else second)
    history = [item for item in datasets.versions(one.dataset, one.project) if not item.retired]
    before = next((item for item in history if item.number < one.number), None)
    if before is None:
        raise NotFoundError(f"{one.ref} is the first version", "name two versions, or add another one")
    return before, one
