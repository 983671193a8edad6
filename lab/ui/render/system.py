"""What a run uses of the machine, as lines. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lab.domain.guards import Firing
from lab.domain.runs import Run
from lab.domain.system import Sample, SystemHistory
from lab.ui.render.glyphs import Row, glyphs
from lab.ui.render.number import format_duration, format_number, format_size
from lab.ui.render.sparkline import sparkline

_SHORT = 12  # cells of a sparkline in the head of a run
_LEAST = 24  # of one over a whole run
_RECENT = 90  # looks of which it tells
_NAME = 13


def vitals_row(history: SystemHistory) -> Row:
    """One line on a run that goes on: `cpu 1.4 ▂▃▅  memory 812 MB of 2 GB ▂▃▄`; [] before the first look."""
    samples = history.samples[-_RECENT:]
    if not samples:
        return []
    now = samples[-1]
    row: Row = [
        (" cpu ", "muted"), (f"{now.cpu:.2f} ", ""), (_spark([one.cpu for one in samples], _SHORT), "run"),
        ("  memory ", "muted"), *_memory(now, history.limit), (" ", ""),
        (_spark([float(one.memory) for one in samples], _SHORT, float(history.limit)), "run"),
    ]  # fmt: skip
    if now.gpu is not None:
        row += [("  gpu ", "muted"), (f"{now.gpu:.2f} ", ""), (_spark([one.gpu or 0.0 for one in samples], 6), "run")]
    for name, rate in (("read", now.read), ("write", now.write)):
        if rate >= 1024:
            row += [(f"  {name} ", "muted"), (f"{format_size(rate)}/s", "")]
    return row


def _memory(now: Sample, limit: int) -> Row:
    if not limit:
        return [(format_size(now.memory), "")]
    tight = now.memory > 0.9 * limit
    return [(f"{format_size(now.memory)} of {format_size(limit)}", "warn bold" if tight else "")]


def system_rows(history: SystemHistory, run: Run, width: int, now: float) -> list[Row]:
    """All that was seen, a curve for each thing over the whole run, and the sums."""
    samples = history.samples
    if not samples:
        return [[("", "")], [("   nothing was noted of what this run used", "muted")]]
    room = max(10, width - _NAME - 35)
    last = samples[-1]
    rows: list[Row] = [[("", "")]]
    rows += _curve("cpu", [one.cpu for one in samples], room, f"{last.cpu:.2f} cores", _most(samples, "cpu", "{:.2f}"))
    memory = [float(one.memory) for one in samples]
    of = f"peak {format_size(max(last.peak, run.peak_memory or 0))}" + (
        f" of {format_size(history.limit)}" if history.limit else ""
    )
    rows += _curve("memory", memory, room, format_size(last.memory), of, float(history.limit))
    for name, rates in (("read", [one.read for one in samples]), ("write", [one.write for one in samples])):
        rows += _curve(name, rates, room, f"{format_size(rates[-1])}/s", f"most {format_size(max(rates))}/s")
    if last.gpu is not None:
        busy, used = [one.gpu or 0.0 for one in samples], [float(one.gpu_memory) for one in samples]
        rows += _curve("gpu", busy, room, f"{busy[-1]:.2f} busy", _most(samples, "gpu", "{:.2f}"))
        most = f"peak {format_size(max(used))} of {format_size(last.gpu_limit)}"
        rows += _curve("gpu memory", used, room, format_size(used[-1]), most, float(last.gpu_limit))
    took, cpu = run.duration(now), run.cpu_time if run.cpu_time is not None else last.cpu_time
    share = f"   {format_number(cpu / took, 3)} cores on average" if took else ""
    rows += [
        [(" cpu time".ljust(_NAME), "muted"), (f"{format_duration(cpu)} in {format_duration(took)}{share}", "")],
        [(" seen".ljust(_NAME), "muted"), (f"{len(samples):,} times", "muted")],
    ]
    return rows


def _most(samples: Sequence[Sample], name: str, form: str) -> str:
    return "most " + form.format(max(getattr(one, name) or 0.0 for one in samples))


def _curve(name: str, values: Sequence[float], room: int, now: str, most: str, limit: float = 0.0) -> list[Row]:
    """A line and a blank one; the full height is the `limit`, or the most there was."""
    curve = _spark(values, room, limit).ljust(min(room, max(len(values), _LEAST)))
    return [[(f" {name}".ljust(_NAME), "muted"), (curve, "run"), (f"  {now}", ""), (f"  {most}", "muted")], [("", "")]]


def _spark(values: Sequence[float], width: int, limit: float = 0.0) -> str:
    """From nought to `limit`, or to the largest value where that is more or there is no limit. Peaks are kept."""
    top = max(limit, *values, 0.0)
    step = max(1, math.ceil(len(values) / width))
    peaks = [max(values[at : at + step]) for at in range(0, len(values), step)]
    return sparkline([0.0, *peaks, top], len(peaks) + 2)[1:-1] if top > 0 else " " * len(peaks)


def firing_rows(firings: Sequence[Firing], most: int = 2) -> list[Row]:
    """Guards that fired, the first ones; how many more there are."""
    rows: list[Row] = [
        [(f" {glyphs().warn} guard '{one.guard}'", "warn bold"), (f" ({one.do}): {one.evidence}", "warn")]
        for one in firings[:most]
    ]
    if len(firings) > most:
        rows.append([(f"   and {len(firings) - most} more", "muted")])
    return rows
