"""The gates of a rollout as things to read and edit: what a new version must keep to before it gets the requests."""

from __future__ import annotations

from typing import Literal

from lab.dataclass import dataclass
from lab.domain.rollouts import Budget, parse_seconds
from lab.errors import UsageError


@dataclass(frozen=True)
class Gate:
    """One number of `[deploy.budget]`. `kind` is its unit: seconds, a share from 0 to 1, or how many times as much."""

    name: str
    title: str
    kind: Literal["seconds", "share", "times"]
    help: str


GATES = (
    Gate("p99", "p99 of one row", "seconds", "99 of 100 single rows are answered in this time: 500ms, 2s"),
    Gate("memory", "memory", "share", "of the server's limit that it may hold, from 0 to 1"),
    Gate("disagreement", "disagreement", "share", "of captured rows that it may answer otherwise than before, 0 to 1"),
    Gate("errors", "errors", "share", "of requests that may fail while it is tried, 0 to 1"),
    Gate("p95_ratio", "p95 against the old", "times", "how many times as slow as the old one it may be, from 1 up"),
)


def gate_of(name: str) -> Gate:
    """Raises UsageError for a name of no gate."""
    for gate in GATES:
        if gate.name == name:
            return gate
    raise UsageError(f"no gate {name!r}", f"there are: {', '.join(gate.name for gate in GATES)}")


def parse_gate(gate: Gate, text: str) -> float:
    """The number that `text` means for a gate. Raises UsageError for what is none, or out of range."""
    if gate.kind == "seconds":
        return parse_seconds(text)
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a number", gate.help) from None
    if not (0.0 <= value <= 1.0 if gate.kind == "share" else 1.0 <= value <= 1e6):
        raise UsageError(f"{text} is out of range", gate.help)
    return value


def gate_value(budget: Budget, gate: Gate) -> float:
    value: float = getattr(budget, gate.name)
    return value


def gate_text(gate: Gate, value: float) -> str:
    """A number as `parse_gate` reads it: `500ms`, `0.25`."""
    if gate.kind != "seconds":
        return f"{value:g}"
    return f"{value * 1000:g}ms" if value < 1 else f"{value:g}s"


def gate_literal(gate: Gate, value: float) -> str:
    """A number as lab.toml has it."""
    return f'"{gate_text(gate, value)}"' if gate.kind == "seconds" else gate_text(gate, value)
