"""From words to a command."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lab.cli.helps import overview
from lab.cli.main import command_list, commands
from lab.cli.parser import build, parse
from lab.errors import UsageError

COMMANDS = commands()
PUBLIC = [item for item in COMMANDS if not item.hidden]


def parsed(line: str) -> tuple[str, dict[str, object]]:
    invocation = parse(COMMANDS, shlex.split(line))
    return (invocation.command.name if invocation.command else ""), vars(invocation.args)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda item: item.name)
def test_every_command_is_declared_whole(command) -> None:  # type: ignore[no-untyped-def]
    assert command.help
    assert not command.help.endswith(".")
    text = build(command).format_help()
    assert command.help[:30] in text
    assert "--json" in text
    assert all(item.options.get("help") for item in command.arguments)


@pytest.mark.parametrize("command", PUBLIC, ids=lambda item: item.name)
def test_every_example_is_one_of_its_command(command) -> None:  # type: ignore[no-untyped-def]
    words = shlex.split(command.example)
    if words[0] == "eval":
        words = shlex.split(words[1].removeprefix("$(").removesuffix(")"))
    assert words[0] == "lab"
    assert parse(COMMANDS, words[1:]).command is command
    assert parse(commands(words[1]), words[1:]).command is command


def test_names_are_unique_and_the_list_has_them_all() -> None:
    names = [item.words for item in COMMANDS]
    assert len(set(names)) == len(names)
    listed = [synopsis for synopsis, _ in command_list()]
    assert "lab models register RUN NAME" in listed
    assert "lab runs ls [FILTER …]" in listed
    assert "lab run ENTRY" in listed
    assert not any("__" in synopsis for synopsis in listed)
    assert len(listed) == len(PUBLIC)


@pytest.mark.parametrize(
    "line",
    [
        "--json --home h -C p runs ls",
        "runs --json --home h -C p ls",
        "runs ls --json --home h -C p",
        "runs --home=h ls --project-dir=p --json",
        "--home h runs -C p ls --json",
    ],
)
def test_global_options_stand_anywhere(line: str) -> None:
    name, args = parsed(line)
    assert name == "lab runs ls"
    assert (args["home"], args["project_dir"], args["json"]) == (Path("h"), Path("p"), True)


def test_words_of_a_filter_stand_on_both_sides_of_an_option() -> None:
    _, args = parsed("runs ls status:failed --limit 3 'lr<0.1' --sort -loss tag:best")
    assert args["filter"] == ["status:failed", "lr<0.1", "tag:best"]
    assert (args["limit"], args["sort"]) == (3, "-loss")


def test_what_follows_two_dashes_is_taken_as_it_stands() -> None:
    _, args = parsed("runs note otter --json -- --help -x")
    assert args["ref"] == "otter"
    assert args["text"] == ["--help", "-x"]


def test_run_takes_parameters_after_its_entry() -> None:
    _, args = parsed("run train.py -p lr=-1 -p x=y --tag a --tag b --memory 512m --gpus all --cpus 1.5 --wait")
    assert args["param"] == ["lr=-1", "x=y"]
    assert args["tag"] == ["a", "b"]
    assert (args["memory"], args["gpus"], args["cpus"]) == (512 * 1024**2, -1, 1.5)
    assert (args["wait"], args["follow"]) == (True, False)


def test_lists_do_not_leak_from_one_parse_to_the_next() -> None:
    parsed("run a -p x=1")
    assert parsed("run a")[1]["param"] == []


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("rusn", "'lab run'"),
        ("runs lss", "'lab runs ls'"),
        ("deployment ls", "'lab deployments'"),
        ("models promot x", "'lab models promote'"),
        ("promote x", "'lab models promote'"),
        ("runs ls --limitt 3", "--limit"),
        ("--jsno runs ls", "--json"),
        ("data frobnicate", "one of: add, ls, "),
        ("runs", "one of: rerun, ls, show"),
        ("qqqq", "lab --help"),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest_right_one(line: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(COMMANDS, line.split())
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("runs show", "REF"),
        ("runs show a b", "unexpected argument 'b'"),
        ("runs ls --limit", "--limit"),
        ("runs ls --limit x", "not a whole number"),
        ("runs ls --limit=-3", "not a whole number"),
        ("run train --memory lots", "is not a size"),
        ("completion tcsh", "tcsh"),
        ("--home", "--home"),
        ("runs ls --json=1", "--json"),
    ],
)
def test_wrong_arguments_are_usage_errors(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(COMMANDS, line.split())
    assert message in caught.value.message


def test_options_are_not_abbreviated() -> None:
    with pytest.raises(UsageError, match="no option '--lim'"):
        parse(COMMANDS, ["runs", "ls", "--lim", "3"])


def test_no_words_mean_the_app() -> None:
    invocation = parse(COMMANDS, ["--home", "h"])
    assert invocation.command is None
    assert invocation.args.home == Path("h")
    assert not invocation.args.help


@pytest.mark.parametrize("line", ["--help", "-h", "runs --help", "-h runs", "runs ls --help", "runs show -h"])
def test_help_is_never_an_error(line: str) -> None:
    assert parsed(line)[1]["help"] is True


def test_the_overview_has_every_command_once_and_fits_a_wide_terminal() -> None:
    text = overview(COMMANDS)
    for synopsis, _ in command_list():
        assert text.count(f"  {synopsis}  ") == 1
    assert max(map(len, text.splitlines())) <= 120
    assert "lab models" not in overview(COMMANDS, "runs")
