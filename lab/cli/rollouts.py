"""`lab deploy` and what changes a deployment: rollback, scale, token, stop; and the history of its rollouts."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentTypeError, Namespace
from dataclasses import replace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.deployments import REF, STYLES, model_of
from lab.cli.formats import format_age, format_duration
from lab.cli.shapes import deployment_shape, listing
from lab.cli.values import count, port, seconds
from lab.domain.deployments import Deployment
from lab.domain.rollouts import Outcome, Rollout, RolloutPlan, Strategy
from lab.domain.text import count_of
from lab.errors import ConflictError, NotFoundError, UsageError

commands = Declarations("Deployments")

_STRATEGIES = "|".join(strategy.value for strategy in Strategy)
_OUTCOMES = {
    Outcome.GOING: "run",
    Outcome.DONE: "ok",
    Outcome.COMPARED: "ok",
    Outcome.ROLLED_BACK: "warn",
    Outcome.FAILED: "fail",
}


def _percent(text: str) -> int:
    """A share, for argparse."""
    number = count(text)
    if not 1 <= number <= 99:
        raise ArgumentTypeError(f"{text!r} is not a percentage from 1 to 99")
    return number


def _replicas(text: str) -> int:
    """How many servers, for argparse."""
    number = count(text)
    if number < 1:
        raise ArgumentTypeError("a deployment has at least one server")
    return number


@commands.add(
    "deploy",
    help="serve a model version at a local address, or roll it out to one that is up",
    example="lab deploy digits@champion --canary 10 --for 60s",
    arguments=(
        argument("ref", metavar="MODEL@ALIAS", completes="model", help="NAME (the latest), NAME:v3 or NAME@ALIAS"),
        argument("--name", metavar="NAME", default="", help="the deployment's name (default: the model's)"),
        argument(
            "--port", metavar="N", type=port, default=0, help="its port (default: the one that it had, or a free one)"
        ),
        argument("--engine", metavar="E", default="", completes="docker|process", help="docker or process"),
        argument(
            "--strategy",
            metavar="S",
            choices=[strategy.value for strategy in Strategy],
            completes=_STRATEGIES,
            help="blue-green (the default), canary, shadow or recreate",
        ),
        argument("--canary", metavar="N", type=_percent, help="give it N %% of the requests first (strategy canary)"),
        argument("--for", metavar="TIME", type=seconds, dest="hold", help="how long, such as 60s"),
        argument(
            "--mirror",
            metavar="TIME",
            type=seconds,
            help="let it answer copies of live requests for so long (strategy shadow; without: captured ones)",
        ),
        argument("--replicas", metavar="N", type=_replicas, default=0, help="servers (default: as many as there are)"),
        argument(
            "--idle", metavar="TIME", type=seconds, help="let the model leave memory after so long without a request"
        ),
        argument("--no-token", action="store_true", help="answer everybody on this machine; only of a new deployment"),
        argument("--yes", action="store_true", help="do not ask before what serves is replaced"),
    ),
)
def deploy(context: Context, args: Namespace) -> int:
    out, deployments = context.out, context.ws.deployments
    plan = _plan(deployments.plan, args)
    if not args.yes:
        _confirm(context, args, plan)
    deployment = deployments.deploy(
        args.ref,
        name=args.name,
        port=args.port,
        engine=args.engine,
        plan=plan,
        token=False if args.no_token else None,
        idle=args.idle,
        progress=out.progress,
    )
    _tell(context, deployment)
    if not out.json:
        out.hint(f"lab deployments health {deployment.name}")
    return 0


def _plan(plan: RolloutPlan, args: Namespace) -> RolloutPlan:
    """The project's plan with what was typed on top."""
    if args.strategy:
        plan = replace(plan, strategy=Strategy(args.strategy))
    if args.canary is not None:
        if args.strategy and plan.strategy is not Strategy.CANARY:
            raise UsageError(f"--canary does not go with --strategy {args.strategy}", "leave one of them out")
        plan = replace(plan, strategy=Strategy.CANARY, share=args.canary)
    if args.mirror is not None:
        if args.canary is not None or (args.strategy and plan.strategy is not Strategy.SHADOW):
            raise UsageError(
                "--mirror is how long a shadow answers copies of live requests", "leave --canary and --strategy out"
            )
        plan = replace(plan, strategy=Strategy.SHADOW, mirror=args.mirror)
    if args.hold is not None:
        if plan.strategy is not Strategy.CANARY:
            raise UsageError("--for is how long a canary lasts", "add --canary 10")
        plan = replace(plan, hold=args.hold)
    return replace(plan, replicas=args.replicas or plan.replicas)


