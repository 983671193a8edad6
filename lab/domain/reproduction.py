"""Reproductions: whether a run comes out again as it did, how far off it is, and what may be the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import StrEnum

from lab.dataclass import dataclass
from lab.domain.capture import Cause, Difference
from lab.domain.runs import Badge, Run, RunSpec
from lab.errors import UsageError

#: What can be taken from now instead of from the capture.
SWAPS = ("code", "data", "env", "params")


@dataclass(frozen=True)
class Swap:
    """One factor of SWAPS that is not as captured, "" for none; of data, the versions that were named by dataset, all
    others then as captured, or the latest of all."""

    factor: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


def parse_swap(text: str) -> Swap:
    """`code`, `data`, `env`, `params`, or `data=sales@v3`, several with commas between. Raises UsageError."""
    factor, equals, listed = text.partition("=")
    if factor and factor not in SWAPS:
        raise UsageError(f"{factor!r} cannot be swapped", f"it is one of {', '.join(SWAPS)}")
    pairs = [item.strip().rpartition("@") for item in listed.split(",")] if equals else []
    if equals and (factor != "data" or not all(name and version for name, _, version in pairs)):
        raise UsageError(f"{text!r} names no version of data", "write --swap data=sales@v3")
    return Swap(factor, {name: version for name, _, version in pairs})


_CAUSES = {
    Cause.CODE: "code",
    Cause.DATA: "data",
    Cause.PARAMS: "parameters",
    Cause.SEED: "seed",
    Cause.PACKAGES: "packages",
    Cause.IMAGE: "image",
    Cause.THREADS: "threads",
    Cause.HARDWARE: "hardware",
}
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_TOLERANCE = re.compile(rf"(?:(abs|rel|sigma)=)?({_NUMBER})(%|s|sigma|σ)?", re.IGNORECASE)
_NAMED = 3  # metrics and differences that a sentence names


class Agreement(StrEnum):
    """How two values, curves or files agree, the best first."""

    IDENTICAL = "identical"  # to the last bit
    WITHIN = "within"  # the tolerance
    DIFFERENT = "different"
    UNKNOWN = "unknown"  # it is there on one side only, or was not hashed


@dataclass(frozen=True)
class Tolerance:
    """How far a last value may be off: the widest of `absolute`, `relative` to the old value, and so many `sigmas` of
    the run's seeds."""

    absolute: float = 0.0
    relative: float = 0.0
    sigmas: float = 0.0

    def limit(self, old: float, sigma: float | None) -> float:
        """The widest of them as an absolute distance from `old`; `sigma` None where the seeds do not tell."""
        return max(self.absolute, self.relative * abs(old), self.sigmas * (sigma or 0.0))

    def __str__(self) -> str:
        parts = [f"abs {self.absolute:g}" if self.absolute else "", f"rel {self.relative:g}" if self.relative else ""]
        return ", ".join(filter(None, (*parts, f"{self.sigmas:g}σ of the seeds" if self.sigmas else "")))


#: To the last bit.
EXACT = Tolerance()


def parse_tolerance(texts: Sequence[str]) -> Tolerance:
    """`1e-6` or `abs=1e-6`, `0.1%` or `rel=0.001`, `2s` or `sigma=2`, one or several; of one kind the last holds.

    Raises UsageError for anything else.
    """
    found = {"abs": 0.0, "rel": 0.0, "sigma": 0.0}
    for text in (part.strip() for part in ",".join(texts).split(",") if part.strip()):
        match = _TOLERANCE.fullmatch(text)
        if match is None or (match[1] and match[3]):
            raise UsageError(f"{text!r} is no tolerance", "write abs=1e-6, rel=0.001 or 0.1%, or sigma=2")
        unit = (match[3] or "").lower()
        kind = (match[1] or ("rel" if unit == "%" else "sigma" if unit else "abs")).lower()
        found[kind] = float(match[2]) / (100 if unit == "%" else 1)
    return Tolerance(found["abs"], found["rel"], found["sigma"])


@dataclass(frozen=True)
class Lack:
    """Something that a reproduction takes and that is not there: `what` is command, code, data, engine or image."""

    what: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Preflight:
    """What was found before anything was started. `rebuild`: the environment is gone and can be made again from the
    captured dependency files. `notes` are sentences about what may matter."""

    run: Run
    spec: RunSpec | None
    missing: tuple[Lack, ...] = ()
    rebuild: bool = False
    notes: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        return not self.missing


@dataclass(frozen=True)
class MetricVerdict:
    """A metric then and now: last values (None where it is not there) and the first step at which the curves part.

    Of a metric that is different that is the first value beyond `limit`, else the first that is not the same to the
    last bit; None where they do not part.
    """

    name: str
    agreement: Agreement
    old: float | None
    new: float | None
    limit: float = 0.0
    step: float | None = None

    @property
    def delta(self) -> float | None:
        return None if self.old is None or self.new is None else self.new - self.old


