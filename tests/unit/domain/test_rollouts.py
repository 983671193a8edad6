from __future__ import annotations

from itertools import product

import pytest

from lab.domain.rollouts import Step, Strategy, parse_seconds, steps_of
from lab.errors import UsageError


def test_times() -> None:
    assert [parse_seconds(text) for text in ("250ms", "60s", "10m", "1.5h", "2 min", "7")] == [
        0.25, 60.0, 600.0, 5400.0, 120.0, 7.0,
    ]  # fmt: skip
    for text in ("", "-1s", "1y", "nan", "1e9"):
        with pytest.raises(UsageError, match="is not a time"):
            parse_seconds(text)


def test_each_strategy_s_way() -> None:
    assert steps_of(Strategy.CANARY, first=True)[-1] is Step.SWITCH, "the first has nobody to be compared with"
    assert Step.CANARY in steps_of(Strategy.CANARY, first=False)
    assert Step.CANARY not in steps_of(Strategy.BLUE_GREEN, first=False)
    assert Step.SWITCH not in steps_of(Strategy.SHADOW, first=False)
    assert steps_of(Strategy.SHADOW, first=False, mirrored=True)[-1] is Step.MIRROR
    for strategy, first, mirrored in product(Strategy, (True, False), (True, False)):
        steps = steps_of(strategy, first=first, mirrored=mirrored)
        assert list(steps) == [step for step in Step if step in steps], "in their order"
