from __future__ import annotations

import pytest

from lab.domain.rollouts import Outcome, Rollout, RolloutStep
from lab.ui.render.rollouts import rollout_lines
from lab.ui.theme import token_style

NOW = 1000.0


def rollout(number: int, outcome: Outcome, *steps: RolloutStep, cause: str = "") -> Rollout:
    before = f"price:v{number - 1}" if number > 1 else ""
    begun, ended = 900.0, 960.0
    return Rollout(
        f"d:{number}", "d", number, "price", number, "", "canary", before, begun, outcome, cause, ended, steps
    )


def text(rollouts: list[Rollout], width: int = 80) -> list[str]:
    return ["".join(part for part, _ in row) for row in rollout_lines(rollouts, width, NOW)]


def test_the_newest_at_length_and_of_the_others_what_went_wrong() -> None:
    probe = RolloutStep("probe", True, 910.0, 0.9, "p99 11 ms over 200 requests", {"p99": 0.011, "parts": {"a": 1}})
    keep = RolloutStep("keep", True, 950.0, 0.03, "v1 is kept warm", {"warm": 600})
    canary = RolloutStep("canary", False, 930.0, 5.0, "the new one fails more often", {"new_failed": 7, "z": 4.2})
    found = text([
        rollout(3, Outcome.DONE, probe, keep),
        rollout(2, Outcome.DONE, probe),
        rollout(1, Outcome.ROLLED_BACK, canary, cause="canary: the new one fails more often"),
    ])  # fmt: skip
    assert found[0].split() == "● done price:v2 › price:v3 canary 1m 00s 1m ago".split()
    assert "p99 11 ms over 200 requests" in found[1]
    assert found[2].split() == ["p99", "11ms"]
    assert "kept warm" in found[3], "and no numbers under it"
    assert found[4] == ""
    assert found[5].split()[:2] == ["●", "done"]
    assert found[6].split()[:3] == ["▲", "rolled", "back"]
    assert found[7].split()[:2] == ["✖", "canary"]
    assert found[8].split() == ["new", "failed", "7", "z", "4.20"]
    assert "fails more often" in found[9]


@pytest.mark.parametrize("hostile", ["[/x]", "a\x1b]52;c;AAAA\x07b", "x" * 10_000, "日本語"])
def test_whatever_a_server_said_is_only_text(hostile: str) -> None:
    step = RolloutStep("ready", False, 1.0, 1.0, hostile, {hostile: hostile})
    rows = rollout_lines([rollout(1, Outcome.FAILED, step, cause=hostile)], 60, NOW)
    for row in rows:
        for part, token in row:
            token_style(token)
            assert "\x1b" not in part
            assert len(part) <= 500
