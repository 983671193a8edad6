"""Plans that make sense, policies, states, and the median rule."""

from __future__ import annotations

import math

import pytest

from lab.domain.axes import parse_space
from lab.domain.directions import Direction
from lab.domain.pruning import hopeless
from lab.domain.runs import History
from lab.domain.sweeps import FailurePolicy, Method, Pruner, SweepPlan, SweepState, make_plan, parse_policy, state_of
from lab.errors import UsageError

_, SPACE = parse_space(["lr=0.1,0.01", "depth=2..8"])
_, LOG = parse_space(["lr=0.001..1:log"])


def test_plans() -> None:
    plan = make_plan(SPACE, range(5))
    assert plan.method is Method.GRID
    assert plan.total == 2 * 7 * 5
    assert len(plan.points()) == 14
    drawn = make_plan(LOG, trials=7)
    assert drawn.method is Method.RANDOM
    assert drawn.total == len(drawn.points()) == 7
    small = make_plan(SPACE, method="random", trials=99)
    assert small.total == 14, "no more points than there are"
    adaptive = make_plan(SPACE, method="adaptive", trials=99, metric="val_accuracy")
    assert (adaptive.total, adaptive.points(), adaptive.goal) == (14, [], Direction.HIGHER)
    assert make_plan({}, (1, 2)).total == 2
    for one in (plan, drawn, small, adaptive, make_plan(LOG, method="random", on_failure=FailurePolicy("retry", 2))):
        assert SweepPlan.from_json(one.to_json()) == one


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"space": LOG}, "has no grid"),
        ({"space": SPACE, "method": "grid", "trials": 3}, "--trials means nothing"),
        ({"space": {}, "method": "adaptive", "metric": "loss"}, "needs a parameter to vary"),
        ({"space": LOG, "method": "adaptive"}, "needs to know what to look at"),
        ({"space": SPACE, "pruner": Pruner.MEDIAN}, "--early-stop needs to know what to look at"),
        ({"space": LOG, "method": "adaptive", "metric": "thing"}, "does not follow from its name"),
        ({"space": SPACE, "seeds": range(1000)}, "14,000 runs, more than 10,000"),
        ({"space": SPACE, "goal": "up"}, "a goal is max or min"),
    ],
)
def test_plans_that_make_no_sense(asked: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make_plan(**asked)  # type: ignore[arg-type]


def test_policies() -> None:
    assert parse_policy(["continue"]) == FailurePolicy()
    assert parse_policy(["stop"]).what == "stop"
    assert parse_policy(["retry"]).times == 1
    assert parse_policy(["retry", "3"]).text == parse_policy(["retry 3"]).text == "retry 3"
    for words in (["retry", "0"], ["retry", "x"], ["retry", "101"], ["give", "up"], ["stop", "train"]):
        with pytest.raises(UsageError):
            parse_policy(words)


def test_states() -> None:
    def state(**counts: int) -> SweepState:
        base = {"running": 0, "queued": 0, "finished": 0, "runs": 3}
        flags = {name: bool(counts.pop(name, 0)) for name in ("stopped", "held", "more")}
        return state_of(**{**base, **counts}, **flags)  # type: ignore[arg-type]

    assert state(running=1, queued=2) is SweepState.RUNNING
    assert state(queued=2) is SweepState.WAITING
    assert state(queued=2, held=1) is SweepState.PAUSED
    assert state(stopped=1, queued=0) is SweepState.STOPPED
    assert state(more=1, finished=3) is SweepState.WAITING
    assert state(finished=1) is SweepState.FINISHED
    assert state() is SweepState.FAILED


def curve(*values: float) -> History:
    return History(tuple(map(float, range(len(values)))), (0.0,) * len(values), values)


def test_the_median_rule() -> None:
    finished = [curve(0.1, 0.5, 0.9), curve(0.1, 0.4, 0.8), curve(0.1, 0.6, 0.95)]
    verdict = hopeless(curve(0.1, 0.2), finished, Direction.HIGHER)
    assert verdict is not None
    assert (verdict.step, verdict.best, verdict.median, verdict.others) == (1.0, 0.2, 0.5, 3)
    assert verdict.text("acc") == "stopped early: best acc 0.2 by step 1, median of 3 finished runs 0.5"
    assert hopeless(curve(0.1, 0.5), finished, Direction.HIGHER) is None, "as good as the median is not worse"
    assert hopeless(curve(0.7, 0.2), finished, Direction.HIGHER) is None, "its best counts, not its last"
    assert hopeless(curve(0.1, 0.2), finished[:2], Direction.HIGHER) is None, "two are no crowd"
    assert hopeless(curve(0.1, 0.2, 0.3, 0.3), finished, Direction.HIGHER) is None, "nobody got as far"
    assert hopeless(curve(0.1, 0.2), finished, Direction.HIGHER, warmup=1) is None
    assert hopeless(curve(), finished, Direction.HIGHER) is None
    assert hopeless(curve(math.nan, math.nan), finished, Direction.HIGHER) is None
    assert hopeless(curve(0.1, 0.9), finished, Direction.LOWER) is None
    assert hopeless(curve(0.9, 0.8), finished, Direction.LOWER) is not None
    with_gaps = [*finished, curve(0.1, math.nan, 0.9)]
    assert hopeless(curve(0.1, 0.2), with_gaps, Direction.HIGHER).others == 4  # type: ignore[union-attr]
