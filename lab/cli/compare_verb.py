"""`lab runs compare`: runs beside each other, and on demand what lies behind the numbers."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.cli import compare_sections, comparing, relate, sampling
from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.shapes import Shape
from lab.cli.values import count, parse_better
from lab.cli.verdict_shapes import comparison_shape
from lab.domain.compare import Comparison
from lab.domain.resources import format_size
from lab.domain.runs import Run
from lab.errors import LabError, UsageError

commands = Declarations("Runs")

#: The section about all runs at once.
RELATIONS = "params"
#: Tells one thing about a run against the baseline: (context, run, baseline, rows) to a shape, after drawing it.
Section = Callable[[Context, Run, Run, int], Shape]

SECTIONS: Mapping[str, Section] = {
    "samples": sampling.section,
    "code": compare_sections.code,
    "data": compare_sections.data,
    "environment": compare_sections.environment,
    "files": compare_sections.files,
}
NAMES = (*SECTIONS, RELATIONS)


@commands.add(
    "runs",
    "compare",
    help="what differs between runs, by how much, and whether it is more than noise",
    example="lab runs compare calm-otter-42 brisk-heron-07 --show samples",
    arguments=(
        argument("refs", metavar="REF", nargs="+", completes="run", help="two or more runs"),
        argument("--all", action="store_true", help="also what is the same in all of them"),
        argument(
            "--baseline",
            metavar="REF",
            default="",
            completes="run",
            help="measure against this one (default: the first)",
        ),
        argument("--apart", action="store_true", help="a column per run, also where only the seed differs"),
        argument(
            "--better",
            metavar="METRIC=WAY",
            action="append",
            default=[],
            help="higher or lower is better (repeat), where the name does not tell",
        ),
        argument(
            "--show",
            metavar="SECTION",
            action="append",
            default=[],
            completes="|".join((*NAMES, "all")),
            help=f"also what lies behind the numbers: {', '.join(NAMES)} or all (repeat)",
        ),
        argument(
            "--export",
            metavar="FILE",
            default="",
            help="write all of it as one report.html that stands alone, or as .md",
        ),
        argument("--force", action="store_true", help="write over a file that is there"),
        argument("--limit", metavar="N", type=count, default=20, help="rows of a section (default: 20)"),
    ),
)
def compare(context: Context, args: Namespace) -> int:
    if len(args.refs) < 2:
        raise UsageError("a comparison needs two runs", "lab runs compare REF REF")
    wanted = _sections(args.show)
    comparison = context.settled.runs.compare(args.refs, args.baseline, parse_better(args.better))
    if args.export:
        return _export(context, comparison, Path(args.export).expanduser(), overwrite=args.force)
    if not context.out.json:
        comparing.draw(context.out, comparison, everything=args.all, apart=args.apart)
    shown: dict[str, Any] = {
        name: list(_each(context, comparison, SECTIONS[name], args.limit)) for name in wanted if name in SECTIONS
    }
    if RELATIONS in wanted:
        shown[RELATIONS] = relate.relation_shape(comparison.runs, "", parse_better(args.better))
        if not context.out.json:
            context.out.line()
            relate.draw(context.out, shown[RELATIONS])
    if context.out.json:
        more = {"sections": shown} if shown else {}
        context.out.document({**comparison_shape(comparison, time.time()), **more})
    return 0


def _export(context: Context, comparison: Comparison, path: Path, *, overwrite: bool) -> int:
    size = context.ws.reports.write(comparison, path, time.time(), overwrite=overwrite)
    if context.out.json:
        context.out.document({"path": str(path), "bytes": size, "runs": [run.id for run in comparison.runs]})
    else:
        context.out.line(f"{path}  {format_size(size)}")
    return 0


def _sections(words: Sequence[str]) -> list[str]:
    for word in words:
        if word not in NAMES and word != "all":
            raise UsageError(f"there is no section {word!r}", f"--show {', '.join(NAMES)} or all")
    return list(NAMES) if "all" in words else list(dict.fromkeys(words))


def _each(context: Context, comparison: Comparison, section: Section, limit: int) -> Sequence[Shape]:
    """The section for every run but the baseline; what cannot be told is said, and is no failure of the others."""
    base = next(run for run in comparison.runs if run.id == comparison.baseline)
    found = []
    for run in {run.id: run for run in comparison.runs}.values():
        if run.id == base.id:
            continue
        head: Shape = {"run": run.id, "name": run.name}
        try:
            found.append({**head, **section(context, run, base, limit)})
        except LabError as error:
            context.out.say(f"{run.name}: {error.message}")
            if error.hint:
                context.out.hint(error.hint)
            found.append({**head, "error": {"code": error.code, "message": error.message, "hint": error.hint}})
    return found
