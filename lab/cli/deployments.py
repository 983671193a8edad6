"""`lab deployments …`: what serves, how well, and its answers. How it comes to serve is in lab.cli.rollouts."""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.fate import DETACHED
from lab.cli.formats import NOTHING, format_age, format_duration, format_local, format_utc, format_value, log_line
from lab.cli.shapes import deployment_shape, health_shape, listing
from lab.cli.tables import Column, Styled
from lab.cli.values import count, positive, seconds
from lab.domain.deployments import Deployment, DeploymentStatus, Health
from lab.domain.payloads import from_csv, from_file, from_json
from lab.domain.resources import format_size
from lab.domain.rollouts import Rollout
from lab.errors import LabError, NotFoundError, UsageError

commands = Declarations("Deployments")

REF = argument("ref", metavar="REF", completes="deployment", help="a deployment's name or id")
_EXAMPLE_MAX = 300  # characters of an example that a hint can show
STYLES = {
    DeploymentStatus.STARTING: "run",
    DeploymentStatus.READY: "ok",
    DeploymentStatus.ASLEEP: "dim",
    DeploymentStatus.UNHEALTHY: "warn",
    DeploymentStatus.FAILED: "fail",
    DeploymentStatus.STOPPED: "dim",
}


@commands.add("deployments", "ls", help="list deployments", example="lab deployments ls")
def ls(context: Context, args: Namespace) -> int:
    deployments = context.ws.deployments.list()
    if context.out.json:
        context.out.document(listing(deployment_shape(item) for item in deployments))
        return 0
    if not deployments:
        context.out.say("no deployments yet")
        context.out.hint("lab deploy MODEL@champion")
        return 0
    now = time.time()
    titles = ("status", "model", "address", "engine")
    context.out.table(
        [
            Column("name", keep=True),
            Column("id", keep=True),
            *(Column(title) for title in titles),
            Column("age", right=True),
            Column("cause"),
        ],
        [
            [
                item.name,
                item.id,
                Styled(item.status.value, STYLES[item.status]),
                model_of(item),
                item.url,
                item.engine,
                format_age(item.created, now),
                item.cause,
            ]
            for item in deployments
        ],
    )
    return 0


@commands.add(
    "deployments",
    "show",
    help="everything about one deployment",
    example="lab deployments show digits",
    arguments=(REF,),
)
def show(context: Context, args: Namespace) -> int:
    deployment = context.ws.deployments.get(args.ref)
    signature = context.ws.deployments.signature(deployment.id)
    rollouts = context.ws.deployments.history(deployment.id)
    if context.out.json:
        # Here and not above: few commands show rollouts.
        from lab.cli.rollout_shapes import rollout_shape

        last = rollout_shape(rollouts[0]) if rollouts else None
        context.out.document({**deployment_shape(deployment), "signature": dict(signature), "rollout": last})
        return 0
    context.out.line(f"{deployment.name}  {deployment.status.value}  {deployment.url}", STYLES[deployment.status])
    inputs = _inputs(signature)
    context.out.facts(
        [
            ("id", deployment.id),
            ("model", model_of(deployment)),
            ("engine", deployment.engine),
            ("image", deployment.image),
            ("replicas", str(deployment.replicas)),
            ("created", format_local(deployment.created)),
            ("ready", format_local(deployment.ready)),
            ("ended", format_local(deployment.ended) if deployment.ended else ""),
            ("cause", deployment.cause),
            ("rollout", _rollout(rollouts[0]) if rollouts else ""),
            ("inputs", f"{len(inputs)}: {', '.join(inputs[:12])}{', …' if len(inputs) > 12 else ''}" if inputs else ""),
        ]
    )
    return 0


