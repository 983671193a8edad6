"""The Deployments screen over a server that runs: four ways to ask it, a load test, two versions beside each other."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from rolling_out import ROWS, Load, register
from screen_app import opened, press, see, shown, told, until
from support import share_environments

from lab.domain.rollouts import Budget, RolloutPlan, Strategy
from lab.errors import ConflictError
from lab.paths import LabHome
from lab.workspace import Workspace

CANARY = RolloutPlan(Strategy.CANARY, share=50, hold=600.0, budget=Budget(p99=60.0, p95_ratio=1e6))
PLAN = RolloutPlan(budget=Budget(p99=60.0))


def _roll(ws: Workspace) -> None:
    with pytest.raises(ConflictError, match="by hand"):
        ws.deployments.deploy("iris:v2", name="iris", plan=CANARY)


async def test_asking_and_comparing(home: LabHome, tmp_path: Path) -> None:
    share_environments(home)
    rows = tmp_path / "rows.csv"
    rows.write_text("x0,x1,x2,x3\n" + "".join(f"{','.join(map(str, row))}\n" for row in ROWS[:20]))
    with Workspace(home.root, tmp_path, engine="process") as ws:
        register(ws, tmp_path)
        register(ws, tmp_path)
        one = ws.deployments.deploy("iris:v1", plan=PLAN)
        async with opened(home.root, tmp_path, (120, 40)) as (app, pilot):
            await press(pilot, "5", "iris:v1", "● ready")
            await press(pilot, "p", "Predict with iris", "float64 4.300 to 7.900")
            await press(pilot, "ctrl+s", "row 1")
            await pilot.press("ctrl+u", *"long")
            await press(pilot, "enter", "x0 is not a number")
            await press(pilot, "escape", "● ready")
            await press(pilot, "p", "as you left it", "long")
            await press(pilot, "ctrl+t", '"rows"')
            await press(pilot, "ctrl+s", "row 1")
            await press(pilot, "ctrl+t", "x0,x1,x2,x3")
            await press(pilot, "ctrl+s", "row 1")
            await press(pilot, "ctrl+t", "a file")
            await pilot.press(*str(rows))
            await press(pilot, "ctrl+s", "and 8 more")
            await press(pilot, "escape", "● ready")
            await press(pilot, "B", "iris has served nothing before")
            await press(pilot, "number_sign", "servers")
            await pilot.press("ctrl+u", *"2", "enter")
            await see(pilot, "Let 2 servers answer for iris?", "Type iris to confirm")
            await press(pilot, "escape", "● ready")
            await press(pilot, "D", "Deploy which version?", "iris:v1", "iris:v2")
            await pilot.press(*"nosuch", "enter")  # nothing fits, and nothing happens
            await press(pilot, "ctrl+u", "Deploy which version?", "iris:v1")
            await pilot.press(*"iris:v2", "enter")
            await see(pilot, "Deploy iris:v2", "iris serves iris:v1")
            await pilot.press("tab", "tab", "ctrl+u", *"20", "enter")
            await see(pilot, "Roll iris:v2 out to iris?", "iris: all requests at", "Type iris to confirm")
            await press(pilot, "escape", "● ready")
            assert ws.deployments.get("iris").version == 1
            await press(pilot, "b", "clients at once")
            await pilot.press("ctrl+u", *"2", "tab", "ctrl+u", *"300ms", "enter")
            await until(pilot, lambda: "requests a second" in told(app) and "req/s" in shown(app), "the result")
            assert [(test.connections, test.failed) for test in ws.deployments.load_tests("iris")] == [(2, 0)]
            with Load(one, token=ws.deployments.token("iris")):
                rolling = threading.Thread(target=_roll, args=(ws,))
                rolling.start()
                await see(pilot, "iris:v1 › v2")
                await press(pilot, "[", "green: is tried", "50 %", "iris:v2")
                await until(pilot, lambda: "no worse than the old one" in shown(app), "enough requests")
                seen = ws.deployments.canary("iris")
                ws.deployments.rollback("iris")
                rolling.join(60)
            assert seen is not None
            assert (seen.old.ref, seen.new.ref, seen.new.share, seen.verdict.ok) == ("iris:v1", "iris:v2", 50, True)
            await see(pilot, "no version is tried")
        ws.deployments.stop("iris")
