import json
import os
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.paths import LabHome
from lab.stores import swaps
from lab.stores.ignore import Ignore
from lab.stores.objects import ObjectStore


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


def test_a_look_tells_what_versions_hold_from_what_they_do_not(home: LabHome, tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("a", "sub/b", "sub/c.log", "cache/x", "sub/cache/y"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    os.mkfifo(root / "sub" / "pipe")
    (root / "inside").symlink_to("a")
    (root / "outside").symlink_to("/etc")
    ignore = Ignore(["*.log", "cache/"])
    seen = swaps.look(root, ignore)
    assert sorted(seen.states) == ["a", "inside", "sub/b"]
    assert seen.kept == ("cache", "outside", "sub/c.log", "sub/cache", "sub/pipe")
    part = swaps.look(root / "sub", ignore, "sub/")
    assert (sorted(part.states), part.kept) == (["b"], ("c.log", "cache", "pipe"))
    assert swaps.look(root / "cache", ignore, "cache/") == swaps.Look({}, ("",))
    assert swaps.look(root / "cache" / "x", ignore, "cache/x/") == swaps.Look({}, ("",))
    assert list(swaps.look(root / "a", ignore, "a/").states) == [""]


def test_carried_folders_are_merged_and_files_never_replaced(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for place, content in ((old, "old"), (new, "new")):
        (place / "cache").mkdir(parents=True)
        (place / "cache" / "both").write_text(content)
        (place / "cache" / content).write_text(content)
    (old / "deep").mkdir(mode=0o700)
    (old / "deep" / "x").write_text("x")
    swaps.carry(old, new, ["cache", "deep/x"])
    assert (new / "cache" / "both").read_text() == "new"
    (spare,) = (new / "cache").glob("both.before-checkout-*")
    assert spare.read_text() == "old"
    assert (new / "cache" / "old").read_text() == "old"
    assert (new / "deep" / "x").read_text() == "x"
    assert (new / "deep").stat().st_mode & 0o777 == 0o700


def test_an_error_after_the_swap_still_ends_it(home: LabHome, tmp_path: Path) -> None:
    target = tmp_path / "data"
    target.mkdir()
    (target / "a").write_text("old")
    (target / ".git").mkdir()
    ObjectStore(home).put_bytes(b"old")

    def fail() -> None:
        with swaps.workshop(home, tmp_path) as shop:
            shop.new.mkdir()
            (shop.new / "a").write_text("new")
            shop.swap(target, target, "", ())
            raise LabError("stop")

    with pytest.raises(LabError, match="stop"):
        fail()
    assert (target / "a").read_text() == "new"
    assert (target / ".git").is_dir()
    assert sorted(os.listdir(tmp_path)) == ["data", "home"]


def test_a_place_that_came_to_be_is_not_replaced(home: LabHome, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("theirs")
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(FileExistsError):
        swaps._rename_new(tmp_path / "mine", tmp_path / "there")
    assert (tmp_path / "there").read_text() == "theirs"


def test_two_paths_change_places(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    if not swaps.exchange(tmp_path / "file", tmp_path / "folder"):
        pytest.skip("this system cannot exchange two paths")
    assert (tmp_path / "file").is_dir()
    assert (tmp_path / "folder").read_text() == "x"


def leftover(tmp_path: Path, record: bytes | None) -> Path:
    """What a dead process might have left."""
    folder = tmp_path / "project" / f"{swaps.PREFIX}1-aaaaaaaa"
    (folder / "new").mkdir(parents=True)
    (folder / "new" / "a").write_text("half a co")
    if record is not None:
        (folder / "record.json").write_bytes(record)
    return folder


def test_what_was_never_begun_is_erased(home: LabHome, tmp_path: Path) -> None:
    project = leftover(tmp_path, None).parent
    (project / f"{swaps.PREFIX}0").touch()
    (project / f"{swaps.PREFIX}link").symlink_to(home.root)
    assert swaps.recover(home, [project, project, tmp_path / "none", project / f"{swaps.PREFIX}0"]) == 1
    assert sorted(os.listdir(project)) == [f"{swaps.PREFIX}0", f"{swaps.PREFIX}link"]


def record(**other: object) -> bytes:
    said = {"inode": [1, 2], "target": "data", "root": "data", "prefix": "", "ignore": []}
    return json.dumps({**said, **other}).encode()


HOSTILE = [
    *(b"", b"{}", b"[]", b'{"inode": 1}', b"\xff"),
    *(record(target="../evil"), record(target="/tmp/evil"), record(target="out/evil"), record(target=7)),
]


@pytest.mark.parametrize("said", HOSTILE)
def test_a_record_that_is_damaged_or_hostile_moves_nothing_elsewhere(
    home: LabHome, tmp_path: Path, said: bytes
) -> None:
    folder = leftover(tmp_path, said)
    (folder / "old").write_text("evil")
    project = folder.parent
    (tmp_path / "elsewhere").mkdir()
    (project / "out").symlink_to(tmp_path / "elsewhere")
    assert swaps.recover(home, [project]) == 1
    assert os.listdir(tmp_path / "elsewhere") == []
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "home", "project"]
    assert not folder.exists()
    spares = list(project.glob("data.before-checkout-*"))
    assert sorted("folder" if spare.is_dir() else spare.read_text() for spare in spares) == ["evil", "folder"]
