"""Rollouts as lines: what came, how each step went, and the numbers that decided."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lab.domain.rollouts import Outcome, Rollout, RolloutStep, Step
from lab.ui.render.cells import fit, tidy, width_of
from lab.ui.render.glyphs import Row, glyphs
from lab.ui.render.number import format_age, format_duration, format_number, format_size

_TOKENS = {
    Outcome.GOING: "run",
    Outcome.DONE: "ok",
    Outcome.COMPARED: "ok",
    Outcome.ROLLED_BACK: "warn",
    Outcome.FAILED: "fail",
}
_STEP = 9
_LATENCY = re.compile(r"p\d\d|.*seconds|mean$")
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
    numbers = _numbers(step.evidence) if step.step in _TELLING or not step.ok else []
    room = max(10, width - _STEP - 16)
    rows: list[Row] = [
        [
            (f"   {sign} ", token),
            (fit(step.step, _STEP), ""),
            (fit(format_duration(step.seconds), 7, "right"), "muted"),
            (f"  {tidy(step.told, room)}", "" if step.ok else token),
        ]
    ]
    return [*rows, *([(" " * (_STEP + 14) + line, "muted")] for line in _lines(numbers, room))]


def _lines(words: Sequence[str], room: int) -> list[str]:
    """Words with gaps between them, in lines of at most `room` cells."""
    lines: list[str] = []
    for word in words:
        if lines and width_of(lines[-1]) + 2 + width_of(word) <= room:
            lines[-1] += f"  {word}"
        else:
            lines.append(tidy(word, room))
    return lines


def _numbers(evidence: Mapping[str, Any]) -> list[str]:
    """The numbers of a step, named; what holds more numbers is left to `--json`."""
    plain = {name: value for name, value in evidence.items() if isinstance(value, int | float | str)}
    return [tidy(f"{name.replace('_', ' ')} {_written(name, value)}") for name, value in plain.items()]


def _written(name: str, value: float | int | str) -> str:
    """With its unit, which the name tells: latencies are seconds, memory is bytes."""
    if isinstance(value, str):
        return value
    if _LATENCY.match(name):
        return format_duration(value)
    return format_size(value) if name.startswith("memory") else format_number(value, 3)
