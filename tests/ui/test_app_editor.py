"""`e`: notes, lab.toml and files in the user's own editor."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from screen_app import opened, press, see, shown, until

from lab.errors import LabError, UsageError
from lab.paths import LabHome
from lab.ui import editor
from lab.ui.app import LabApp
from lab.ui.screens.base import LabScreen


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the app gives away and takes back."""

    @contextmanager
    def suspend(_: LabApp) -> Iterator[None]:
        yield

    monkeypatch.setattr(LabApp, "suspend", suspend)


Edits = Callable[[str], object]

_PROGRAM = """
import sys
from pathlib import Path
script, given, file = map(Path, sys.argv[1:])
text = file.read_text()
given.write_text(f"{file.name}\\n{text}")
exec(script.read_text())
"""


@pytest.fixture
def edits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Edits:
    """Says in Python what the editor does with `file`, which holds `text`. What it was given last is in `given`."""
    program, script = tmp_path / "editor.py", tmp_path / "what it does.py"
    program.write_text(_PROGRAM)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} {program} '{script}' {tmp_path / 'given'}")
    return script.write_text


@pytest.mark.usefixtures("terminal")
def test_names_of_files_have_nothing_odd(tmp_path: Path, edits: Edits) -> None:
    edits("file.write_text('after')")
    assert editor.edit_text(LabApp(tmp_path, tmp_path), "before", f"[b]/../{'x' * 300}\x1b é.md") == "after"
    assert (tmp_path / "given").read_text() == f"{'x' * 54}__é.md\nbefore\n"


@pytest.mark.usefixtures("terminal")
async def test_the_note_of_a_run(lab_home: Path, tmp_path: Path, edits: Edits) -> None:
    edits("file.write_text('best so far\\nwith [b]brackets[/] and \\u202eodd\\n\\n')")
    async with opened(lab_home, tmp_path, (120, 30)) as (app, pilot):
        await press(pilot, "3", "run-00011")
        run = app.screen.current  # type: ignore[attr-defined]
        await pilot.press("e")
        await until(pilot, lambda: app.jobs.all, "the note written")
        assert (await note_of(app, run.id)).startswith("best so far\nwith [b]brackets[/] and ")
        edits("assert text.startswith('best so far'); file.write_text('')")
        await press(pilot, "enter", "Metrics")
        await pilot.press("e")
        await until(pilot, lambda: len(app.jobs.all) == 2, "the note taken away")
        assert await note_of(app, run.id) == ""


@pytest.mark.usefixtures("terminal")
async def test_what_fails_changes_nothing_and_is_said(lab_home: Path, tmp_path: Path, edits: Edits) -> None:
    edits("file.write_text('half a no'); sys.exit(3)")
    async with opened(lab_home, tmp_path, (120, 30)) as (app, pilot):
        await press(pilot, "3", "run-00011")
        run = app.screen.current  # type: ignore[attr-defined]
        await press(pilot, "e", "ended with 3")
        assert await note_of(app, run.id) == run.notes


@pytest.mark.usefixtures("terminal")
async def test_a_log_is_shown_as_a_copy(lab_home: Path, tmp_path: Path, edits: Edits) -> None:
    edits("assert file.stat().st_mode & 0o222 == 0")
    async with opened(lab_home, tmp_path, (120, 30)) as (app, pilot):
        await press(pilot, "3", "run-00011")
        run = app.screen.current  # type: ignore[attr-defined]
        log = LabHome(lab_home).run(run.id).stdout
        before = log.read_bytes()
        await press(pilot, "enter", "Metrics")
        await press(pilot, "]", "starting run-00011")
        await pilot.press("o")
        await until(pilot, (tmp_path / "given").exists, "the file given to the editor")
        assert (tmp_path / "given").read_text().startswith("stdout.log\n")
        assert log.read_bytes() == before


@pytest.mark.usefixtures("terminal")
async def test_lab_toml_and_what_is_wrong_in_it(lab_home: Path, tmp_path: Path, edits: Edits) -> None:
    edits("file.write_text(text.replace('name', 'nam'))")
    project = a_project(tmp_path / "project")
    async with opened(lab_home, project, (120, 30)) as (app, pilot):
        await see(pilot, "mine")
        await press(pilot, "e", "lab.toml:2")
        edits("file.write_text('[project]\\nname = \"other\"\\n')")
        await press(pilot, "e", "other")
        await until(pilot, lambda: "lab.toml:2" not in shown(app), "the notice gone")


@pytest.mark.usefixtures("terminal")
async def test_a_folder_without_lab_toml(lab_home: Path, tmp_path: Path, edits: Edits) -> None:
    async with opened(lab_home, tmp_path, (120, 30)) as (_, pilot):
        await press(pilot, "e", "there is no lab.toml here")


async def test_a_terminal_that_cannot_be_given_away(lab_home: Path, tmp_path: Path, edits: Edits) -> None:
    async with opened(lab_home, tmp_path, (120, 30)) as (_, pilot):
        await press(pilot, "3", "run-00011")
        await press(pilot, "e", "no terminal here")


def test_which_editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VISUAL", "code --wait")
    monkeypatch.setenv("EDITOR", "vi")
    assert editor.editor() == ["code", "--wait"]
    monkeypatch.setenv("VISUAL", "")
    assert editor.editor() == ["vi"]
    monkeypatch.setenv("EDITOR", "vi 'x")
    with pytest.raises(UsageError, match="EDITOR cannot be read"):
        editor.editor()
    monkeypatch.setenv("EDITOR", " ")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no editor"):
        editor.editor()


def a_project(folder: Path) -> Path:
    folder.mkdir()
    (folder / "lab.toml").write_text("[project]\nname = 'mine'\n")
    return folder


def screen_of(app: LabApp) -> LabScreen:
    assert isinstance(app.screen, LabScreen)
    return app.screen


async def note_of(app: LabApp, run: str) -> str:
    return (await screen_of(app).ask(lambda ws: ws.runs.get(run))).notes


def test_only_the_end_of_a_huge_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(editor, "_MOST", 20)
    long, copy = tmp_path / "long", tmp_path / "copy"
    long.write_text("".join(f"line {number}\n" for number in range(9)))
    assert editor._copy_end(long, copy)
    assert copy.read_text() == "line 7\nline 8\n"
    with pytest.raises(LabError, match="cannot be read"):
        editor.show_file(LabApp(tmp_path, tmp_path), tmp_path / "nothing")
