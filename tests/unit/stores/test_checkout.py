import os
import shutil
import stat
from pathlib import Path

import pytest

from lab.errors import ConflictError, IntegrityError, LabError, NotFoundError, UsageError
from lab.paths import LabHome
from lab.stores import locks, swaps
from lab.stores.checkout import CheckedOut, checkout
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import Done, snapshot
from lab.stores.status import Changes, status

Tree = dict[str, str]


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / "data"
    folder.mkdir(parents=True)
    return folder


def write(root: Path, files: Tree) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def read(root: Path) -> Tree:
    found: Tree = {}
    for folder, folders, files in os.walk(root):
        for name in [*files, *(name for name in folders if os.path.islink(f"{folder}/{name}"))]:
            path = Path(folder, name)
            found[str(path.relative_to(root))] = f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
    return found


def refill(root: Path, files: Tree) -> None:
    shutil.rmtree(root)
    root.mkdir()
    write(root, files)


def take(home: LabHome, path: Path, *ignore: str) -> str:
    return snapshot(path, home, ignore).id


def nothing_left(root: Path) -> bool:
    return [name for name in os.listdir(root) if name.startswith(".lab-")] == []


def clean_at(home: LabHome, path: Path, name: str, *ignore: str) -> bool:
    return status(path, home, ManifestStore(home).read(name), ignore=ignore).clean


FIRST = {"a.csv": "a1", "same": "s", "deep/er/b": "b1", "gone": "g"}
SECOND = {"a.csv": "a2", "same": "s", "deep/er/b": "b1", "new/file": "n"}


@pytest.fixture
def versions(home: LabHome, data: Path) -> tuple[str, str]:
    """Two versions of `data`, which is at the second."""
    write(data, FIRST)
    first = take(home, data)
    refill(data, SECOND)
    return first, take(home, data)