@dataclass(frozen=True)
class OutputVerdict:
    """A file that either run left."""

    path: str
    kind: str
    agreement: Agreement


@dataclass(frozen=True)
class PredictionVerdict:
    """What both runs predicted for a probe set, in one file: of `common` samples, `equal` are the same to the last bit,
    scores too. `off` is the largest distance of two numbers, None where there are none; `alone` counts samples that
    only one of the runs has. `note` says why nothing is known."""

    file: str
    agreement: Agreement
    common: int = 0
    equal: int = 0
    off: float | None = None
    alone: int = 0
    note: str = ""


@dataclass(frozen=True)
class Attempt:
    """One run again. `alike` tells whether it ended as the first did; `causes` what went in differently, the likeliest
    reason first; `digest` names all of its curves: equal for attempts that agree to the last bit."""

    run: Run
    metrics: tuple[MetricVerdict, ...]
    outputs: tuple[OutputVerdict, ...] = ()
    causes: tuple[Difference, ...] = ()
    alike: bool = True
    digest: str = ""
    rebuilt: bool = False
    predictions: tuple[PredictionVerdict, ...] = ()

    @property
    def agreement(self) -> Agreement:
        """The worst of the metrics and predictions; where there are none, of the files."""
        if not self.alike:
            return Agreement.DIFFERENT
        predicted = {item.agreement for item in self.predictions} - {Agreement.UNKNOWN}
        found = {item.agreement for item in self.metrics} | predicted or {item.agreement for item in self.outputs}
        if self.metrics and Agreement.UNKNOWN in found:  # a metric that only one of them has
            return Agreement.DIFFERENT
        return next((one for one in (Agreement.DIFFERENT, Agreement.WITHIN) if one in found), Agreement.IDENTICAL)


@dataclass(frozen=True)
class Spread:
    """Last values of one metric over attempts: mean and sample standard deviation of `n`, and how many of these the
    first run is away from the mean (None where the deviation is 0)."""

    n: int
    mean: float
    sd: float
    away: float | None


@dataclass(frozen=True)
class Reproduction:
    """A run and what came of running it again. `swapped` is the one factor that was taken from now, "" for none, and
    `change` says how it differs; `missing` is what captures do not tell."""

    run: Run
    attempts: tuple[Attempt, ...]
    tolerance: Tolerance = EXACT
    swapped: str = ""
    change: str = ""
    missing: tuple[str, ...] = ()
    spreads: Mapping[str, Spread] = field(default_factory=dict)

    @property
    def badge(self) -> Badge:
        """What the attempts show; the worst of them counts."""
        found = {attempt.agreement for attempt in self.attempts}
        if not found or Agreement.DIFFERENT in found:
            return Badge.FAILED
        return Badge.TOLERANCE if Agreement.WITHIN in found else Badge.BITWISE

    @property
    def causes(self) -> tuple[Difference, ...]:
        """What went into any attempt differently, each once."""
        return tuple(dict.fromkeys(cause for attempt in self.attempts for cause in attempt.causes))

    @property
    def deterministic(self) -> bool | None:
        """Whether equal inputs gave equal outputs; None where that was not seen."""
        if len({attempt.digest for attempt in self.attempts}) > 1:
            return False
        if any(attempt.agreement is Agreement.IDENTICAL for attempt in self.attempts) or len(self.attempts) > 1:
            return True
        return False if self.attempts and not self.causes and not self.swapped else None


# Sentences. Names and values in them are as they were: clean them to show.


def tell(found: Reproduction) -> str:
    """The verdict in one sentence."""
    if not found.attempts:
        return "never tried"
    bad = next((attempt for attempt in found.attempts if not attempt.alike), None)
    if bad is not None:
        ends = [run.cause or run.status.value for run in (bad.run, found.run)]
        reason = f"; likeliest cause: {tell_causes(bad.causes)}" if bad.causes else ""
        return f"not reproduced: {bad.run.name} {ends[0]}, the first {ends[1]}{reason}"
    if found.swapped:
        return _attribution(found)
    times = f", {len(found.attempts)} times of {len(found.attempts)}" if len(found.attempts) > 1 else ""
    metrics = found.attempts[0].metrics
    if found.badge is Badge.BITWISE:
        samples = sum(item.common for item in found.attempts[0].predictions)
        predicted = f"{_many(samples, 'prediction')} identical" if samples else ""
        what = f"{_many(len(metrics), 'metric')} identical in every step" if metrics else ""
        return (
            f"reproduced, bitwise{times}: {' and '.join(filter(None, (what, predicted))) or 'its files are identical'}"
        )
    if found.badge is Badge.TOLERANCE:
        return f"reproduced within tolerance ({found.tolerance}){times}: {_named(found, Agreement.WITHIN)}"
    return f"not reproduced: {_named(found, Agreement.DIFFERENT)}; {_why(found)}"


