"""A lab that is only looked at: no key, palette entry or click changes anything, and nothing acts by itself."""

from __future__ import annotations

import threading
from pathlib import Path

from screen_app import press, see, shown
from seeding import Seed

from lab.settings import user_settings
from lab.ui import actions
from lab.ui.app import LabApp

READS = frozenset(
    "compare describe diff disk expect explain health lineage logs ls predict profile relate "
    "reproduce search show verify".split()
)


async def test_every_verb_that_writes_is_out_of_reach(seed: Seed, project: Path) -> None:
    seed.run("run-0", files=False)
    app = LabApp(seed.root, project, read_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await see(pilot, "(read only)", "run-0")
        assert "Launch" not in shown(app)
        await press(pilot, "3", "run-0")
        assert "Register" not in shown(app).splitlines()[-1]
        await pilot.press("b", "D", "x", "n", "t", "A", "z")
        await press(pilot, "question_mark", "Keys of Runs")
        assert "Archive" not in shown(app)
        await press(pilot, "escape")
        await app.screen.run_action("runs_star")
        names = {thread.name.removeprefix("lab-") for thread in threading.enumerate()}
        assert "runs" in names
        assert not {"queue", "guards", "leftovers", "datasets", "scrub"} & names
        run = await app.bridge.ask(lambda ws: ws.runs.get("run-0"))
        assert (run.starred, run.archived, run.tags) == (False, False, ())
        await press(pilot, "y", "Copy what?")  # what changes nothing works


def test_each_action_says_whether_it_writes() -> None:
    for action in actions.ACTIONS:
        verbs = action.cli.split()[1:3]
        if action.risk == "none" and verbs:
            assert set(verbs) & READS, action.id


def test_it_can_be_set_for_good(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[ui]\nread_only = true\n")
    assert user_settings(tmp_path).read_only
    assert LabApp(tmp_path, tmp_path).read_only
