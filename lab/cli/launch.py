"""`lab run`: launch one run or a sweep of them, and wait if asked to."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import replace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.fate import see_sweep_through, see_through
from lab.cli.queue_shapes import sweep_shape
from lab.cli.shapes import run_shape
from lab.cli.values import count, gpus, parse_data, parse_guards, parse_params, positive
from lab.domain.axes import Space, parse_seeds, parse_space
from lab.domain.launch import LaunchRequest
from lab.domain.resources import parse_size
from lab.domain.runs import Run, RunStatus
from lab.domain.sweeps import Pruner, SweepPlan, make_plan, parse_policy
from lab.errors import UsageError

commands = Declarations("Runs")

_WAIT = (
    argument("--wait", action="store_true", help="wait for the end; exit 0 only if it finished"),
    argument("--follow", action="store_true", help="wait and show the log; Ctrl-C detaches"),
    argument("--now", action="store_true", help="start it at once, whether there is room or not"),
)


@commands.add(
    "run",
    help="run an entry of lab.toml or a script in a container, or a sweep of it",
    example="lab run train -p lr=0.1,0.01 -p depth=2..8 --seeds 3",
    arguments=(
        argument("entry", metavar="ENTRY", completes="entry", help="an entry's name, or the path of a script"),
        argument(
            "-p",
            "--param",
            metavar="K=V",
            action="append",
            default=[],
            completes="param",
            help="a parameter (repeat); several values make a sweep: 0.1,0.01 or 2..8 or 0..1:0.25 or 1e-4..1:log; "
            "quotes keep a comma: '\"a,b\"'",
        ),
        argument("--seed", metavar="N", type=parse_seeds, help="seed of the random numbers; 0..4 or 1,5,9 for several"),
        argument("--seeds", metavar="N", type=count, help="each point with the seeds 0 to N-1"),
        argument("--name", metavar="NAME", default="", help="the name of the run or sweep (default: one is made up)"),
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
        *_WAIT,
        argument(
            "--sweep",
            metavar="HOW",
            choices=("grid", "random", "adaptive"),
            completes="grid|random|adaptive",
            default="",
            help="grid (all combinations), random, or adaptive (by Optuna)",
        ),
        argument("--trials", metavar="N", type=count, default=0, help="points of a random or adaptive sweep"),
        argument("--jobs", metavar="N", type=count, default=0, help="runs of the sweep at a time (default: as fit)"),
        argument("--metric", metavar="NAME", default="", help="what the sweep looks at"),
        argument(
            "--goal", metavar="max|min", choices=("max", "min"), default="", completes="max|min",
            help="which way the metric is better (default: by its name)",
        ),
        argument("--early-stop", action="store_true", help="stop runs worse than the median of finished ones"),
        argument(
            "--pruner",
            metavar="RULE",
            choices=("median", "halving", "hyperband"),
            completes="median|halving|hyperband",
            default="",
            help="stop early by another rule: halving, hyperband (by Optuna, of adaptive sweeps)",
        ),
        argument(
            "--on-failure",
            metavar="POLICY",
            nargs="+",
            default=["continue"],
            completes="continue|stop|retry",
            help="when a run of the sweep fails: continue, stop (start no more), or retry N",
        ),
    ),
)  # fmt: skip
def run(context: Context, args: Namespace) -> int:
    fixed, space = parse_space(args.param)
    plan = _plan(args, space) if space or _many(args) else None
    request = LaunchRequest(
        entry=args.entry,
        params=fixed,
        seed=_seed(args),
        name=args.name,
        tags=tuple(args.tag),
        data=parse_data(args.data),
        engine=args.engine,
        cpus=args.cpus,
        memory=args.memory,
        gpus=args.gpus,
        guards=parse_guards(args.guard, "stop"),
    )
    return _launch(context, args, request) if plan is None else _sweep(context, args, request, plan)


def _many(args: Namespace) -> bool:
    return bool(len(args.seed or ()) > 1 or (args.seeds or 0) > 1 or args.sweep or args.trials)


def _seed(args: Namespace) -> int | None:
    if args.seeds is not None:
        return 0
    return args.seed[0] if args.seed else None


def _plan(args: Namespace, space: Space) -> SweepPlan:
    if args.seeds is not None and args.seed is not None:
        raise UsageError("--seed and --seeds both say seeds", "--seeds 5 is the same as --seed 0..4")
    if args.seeds == 0:
        raise UsageError("--seeds 0 is no run at all", "--seeds 5 runs each point with the seeds 0 to 4")
    return make_plan(
        space,
        tuple(range(args.seeds)) if args.seeds else args.seed or (),
        method=args.sweep,
        trials=args.trials,
        jobs=args.jobs,
        metric=args.metric,
        goal=args.goal,
        on_failure=parse_policy(args.on_failure),
        pruner=Pruner(args.pruner or ("median" if args.early_stop else "")),
    )


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
        *_WAIT,
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
    return _tell(
        context, args, (context.ws.runs if args.now else context.ws.queue).launch(request, context.out.progress)
    )


def _tell(context: Context, args: Namespace, launched: Run) -> int:
    """Tell a run's name and why it waits if it does; or see it through if that was asked."""
    out, ws = context.out, context.ws
    context.tell_notices()
    waits = launched.status is RunStatus.QUEUED
    if waits:
        out.say(f"{launched.name} {ws.queue.reason(launched.id) or 'is about to start'}")
    if args.wait or args.follow:
        if waits:
            ws.drive()
        return see_through(context, launched, follow=args.follow)
    if waits:
        context.tell_driver()
    if out.json:
        out.document(run_shape(launched, time.time()))
        return 0
    out.line(f"{launched.id}  {launched.name}")
    out.hint("lab queue ls" if waits else f"lab runs logs {launched.name} --follow")
    return 0


def _sweep(context: Context, args: Namespace, request: LaunchRequest, plan: SweepPlan) -> int:
    out, ws = context.out, context.ws
    if args.now:
        raise UsageError("a sweep is not started all at once", "leave --now; --jobs says how many go at a time")
    sweep = ws.sweeps.create(replace(request, name=""), plan, args.name, out.progress)
    context.tell_notices()
    if args.wait or args.follow:
        ws.drive()
        return see_sweep_through(context, sweep)
    context.tell_driver()
    if out.json:
        out.document(sweep_shape(sweep))
        return 0
    out.line(f"{sweep.name}  {sweep.total} runs")
    out.hint(f"lab sweeps show {sweep.name}")
    return 0
