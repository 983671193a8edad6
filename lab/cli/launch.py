"""`lab run`: launch, and wait if asked to."""

from __future__ import annotations

import time
from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.fate import see_through
from lab.cli.shapes import run_shape
from lab.cli.values import gpus, parse_data, parse_guards, parse_params, positive
from lab.domain.launch import LaunchRequest
from lab.domain.resources import parse_size
from lab.domain.runs import Run

commands = Declarations("Runs")


@commands.add(
    "run",
    help="run an entry of lab.toml, or a script, in a container",
    example="lab run train -p lr=0.1 -p epochs=20 --follow",
    arguments=(
        argument("entry", metavar="ENTRY", completes="entry", help="an entry's name, or the path of a script"),
        argument(
            "-p", "--param", metavar="K=V", action="append", default=[], completes="param", help="a parameter (repeat)"
        ),
        argument("--seed", metavar="N", type=int, help="seed of the random numbers"),
        argument("--name", metavar="NAME", default="", help="the run's name (default: one is made up)"),
        argument("--tag", metavar="TAG", action="append", default=[], help="a tag (repeat)"),
        argument(
            "--data",
            metavar="NAME@VERSION",
            action="append",
            default=[],
            completes="dataset",
            help="use this version of a dataset (repeat)",
        ),
        argument("--engine", metavar="E", default="", completes="docker|process", help="docker or process"),
        argument("--cpus", metavar="N", type=positive, help="cores that it may use"),
        argument("--memory", metavar="SIZE", type=parse_size, help="memory that it may use, such as 2g"),
        argument("--gpus", metavar="N", type=gpus, help="how many GPUs, or 'all'"),
        argument(
            "--guard",
            metavar="CONDITION",
            action="append",
            default=[],
            help="stop the run when this holds, such as 'isnan(loss)' (repeat)",
        ),
        argument("--wait", action="store_true", help="wait for the end; exit 0 only if it finished"),
        argument("--follow", action="store_true", help="wait and show the log; Ctrl-C detaches"),
    ),
)
def run(context: Context, args: Namespace) -> int:
    request = LaunchRequest(
        entry=args.entry,
        params=parse_params(args.param),
        seed=args.seed,
        name=args.name,
        tags=tuple(args.tag),
        data=parse_data(args.data),
        engine=args.engine,
        cpus=args.cpus,
        memory=args.memory,
        gpus=args.gpus,
        guards=parse_guards(args.guard, "stop"),
    )
    return _launch(context, args, request)


@commands.add(
    "runs",
    "rerun",
    help="launch it again: same entry, parameters, seed, data; code as now, or --captured",
    example="lab runs rerun calm-otter -p lr=0.2 --wait",
    arguments=(
        argument("ref", metavar="REF", completes="run", help="a run's name or id, or how one begins"),
        argument(
            "-p", "--param", metavar="K=V", action="append", default=[], completes="param", help="change a parameter"
        ),
        argument(
            "--captured", action="store_true", help="also code and environment as the run had them, not as they are now"
        ),
        argument("--wait", action="store_true", help="wait for the end; exit 0 only if it finished"),
        argument("--follow", action="store_true", help="wait and show the log; Ctrl-C detaches"),
    ),
)
def rerun(context: Context, args: Namespace) -> int:
    params = parse_params(args.param)
    if args.captured:
        return _tell(context, args, context.ws.reproductions.again(args.ref, params, context.out.progress))
    request = context.ws.runs.rerun(args.ref, params)
    context.out.say("code and environment are taken as they are now; --captured takes them as the run had them")
    return _launch(context, args, request)


def _launch(context: Context, args: Namespace, request: LaunchRequest) -> int:
    return _tell(context, args, context.ws.runs.launch(request, context.out.progress))


def _tell(context: Context, args: Namespace, launched: Run) -> int:
    """Tell the name of a run that has started, or see it through if that was asked."""
    out = context.out
    context.tell_notices()
    if args.wait or args.follow:
        return see_through(context, launched, follow=args.follow)
    if out.json:
        out.document(run_shape(launched, time.time()))
        return 0
    out.line(f"{launched.id}  {launched.name}")
    out.hint(f"lab runs logs {launched.name} --follow")
    return 0
