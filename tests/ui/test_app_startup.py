"""Opening: what the first paint may load, what is said when a lab cannot be opened, what is remembered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from screen_app import opened, press, see, shown, until

from lab.ui.app import LabApp
from lab.ui.widgets.frame_table import FrameTable

_FIRST_PAINT = """
import sys
from pathlib import Path
from lab.ui.app import LabApp
from lab.ui.widgets.frame_table import FrameTable

class Painted(LabApp):
    def _begin(self):
        self.seen = sorted(sys.modules)
        self.exit(0)

async def main():
    app = Painted(Path(sys.argv[1]), Path(sys.argv[2]))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
    print("\\n".join(app.seen))

import asyncio
asyncio.run(main())
"""
_HEAVY = ("docker", "polars", "sklearn", "pyarrow", "numpy", "duckdb", "watchdog", "blake3", "requests", "pandas")


def test_the_first_paint_loads_nothing_heavy(lab_home: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_PAINT, str(lab_home), str(tmp_path)], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "lab.ui.screens.home" in loaded
    assert not {"textual.widgets._text_area", "lab.cli.runs", "lab.settings"} & loaded
    assert not {name for name in loaded if name.partition(".")[0] in _HEAVY}
    assert not {
        name
        for name in loaded
        if name.startswith(("lab.workspace", "lab.rooms", "lab.catalog", "lab.engine", "lab.stores"))
    }


async def test_a_lab_that_cannot_be_opened_is_said_and_can_be_left(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("not a folder")
    app = LabApp(home, tmp_path)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "the lab is not open", "cannot use the lab home")
        await press(pilot, "3", "the lab is not open")
        await pilot.press("1", "q")
        await pilot.pause()
    assert app.return_code == 0


async def test_a_wrong_lab_toml_is_a_notice(lab_home: Path, tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text("[project]\nnam = 'x'\n")
    async with opened(lab_home, tmp_path) as (_, pilot):
        await see(pilot, "lab.toml:2")


async def test_what_a_screen_remembers(lab_home: Path, tmp_path: Path) -> None:
    async with opened(lab_home, tmp_path) as (app, pilot):
        await press(pilot, "3", "run-00011")
        await pilot.press("/", *"lr<0.005", "enter")
        await see(pilot, "4 runs  fitting lr<0.005")
        await pilot.press("right", "s")
        await see(pilot, "by name")
        await pilot.press("escape")
        await until(pilot, lambda: "fitting" not in shown(app), "the filter cleared")
        await pilot.press("space")
        await see(pilot, "1 marked")
        marked = app.screen.query_one(FrameTable).marks
        await pilot.press("/", *"tag:best", "enter", "colon", *"theme lab-light", "enter")
        await until(pilot, lambda: not app.current_theme.dark, "the light theme")
    async with opened(lab_home, tmp_path) as (app, pilot):
        assert not app.current_theme.dark
        assert {"-light-mode", "-theme-lab-light"} <= app.classes
        assert "-dark-mode" not in app.classes
        await see(pilot, "1 run  fitting tag:best", "by name", "run-00002", "1 marked")
        assert app.screen.query_one(FrameTable).marks == marked
        await pilot.press("colon", "up")
        await see(pilot, ": theme")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "lab.toml").write_text('[project]\nname = "elsewhere"\n')
    async with opened(lab_home, tmp_path / "elsewhere") as (app, pilot):
        assert app.current_mode == "home", "another project was left nowhere yet"
        await press(pilot, "3", "12 runs")


async def test_keys_can_be_moved(lab_home: Path, tmp_path: Path) -> None:
    (lab_home / "config.toml").write_text('[keys]\n"go.runs" = "f3"\n"no.such" = "x"\n')
    async with opened(lab_home, tmp_path) as (app, pilot):
        await see(pilot, "no.such")
        await pilot.press("3")
        await pilot.pause()
        assert app.current_mode == "home"
        await press(pilot, "f3", "run-00011")


async def test_a_wrong_config_is_said(lab_home: Path, tmp_path: Path) -> None:
    (lab_home / "config.toml").write_text("[keyz]\n")
    app = LabApp(lab_home, tmp_path)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "config.toml:1")


async def test_damage_in_the_journal_is_shown_on_home(lab_home: Path, tmp_path: Path) -> None:
    (segment,) = (lab_home / "journal").glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(b"garbage \x1b[2J\n")
    async with opened(lab_home, tmp_path) as (_, pilot):
        await see(pilot, "not readable", segment.name[:20])


def test_the_screens_of_datasets_load_nothing_heavy() -> None:
    code = (
        "import sys; import lab.ui.screens.dataset, lab.ui.screens.dataset_diff, lab.ui.screens.disk; "
        "print('\\n'.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "lab.ui.render.datadiff" in loaded
    assert not {name for name in loaded if name.partition(".")[0] in (*_HEAVY, "fsspec")}
    assert not {
        name for name in loaded if name.startswith(("lab.workspace", "lab.rooms", "lab.datasets", "lab.stores"))
    }