def _confirm(context: Context, args: Namespace, plan: RolloutPlan) -> None:
    """Ask a person before something that serves is replaced; a script has said what it wants."""
    if context.out.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    name = args.name or context.ws.models.get(args.ref).model
    try:
        there = context.ws.deployments.get(name)
    except NotFoundError:
        return
    if not there.status.active or plan.strategy is Strategy.SHADOW:
        return
    context.out.say(f"{there.name} serves {model_of(there)}; {args.ref} is to take its place ({plan.strategy.value})")
    context.out.flush()
    if input("go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise ConflictError("nothing was changed", "add --yes to go on without being asked")


def _tell(context: Context, deployment: Deployment) -> None:
    if context.out.json:
        context.out.document(deployment_shape(deployment))
        return
    text = f"{deployment.name}  {deployment.status.value}  {model_of(deployment)}  {deployment.url}"
    context.out.line(text, STYLES[deployment.status])


@commands.add(
    "deployments",
    "rollback",
    help="give the requests back to the version that served before",
    example="lab deployments rollback digits",
    arguments=(REF,),
)
def rollback(context: Context, args: Namespace) -> int:
    _tell(context, context.ws.deployments.rollback(args.ref))
    return 0


@commands.add(
    "deployments",
    "scale",
    help="serve with more or fewer servers",
    example="lab deployments scale digits 2",
    arguments=(REF, argument("replicas", metavar="N", type=_replicas, help="how many servers")),
)
def scale(context: Context, args: Namespace) -> int:
    _tell(context, context.ws.deployments.scale(args.ref, args.replicas))
    return 0


@commands.add(
    "deployments",
    "token",
    help="print the token that a deployment's clients bring",
    example="lab deployments token digits --rotate",
    arguments=(
        REF,
        argument("--rotate", action="store_true", help="make a new one; the one before is taken for five minutes"),
    ),
)
def token(context: Context, args: Namespace) -> int:
    deployment = context.ws.deployments.get(args.ref)
    found = context.ws.deployments.token(deployment.id, rotate=args.rotate)
    if context.out.json:
        context.out.document({"id": deployment.id, "name": deployment.name, "token": found or None})
    elif found:
        context.out.script(f"{found}\n")
    else:
        context.out.say(f"{deployment.name} asks for no token")
    return 0


@commands.add(
    "deployments", "stop", help="end a deployment's servers", example="lab deployments stop digits", arguments=(REF,)
)
def stop(context: Context, args: Namespace) -> int:
    deployment = context.ws.deployments.stop(args.ref)
    if context.out.json:
        context.out.document(deployment_shape(deployment))
    else:
        context.out.line(f"{deployment.name}  {deployment.status.value}", STYLES[deployment.status])
    return 0


@commands.add(
    "deployments",
    "forget",
    help="take what was kept of predictions out of captures and feedback",
    example="lab deployments forget digits 01jd0x9k3v",
    arguments=(REF, argument("ids", metavar="ID", nargs="+", help="the id in the answer to a request")),
)
def forget(context: Context, args: Namespace) -> int:
    deployment = context.ws.deployments.get(args.ref)
    gone = context.ws.deployments.forget(deployment.id, args.ids)
    if context.out.json:
        context.out.document({"id": deployment.id, "name": deployment.name, "forgotten": gone})
    else:
        context.out.line(f"{count_of(gone, 'line')} of {deployment.name} forgotten")
    return 0


@commands.add(
    "deployments",
    "history",
    help="the rollouts of a deployment, step by step, with their numbers",
    example="lab deployments history digits",
    arguments=(REF,),
)
def history(context: Context, args: Namespace) -> int:
    rollouts = context.ws.deployments.history(args.ref)
    if context.out.json:
        # Here and not above: few commands show rollouts.
        from lab.cli.rollout_shapes import rollout_shape

        context.out.document(listing(rollout_shape(rollout) for rollout in rollouts))
        return 0
    if not rollouts:
        context.out.say("nothing was rolled out here yet")
    for rollout in rollouts:
        _show(context, rollout)
    return 0


def _show(context: Context, rollout: Rollout) -> None:
    alias = f" ({rollout.alias})" if rollout.alias else ""
    place = "beside" if rollout.strategy == Strategy.SHADOW else "in place of"
    before = f" {place} {rollout.before}" if rollout.before else ""
    head = f"{rollout.number}  {rollout.model}:v{rollout.version}{alias}{before}  {rollout.strategy}"
    age = format_age(rollout.started, time.time())
    context.out.line(f"{head}  {rollout.outcome.value}  {age}", _OUTCOMES[rollout.outcome])
    for step in rollout.steps:
        mark = context.out.mark(step.ok)
        context.out.line(f"   {mark} {step.step:<7} {format_duration(step.seconds):>8}  {step.told}")
    if rollout.cause and rollout.outcome is not Outcome.DONE:
        context.out.line(f"   {rollout.cause}", "dim")