def _why(found: Reproduction) -> str:
    if len({attempt.digest for attempt in found.attempts}) > 1:
        scatter = ", ".join(
            f"{name} {spread.mean:.6g} ± {spread.sd:.2g}"
            + (f" (the first is {spread.away:.1f}σ away)" if spread.away is not None else "")
            for name, spread in list(found.spreads.items())[:_NAMED]
            if spread.sd > 0
        )
        return f"the run is not deterministic: over {found_count(found)} runs {scatter or 'the curves differ'}"
    if found.causes:
        again = "the same every time now, so what differs is the reason: " if len(found.attempts) > 1 else ""
        return f"{again}likeliest cause: {tell_causes(found.causes)}"
    known = "nothing that went in differs" + (" as far as it is known" if found.missing else "")
    if len(found.attempts) > 1:
        return f"{known}, and it is the same every time now: something that is not captured has changed"
    return f"{known}: the run is not deterministic"


def found_count(found: Reproduction) -> int:
    """How many runs the spreads are over."""
    return max((spread.n for spread in found.spreads.values()), default=len(found.attempts))


def tell_causes(causes: Sequence[Difference]) -> str:
    """`data (sales v1 → v2), then packages (numpy 2.0 → 2.1)`."""
    grouped: dict[Cause, list[Difference]] = {}
    for item in causes:
        grouped.setdefault(item.cause, []).append(item)
    return ", then ".join(f"{_CAUSES[cause]} ({_differences(items)})" for cause, items in grouped.items())


def cause_name(cause: Cause) -> str:
    return _CAUSES[cause]


def _differences(items: Sequence[Difference]) -> str:
    told = [f"{item.name} {short_value(item.old)} → {short_value(item.new)}" for item in items[:_NAMED]]
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(told) + more


def tell_change(causes: Sequence[Difference]) -> str:
    """`sales v1 → v2`: what differs, without the kind of it."""
    return _differences(causes)


def short_value(value: object) -> str:
    """A value in at most 24 characters."""
    text = "none" if value is None or value == "" else str(value)
    return text if len(text) <= 24 else text[:12] + "…" + text[-6:]


def _named(found: Reproduction, agreement: Agreement) -> str:
    """The metrics of that agreement with their last values."""
    verdicts = [
        verdict
        for attempt in found.attempts
        if attempt.agreement is agreement
        for verdict in attempt.metrics
        if verdict.agreement is agreement or (verdict.agreement is Agreement.UNKNOWN)
    ]
    first = list({verdict.name: verdict for verdict in reversed(verdicts)}.values())[::-1]
    predicted = [tell_predictions(item) for one in found.attempts for item in one.predictions
                 if item.agreement is agreement]  # fmt: skip
    if not first and predicted:
        return f"the metrics are the same, but {predicted[0]}"
    if not first:
        files = [item.path for attempt in found.attempts for item in attempt.outputs if item.agreement is agreement]
        return f"{_many(len(dict.fromkeys(files)), 'file')} not the same"
    told = [f"{item.name} {_number(item.old)} → {_number(item.new)}" for item in first[:_NAMED]]
    steps = [item.step for item in first if item.step is not None]
    at = f", from step {min(steps):g} on" if steps else ""
    return (
        ", ".join(told)
        + (f" and {len(first) - _NAMED} more" if len(first) > _NAMED else "")
        + at
        + "".join(f"; {text}" for text in predicted[:1])
    )


def tell_predictions(item: PredictionVerdict) -> str:
    """`148 of 150 predictions are equal, the farthest 0.02 off`."""
    if item.note:
        return f"{item.file}: {item.note}"
    far = f", the farthest {item.off:.3g} off" if item.off else ""
    alone = f", {item.alone:,} samples only in one of the runs" if item.alone else ""
    return f"{item.equal:,} of {item.common:,} predictions are equal{far}{alone}"


def _attribution(found: Reproduction) -> str:
    """What the one factor that was taken from now did."""
    what = f"{found.swapped} from now ({found.change})" if found.change else f"{found.swapped} from now"
    if found.badge is not Badge.FAILED:
        return f"{what} makes no difference: {'identical' if found.badge is Badge.BITWISE else 'within tolerance'}"
    effect = f"{what} alone changes {_named(found, Agreement.DIFFERENT)}"
    match found.run.badge:
        case Badge.BITWISE | Badge.TOLERANCE:
            return f"{effect}; all else is as captured, and with all as captured it reproduces: {found.swapped} did it"
        case Badge.FAILED:
            return f"{effect}; but with all as captured it does not reproduce either: that may be chance"
    return f"{effect}; lab runs reproduce {found.run.name} tells whether that is more than chance"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun} is" if count == 1 else f"all {count} {noun}s are"
