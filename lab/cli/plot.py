"""`lab runs plot`: curves of runs as a picture of lines and text."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from pathlib import Path

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.domain.resources import format_size
from lab.domain.text import clean

commands = Declarations("Runs")

_AXES = ("step", "time", "number", "epoch")


def _weight(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise ArgumentTypeError(f"{clean(text, 20)!r} is no number from 0 up to, but not, 1")
    return value


@commands.add(
    "runs",
    "plot",
    help="curves of a metric as an SVG or PNG file",
    example="lab runs plot calm-otter-42 brisk-heron-07 --metric loss -o loss.svg",
    arguments=(
        argument("refs", metavar="REF", nargs="+", completes="run", help="one run or more"),
        argument("--metric", metavar="NAME", default="", completes="column", help="default: the one most of them have"),
        argument("-o", "--output", metavar="FILE", default="", help="loss.svg or loss.png (default: METRIC.svg)"),
        argument("--axis", metavar="X", choices=_AXES, default="step", completes="|".join(_AXES),
                 help="step, time, number (of the value) or epoch (default: step)"),
        argument("--smooth", metavar="WEIGHT", type=_weight, default=0.0, help="0 to below 1 (default: 0, as logged)"),
        argument("--log", action="store_true", help="logarithmic y axis"),
        argument("--apart", action="store_true", help="a curve per run, also where only the seed differs"),
        argument("--dark", action="store_true", help="on dark ground"),
        argument("--force", action="store_true", help="write over a file that is there"),
    ),
)  # fmt: skip
def plot(context: Context, args: Namespace) -> int:
    runs = context.settled.runs
    ids = list(dict.fromkeys(runs.get(ref).id for ref in args.refs))
    figure = context.ws.drawings.curves(
        ids, args.metric, args.axis, smoothing=args.smooth, log_y=args.log, together=not args.apart
    )
    path = Path(args.output or f"{_plain(figure.title)}.svg").expanduser()
    size = context.ws.exports.figure(figure, path, overwrite=args.force, dark=args.dark)
    if context.out.json:
        lines = [{"name": line.name, "points": len(line.x)} for line in figure.lines]
        context.out.document({"path": str(path), "bytes": size, "metric": figure.title, "runs": ids, "lines": lines})
    else:
        context.out.line(f"{clean(str(path))}  {format_size(size)}")
    return 0


def _plain(name: str) -> str:
    """A metric's name as a file's."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "_" for char in name)[:40]