@commands.add(
    "deployments",
    "health",
    help="one look at a deployment; exit 0 only if it is ready",
    example="lab deployments health digits --watch",
    arguments=(
        REF,
        argument("--watch", action="store_true", help="look again and again until Ctrl-C"),
        argument("--history", metavar="TIME", type=seconds, help="as it was over so long, such as 1h, up to 30d"),
        argument("--every", metavar="SECONDS", type=positive, default=1.0, help="between two looks (default: 1)"),
    ),
)
def health(context: Context, args: Namespace) -> int:
    if args.watch and context.out.json:
        raise UsageError("--watch has no end, so it cannot be one JSON document", "leave out --watch")
    deployment = context.ws.deployments.get(args.ref)
    if args.history is not None:
        return _health_history(context, deployment, args.history)
    look = context.ws.deployments.health(deployment.id)
    if context.out.json:
        context.out.document(health_shape(deployment, look))
    else:
        context.out.line(f"{deployment.name}  {model_of(deployment)}  {deployment.url}", "bold")
        context.out.line(_health(look), _health_style(look))
        for line in look.last_errors:
            context.out.line(f"  {line}", "dim")
    try:
        while args.watch:
            context.out.flush()
            time.sleep(args.every)
            look = context.ws.deployments.health(deployment.id)
            context.out.line(_health(look), _health_style(look))
    except KeyboardInterrupt:
        return DETACHED
    return 0 if look.ready else 1


def _health_history(context: Context, deployment: Deployment, seconds: float) -> int:
    points = context.ws.deployments.health_history(deployment.id, seconds)
    if context.out.json:
        items = [{**asdict(point), "at": format_utc(point.at)} for point in points]
        context.out.document({"id": deployment.id, "name": deployment.name, **listing(items)})
        return 0
    if not points:
        context.out.say(f"nothing is known of {deployment.name} from then: `lab watch` or the app keeps its health")
        return 0
    titles = ("req/s", "4xx", "5xx", "p50", "p95", "p99", "cpu", "memory")
    context.out.table(
        [Column("at", keep=True), *(Column(title, right=True) for title in titles)],
        [
            [
                format_local(point.at),
                *(_number(value) for value in (point.rate, point.errors_4xx, point.errors_5xx)),
                *(format_duration(value) for value in (point.p50, point.p95, point.p99)),
                _number(point.cpu),
                format_size(point.rss) if point.rss is not None else NOTHING,
            ]
            for point in points
        ],
    )
    return 0


def _number(value: float | None) -> str:
    return f"{value:.2f}" if value is not None else NOTHING


#: The input of a model as commands take it.
JSON_ARGUMENTS = (
    argument(
        "text", metavar="JSON", nargs="?", help="a row, rows, or a payload as JSON, or a file of them; '-' reads stdin"
    ),
    argument("--json-file", metavar="F", completes="path", help="read JSON or JSON lines from a file"),
    argument("--csv", metavar="F", completes="path", help="read rows from a CSV with a header"),
)


@commands.add(
    "deployments",
    "predict",
    help="ask a deployment for predictions",
    example="lab deployments predict digits --csv rows.csv",
    arguments=(REF, *JSON_ARGUMENTS),
)
def predict(context: Context, args: Namespace) -> int:
    payload = payload_of(context, args)
    if payload is None:
        raise UsageError("there is nothing to predict", _example(context, args.ref))
    answer = context.ws.deployments.predict(args.ref, payload)
    if context.out.json:
        context.out.document(answer)
        return 0
    _tell(context, answer)
    return 0


def _example(context: Context, ref: str) -> str:
    """A command that would work; for a model of many columns, what its CSV must hold."""
    example = json.dumps(context.ws.deployments.example(ref) or {"data": [["…"]]}, ensure_ascii=False)
    if len(example) <= _EXAMPLE_MAX:
        return f"lab deployments predict {ref} '{example}'"
    inputs = _inputs(context.ws.deployments.signature(ref))
    return f"lab deployments predict {ref} --csv FILE, with the {len(inputs)} columns {', '.join(inputs[:3])}, …"


def _inputs(signature: Mapping[str, Any]) -> list[str]:
    return [str(column.get("name", "")) for column in signature.get("inputs", ()) if isinstance(column, dict)]


