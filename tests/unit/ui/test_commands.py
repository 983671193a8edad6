from __future__ import annotations

import pytest

from lab.errors import UsageError
from lab.ui.commands import Command, Names, complete_command, complete_filter, filter_keys, parse_command
from lab.ui.screens.prompt import offer_row


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


NAMES = Names(
    {"run": ["calm-otter", "otter two", "brisk-fox"], "model": ["digits"], "view": ["best"]},
    filter_keys(["lr", "a b"], ["loss"]),
)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("mo", ["models", "model"]),
        ("run ", ["run calm-otter", "run otter two", "run brisk-fox"]),
        ("run ot", ["run otter two", "run calm-otter"]),
        ("compare calm-otter br", ["compare calm-otter brisk-fox"]),
        ("view b", ["view best"]),
        ("runs l", ["runs lr", "runs loss"]),
        ("runs lr<0.1 status:fa", ["runs lr<0.1 status:failed"]),
        ("disk x", []),
        ("nonsense x", []),
    ],
)
def test_a_line_is_completed_with_what_there_is(line: str, offered: list[str]) -> None:
    assert [one for one in complete_command(line, NAMES) if one in offered or not offered][: len(offered)] == offered


def test_a_filter_is_completed_after_signs_too() -> None:
    assert complete_filter("-(", ()) == []
    assert complete_filter("-ta", NAMES.keys)[0] == "-tag:"
    assert complete_filter("tag:x st", NAMES.keys)[0] == "tag:x status:"
    assert complete_filter("tag:x", NAMES.keys) == [], "which tags there are is not known"
    assert "a b" not in NAMES.keys


def test_offers_are_told_in_one_line(hostile: str) -> None:
    row = offer_row("run c", ["run calm", "run cold"], 1, 80)
    assert [text for text, token in row if token == "accent bold"] == ["cold"]
    assert offer_row("run c", [], -1, 80) == []
    told = offer_row("run ", [f"run {hostile}{number}" for number in range(100)], 50, 60)
    assert told[-1][0].startswith("+")
    assert not [text for text, _ in told if any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in text)]
