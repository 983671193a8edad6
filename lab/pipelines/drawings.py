"""Curves of runs: one metric over steps, time, values or epochs; seeds together as a mean in a band; what happened."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from lab.domain.directions import direction
from lab.domain.figures import COLOURS, Curves, Event, Line
from lab.domain.runs import History, Run
from lab.domain.seeds import SeedGroup
from lab.domain.smoothing import smoothed
from lab.errors import NotFoundError, UsageError
from lab.experiments.service import Runs
from lab.paths import LabHome

#: Kinds of x: the step as logged, seconds since the run began, the how-manieth value, the epoch that the run logs.
Axis = Literal["step", "time", "number", "epoch"]
AXES: tuple[Axis, ...] = ("step", "time", "number", "epoch")
EPOCH = "epoch"
#: More epochs than this are no marks but a scale.
_MOST_EPOCHS = 12
#: Lines of a run's events that are looked at for what it kept.
_MOST_KEPT = 20


class Drawings:
    """Charts of runs as data."""

    def __init__(self, home: LabHome, runs: Runs) -> None:
        self._home = home
        self._runs = runs

    def curves(
        self,
        refs: Sequence[str],
        metric: str = "",
        axis: Axis = "step",
        *,
        smoothing: float = 0.0,
        log_y: bool = False,
        together: bool = False,
    ) -> Curves:
        """One metric of some runs; without a name, the first that all have. `together` makes one line with a band of
        runs that differ in their seed alone. Events are shown for a single run.

        Raises NotFoundError for a run or a metric that is not there, UsageError for a smoothing outside [0, 1).
        """
        if not 0 <= smoothing < 1:
            raise UsageError("smoothing is a number from 0 up to, but not, 1", "--smooth 0.6")
        runs = [self._runs.get(ref) for ref in refs]
        chosen = metric or _common(runs)
        if not any(chosen in run.metrics for run in runs):
            known = ", ".join(sorted({name for run in runs for name in run.metrics})[:8])
            raise NotFoundError(f"none of these runs has a metric {chosen!r}", f"they have: {known}" if known else "")
        groups = self._runs.compare(refs).groups if together and len(runs) > 1 else ()
        if any(len(one.runs) > 1 for one in groups):
            lines = [replace(self.band(one, chosen, axis), colour=at % COLOURS) for at, one in enumerate(groups)]
        else:
            lines = [replace(self.line(run, chosen, axis), colour=at % COLOURS) for at, run in enumerate(runs)]
            lines = [replace(line, y=smoothed(line.y, smoothing), raw=line.y if smoothing else ()) for line in lines]
        events = tuple(self.events(runs[0], axis)) if len(runs) == 1 else ()
        note = f"smooth {smoothing:g}" if smoothing else ""
        kind: Literal["number", "seconds"] = "seconds" if axis == "time" else "number"
        return Curves(chosen, axis, tuple(lines), log_y, kind, events=events, note=note)

    def line(self, run: Run, metric: str, axis: Axis) -> Line:
        """One metric of one run, by x."""
        x, y = self._points(run, self._runs.history(run.id, metric), axis)
        return Line(run.name, x, y)

    def _points(self, run: Run, history: History, axis: Axis) -> tuple[list[float], list[float]]:
        places = self.places(run, history, axis)
        pairs = sorted(
            (pair for pair in zip(places, history.values, strict=True) if math.isfinite(pair[0])), key=lambda p: p[0]
        )
        return [x for x, _ in pairs], [float(y) for _, y in pairs]

    def places(self, run: Run, history: History, axis: Axis) -> Sequence[float]:
        """Where on an x axis the values of a history lie. Of a run that logs no epoch, its steps stand for it."""
        if axis == "number":
            return range(1, len(history.values) + 1)
        if axis == "time":
            start = run.started or run.created
            return [time - start for time in history.times]
        if axis == "epoch" and EPOCH in run.metrics:
            told = self._runs.history(run.id, EPOCH)
            pairs = sorted(zip(told.steps, told.values, strict=True))
            return [_between(pairs, step) for step in history.steps]
        return history.steps

    def band(self, group: SeedGroup, metric: str, axis: Axis) -> Line:
        """The mean of a group's runs at each x that any of them has, and one standard deviation around it.

        A run counts from its first to its last value, between two values by a straight line. Where one run is alone
        there is no deviation.
        """
        import numpy as np

        histories = zip(group.runs, self._runs.overlay(group.runs, metric, times=axis == "time"), strict=True)
        points = [self._points(run, history, axis) for run, history in histories]
        known = [(np.asarray(x), np.asarray(y)) for x, y in points if x]
        if not known:
            return Line(group.label, (), ())
        xs = np.unique(np.concatenate([x for x, _ in known]))
        values: Any = np.array([np.interp(xs, x, y, left=np.nan, right=np.nan) for x, y in known])
        count = np.sum(np.isfinite(values), axis=0)
        held = count > 0
        xs, values, count = xs[held], np.where(np.isfinite(values), values, np.nan)[:, held], count[held]
        mean = np.nansum(values, axis=0) / count
        squares = np.nansum((values - mean) ** 2, axis=0)
        sd = np.where(count > 1, np.sqrt(squares / np.maximum(1, count - 1)), 0.0)
        name = f"{group.label} ({len(known)})"
        return Line(name, xs.tolist(), mean.tolist(), low=(mean - sd).tolist(), high=(mean + sd).tolist())

    def events(self, run: Run, axis: Axis) -> list[Event]:
        """What happened in a run, by x: its epochs where they are few, guards that fired, what it kept on the way."""
        found = self._epochs(run, axis)
        start = run.started or run.created
        clock = self._clock(run)
        for firing in self._runs.guards.fired(run) if run.guards else ():
            step = firing.step if firing.step is not None else _between(clock, firing.at)
            x = firing.at - start if axis == "time" else self._x(run, step, axis)
            found.append(Event(x, firing.guard, "bad" if firing.do == "stop" else "warn"))
        for at, path in self._kept(run):
            if clock and at > clock[-1][0]:  # a result, when training was over
                continue
            x = at - start if axis == "time" else self._x(run, _between(clock, at), axis)
            found.append(Event(x, path.rpartition("/")[2]))
        return [event for event in found if math.isfinite(event.x)]

    def _epochs(self, run: Run, axis: Axis) -> list[Event]:
        if EPOCH not in run.metrics or axis == "epoch":
            return []
        told = self._runs.history(run.id, EPOCH)
        places = self.places(run, told, axis)
        begins = [
            (x, epoch)
            for at, (x, epoch) in enumerate(zip(places, told.values, strict=True))
            if epoch == round(epoch) and (not at or told.values[at - 1] != epoch)
        ]
        return [Event(x, f"epoch {epoch:g}") for x, epoch in begins] if 1 < len(begins) <= _MOST_EPOCHS else []

    def _clock(self, run: Run) -> list[tuple[float, float]]:
        """(time, step) of the run's longest history."""
        if not run.metrics:
            return []
        name = max(run.metrics, key=lambda one: run.metrics[one].count)
        told = self._runs.history(run.id, name)
        return sorted(zip(told.times, told.steps, strict=True))

    def _x(self, run: Run, step: float, axis: Axis) -> float:
        if axis == "epoch" and EPOCH in run.metrics:
            told = self._runs.history(run.id, EPOCH)
            return _between(sorted(zip(told.steps, told.values, strict=True)), step)
        return step if axis == "step" else math.nan

    def _kept(self, run: Run) -> list[tuple[float, str]]:
        """(time, path) of artifacts and models in the order in which the run kept them; of very many, the last."""
        path = self._home.run(run.id).events
        if not path.exists():
            return []
        with path.open("rb") as file:
            lines = [line for line in file if line.startswith(b'{"t":') and b'"k":' in line[:64]]
        found = []
        for line in lines[-_MOST_KEPT:]:
            try:
                told = json.loads(line)
                found.append((float(told["t"]), str(told["path"])))
            except (ValueError, KeyError, TypeError):  # the line is being written, or not ours
                continue
        return found


def _common(runs: Sequence[Run]) -> str:
    """The metric that most of the runs have; among those the one of which is known which way is better."""
    counts: dict[str, int] = {}
    for run in runs:
        for name in run.metrics:
            counts[name] = counts.get(name, 0) + 1
    if not counts:
        raise NotFoundError("these runs have no metrics", "lab runs ls")
    return max(counts, key=lambda name: (counts[name], name.startswith("val"), direction(name).value != "", name))


def _between(pairs: Sequence[tuple[float, float]], x: float) -> float:
    """y at `x` on straight lines through sorted points; that of the nearest end outside, NaN without any."""
    if not pairs:
        return math.nan
    at = bisect_left(pairs, (x, -math.inf))
    if at == 0 or at == len(pairs):
        return pairs[min(at, len(pairs) - 1)][1]
    (left, low), (right, high) = pairs[at - 1], pairs[at]
    return low if right == left else low + (high - low) * (x - left) / (right - left)
