"""The tabs of a comparison: what flipped, and why, at every size, with hostile files among the artifacts."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from compared import NEW, OLD, dataset, run
from compared import project as flowers
from PIL import Image
from screen_app import assert_tidy, opened, press, see, shown, until
from seeding import HOSTILE, Seed

from lab.paths import LabHome
from lab.workspace import Workspace

SIZES = [(80, 24), (160, 45)]


def picture(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (8, 8), shade).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    """Three runs on the flowers: two with predictions, one with none."""
    with Workspace(tmp_path / "home", flowers(tmp_path / "flowers"), engine="process") as ws:
        seen = dataset(ws)
        old = {"predictions.csv": OLD, "c.yaml": "lr: 0.1\n", "loss.png": picture(40)}
        new = {"predictions.csv": NEW, "c.yaml": "lr: 0.2\n", "loss.png": picture(200)}
        run(ws.home, "old", old, data=seen, params={"lr": 0.1}, packages={"numpy": "2.0"})
        run(ws.home, "new", new, data=seen, params={"lr": 0.2}, packages={"numpy": "2.1"})
        run(ws.home, "bare", {}, data=seen, params={"lr": 0.3})
        return ws.home


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_flips_are_one_key_away_with_the_rows_of_the_data(
    home: LabHome, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with opened(home.root, tmp_path / "flowers", size) as (app, pilot):
        await pilot.press("colon", *"compare old new bare", "enter")
        await see(pilot, "lr", "0.2")
        await pilot.press("]")
        if size == SIZES[0]:
            await pilot.press("]")
        await see(pilot, "new against old", "2 fixed", "1 broken", "of 4 samples")
        assert_tidy(app, size)
        await press(pilot, "enter", "size", "1.5")
        assert_tidy(app, size)
        await press(pilot, "escape", "fixed")
        await press(pilot, "]", "CLASSES", "tulip", "CONFUSION")
        assert_tidy(app, size)
        await press(pilot, "o", "no predictions of bare")
        await press(pilot, "[", "track.artifact")
        assert_tidy(app, size)
        await press(pilot, "O", "new against old")
        await pilot.press("]")
        await press(pilot, "]", "PACKAGES", "numpy 2.0 → 2.1", "the same: data, code")
        assert_tidy(app, size)
        await press(pilot, "}", "loss.png")
        await press(pilot, "G", "▀▀▀▀▀▀▀▀  ▀▀▀▀▀▀▀▀")
        assert_tidy(app, size)
        await press(pilot, "ctrl+s", "Export the comparison", "compare-old-new-bare.html")
        assert_tidy(app, size)
        await press(pilot, "enter", "wrote")
        assert "2 fixed, 1 broken" in (tmp_path / "flowers" / "compare-old-new-bare.html").read_text()
        await press(pilot, "escape", "3 runs")


@pytest.mark.parametrize("size", SIZES[:1], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_hostile_predictions_are_only_text(tmp_path: Path, size: tuple[int, int]) -> None:
    home = LabHome(tmp_path / "home").create()
    texts = [name.replace('"', '""') for name in HOSTILE if "\x00" not in name]
    for name, shift in (("old", 0), ("new", 1)):
        rows = [f'"{at}{one}","{one}","{texts[(at + shift) % len(texts)]}"' for at, one in enumerate(texts)]
        run(home, name, {"predictions.csv": "\n".join(["id,label,prediction", *rows])})
    async with opened(home.root, tmp_path, size) as (app, pilot):
        await pilot.press("colon", *"compare old new", "enter")
        await see(pilot, "accuracy")
        await pilot.press("]", "]")
        await until(pilot, lambda: "new against old" in shown(app) and "reading" not in shown(app), "the samples")
        await pilot.press("[") if "CLASSES" in shown(app) else None
        await see(pilot, "broken")
        assert_tidy(app, size)
        await pilot.press("enter", "j", "escape")
        await press(pilot, "]", "CLASSES")
        assert_tidy(app, size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_parameters_against_a_metric_over_all_runs(seed: Seed, project: Path, size: tuple[int, int]) -> None:
    for at in range(12):
        params = {"lr": 10 ** -(at % 4), "model": HOSTILE[at % 3], "depth": at}
        seed.run(f"run-{at}", params=params, metrics={"accuracy": at / 12, "loss": 1 / (at + 1)}, files=False)
    async with opened(seed.root, project, size) as (app, pilot):
        await press(pilot, "3", "run-11")
        await press(pilot, "p", "accuracy by depth", "ρ = +1.00", "best at 11", "12 runs")
        assert_tidy(app, size)
        await press(pilot, "right", "run-0", "depth 0")
        await press(pilot, "x", "accuracy by")
        await press(pilot, "c", "○")
        await press(pilot, "v", "over its parameters", "┃")
        assert_tidy(app, size)
        await press(pilot, "m", "loss over its parameters", "lower is better")
        await press(pilot, "enter", "Params & data")
        await press(pilot, "escape", "loss over")
        await pilot.press("escape", "*", "c")
        await see(pilot, "Compare 12")
        await pilot.press("[")
        await see(pilot, "loss by depth")
        assert_tidy(app, size)
