"""`lab runs|models|deployments lineage`: what something saw, down to files and code, and what came of it."""

from __future__ import annotations

from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.lineage_text import tell

commands = Declarations("Lineage")


@commands.add(
    "runs",
    "lineage",
    help="the data and code that a run saw, and what came of it",
    example="lab runs lineage calm-otter-42",
    arguments=(argument("ref", metavar="RUN", completes="run", help="a run's name or id, or how one begins"),),
)
def of_run(context: Context, args: Namespace) -> int:
    ws = context.settled
    return tell(context.out, ws.lineage.of_run(ws.runs.get(args.ref)))


@commands.add(
    "models",
    "lineage",
    help="what a model saw: its run, data and code; and where it serves",
    example="lab models lineage digits@champion",
    arguments=(argument("ref", metavar="REF", completes="model", help="NAME, NAME:v2 or NAME@ALIAS"),),
)
def of_model(context: Context, args: Namespace) -> int:
    ws = context.settled
    return tell(context.out, ws.lineage.of_model(ws.models.get(args.ref)))


@commands.add(
    "deployments",
    "lineage",
    help="the model that a deployment serves, and what that saw",
    example="lab deployments lineage digits",
    arguments=(argument("ref", metavar="REF", completes="deployment", help="a deployment's name or id"),),
)
def of_deployment(context: Context, args: Namespace) -> int:
    ws = context.settled
    return tell(context.out, ws.lineage.of_deployment(ws.deployments.get(args.ref)))
