"""The form of what a new model version must keep to."""

from __future__ import annotations

import shlex

from lab.domain.gates import GATES, Gate, gate_text, gate_value, parse_gate
from lab.domain.param_spec import ParamSpec, reads
from lab.errors import NotFoundError
from lab.ui.screens.base import LabScreen
from lab.ui.widgets.forms import FormScreen


async def edit_gates(screen: LabScreen) -> None:
    """Show every gate with its bound; what was changed is written to lab.toml. Raises NotFoundError without one."""
    if await screen.ask(lambda ws: ws.projects.current) is None:
        raise NotFoundError("no lab.toml here, which is where gates are written", "on Home, i writes one")
    budget = await screen.ask(lambda ws: ws.projects.budget())
    before = {gate.name: gate_text(gate, gate_value(budget, gate)) for gate in GATES}
    fields = [_spec(gate, before[gate.name]) for gate in GATES]
    intro = "A version that exceeds one gets no requests. Rollouts that begin from now on are held to these."
    values = await screen.app.push_screen_wait(FormScreen("Gates", fields, submit="Write", intro=intro))
    changed = {name: str(text) for name, text in (values or {}).items() if str(text) != before[name]}
    if changed:
        numbers = {gate.name: parse_gate(gate, changed[gate.name]) for gate in GATES if gate.name in changed}
        written = await screen.ask(lambda ws: ws.projects.set_gates(numbers))
        screen.lab.jobs.note("gates", shlex.join(["lab", "gates", *(f"{one}={text}" for one, text in changed.items())]))
        screen.lab.tell(f"wrote {written}")


def _spec(gate: Gate, text: str) -> ParamSpec:
    return ParamSpec(gate.name, gate.title, value=text, optional=False, help=gate.help,
                     validate=reads(lambda text: parse_gate(gate, text)))  # fmt: skip
