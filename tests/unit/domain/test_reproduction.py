"""Verdicts on runs that were run again."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.domain.capture import Cause, Difference, Output
from lab.domain.judging import curves_digest, judge_metric, judge_outputs, spreads
from lab.domain.reproduction import (
    EXACT,
    Agreement,
    Attempt,
    PredictionVerdict,
    Reproduction,
    Swap,
    Tolerance,
    parse_swap,
    parse_tolerance,
    tell,
)
from lab.domain.runs import Badge, History, MetricSummary, Run, RunStatus
from lab.errors import UsageError

FLOATS = st.floats(allow_nan=True, allow_infinity=True)


def curve(*values: float, first: int = 0) -> History:
    steps = [float(first + step) for step in range(len(values))]
    return History(steps, [0.0] * len(values), list(values))


def run(name: str, loss: float = 0.5, **changes: object) -> Run:
    summary = MetricSummary(loss, loss, loss, loss, 1)
    given_ = {"id": name, "name": name, "project": "p", "entry": "train", "status": RunStatus.FINISHED,
              "cause": "finished", "exit_code": 0, "metrics": {"loss": summary}, "badge": Badge.CAPTURED}  # fmt: skip
    return Run(**{**given_, **changes})  # type: ignore[arg-type]


def attempt(name: str, *values: float, old: History, tolerance: Tolerance = EXACT, causes: int = 0) -> Attempt:
    new = curve(*values)
    differences = tuple(Difference(Cause(number), "x", "1", "2") for number in range(1, causes + 1))
    verdict = judge_metric("loss", old, new, tolerance)
    return Attempt(run(name), (verdict,), causes=differences, digest=curves_digest({"loss": new}))


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ([], EXACT),
        (["1e-6"], Tolerance(1e-6)),
        (["abs=0.5", "rel=.01"], Tolerance(0.5, 0.01)),
        (["0.1%,2s"], Tolerance(0, 0.001, 2)),
        (["2σ", "sigma=3"], Tolerance(0, 0, 3)),
    ],
)
def test_tolerances(texts: list[str], wanted: Tolerance) -> None:
    assert parse_tolerance(texts) == wanted


@pytest.mark.parametrize("text", ["x", "-1", "abs=1%", "1e", "nan", "inf", "rel=", "1 2"])
def test_what_is_no_tolerance(text: str) -> None:
    with pytest.raises(UsageError, match="tolerance"):
        parse_tolerance([text])


@given(st.lists(FLOATS, min_size=1, max_size=8))
def test_a_curve_is_identical_to_itself_and_to_nothing_else(values: list[float]) -> None:
    old = curve(*values)
    assert judge_metric("m", old, curve(*values), EXACT).agreement is Agreement.IDENTICAL
    bits = [math.copysign(1.0, values[-1]) if math.isnan(values[-1]) else -values[-1]]
    changed = judge_metric("m", old, curve(*values[:-1], *bits), EXACT)
    assert (changed.agreement, changed.step) == (Agreement.DIFFERENT, len(values) - 1)
    longer = judge_metric("m", old, curve(*values, 1.0), EXACT)
    assert longer.step == len(values)
    assert judge_metric("m", old, curve(*values, first=1), EXACT).step == 0


def test_within_tolerance_is_told_by_the_last_value_and_parts_where_the_bits_do() -> None:
    old = curve(1.0, 0.5, 0.25)
    near = judge_metric("m", old, curve(1.0, 0.6, 0.26), Tolerance(0.02))
    assert (near.agreement, near.limit, near.step) == (Agreement.WITHIN, 0.02, 1)
    far = judge_metric("m", old, curve(1.001, 0.505, 0.35), Tolerance(0.02))
    assert (far.agreement, far.step) == (Agreement.DIFFERENT, 2), "the first that is beyond the tolerance"
    assert far.delta == pytest.approx(0.1)
    assert judge_metric("m", old, curve(1, 1, 0.252), Tolerance(relative=0.01)).agreement is Agreement.WITHIN
    assert judge_metric("m", old, curve(1, 1, 0.35), Tolerance(sigmas=2), sigma=0.1).agreement is Agreement.WITHIN
    assert judge_metric("m", old, curve(1, 1, 0.35), Tolerance(sigmas=2)).agreement is Agreement.DIFFERENT
    assert judge_metric("m", old, curve(1, 1, math.nan), Tolerance(9)).agreement is Agreement.DIFFERENT
    assert judge_metric("m", old, curve(), Tolerance(9)).agreement is Agreement.UNKNOWN


def test_files_are_told_apart_by_their_hashes() -> None:
    old = [
        Output("a", "artifact", 1, "x"),
        Output("b", "model", 1, "x"),
        Output("c", "file", 9),
        Output("d", "file", 1, "x"),
    ]
    new = [
        Output("a", "artifact", 1, "x"),
        Output("b", "model", 1, "y"),
        Output("c", "file", 9),
        Output("e", "file", 1, "x"),
    ]
    assert [(item.path, item.agreement) for item in judge_outputs(old, new)] == [
        ("a", Agreement.IDENTICAL),
        ("b", Agreement.DIFFERENT),
        ("c", Agreement.UNKNOWN),
        ("d", Agreement.DIFFERENT),
        ("e", Agreement.DIFFERENT),
    ]


def test_the_worst_attempt_makes_the_badge() -> None:
    old = curve(1.0, 0.5)
    same, near = attempt("a", 1.0, 0.5, old=old), attempt("b", 1.0, 0.51, old=old, tolerance=Tolerance(0.1))
    far = attempt("c", 1.0, 0.7, old=old)
    assert Reproduction(run("r"), (same,)).badge is Badge.BITWISE
    assert Reproduction(run("r"), (same, near)).badge is Badge.TOLERANCE
    assert Reproduction(run("r"), (same, near, far)).badge is Badge.FAILED
    assert Reproduction(run("r"), (replace(same, alike=False),)).badge is Badge.FAILED
    assert Reproduction(run("r"), (same,)).deterministic is True
    assert Reproduction(run("r"), (far,)).deterministic is False
    assert Reproduction(run("r"), (attempt("c", 0.7, old=old, causes=1),)).deterministic is None


def test_sentences() -> None:
    old = curve(1.0, 0.5)
    same = attempt("a", 1.0, 0.5, old=old)
    assert tell(Reproduction(run("r"), (same,))) == "reproduced, bitwise: 1 metric is identical in every step"
    assert "2 times of 2" in tell(Reproduction(run("r"), (same, same)))
    near = attempt("b", 1.0, 0.51, old=old, tolerance=Tolerance(0.1))
    assert tell(Reproduction(run("r"), (near,), Tolerance(0.1))) == (
        "reproduced within tolerance (abs 0.1): loss 0.5 → 0.51, from step 1 on"
    )
    far = attempt("c", 1.0, 0.7, old=old)
    assert tell(Reproduction(run("r"), (far,))) == (
        "not reproduced: loss 0.5 → 0.7, from step 1 on; nothing that went in differs: the run is not deterministic"
    )
    assert "as far as it is known" in tell(Reproduction(run("r"), (far,), missing=("its environment",)))
    caused = attempt("d", 1.0, 0.7, old=old, causes=2)
    assert tell(Reproduction(run("r"), (caused,))).endswith("likeliest cause: code (x 1 → 2), then data (x 1 → 2)")
    assert "same every time now" in tell(Reproduction(run("r"), (caused, caused)))
    assert "something that is not captured has changed" in tell(Reproduction(run("r"), (far, far)))
    broken = replace(same, alike=False, run=run("z", cause="failed exit 3"))
    assert tell(Reproduction(run("r"), (broken,))) == "not reproduced: z failed exit 3, the first finished"


def test_a_swap_is_attributed_as_far_as_the_run_is_known_to_reproduce() -> None:
    old = curve(1.0, 0.5)
    far, same = attempt("c", 1.0, 0.7, old=old, causes=1), attempt("a", 1.0, 0.5, old=old, causes=1)

    def told(badge: Badge, tried: Attempt = far) -> str:
        return tell(Reproduction(run("r", badge=badge), (tried,), swapped="data", change="sales v1 → v2"))

    assert told(Badge.BITWISE).startswith("data from now (sales v1 → v2) alone changes loss 0.5 → 0.7, from step 1 on;")
    assert told(Badge.BITWISE).endswith("data did it")
    assert told(Badge.FAILED).endswith("that may be chance")
    assert "lab runs reproduce r tells" in told(Badge.CAPTURED)
    assert told(Badge.BITWISE, same) == "data from now (sales v1 → v2) makes no difference: identical"


def test_what_scatters_is_measured_with_the_first_run_where_nothing_differs() -> None:
    old = curve(0.5)
    tries = [attempt(str(value), value, old=old) for value in (0.4, 0.6)]
    (spread,) = spreads(run("r", 0.5), tries).values()
    assert (spread.n, spread.mean, spread.away) == (3, 0.5, 0.0)
    assert spread.sd == pytest.approx(0.1)
    sentence = tell(Reproduction(run("r", 0.5), tuple(tries), spreads={"loss": spread}))
    assert "not deterministic: over 3 runs loss 0.5 ± 0.1 (the first is 0.0σ away)" in sentence
    caused = [replace(one, causes=(Difference(Cause.DATA, "x", "1", "2"),)) for one in tries]
    assert spreads(run("r", 0.5), caused)["loss"].n == 2
    assert spreads(run("r"), tries[:1]) == {}


def test_predictions_are_part_of_the_verdict() -> None:
    old = curve(1.0, 0.5)
    same = attempt("a", 1.0, 0.5, old=old)

    def judged(agreement: Agreement, equal: int, tolerance: Tolerance = EXACT) -> Reproduction:
        predictions = (PredictionVerdict("predictions.csv", agreement, 150, equal, 0.25),)
        return Reproduction(run("first"), (replace(same, predictions=predictions),), tolerance)

    assert judged(Agreement.IDENTICAL, 150).badge is Badge.BITWISE
    assert tell(judged(Agreement.IDENTICAL, 150)) == (
        "reproduced, bitwise: 1 metric is identical in every step and all 150 predictions are identical"
    )
    assert judged(Agreement.DIFFERENT, 148).badge is Badge.FAILED
    assert tell(judged(Agreement.DIFFERENT, 148)).startswith(
        "not reproduced: the metrics are the same, but 148 of 150 predictions are equal, the farthest 0.25 off; "
    )
    assert judged(Agreement.WITHIN, 148, Tolerance(0.5)).badge is Badge.TOLERANCE
    assert judged(Agreement.UNKNOWN, 0).badge is Badge.BITWISE


def test_a_failed_reproduction_says_what_may_be_the_reason() -> None:
    failed = replace(
        attempt("again", 1.0, old=curve(1.0), causes=1),
        run=run("again", cause="exit code 1"),
        alike=False,
    )
    told = tell(Reproduction(run("first"), (failed,)))
    assert told == "not reproduced: again exit code 1, the first finished; likeliest cause: code (x 1 → 2)"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", Swap()),
        ("code", Swap("code")),
        ("data", Swap("data")),
        ("data=sales@v3", Swap("data", {"sales": "v3"})),
        ("data=sales@v3, more@best", Swap("data", {"sales": "v3", "more": "best"})),
    ],
)
def test_swaps(text: str, wanted: Swap) -> None:
    assert parse_swap(text) == wanted


@pytest.mark.parametrize("text", ["luck", "data=", "data=sales", "data=@v3", "data=sales@", "code=x@v1", "=x@v1"])
def test_what_is_no_swap(text: str) -> None:
    with pytest.raises(UsageError):
        parse_swap(text)
