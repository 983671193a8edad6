"""`lab models …`: the registry."""

from __future__ import annotations

import time
from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_age, format_local, format_value
from lab.cli.shapes import files_shape, listing, model_shape, model_version_shape
from lab.cli.tables import Column
from lab.domain.models import CHAMPION, Model
from lab.domain.resources import format_size
from lab.domain.text import count_of

commands = Declarations("Models")

_REF = argument("ref", metavar="REF", completes="model", help="NAME (the latest), NAME:v3 or NAME@ALIAS")


@commands.add(
    "models",
    "register",
    help="keep the model that a run saved as the next version of NAME",
    example="lab models register calm-otter-42 digits",
    arguments=(
        argument("run", metavar="RUN", completes="run", help="a finished run"),
        argument("name", metavar="NAME", completes="model-name", help="the model's name"),
        argument(
            "--reference", metavar="DATASET", help="take reference rows and drift's profile from this dataset version"
        ),
    ),
)
def register(context: Context, args: Namespace) -> int:
    run = context.settled.runs.get(args.run)
    if args.reference:
        version = context.ws.registration.register(run.id, args.name, args.reference, context.out.progress)
    else:
        version = context.ws.models.register(run.id, args.name, context.out.progress)
    if context.out.json:
        context.out.document(model_version_shape(version))
        return 0
    context.out.line(f"{version.id}  from run {version.run}")
    context.out.hint(f"lab models promote {version.id}")
    return 0


@commands.add("models", "ls", help="list models", example="lab models ls")
def ls(context: Context, args: Namespace) -> int:
    models = context.ws.models.list()
    if context.out.json:
        context.out.document(listing(model_shape(model) for model in models))
        return 0
    if not models:
        context.out.say("no models yet")
        context.out.hint("lab models register RUN NAME")
        return 0
    now = time.time()
    context.out.table(
        [
            Column("name", keep=True),
            Column("latest"),
            Column("aliases"),
            Column("framework"),
            Column("size", right=True),
            Column("age", right=True),
            Column("run"),
            Column("metrics"),
        ],
        [
            [
                model.name,
                model.latest.label,
                _aliases(model),
                model.latest.framework,
                format_size(model.latest.bytes),
                format_age(model.latest.created, now),
                model.latest.run,
                "  ".join(f"{name} {format_value(value)}" for name, value in list(model.latest.metrics.items())[:4]),
            ]
            for model in models
        ],
    )
    return 0


@commands.add(
    "models",
    "show",
    help="everything about one model version",
    example="lab models show digits@champion",
    arguments=(_REF,),
)
def show(context: Context, args: Namespace) -> int:
    out, models = context.out, context.ws.models
    version = models.get(args.ref)
    model = next(item for item in models.list() if item.name == version.model)
    aliases = sorted(alias for alias, number in model.aliases.items() if number == version.number)
    files = models.files(version)
    history = models.versions(version.model)
    if out.json:
        versions = [item.number for item in history]
        out.document(
            {**model_version_shape(version), "aliases": aliases, "files": files_shape(files), "versions": versions}
        )
        return 0
    signature = version.signature
    inputs = [str(column.get("name", "")) for column in signature.get("inputs", ()) if isinstance(column, dict)]
    out.line(f"{version.id}  {' '.join(f'@{alias}' for alias in aliases)}".rstrip(), "bold")
    out.facts(
        [
            ("framework", version.framework),
            ("task", str(signature.get("task", ""))),
            ("run", version.run),
            ("project", version.project),
            ("data", ", ".join(f"{name}@{number}" for name, number in version.datasets.items())),
            ("created", format_local(version.created)),
            ("size", f"{format_size(version.bytes)} in {count_of(len(files), 'file')}"),
            ("manifest", version.manifest),
            ("inputs", _some(inputs)),
            ("classes", _some([str(name) for name in signature.get("classes", ())])),
            ("versions", ", ".join(item.label for item in history)),
        ]
    )
    if version.metrics:
        out.line()
        rows = [[name, format_value(value)] for name, value in version.metrics.items()]
        out.table([Column("metric", keep=True), Column("last", right=True)], rows)
    return 0


@commands.add(
    "models",
    "promote",
    help=f"let an alias mean this version (default: {CHAMPION})",
    example="lab models promote digits:v3",
    arguments=(_REF, argument("--alias", metavar="ALIAS", default=CHAMPION, help=f"the alias (default: {CHAMPION})")),
)
def promote(context: Context, args: Namespace) -> int:
    model = context.ws.models.promote(args.ref, args.alias)
    if context.out.json:
        context.out.document(model_shape(model))
        return 0
    context.out.line(f"{model.name}@{args.alias} is v{model.aliases[args.alias]}")
    context.out.hint(f"lab deploy {model.name}@{args.alias}")
    return 0


def _aliases(model: Model) -> str:
    return ", ".join(f"{alias} v{number}" for alias, number in sorted(model.aliases.items()))


def _some(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
