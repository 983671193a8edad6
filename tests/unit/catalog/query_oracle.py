"""What a filter means, said once more in plain Python over runs: slow, and without SQL."""

from __future__ import annotations

import json
import math
import re

from lab.domain.query_names import Meaning, meaning
from lab.domain.query_tree import All, Among, Any, Condition, Leaf, Missing, Node, Not, leaves
from lab.domain.query_values import FIELD_KINDS, Kind, flag, period, seconds, size
from lab.domain.runs import Run

NOW = 1_700_000_000.0


class Oracle:
    def __init__(self, runs: list[Run]) -> None:
        self.runs = runs
        self.params = {key for run in runs for key in run.params}
        self.metrics = {key for run in runs for key in run.metrics}

    def ids(self, nodes: tuple[Node, ...]) -> set[str]:
        hide = not any(leaf.key in ("archived", "run.archived") for leaf in leaves(nodes))
        return {
            run.id for run in self.runs
            if all(self.fits(node, run) for node in nodes) and not (hide and run.archived)
        }  # fmt: skip

    def fits(self, node: Node, run: Run) -> bool:
        match node:
            case All(nodes):
                return all(self.fits(item, run) for item in nodes)
            case Any(nodes):
                return any(self.fits(item, run) for item in nodes)
            case Not(inner):
                return not self.fits(inner, run)
            case Among():
                return self.fits(node.plain, run)
        return self.leaf(node, run)

    def leaf(self, leaf: Leaf, run: Run) -> bool:
        if isinstance(leaf, Condition) and not leaf.key:
            text = leaf.value.lower()
            return run.id.startswith(text) or any(
                text in field.lower() for field in (run.name, run.entry, run.notes, run.project)
            )
        what = meaning(leaf.key, self.params, self.metrics)
        if what.kind == "field":
            return self.field(leaf, what.name, run)
        held = []
        if what.kind != "metric":
            held.append((param_text(run, what.name), param_number(run, what.name)))
        if what.kind != "param":
            number = metric_number(run, what)
            held.append((None if number is None else written(number), number))
        if isinstance(leaf, Missing):
            return all(text is None for text, _ in held) != leaf.negated
        return any(test(leaf, text, number) for text, number in held)

    def field(self, leaf: Leaf, name: str, run: Run) -> bool:
        kind = FIELD_KINDS[name]
        if kind in (Kind.TAGS, Kind.DATA):
            return self.several(leaf, kind, run)
        value = {"duration": run.ended - run.started if run.ended and run.started else None}.get(
            name, getattr(run, name, None)
        )
        if isinstance(leaf, Missing):
            return (value is None or value == "") != leaf.negated
        if kind is Kind.FLAG:
            wanted = flag(leaf.value)
            return wanted is None or (value == wanted) == (leaf.op != "!=")
        if value is None:
            return False
        if kind is Kind.DATE:
            found = period(leaf.value, NOW)
            assert found is not None
            within = found.start <= value < found.end or value == found.start == found.end
            after = value >= found.end and not within
            return {"<": value < found.start, ">": after, "<=": not after, ">=": value >= found.start,
                    "!=": not within}.get(leaf.op, within)  # fmt: skip
        if kind is Kind.TEXT:
            assert isinstance(leaf, Condition)
            text = str(value).lower()
            if leaf.op in ("~", "!~"):
                return (re.search(leaf.value, text, re.IGNORECASE) is not None) == (leaf.op == "~")
            return {":": leaf.value.lower() in text, "=": text == leaf.value.lower(),
                    "!=": text != leaf.value.lower()}[leaf.op]  # fmt: skip
        number = (seconds if kind is Kind.DURATION else size)(leaf.value)
        if number is None:  # a word: no number is equal to it
            return leaf.op == "!="
        return compare(float(value), leaf.op, number)

    def several(self, leaf: Leaf, kind: Kind, run: Run) -> bool:
        held = run.tags if kind is Kind.TAGS else tuple(run.datasets)
        if isinstance(leaf, Missing):
            return (not held) != leaf.negated
        assert isinstance(leaf, Condition)
        if leaf.op in ("~", "!~"):
            return any(re.search(leaf.value, tag, re.IGNORECASE) for tag in held) == (leaf.op == "~")
        name, _, version = leaf.value.partition("@")
        has = (
            leaf.value in held if kind is Kind.TAGS else name in held and (not version or run.datasets[name] == version)
        )
        return has == (leaf.op != "!=")


def test(leaf: Condition, text: str | None, number: float | None) -> bool:
    if leaf.op in (":", "~", "!~"):
        if text is None:
            return False
        if leaf.op == ":":
            return leaf.value.lower() in text.lower()
        return (re.search(leaf.value, text, re.IGNORECASE) is not None) == (leaf.op == "~")
    if leaf.number is not None:
        if number is None or (math.isnan(number) and leaf.op not in ("=", "!=")):
            return False
        return compare(number, leaf.op, leaf.number)
    return text is not None and (text == leaf.value) == (leaf.op == "=")


def compare(one: float, op: str, other: float) -> bool:
    a, b = (math.isnan(one), one), (math.isnan(other), other)
    if a[0] or b[0]:  # NaN is equal to itself and greater than all else
        order = a[0] - b[0]
    else:
        order = (one > other) - (one < other)
    return {"<": order < 0, ">": order > 0, "<=": order <= 0, ">=": order >= 0, "=": order == 0, "!=": order != 0}[op]


def param_text(run: Run, name: str) -> str | None:
    value = run.params.get(name)
    return value if isinstance(value, str) or value is None else json.dumps(value)


def param_number(run: Run, name: str) -> float | None:
    try:
        return float(param_text(run, name) or "none")
    except ValueError:
        return None


def metric_number(run: Run, what: Meaning) -> float | None:
    summary = run.metrics.get(what.name)
    return None if summary is None else float(getattr(summary, what.source))


def written(number: float) -> str:
    return repr(number)
