"""`lab deployments bench` and `canary`: how well it serves, measured by asking it, or beside another version."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.deployments import JSON_ARGUMENTS, REF, payload_of
from lab.cli.fate import DETACHED
from lab.cli.formats import NOTHING, format_local
from lab.cli.measured_shapes import beside_shape, load_test_shape
from lab.cli.tables import Column, Styled
from lab.cli.values import count, positive, seconds
from lab.domain.canary import Beside, Side
from lab.domain.load_tests import LoadTest

commands = Declarations("Deployments")

_EARLIER = 5  # tests that are shown below a new one


@commands.add(
    "deployments",
    "bench",
    help="ask a deployment as fast as it answers, and keep what came of it",
    example="lab deployments bench digits --connections 32 --for 10s",
    arguments=(
        REF,
        *JSON_ARGUMENTS,
        argument("--connections", metavar="N", type=count, default=32, help="clients at once (default: 32)"),
        argument("--for", metavar="TIME", type=seconds, dest="hold", default=10.0, help="how long (default: 10s)"),
        argument("--history", action="store_true", help="ask nothing; show what was found before"),
    ),
)
def bench(context: Context, args: Namespace) -> int:
    deployments = context.ws.deployments
    deployment = deployments.get(args.ref)
    earlier = deployments.load_tests(deployment.id)
    if args.history:
        tests = list(earlier)
    else:
        payload = payload_of(context, args)
        context.out.progress(f"asking {deployment.name} over {args.connections} connections for {args.hold:g} s")
        test = deployments.load_test(deployment.id, payload, connections=max(1, args.connections), seconds=args.hold)
        tests = [test, *earlier]
    if context.out.json:
        items = [load_test_shape(test) for test in tests]
        context.out.document({"id": deployment.id, "name": deployment.name, "items": items, "total": len(items)})
    elif tests:
        _show_tests(context, tests if args.history else tests[: _EARLIER + 1])
    else:
        context.out.say(f"{deployment.name} was not tested yet")
    return 0 if args.history or not tests[0].failed else 1


def _show_tests(context: Context, tests: Sequence[LoadTest]) -> None:
    numbers = ("servers", "clients", "req/s", "p50", "p95", "p99", "failed")
    context.out.table(
        [Column("at", keep=True), Column("model"), *(Column(title, right=True, keep=True) for title in numbers)],
        [
            [
                format_local(test.at),
                f"{test.model}:v{test.version}",
                str(test.replicas),
                str(test.connections),
                f"{test.per_second:,.0f}",
                *(_ms(value) for value in (test.p50, test.p95, test.p99)),
                Styled(_failed(test.failures), "fail") if test.failed else "0",
            ]
            for test in tests
        ],
    )


def _ms(value: float | None) -> str:
    return NOTHING if value is None else f"{value * 1000:.2f} ms"


def _failed(failures: Mapping[str, int]) -> str:
    return ", ".join(f"{number} × {what}" for what, number in failures.items())


@commands.add(
    "deployments",
    "canary",
    help="the version that serves and the one that is tried, side by side",
    example="lab deployments canary digits --watch",
    arguments=(
        REF,
        argument("--for", metavar="TIME", type=seconds, dest="hold", default=2.0, help="look so long (default: 2s)"),
        argument("--watch", action="store_true", help="go on while a version is tried"),
        argument("--every", metavar="SECONDS", type=positive, default=1.0, help="between two looks (default: 1)"),
    ),
)
def canary(context: Context, args: Namespace) -> int:
    deployments = context.ws.deployments
    deployment = deployments.get(args.ref)
    seen = deployments.canary(deployment.id)
    try:
        if seen is not None:
            time.sleep(args.hold)
            seen = deployments.canary(deployment.id) or seen
        if context.out.json:
            about: dict[str, Any] = {"id": deployment.id, "name": deployment.name}
            context.out.document({**about, "canary": beside_shape(seen) if seen is not None else None})
            return 0
        if seen is None:
            context.out.say(f"no version is tried beside {deployment.model}:v{deployment.version}")
            context.out.hint(f"lab deploy MODEL@ALIAS --name {deployment.name} --canary 10 --for 60s")
        while seen is not None:
            _show_both(context, seen)
            if not args.watch:
                break
            context.out.flush()
            time.sleep(args.every)
            seen = deployments.canary(deployment.id)
    except KeyboardInterrupt:
        return DETACHED
    return 0


def _show_both(context: Context, seen: Beside) -> None:
    numbers = ("share", "servers", "requests", "failed", "p50", "p95")
    context.out.table(
        [Column("side"), Column("model", keep=True), *(Column(title, right=True, keep=True) for title in numbers)],
        [_side("blue", seen.old), _side("green", seen.new)],
    )
    other = NOTHING if seen.disagreement is None else f"{seen.disagreement:.1%}"
    context.out.line(f"{seen.seconds:.0f} s: {seen.verdict.told}; captured rows answered otherwise: {other}")


def _side(name: str, side: Side) -> list[str]:
    traffic = side.traffic
    return [
        name,
        side.ref,
        f"{side.share} %",
        str(side.servers),
        str(traffic.requests),
        str(traffic.failed),
        _ms(traffic.p50),
        _ms(traffic.p95),
    ]
