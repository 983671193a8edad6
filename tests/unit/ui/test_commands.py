from __future__ import annotations

import pytest

from lab.errors import UsageError
from lab.ui.commands import Command, parse_command


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("runs lr<0.01 status:done", Command("runs", "lr<0.01 status:done")),
        (":runs", Command("runs")),
        ("  D  ", Command("data")),
        ("deploy", Command("deployments")),
        ("run calm-otter", Command("run", "calm-otter")),
        ("quit", Command("q")),
        ("?", Command("help")),
        ("", None),
        (" : ", None),
    ],
)
def test_lines(line: str, command: Command | None) -> None:
    assert parse_command(line) == command


def test_the_nearest_word_is_offered() -> None:
    with pytest.raises(UsageError, match="no command") as caught:
        parse_command("modles")
    assert "models" in caught.value.hint


def test_a_hostile_word_is_shown_clean() -> None:
    with pytest.raises(UsageError) as caught:
        parse_command("\x1b[2Jx")
    assert "\x1b" not in caught.value.message