def payload_of(context: Context, args: Namespace) -> dict[str, Any] | None:
    """What JSON_ARGUMENTS give; None where they give nothing."""
    given = [item for item in (args.text, args.json_file, args.csv) if item is not None]
    if len(given) > 1:
        raise UsageError("the input is given twice", "use one of JSON, --json-file and --csv")
    if not given:
        return None
    if args.csv is not None:
        return from_csv(_read(context, args.csv))
    if args.json_file is not None:
        return from_file(args.json_file, _read(context, args.json_file))
    if args.text == "-":
        return from_json(sys.stdin.read())
    if not args.text.lstrip().startswith(("{", "[")) and os.path.isfile(context.path(args.text)):
        return from_file(args.text, _read(context, args.text))
    return from_json(args.text)


def _read(context: Context, name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    path = context.path(name)
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}", "check the path") from error
    except OSError as error:
        raise LabError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text", "convert it first") from error


def _tell(context: Context, answer: dict[str, Any]) -> None:
    """A prediction a line, with its probability where the model gives one."""
    predictions = answer.get("predictions", [])
    probabilities = answer.get("probabilities") or [None] * len(predictions)
    for prediction, chances in zip(predictions, probabilities, strict=False):
        shown = json.dumps(prediction) if isinstance(prediction, list | dict) else format_value(prediction)
        best = f"  {max(chances):.4f}" if isinstance(chances, list) and chances else ""
        context.out.line(f"{shown}{best}")


@commands.add(
    "deployments",
    "logs",
    help="what a deployment's server printed",
    example="lab deployments logs digits",
    arguments=(REF, argument("--tail", metavar="N", type=count, default=200, help="the last N lines (default: 200)")),
)
def logs(context: Context, args: Namespace) -> int:
    deployment = context.ws.deployments.get(args.ref)
    lines = [log_line(line) for line in context.ws.deployments.log_tail(deployment.id, args.tail)]
    if context.out.json:
        context.out.document({"id": deployment.id, "name": deployment.name, "items": lines, "total": len(lines)})
        return 0
    for line in lines:
        context.out.log(line)
    if not lines:
        context.out.say(f"{deployment.name} has printed nothing")
    return 0


def _rollout(rollout: Rollout) -> str:
    """How the last one went, in a line."""
    ended = next(
        (step for step in reversed(rollout.steps) if not step.ok), rollout.steps[-1] if rollout.steps else None
    )
    told = f": {ended.step}, {ended.told}" if ended else ""
    return f"{rollout.number}, {rollout.strategy}, {rollout.outcome.value}{told}"


def model_of(deployment: Deployment) -> str:
    alias = f" ({deployment.alias})" if deployment.alias else ""
    return f"{deployment.model}:v{deployment.version}{alias}"


def _health_style(look: Health) -> str:
    return "fail" if not look.ready else "warn" if look.servers_up < look.servers or look.out_of_memory else "ok"


def _health(look: Health) -> str:
    """One look in a line."""
    state = "asleep" if look.asleep else ""
    state = state or "ready" if look.ready else f"not ready: {look.reason}" if look.reason else "not ready"
    if look.servers > 1:
        state += f" ({look.servers_up} of {look.servers})"
    if look.uptime is None:
        return state
    parts = [
        state,
        f"up {format_duration(look.uptime)}",
        f"{look.requests} requests ({look.errors} errors, {_rate(look.rate)})",
        f"4xx {_rate(look.errors_4xx)} 5xx {_rate(look.errors_5xx)}",
        f"p50 {format_duration(look.p50)} p95 {format_duration(look.p95)} p99 {format_duration(look.p99)}",
        f"{look.in_flight} in flight, {look.queued} waiting",
        f"batch {look.batch:.1f}" if look.batch is not None else "",
        f"memory {_memory(look)}",
        f"cpu {look.cpu:.2f}" if look.cpu is not None else f"cpu {NOTHING}",
        f"{look.restarts} restarts" if look.restarts else "",
        "ran out of memory" if look.out_of_memory else "",
    ]
    return "  ".join(part for part in parts if part)


def _rate(rate: float | None) -> str:
    return f"{rate:.1f}/s" if rate is not None else NOTHING


def _memory(look: Health) -> str:
    if look.rss is None:
        return NOTHING
    return (
        f"{format_size(look.rss)} of {format_size(look.memory_limit)}" if look.memory_limit else format_size(look.rss)
    )
