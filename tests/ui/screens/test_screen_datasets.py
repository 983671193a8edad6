"""Data, dataset, difference and disk screens over a real store, at every size, with hostile contents."""

from __future__ import annotations

from pathlib import Path

import pytest
from blake3 import blake3
from real_data import EVIL, age, make, use, write_csv
from screen_app import assert_tidy, opened, press, see, shown, told, until
from textual.pilot import Pilot

from lab.paths import LabHome
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.ui.app import LabApp
from lab.ui.render.cells import tidy
from lab.ui.screens.data import DataScreen
from lab.ui.screens.dataset import DatasetScreen
from lab.ui.screens.dataset_diff import DiffScreen
from lab.ui.screens.disk import DiskScreen
from lab.ui.screens.run_detail import RunScreen
from lab.workspace import Workspace

SIZES = [(80, 24), (120, 40), (160, 45)]
SEEN = tidy(EVIL)[:8]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A lab home with three versions of a table that was used, and its project. Read only: shared by tests."""
    root = tmp_path_factory.mktemp("stored")
    versions = make(root / "home", root / "proj")
    use(root / "home", versions[1])
    return root / "home", root / "proj"


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, Path]:
    """The same for one test alone."""
    make(tmp_path / "home", tmp_path / "proj")
    return tmp_path / "home", tmp_path / "proj"


async def to_points(app: LabApp, pilot: Pilot[int]) -> None:
    """Data, with the cursor on the versions of the table."""
    await press(pilot, "2", "2 datasets")
    app.screen.show_object("proj/points")  # type: ignore[attr-defined]
    await see(pilot, "v3", "v1", "blocked")
    app.screen.query_one("#versions").focus()
    await pilot.press("g")


def closed(app: LabApp, kind: type) -> bool:
    return not isinstance(app.screen, kind)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_every_screen_fits_and_obeys_nothing(stored: tuple[Path, Path], size: tuple[int, int]) -> None:
    async with opened(*stored, size) as (app, pilot):
        await to_points(app, pilot)
        assert_tidy(app, size)
        await press(pilot, "enter", "leaks label", "told alone nearly tells the label y", SEEN)
        assert isinstance(app.screen, DatasetScreen)
        for _ in range(8):
            assert_tidy(app, size)
            await pilot.press("j")
            await pilot.pause()
        await press(pilot, "enter", "is what the model is to predict")
        assert_tidy(app, size)
        await pilot.press("escape")
        await press(pilot, "W", "What to know before this data is used", "personal data")
        assert_tidy(app, size)
        await pilot.press("escape")
        await press(pilot, "]", "1 of 3 expectations fail", "no alias may be moved here", "✖ blocks")
        assert_tidy(app, size)
        await press(pilot, "enter", "null", "more than 10 %")
        assert_tidy(app, size)
        await pilot.press("escape")
        await press(pilot, "]", "no run has seen it yet")
        assert_tidy(app, size)
        await press(pilot, "]", "user0@example.com")
        assert_tidy(app, size)
        await press(pilot, "]", "points.csv")
        assert_tidy(app, size)
        await pilot.press("escape")
        await until(pilot, lambda: closed(app, DatasetScreen), "back on Data")
        await press(pilot, "c", "✖ Schema: 1 dropped", "worst: size PSI", "✖ drifted")
        assert isinstance(app.screen, DiffScreen)
        for words in ("How to read it", "points.csv", "- dropped", "rows told apart by id"):
            if words == "How to read it":
                await press(pilot, "enter", words)
                assert_tidy(app, size)
                await pilot.press("escape")
                continue
            await press(pilot, "]", words)
            assert_tidy(app, size)
        await press(pilot, "enter", "Changed row", "→ 41")
        assert_tidy(app, size)
        await pilot.press("escape")
        await pilot.press("escape")
        await until(pilot, lambda: closed(app, DiffScreen), "back on Data")
        await press(pilot, "d", "who holds it", "proj/points@v1", "shared")
        assert isinstance(app.screen, DiskScreen)
        assert_tidy(app, size)
        await press(pilot, "]", "nothing to free", "● stays", "needed")
        assert_tidy(app, size)
        await press(pilot, "]", "the trash is empty")
        assert_tidy(app, size)
        assert not [job.line for job in app.jobs.all if job.title == "unexpected error"]


async def test_the_timeline_tells_what_changed(stored: tuple[Path, Path]) -> None:
    async with opened(*stored, (160, 45)) as (app, pilot):
        await to_points(app, pilot)
        await see(pilot, "▼-10", "● same", "take 3", "✖ blocked")
        write_csv(stored[1] / "points.csv", 1)
        try:
            await press(pilot, "ctrl+r", "▲ changed")
        finally:
            write_csv(stored[1] / "points.csv", 3)
        await press(pilot, "ctrl+r", "● same")


async def test_lineage_leads_to_runs_and_back(stored: tuple[Path, Path]) -> None:
    async with opened(*stored, (120, 40)) as (app, pilot):
        await to_points(app, pilot)
        await pilot.press("j")
        await press(pilot, "l", "seen by 1 run, 1 model, 1 deployment", "└─ ", "seer:v1", "oracle")
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")
        await pilot.press("escape")
        await see(pilot, "seer:v1")
        await press(pilot, "]", "user0@example.com")
        await press(pilot, "]", "points.csv")
        await press(pilot, "enter", "points.csv of proj/points@v2", "esc: all of the version")
        await press(pilot, "escape", "proj/points@v2 was seen by")
        assert isinstance(app.screen, DatasetScreen)
        await press(pilot, "<", "points@v1", "no run has seen it yet")
        await press(pilot, "<", "v1 is the first version")
        await press(pilot, ">", "seer:v1")
        await pilot.press("G", "k", "enter")
        await see(pilot, "1 model")
        assert app.current_mode == "models"


async def test_two_marked_versions_and_the_command_line(stored: tuple[Path, Path]) -> None:
    async with opened(*stored, (120, 40)) as (app, pilot):
        await to_points(app, pilot)
        await pilot.press("space", "j", "space")
        await see(pilot, "2 marked: c compares two")
        await press(pilot, "c", "points v1 → v3", "Schema")
        await press(pilot, "=", "points v3 → v1", "Schema: 1 added")
        await pilot.press("escape")
        await until(pilot, lambda: closed(app, DiffScreen), "back")
        await pilot.press("colon", *"diff points@v2 points@v2", "enter")
        await see(pilot, "nothing: both hold the same files")
        await pilot.press("colon", *"diff points", "enter")
        await see(pilot, ":diff needs two")
        await pilot.press("colon", *"disk", "enter")
        await see(pilot, "who holds it")
        await pilot.press("escape", "escape")
        await to_points(app, pilot)
        await pilot.press("*")
        await see(pilot, "3 marked")
        await press(pilot, "c", "3 versions are marked: two can be compared")
        await pilot.press("u", "G")
        await press(pilot, "c", "v1 is the first version")


async def test_files_have_a_profile_of_their_own(stored: tuple[Path, Path]) -> None:
    async with opened(*stored, (80, 24)) as (app, pilot):
        await press(pilot, "2", "2 datasets")
        app.screen.show_object("proj/notes")  # type: ignore[attr-defined]
        await until(pilot, lambda: isinstance(app.screen, DataScreen) and app.screen.version is not None
                    and app.screen.version.dataset == "notes", "the notes")  # fmt: skip
        await press(pilot, "i", "2 files", "By suffix", ".txt")
        assert_tidy(app, (80, 24))
        await press(pilot, "]", "nothing is expected", "lab data expect notes --infer")
        await press(pilot, "E", "nothing is expected of notes")
        assert_tidy(app, (80, 24))


async def test_marks_are_set_by_keys(own: tuple[Path, Path]) -> None:
    async with opened(*own, (120, 40)) as (app, pilot):
        await to_points(app, pilot)
        await press(pilot, "t", "Tags of proj/points@v3")
        await pilot.press(*"raw seen", "enter")
        await see(pilot, "raw seen")
        await press(pilot, "A", "Note on proj/points@v3")
        await pilot.press(*"by hand", "enter")
        await see(pilot, "by hand")
        await press(pilot, "a", "Alias for proj/points@v3")
        await pilot.press(*"prod", "enter")
        await see(pilot, "does not meet its expectations")
        await press(pilot, "V", "is whole")
        await press(pilot, "@", "lab data tag proj/points@v3 raw seen", "lab data note proj/points@v3 'by hand'")
        version = await app.bridge.ask(lambda ws: ws.datasets.get("points"))
        assert (version.tags, version.note) == (("raw", "seen"), "by hand")


async def test_an_alias_moves_and_goes(own: tuple[Path, Path]) -> None:
    async with opened(*own, (120, 40)) as (app, pilot):
        await press(pilot, "2", "2 datasets")
        app.screen.show_object("proj/notes")  # type: ignore[attr-defined]
        await until(pilot, lambda: isinstance(app.screen, DataScreen) and app.screen.version is not None
                    and app.screen.version.dataset == "notes", "the notes")  # fmt: skip
        await press(pilot, "a", "Alias for proj/notes@v1")
        await pilot.press(*"prod", "enter")
        await see(pilot, "@prod is v1 now", "v1 @prod")
        await press(pilot, "D", "Remove proj/notes@v1?")
        await pilot.press("y")
        await see(pilot, "prod")
        await press(pilot, "a", "Alias for proj/notes@v1")
        await pilot.press(*"prod", "tab", "space", "enter")
        await see(pilot, "@prod means nothing now")
        assert await app.bridge.ask(lambda ws: dict(ws.datasets.list()[0].aliases)) == {}


async def test_a_removed_version_comes_back(own: tuple[Path, Path]) -> None:
    async with opened(*own, (120, 40)) as (app, pilot):
        await to_points(app, pilot)
        await press(pilot, "D", "Remove proj/points@v3?")
        await pilot.press("D", "enter")  # neither the opening key nor enter confirms
        await until(pilot, lambda: "Remove proj" not in shown(app), "cancelled")
        await press(pilot, "D", "Remove proj/points@v3?")
        await pilot.press("y")
        await see(pilot, "2 (1 removed)")
        await press(pilot, "U", "proj/points@v3 is back", "take 3")
        await press(pilot, "U", "nothing to bring back")


async def test_checkout_keeps_what_is_in_no_version(own: tuple[Path, Path]) -> None:
    place = own[1] / "points.csv"
    before = place.read_bytes()
    place.write_bytes(before + b"extra,1,1,x,y,z,1\n")
    async with opened(*own, (120, 40)) as (app, pilot):
        await to_points(app, pilot)
        await pilot.press("G")
        await press(pilot, "C", "Check out proj/points@v1", "1 changed", "keep changes")
        await pilot.press("enter")
        await see(pilot, "what was there is v4 now")
        assert b"gone" in place.read_bytes().splitlines()[0]
        stashed = await app.bridge.ask(lambda ws: ws.datasets.versions("points", "proj")[0])
        assert "stashed" in stashed.message
        await press(pilot, "@", "lab data checkout proj/points@v1 --stash")


async def test_space_is_freed_and_brought_back(own: tuple[Path, Path]) -> None:
    home, project = own
    ws = Workspace(home, project)
    removed = ws.datasets.retire("proj/points@v1")
    ws.close()
    age(home)
    objects = [path for path in (home / "store" / "objects").rglob("*") if path.is_file()]
    async with opened(home, project, (120, 40)) as (_, pilot):
        await press(pilot, "2", "2 datasets")
        await press(pilot, "d", "objects that nobody names", "F Free space")
        await press(pilot, "]", "could go to the trash for 14 days", "▲ goes", "nobody needs it any more")
        await press(pilot, "F", "go to the trash for 14 days, where U brings them back")
        await pilot.press("y")
        await see(pilot, "nothing to free")
        assert len([path for path in (home / "store" / "objects").rglob("*") if path.is_file()]) < len(objects)
        await press(pilot, "]", "erased", "20")
        await press(pilot, "U", "are back from the trash")
        await see(pilot, "the trash is empty")
        assert sorted(path for path in (home / "store" / "objects").rglob("*") if path.is_file()) == sorted(objects)
        await press(pilot, "@", "lab gc --apply", "lab gc --undo")
        assert removed.retired


async def test_rot_is_found_and_mended_from_the_working_copy(own: tuple[Path, Path]) -> None:
    home, project = own
    digest = blake3((project / "points.csv").read_bytes()).hexdigest()
    (rotten,) = ObjectStore(LabHome(home)).files(digest)
    rotten.chmod(0o600)
    rotten.write_bytes(rotten.read_bytes()[:-1] + b"?")
    async with opened(home, project, (120, 40)) as (_, pilot):
        await to_points(_, pilot)
        await press(pilot, "V", "of proj/points@v3 are damaged", "M looks for a good copy")
        await press(pilot, "M", "proj/points@v3 is whole again")
        await press(pilot, "@", "lab data verify proj/points@v3 --repair")
    assert rotten.read_bytes() == (project / "points.csv").read_bytes()


async def test_what_cannot_be_read_is_said_once(own: tuple[Path, Path]) -> None:
    home, project = own
    ws = Workspace(home, project)
    version = ws.datasets.get("proj/points@v1")
    ws.close()
    ManifestStore(LabHome(home)).path(version.id).unlink()
    for path in LabHome(home).profiles.iterdir():
        path.unlink()
    async with opened(home, project, (120, 40)) as (app, pilot):
        await to_points(app, pilot)
        await pilot.press("G", "enter")
        await see(pilot, "the profile could not be made")
        failed = [job for job in app.jobs.all if job.state == "failed"]
        assert len(failed) == 1
        await pilot.press("ctrl+r")
        await until(pilot, lambda: not app.screen._loading, "read again")
        assert len([job for job in app.jobs.all if job.state == "failed"]) == 1
        assert told(app)
        await pilot.press("escape")
        await pilot.press("k")
        await press(pilot, "c", "compare")
        assert_tidy(app, (120, 40))
        assert not [job.line for job in app.jobs.all if job.title == "unexpected error"]
