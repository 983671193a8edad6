"""`lab gates`: what a new model version must keep to before it gets requests; and changing that."""

from __future__ import annotations

from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.tables import Cell, Column
from lab.domain.gates import GATES, gate_of, gate_text, gate_value, parse_gate
from lab.domain.text import clean
from lab.errors import UsageError

commands = Declarations("Deployments")


@commands.add(
    "gates",
    help="what a new version must keep to before it gets requests; or change it",
    example="lab gates p99=250ms disagreement=0.1",
    arguments=(argument("changes", metavar="NAME=VALUE", nargs="*", help="such as p99=250ms or errors=0",
                        completes="|".join(f"{gate.name}=" for gate in GATES)),),
)  # fmt: skip
def gates(context: Context, args: Namespace) -> int:
    changed = dict(_change(word) for word in args.changes)
    if changed:
        context.out.say(f"wrote {context.ws.projects.set_gates(changed)}")
    budget = context.ws.projects.budget()
    items = [(gate, gate_value(budget, gate)) for gate in GATES]
    if context.out.json:
        shapes = [{"name": gate.name, "value": value, "unit": gate.kind, "help": gate.help} for gate, value in items]
        context.out.document({"items": shapes, "total": len(shapes)})
    else:
        rows: list[list[Cell]] = [[gate.name, gate_text(gate, value), gate.help] for gate, value in items]
        context.out.table([Column("gate", keep=True), Column("at most", keep=True), Column("means")], rows)
    return 0


def _change(word: str) -> tuple[str, float]:
    name, equals, text = word.partition("=")
    if not equals:
        raise UsageError(f"{clean(word, 60)!r} is not NAME=VALUE", "such as p99=250ms")
    return name, parse_gate(gate_of(name), text)