def test_there_and_back(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    first, second = versions
    done = checkout(home, first, data, known=[second])
    assert read(data) == FIRST
    assert done == CheckedOut(data, 4, 2, 3, 0, True)
    assert clean_at(home, data, first)
    assert checkout(home, second, data, known=[second, first]).copied == 2
    assert read(data) == SECOND
    assert clean_at(home, data, second)
    assert nothing_left(data.parent)


def test_what_is_there_already_is_left_alone(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    inode = data.stat().st_ino
    assert checkout(home, versions[1], data) == CheckedOut(data, 4, 0, 0, 0, False)
    assert data.stat().st_ino == inode


def test_files_that_stay_keep_inode_time_and_mode(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    (data / "same").chmod(0o600)
    (data / "a.csv").chmod(0o640)
    (data / "deep").chmod(0o750)
    os.utime(data / "same", (1, 1))
    before = (data / "same").stat()
    checkout(home, versions[0], data, known=versions)
    after = (data / "same").stat()
    assert (after.st_ino, after.st_mtime, after.st_nlink) == (before.st_ino, 1, 1)
    assert stat.S_IMODE(after.st_mode) == 0o600
    assert stat.S_IMODE((data / "a.csv").stat().st_mode) == 0o640
    assert stat.S_IMODE((data / "deep").stat().st_mode) == 0o750


def test_copies_are_writable_and_never_the_objects(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    checkout(home, versions[0], data, known=versions)
    objects = {path.stat().st_ino for path in home.objects.rglob("*") if path.is_file()}
    for path in data.rglob("*"):
        assert path.stat().st_ino not in objects
    with (data / "a.csv").open("a") as file:
        file.write("!")
    for name in versions:
        for entry in ManifestStore(home).read(name).files:
            ObjectStore(home).verify(entry.hash)


def test_modes_links_empty_folders_and_odd_names(home: LabHome, data: Path, tmp_path: Path) -> None:
    write(data, {"run.sh": "#!", "deep/x": "x"})
    (data / "run.sh").chmod(0o755)
    (data / "empty" / "er").mkdir(parents=True)
    (data / "latest").symlink_to("deep/x")
    (data / "folder").symlink_to("deep")
    with open(os.fsencode(data) + b"/caf\xe9\n", "wb") as file:
        file.write(b"odd")
    name = take(home, data)
    other = tmp_path / "else" / "where"
    done = checkout(home, name, other)
    assert done.replaced is False
    assert clean_at(home, other, name)
    assert os.access(other / "run.sh", os.X_OK)
    assert not os.access(other / "deep" / "x", os.X_OK)
    assert (other / "folder").readlink() == Path("deep")
    (other / "run.sh").chmod(0o644)
    with pytest.raises(ConflictError, match=r"run\.sh"):  # also a mode may be a change
        checkout(home, name, other)


@pytest.mark.parametrize("change", ["edit", "add", "replace by folder", "link"])
def test_what_is_in_no_version_is_never_lost(home: LabHome, data: Path, versions: tuple[str, str], change: str) -> None:
    match change:
        case "edit":
            (data / "a.csv").write_text("x2")
        case "add":
            (data / "mine.csv").write_text("x")
        case "replace by folder":
            (data / "a.csv").unlink()
            write(data, {"a.csv/inner": "x"})
        case "link":
            (data / "a.csv").unlink()
            (data / "a.csv").symlink_to("same")
    before = read(data)
    for name in versions:
        with pytest.raises(ConflictError, match=r"holds what is in no version: (a\.csv|mine\.csv)") as caught:
            checkout(home, name, data, known=versions)
        assert "--stash" in caught.value.hint
        assert read(data) == before
    assert nothing_left(data.parent)
    stashed = take(home, data)
    checkout(home, versions[0], data, known=[stashed, *versions])
    assert read(data) == FIRST


def test_a_refusal_names_a_few(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    write(data, {f"mine{number}\x1b[2J": "x" for number in range(9)})
    with pytest.raises(ConflictError, match=r"version: mine0\[2J, mine1\[2J, mine2\[2J and 6 more"):
        checkout(home, versions[0], data, known=versions)


def test_a_place_at_no_known_version_is_refused(
    home: LabHome, data: Path, versions: tuple[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ConflictError, match=r"a\.csv, new/file"):
        checkout(home, versions[0], data)
    unreadable = "b3:" + "0" * 64
    with pytest.raises(ConflictError):
        checkout(home, versions[0], data, known=[unreadable, "nonsense"])
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConflictError):
        checkout(home, versions[0], tmp_path / "file")
    (tmp_path / "void").mkdir()
    checkout(home, versions[0], tmp_path / "void")
    assert read(tmp_path / "void") == FIRST


def test_missing_files_are_brought_back(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    (data / "a.csv").unlink()
    shutil.rmtree(data / "new")
    assert checkout(home, versions[1], data).copied == 2
    assert read(data) == SECOND
    shutil.rmtree(data)
    checkout(home, versions[1], data)
    assert read(data) == SECOND


def test_a_mix_of_known_versions_is_known(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    checkout(home, versions[0], data, only="a.csv", known=versions)
    assert read(data) == {**SECOND, "a.csv": "a1"}
    checkout(home, versions[1], data, known=versions)
    assert read(data) == SECOND


KEPT = {".git/HEAD": "ref", ".venv/bin/python": "py", "deep/__pycache__/m.pyc": "pyc", "cut.part": "p", "tmp/mine": "m"}


def test_ignored_files_survive(home: LabHome, data: Path) -> None:
    write(data, {**FIRST, ".labignore": "tmp/\n", "deep/er/x.log": "log"})
    first = take(home, data, "*.log")
    refill(data, {**SECOND, ".labignore": "tmp/\n"})
    second = take(home, data, "*.log")
    write(data, {**KEPT, "new/y.log": "log"})
    (data / ".venv" / "lib64").symlink_to("/usr/lib")
    os.mkfifo(data / "pipe")
    inode = (data / ".git").stat().st_ino
    (data / "pipe").unlink()
    done = checkout(home, first, data, known=[second], ignore=["*.log"])
    kept = {**KEPT, "new/y.log": "log", ".venv/lib64": "-> /usr/lib"}
    assert read(data) == {**FIRST, ".labignore": "tmp/\n", **kept}
    assert done.kept == 6
    assert (data / ".git").stat().st_ino == inode
    checkout(home, second, data, known=[first], ignore=["*.log"])
    assert read(data) == {**SECOND, ".labignore": "tmp/\n", **kept}
    assert clean_at(home, data, second, "*.log")
    assert nothing_left(data.parent)


def test_pipes_survive(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    os.mkfifo(data / "new" / "pipe")
    assert checkout(home, versions[0], data, known=versions).kept == 1
    assert stat.S_ISFIFO((data / "new" / "pipe").stat().st_mode)
    checkout(home, versions[1], data, known=versions)
    assert stat.S_ISFIFO((data / "new" / "pipe").stat().st_mode)


@pytest.mark.parametrize("there", ["tmp/x", "tmp", "tmp/x/y"])
def test_an_ignored_file_in_the_way_is_refused(home: LabHome, data: Path, there: str) -> None:
    write(data, {"a": "1", there: "in the version"})
    first = take(home, data)
    refill(data, {"a": "2", ".labignore": "tmp\n"})
    second = take(home, data)
    write(data, {"tmp/x": "in no version"})
    before = read(data)
    with pytest.raises(ConflictError, match="tmp is ignored, so in no version"):
        checkout(home, first, data, known=[second])
    assert read(data) == before
    with pytest.raises(ConflictError):
        checkout(home, first, data, only=there, known=[second])
    assert read(data) == before


def test_a_folder_that_only_holds_ignored_files_is_no_hindrance(home: LabHome, data: Path) -> None:
    write(data, {"a": "1"})
    first = take(home, data)
    write(data, {"sub/b": "2", "sub/__pycache__/c": "3"})
    second = take(home, data)
    checkout(home, first, data, known=[second])
    assert read(data) == {"a": "1", "sub/__pycache__/c": "3"}
    checkout(home, second, data, known=[first])
    assert read(data) == {"a": "1", "sub/b": "2", "sub/__pycache__/c": "3"}


def test_one_file_and_one_folder(home: LabHome, data: Path, versions: tuple[str, str], tmp_path: Path) -> None:
    first = versions[0]
    assert checkout(home, first, data, only="a.csv", known=versions).path == data / "a.csv"
    assert read(data) == {**SECOND, "a.csv": "a1"}
    assert checkout(home, first, data, only="gone", known=versions).copied == 1
    (data / "deep" / "er" / "b").unlink()
    assert checkout(home, first, data, only="deep/", known=versions).files == 1
    assert read(data) == {**SECOND, "a.csv": "a1", "gone": "g"}
    checkout(home, first, tmp_path / "out", only="deep/er")
    assert read(tmp_path / "out") == {"deep/er/b": "b1"}
    assert nothing_left(data.parent)
    assert nothing_left(data)


def test_a_part_refuses_only_what_it_would_replace(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    (data / "a.csv").write_text("mine")
    write(data, {"deep/mine": "x"})
    with pytest.raises(ConflictError, match=r"version: a\.csv"):
        checkout(home, versions[0], data, only="a.csv", known=versions)
    with pytest.raises(ConflictError, match="version: deep/mine"):
        checkout(home, versions[0], data, only="deep", known=versions)
    checkout(home, versions[0], data, only="gone", known=versions)
    assert read(data) == {**SECOND, "a.csv": "mine", "deep/mine": "x", "gone": "g"}


@pytest.mark.parametrize("only", ["none", "dee", "../data/a.csv", "deep/../a.csv", "/etc/passwd", "a.csv/x"])
def test_a_part_that_the_version_does_not_have(home: LabHome, data: Path, versions: tuple[str, str], only: str) -> None:
    with pytest.raises(NotFoundError, match="the version has no"):
        checkout(home, versions[0], data, only=only, known=versions)
    assert read(data) == SECOND


def test_a_part_is_never_written_through_a_link(
    home: LabHome, data: Path, versions: tuple[str, str], tmp_path: Path
) -> None:
    write(tmp_path / "elsewhere", {"er/b": "theirs"})
    shutil.rmtree(data / "deep")
    (data / "deep").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConflictError, match="deep is in the way"):
        checkout(home, versions[0], data, only="deep/er/b", known=versions)
    assert read(tmp_path / "elsewhere") == {"er/b": "theirs"}


def test_a_lone_file(home: LabHome, data: Path, tmp_path: Path) -> None:
    table = data / "table.csv"
    table.write_text("1")
    first = take(home, table)
    table.write_text("22")
    table.chmod(0o755)
    second = take(home, table)
    write(data, {"other": "x"})
    assert checkout(home, first, table, known=[second]) == CheckedOut(table, 1, 1, 1, 0, False)
    assert read(data) == {"table.csv": "1", "other": "x"}
    assert not os.access(table, os.X_OK)
    checkout(home, second, table, only="table.csv", known=[first])
    assert os.access(table, os.X_OK)
    table.write_text("33")
    with pytest.raises(ConflictError, match=r"table\.csv"):
        checkout(home, first, table, known=[second])
    assert table.read_text() == "33"
    checkout(home, first, tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_text() == "1"
    checkout(home, second, tmp_path / "copy.csv", known=[first])
    assert (tmp_path / "copy.csv").read_text() == "22"
    with pytest.raises(NotFoundError):
        checkout(home, first, table, only="other")
    assert nothing_left(data)


def test_file_becomes_folder_and_back(home: LabHome, data: Path) -> None:
    write(data, FIRST)
    folder = take(home, data)
    shutil.rmtree(data)
    data.write_text("a file now")
    lone = take(home, data)
    checkout(home, folder, data, known=[lone])
    assert read(data) == FIRST
    write(data, {".git/HEAD": "ref"})
    with pytest.raises(ConflictError, match=r"\.git is ignored"):
        checkout(home, lone, data, known=[folder])
    shutil.rmtree(data / ".git")
    (data / "mine").write_text("x")
    with pytest.raises(ConflictError, match="mine"):
        checkout(home, lone, data, known=[folder])
    (data / "mine").unlink()
    checkout(home, lone, data, known=[folder])
    assert data.read_text() == "a file now"


def test_a_link_to_the_data_is_followed(home: LabHome, data: Path, versions: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to(data)
    assert checkout(home, versions[0], tmp_path / "here", known=versions).path == data
    assert (tmp_path / "here").is_symlink()
    assert read(data) == FIRST


@pytest.mark.parametrize("damage", ["missing", "rotten", "short"])
def test_a_damaged_object_is_never_brought(home: LabHome, data: Path, versions: tuple[str, str], damage: str) -> None:
    entry = ManifestStore(home).read(versions[0]).files[0]
    path = ObjectStore(home).path(entry.hash)
    path.chmod(0o644)
    if damage == "missing":
        path.unlink()
    else:
        path.write_text({"rotten": "xx", "short": "a"}[damage])
    with pytest.raises(IntegrityError, match=entry.hash[:12]):
        checkout(home, versions[0], data, known=versions)
    assert read(data) == SECOND
    assert nothing_left(data.parent)


def test_objects_in_parts(home: LabHome, data: Path) -> None:
    names, base, contents = [], b"", (os.urandom(8 << 20), b"tail")
    previous = None
    for part in contents:
        base += part
        (data / "log").write_bytes(base)
        taken = snapshot(data, home, previous=previous)
        previous = taken.manifest
        names.append(taken.id)
    assert previous is not None
    assert len(ObjectStore(home).parts(previous.files[0].hash)) == 2
    checkout(home, names[0], data, known=names)
    assert (data / "log").read_bytes() == contents[0]
    checkout(home, names[1], data, known=names)
    assert (data / "log").read_bytes() == base


def test_holes_stay_holes(home: LabHome, data: Path) -> None:
    with (data / "sparse").open("wb") as file:
        file.truncate(64 << 20)
    name = take(home, data)
    (data / "sparse").unlink()
    checkout(home, name, data)
    info = (data / "sparse").stat()
    assert info.st_size == 64 << 20
    assert info.st_blocks * 512 < 1 << 20


def test_a_write_in_the_middle_is_not_lost(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    def meddle(done: Done) -> None:
        (data / "a.csv").write_text("mine")

    with pytest.raises(ConflictError, match=r"a\.csv was written meanwhile"):
        checkout(home, versions[0], data, known=versions, progress=meddle)
    assert read(data) == {**SECOND, "a.csv": "mine"}
    assert nothing_left(data.parent)


def test_a_write_to_a_file_that_stays_is_kept(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    def meddle(done: Done) -> None:
        (data / "same").write_text("mine")

    # Whether it is linked by then or not: what was written is there.
    try:
        checkout(home, versions[0], data, known=versions, progress=meddle)
    except ConflictError:
        assert read(data) == {**SECOND, "same": "mine"}
    else:
        assert read(data) == {**FIRST, "same": "mine"}


def test_files_that_appear_meanwhile_are_kept(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    def meddle(done: Done) -> None:
        write(data, {".git/HEAD": "ref", "new/__pycache__/x": "pyc"})

    checkout(home, versions[0], data, known=versions, progress=meddle)
    assert read(data) == {**FIRST, ".git/HEAD": "ref", "new/__pycache__/x": "pyc"}


def test_progress_may_end_it(home: LabHome, data: Path, versions: tuple[str, str]) -> None:
    seen: list[Done] = []

    def stop(done: Done) -> None:
        seen.append(done)
        if done.files == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checkout(home, versions[0], data, known=versions, progress=stop)
    assert read(data) == SECOND
    assert nothing_left(data.parent)
    assert seen[0].files_total == 4


def test_the_lab_home_is_out_of_bounds(data: Path) -> None:
    write(data, FIRST)
    home = LabHome(data / "labhome").create()
    first = take(home, data)
    (data / "a.csv").write_text("a2")
    second = take(home, data)
    with pytest.raises(ConflictError, match="labhome holds the lab home"):
        checkout(home, first, data, known=[second])
    checkout(home, first, data, only="a.csv", known=[second])
    assert (data / "a.csv").read_text() == "a1"
    for place in (home.root, home.root / "x"):
        with pytest.raises(UsageError, match="inside the lab home"):
            checkout(home, first, place)


def test_a_version_that_is_not_there(home: LabHome, data: Path) -> None:
    with pytest.raises(NotFoundError):
        checkout(home, "b3:" + "0" * 64, data)
    with pytest.raises(IntegrityError):
        checkout(home, "../x", data)


def test_a_sweep_of_the_store_keeps_it_out(
    home: LabHome, data: Path, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.stores.checkout._PATIENCE", 0.0)
    with locks.hold(home.store_lock), pytest.raises(ConflictError, match="store is in use"):
        checkout(home, versions[0], data, known=versions)
    assert read(data) == SECOND


def test_without_an_exchange_two_renames_do(
    home: LabHome, data: Path, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swaps, "_rename2", lambda *_: False)
    write(data, KEPT)
    checkout(home, versions[0], data, known=versions, ignore=["tmp/"])
    assert read(data) == {**FIRST, **KEPT}
    assert nothing_left(data.parent)


def test_a_place_that_cannot_be_replaced_is_told(
    home: LabHome, data: Path, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(source: Path, dest: Path, flags: int) -> bool:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(swaps, "_rename2", busy)
    with pytest.raises(LabError, match=r"cannot replace .*data: Device or resource busy"):
        checkout(home, versions[0], data, known=versions)
    assert read(data) == SECOND
    assert nothing_left(data.parent)


def test_patterns_that_change_in_between_cost_nothing(
    home: LabHome, data: Path, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are looked at before they are compared; what is ignored only then is still not lost."""
    write(data, {"mine.log": "in no version"})

    def late(*arguments: object, **keywords: object) -> Changes:
        (data / ".labignore").write_text("*.log\n.labignore\n")
        return status(*arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr("lab.stores.checkout.status", late)
    with pytest.raises(ConflictError, match=r"mine\.log"):
        checkout(home, versions[0], data, known=versions)
    assert (data / "mine.log").read_text() == "in no version"
