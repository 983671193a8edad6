"""`[metrics]`: what is collected without the script's help."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.domain.collecting import Collecting, counted
from lab.errors import SettingsError
from lab.settings import load_project, render_template

HEAD = '[project]\nname = "p"\n\n[entries.train]\ncommand = "python train.py"\n'


def load(folder: Path, text: str) -> tuple[Collecting, Collecting]:
    """The project's, and the entry's."""
    (folder / "lab.toml").write_text(HEAD + text)
    settings = load_project(folder)
    return settings.collecting, settings.entry("train").collecting


def test_an_entrys_table_stands_on_top_of_the_projects(tmp_path: Path) -> None:
    assert load(tmp_path, "") == (Collecting(), Collecting())
    project, entry = load(
        tmp_path,
        "[entries.train.metrics]\ntools = false\nignore = ['lr']\n"
        "[metrics]\npatterns = ['x (?P<x>.+)']\nignore = ['a']\n",
    )
    assert project == Collecting(patterns=("x (?P<x>.+)",), ignore=("a",))
    assert entry == Collecting(tools=False, patterns=("x (?P<x>.+)",), ignore=("lr",))
    assert Collecting.from_json({**vars(entry), "later": 1}) == entry


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[metrics]\npatterns = ['(']\n", 7, 'holds "(", which is no regular expression'),
        ("[metrics]\npatterns = ['loss .*']\n", 7, "names no metric"),
        ("[metrics]\npatterns = ['(?P<step>.*)']\n", 7, "names no metric"),
        ("[metrics]\npatterns = ['(?P<key>.*) (?P<x>.*)']\n", 7, "names no metric"),
        ("[metrics]\npatterns = 'loss'\n", 7, "must be a list of regular expressions"),
        ("[entries.train.metrics]\npatern = []\n", 7, 'unknown key "patern" in [entries.train.metrics]'),
        ("[metrics]\nstdout = 'no'\n", 7, "must be true or false"),
    ],
)
def test_errors_name_file_line_and_key(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, text)
    assert error.value.message.startswith(f"lab.toml:{line}: ")
    assert says in error.value.message


def test_the_template_shows_it_and_its_example_is_right(tmp_path: Path) -> None:
    text = render_template(tmp_path)
    begin = text.index("# [metrics]")
    example = "\n".join(line.removeprefix("# ") for line in text[begin:].split("\n\n")[0].splitlines())
    project, _ = load(tmp_path, example)
    assert project.patterns
    assert project.ignore == ("lr",)


def test_no_metric_is_doubled() -> None:
    own, tools, printed = counted([["loss"], ["loss", "val"], ["loss", "val", "acc"]], Collecting())
    assert (own, tools, printed) == ({"loss"}, {"val"}, frozenset())
    assert counted([[], ["loss"], ["loss", "acc"]], Collecting()) == (frozenset(), {"loss"}, {"acc"})
    assert counted([["loss"], [], ["loss", "acc"]], Collecting(patterns=("x",)))[2] == {"acc"}
