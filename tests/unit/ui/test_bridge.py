"""What the app hears of the core's news."""

from __future__ import annotations

from typing import Any

import pytest

from lab.domain.event import Event
from lab.ui.bridge import Bridge


class Listening:
    """In place of the app."""

    def post_message(self, message: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("type", "noun"), [("run.created", "runs"), ("rollout.started", "deployments"), ("rollout.step", "deployments"),
                       ("deployment.status", "deployments"), ("model.aliased", "models")],
)  # fmt: skip
def test_an_event_is_news_of_the_noun_whose_screen_shows_it(type: str, noun: str) -> None:
    bridge = Bridge(Listening())  # type: ignore[arg-type]
    bridge._hear([Event("1", 0.0, type, "x", {})])
    assert bridge.take_news() == {noun}
    assert bridge.take_news() == frozenset()
