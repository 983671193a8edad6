"""Rollouts as lines: what came, how each step went, and the numbers that decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.domain.rollouts import Outcome, Rollout, RolloutStep, Step
from lab.ui.render.cells import fit, tidy
from lab.ui.render.glyphs import Row, glyphs
from lab.ui.render.number import format_age, format_duration, format_number

_TOKENS = {
    Outcome.GOING: "run",
    Outcome.DONE: "ok",
    Outcome.COMPARED: "ok",
    Outcome.ROLLED_BACK: "warn",
    Outcome.FAILED: "fail",
}
_STEP = 9
#: Steps whose numbers are worth a line also where all went well.
_TELLING = frozenset({Step.PROBE.value, Step.REPLAY.value, Step.MIRROR.value, Step.CANARY.value})


def rollout_lines(rollouts: Sequence[Rollout], width: int, now: float) -> list[Row]:
    """The newest first; of those that are over and went well only the heading, behind the first."""
    told: list[Row] = []
    for place, one in enumerate(rollouts):
        told.append(_heading(one, now))
        if place == 0 or one.outcome not in (Outcome.DONE, Outcome.COMPARED):
            told += [row for step in one.steps for row in _step(step, width)]
            told += [[(f"   {tidy(one.cause, 400)}", _TOKENS[one.outcome])]] if one.cause else []
            told.append([])
    return told


def _heading(one: Rollout, now: float) -> Row:
    token = _TOKENS[one.outcome]
    sign = {"run": glyphs().run, "ok": glyphs().ok, "warn": glyphs().warn, "fail": glyphs().fail}[token]
    before = f"{one.before} {glyphs().more} " if one.before else ""
    took = format_duration((one.ended or now) - one.started)
    return [
        (f" {sign} {one.outcome.value}", f"{token} bold"),
        (f"  {before}{one.model}:v{one.version}", "title"),
        (f"   {one.strategy}   {took}   {format_age(one.started, now)}", "muted"),
    ]


def _step(step: RolloutStep, width: int) -> list[Row]:
    sign, token = (glyphs().ok, "ok") if step.ok else (glyphs().fail, "fail")
    numbers = _numbers(step.evidence) if step.step in _TELLING or not step.ok else ""
    rows: list[Row] = [
        [
            (f"   {sign} ", token),
            (fit(step.step, _STEP), ""),
            (fit(format_duration(step.seconds), 7, "right"), "muted"),
            (f"  {tidy(step.told, max(10, width - _STEP - 16))}", "" if step.ok else token),
        ]
    ]
    return [*rows, [(" " * (_STEP + 15) + tidy(numbers, max(10, width - _STEP - 16)), "muted")]] if numbers else rows


def _numbers(evidence: Mapping[str, Any]) -> str:
    """The numbers of a step, named; what holds more numbers is left to `--json`."""
    plain = {name: value for name, value in evidence.items() if isinstance(value, int | float | str)}
    return "  ".join(f"{name.replace('_', ' ')} {_written(value)}" for name, value in plain.items())


def _written(value: float | int | str) -> str:
    return value if isinstance(value, str) else format_number(value, 3)
