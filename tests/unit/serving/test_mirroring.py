"""What comes of copies of live requests, without servers: the verdicts and their numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.domain.canary import Verdict
from lab.domain.rollouts import Budget
from lab.serving.gates import Sources, Trial
from lab.serving.mirroring import Copies, mirror

SILENT = Sources(stats=dict, page=lambda _slot: "", deaths=lambda: 0)


def _nothing() -> None:
    """Nobody rolls back."""


def _verdict(
    copies: Callable[[], Copies], answer: Callable[[list[Any]], tuple[int, list[Any]]], sources: Sources = SILENT
) -> Verdict:
    def ask(method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        status, answers = answer(json.loads(body or b"")["data"])
        return status, json.dumps({"predictions": answers}).encode()

    return mirror(Trial(ask), copies, sources, ([1], [2]), 0.3, Budget(), _nothing)


def _once(*requests: dict[str, Any], dropped: int = 0) -> Callable[[], Copies]:
    """The first call begins, the second brings these."""
    waiting: Iterator[Copies] = iter([Copies(), Copies(requests, dropped)])
    return lambda: next(waiting, Copies())


def test_quiet_times_pass_and_say_so() -> None:
    verdict = _verdict(Copies, lambda rows: (200, rows))
    assert (verdict.ok, verdict.evidence["requests"]) == (True, 0)
    assert "nobody asked" in verdict.told


@pytest.mark.parametrize(
    ("answer", "ok", "said"),
    [
        (lambda rows: (200, [row[0] for row in rows]), True, "4 live requests copied, 7 not"),
        (lambda rows: (200, ["c"] * len(rows)), False, "100% of 4 rows otherwise"),
        (lambda rows: (422 if rows == [["b"]] else 200, [row[0] for row in rows]), False, "2 of 4 copies"),
        (lambda rows: (200, []), False, "4 of 4 copies"),
    ],
)
def test_answers_and_failures_decide(answer: Any, ok: bool, said: str) -> None:
    copies = [{"data": [[value]], "predictions": [value]} for value in "abab"]
    verdict = _verdict(_once(*copies, dropped=7), answer)
    assert verdict.ok is ok
    assert said in verdict.told
    assert (verdict.evidence["requests"], verdict.evidence["dropped"]) == (4, 7)


def test_a_death_ends_it_at_once() -> None:
    deaths = iter([0, 1])
    sources = Sources(stats=dict, page=lambda _slot: "", deaths=lambda: next(deaths))
    verdict = _verdict(Copies, lambda rows: (200, rows), sources)
    assert (verdict.ok, verdict.evidence["deaths"]) == (False, 1)
