"""Purging and pruning in the app: asked with a plan, done in the trash, brought back from there."""

from __future__ import annotations

from pathlib import Path

from screen_app import assert_tidy, opened, press, see, until
from seeding import Seed, fill

from lab.paths import LabHome


async def test_a_run_goes_to_the_trash_and_comes_back(tmp_path: Path) -> None:
    seed = Seed(tmp_path / "home")
    ids = fill(seed, 6)
    seed.close()
    project = tmp_path / "digits"
    project.mkdir()
    (project / "lab.toml").write_text('[project]\nname = "digits"\n[retention]\nlast = 2\ndrop = "runs"\n')
    folder = LabHome(tmp_path / "home").run(ids[5]).root
    async with opened(tmp_path / "home", project, size=(100, 30)) as (app, pilot):
        await press(pilot, "3", "run-00005")
        await press(pilot, "X", "Purge run-00005?", "frees", "14 days")
        assert_tidy(app, (100, 30))
        await press(pilot, "escape")
        assert folder.exists()
        await press(pilot, "X", "Purge run-00005?")
        await press(pilot, "y", "5 runs", "are in the trash")
        assert not folder.exists()
        for _ in range(4):
            await pilot.press("down")
        await press(pilot, "X", "cannot be purged: run-00000: model digits:v1")
        await pilot.press("2")
        await press(pilot, "d", "Who holds what", "run-00001")
        await press(pilot, "P", "Prune whole runs of digits?", "2nd latest of train", "model digits:v1 came from it")
        assert_tidy(app, (100, 30))
        await press(pilot, "escape")
        await pilot.press("]", "]")
        await see(pilot, "erased", "16 KB")
        await press(pilot, "U", "1 run, 0 objects")
        await until(pilot, folder.exists, "the run's folder is back")
        await press(pilot, "3", "6 runs", "run-00005")
