"""DVC projects, old and new. The two in `dvc_projects` were made by DVC itself, `version3` by DVC 3.67.1 and
`version2` by DVC 2.58.2 (`dvc init --no-scm`, `dvc add`, `dvc repro`); where `dvc` is installed a fresh one is made."""

import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from lab.datasets.dvc import DvcOut, Project, Where, load, plan
from lab.errors import IntegrityError, LabError, NotFoundError
from lab.paths import LabHome
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import Done, snapshot

PROJECTS = Path(__file__).parent / "dvc_projects"
IMAGES = "b128cc67f4e96148b82ad2908c3f16a0.dir"
TABLE = "f03a4d7006f34bd2b9b43b415a949408"


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return shutil.copytree(PROJECTS / "version3", tmp_path / "version3")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return shutil.copytree(PROJECTS / "version2", tmp_path / "version2")


def outs_of(root: Path) -> dict[str, DvcOut]:
    return {out.path: out for out in plan(root).outs}


def load_one(home: LabHome, root: Path, path: str):  # type: ignore[no-untyped-def]
    return load(home, plan(root), outs_of(root)[path])


def cached(root: Path, md5: str) -> Path:
    return root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]


def single(root: Path, **facts: object) -> DvcOut:
    """A project with one `.dvc` file that says this."""
    (root / ".dvc").mkdir(parents=True, exist_ok=True)
    (root / "x.dvc").write_text(json.dumps({"outs": [facts]}))
    return plan(root).outs[0]


def test_a_plan_tells_what_there_is(new: Path) -> None:
    project = plan(new)
    assert {out.path: (out.md5, out.is_dir, out.files, out.where) for out in project.outs} == {
        "data/clean.csv": (TABLE, False, 1, Where.CACHE),
        "data/images": (IMAGES, True, 3, Where.CACHE),
        "data/m.json": ("d79b85573af886cd6859bea906713c8d", False, 1, Where.CACHE),
        "data/table.csv": (TABLE, False, 1, Where.CACHE),
    }
    found = {out.path: out for out in project.outs}
    assert (found["data/clean.csv"].source, found["data/clean.csv"].stage) == ("dvc.lock", "clean")
    assert (found["data/table.csv"].source, found["data/table.csv"].dep) == ("data/table.csv.dvc", False)
    assert found["data/images"].size == 7
    assert project.skipped == ()
    assert project.config.remotes == {"nas": "/tmp/nas", "cloud": "s3://bucket/x"}


def test_files_and_folders_come_into_the_store(home: LabHome, new: Path) -> None:
    shutil.move(new / "data", new / "was")
    (new / "data").mkdir()
    for name in ("images.dvc", "table.csv.dvc"):
        shutil.move(new / "was" / name, new / "data" / name)
    seen: list[Done] = []
    project = plan(new)
    for out in project.outs:
        loaded = load(home, project, out, seen.append)
        assert loaded.missing == ()
        assert loaded.origin == {"md5": out.md5}
        assert loaded.manifest is not None
        assert ManifestStore(home).read(loaded.id) == loaded.manifest
        assert snapshot(new / "was" / out.path.removeprefix("data/"), home).id == loaded.id
    assert seen[-1].files == seen[-1].files_total
    (earlier,) = (path for path in cached(new, "93").glob("*") if path.is_file())
    assert earlier.read_text() == "id,v\n1,2\n"  # the first version of the table, that only git would name


def test_a_project_of_dvc_2(home: LabHome, old: Path) -> None:
    outs = outs_of(old)
    assert all(out.legacy and out.where is Where.CACHE for out in outs.values())
    assert outs["data/table.csv"].md5 != hashlib.md5((old / "data" / "table.csv").read_bytes()).hexdigest()
    for path in ("data/table.csv", "data/images"):
        assert load_one(home, old, path).id == snapshot(old / path, home).id


@pytest.mark.parametrize("fixture", ["new", "old"])
def test_the_working_copy_serves_without_a_cache(home: LabHome, fixture: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(fixture)
    shutil.rmtree(root / ".dvc" / "cache")
    assert {out.where for out in plan(root).outs} == {Where.WORKING_COPY}
    for path in ("data/table.csv", "data/images"):
        assert load_one(home, root, path).id == snapshot(root / path, home).id


def test_a_working_copy_that_has_changed_does_not_serve(home: LabHome, new: Path) -> None:
    cached(new, TABLE).unlink()
    (new / "data" / "table.csv").write_text("id,v\n1,2\n3,5\n")
    (new / "data" / "clean.csv").unlink()
    loaded = load_one(home, new, "data/table.csv")
    assert (loaded.id, loaded.manifest, loaded.missing) == ("", None, ("data/table.csv",))
    assert outs_of(new)["data/clean.csv"].where is Where.NOWHERE
    assert list(ObjectStore(home).digests()) == []


def test_files_that_are_nowhere_are_listed(home: LabHome, new: Path) -> None:
    cached(new, "63fb67a49702c3d9c985cb56653a9797").unlink()
    assert outs_of(new)["data/images"].where is Where.WORKING_COPY
    (new / "data" / "images" / "sub" / "b.txt").unlink()
    assert outs_of(new)["data/images"].where is Where.PARTLY
    assert load_one(home, new, "data/images").missing == ("data/images/sub/b.txt",)

    cached(new, IMAGES).unlink()
    assert outs_of(new)["data/images"].where is Where.WORKING_COPY  # perhaps: only reading it tells
    assert load_one(home, new, "data/images").missing == ("data/images",)
    shutil.rmtree(new / "data" / "images")
    assert outs_of(new)["data/images"].where is Where.NOWHERE


def test_a_rotten_cache_is_named_and_never_gets_in(home: LabHome, new: Path) -> None:
    path = cached(new, "63fb67a49702c3d9c985cb56653a9797")
    path.write_bytes(b"rotten")
    with pytest.raises(IntegrityError, match=r"sub/b\.txt in DVC's cache is damaged") as caught:
        load_one(home, new, "data/images")
    assert str(path) in caught.value.message
    assert b"rotten" not in [ObjectStore(home).path(digest).read_bytes() for digest in ObjectStore(home).digests()]
    path.unlink()
    assert load_one(home, new, "data/images").id == snapshot(new / "data" / "images", home).id


def test_a_rotten_listing_is_named(home: LabHome, new: Path) -> None:
    project, out = plan(new), outs_of(new)["data/images"]
    cached(new, IMAGES).write_text("[]")
    with pytest.raises(IntegrityError, match="listing"):
        load(home, project, out)
    assert [skipped.path for skipped in plan(new).skipped] == ["data/images"]


def listing(root: Path, rows: object) -> str:
    data = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
    md5 = hashlib.md5(data).hexdigest()
    path = cached(root, md5 + ".dir")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return md5 + ".dir"


@pytest.mark.parametrize(
    "rows",
    [
        [{"md5": "0" * 32, "relpath": "../../out"}],
        [{"md5": "0" * 32, "relpath": "/etc/passwd"}],
        [{"md5": "0" * 32, "relpath": "a"}, {"md5": "0" * 32, "relpath": "a/b"}],
        [{"md5": "0" * 32, "relpath": "a"}, {"md5": "1" * 32, "relpath": "a"}],
        [{"md5": "../../../etc/passwd", "relpath": "a"}],
        [{"md5": 5, "relpath": "a"}],
        [{"md5": "0" * 32, "relpath": 5}],
        [{"md5": "0" * 32}],
        [{"md5": "0" * 32, "relpath": "a\0b"}],
        [{"md5": "0" * 32, "relpath": "\ud800"}],
        {"a": 1},
        5,
        b"[" * 100_000,
        b"not json",
    ],
    ids=lambda rows: repr(rows)[:50],
)
def test_hostile_listings_are_refused(home: LabHome, tmp_path: Path, rows: object) -> None:
    root = tmp_path / "hostile"
    (root / ".dvc").mkdir(parents=True)
    (root / "x.dvc").write_text(json.dumps({"outs": [{"md5": listing(root, rows), "path": "x"}]}))
    assert plan(root).outs == ()
    assert [skipped.path for skipped in plan(root).skipped] == ["x"]


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/passwd", "a/../../outside", "s3://bucket/x", "", ".", "a\\0b\0", "~root/../.."]
)
def test_what_is_outside_is_skipped(tmp_path: Path, path: str) -> None:
    root = tmp_path / "hostile"
    (root / ".dvc").mkdir(parents=True)
    (root / "x.dvc").write_text(json.dumps({"outs": [{"md5": "0" * 32, "path": path}]}))
    project = plan(root)
    assert project.outs == ()
    assert len(project.skipped) == 1


def test_outs_without_md5_are_told(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    (root / "x.dvc").write_text("outs:\n- path: x\n  etag: abc\n")
    assert [(skipped.path, "no md5" in skipped.reason) for skipped in plan(root).skipped] == [("x", True)]


def test_files_that_cannot_be_read_are_told(new: Path) -> None:
    (new / "bad.dvc").write_text("outs: [")
    (new / "bomb.dvc").write_text("a: &a [x]\nb: *a\n")
    (new / "folder.dvc").mkdir()
    os.mkfifo(new / "pipe.dvc")
    began = time.monotonic()
    project = plan(new)
    assert time.monotonic() - began < 30
    assert {skipped.path for skipped in project.skipped} == {"bad.dvc", "bomb.dvc", "pipe.dvc"}
    assert len(project.outs) == 4


def test_working_folders_of_files_and_stages(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    (root / "deep").mkdir()
    (root / "deep" / "x.dvc").write_text("wdir: ..\nouts:\n- {md5: " + "0" * 32 + ", path: x, isexec: true}\n")
    (root / "deep" / "dvc.yaml").write_text(
        "vars: &v [1]\nother: *v\nstages:\n  one: {wdir: w}\n  many: {foreach: [1], do: {wdir: ../m}}\n"
        "  lost: {wdir: '${x}'}\n"
    )
    out = {"path": "y", "md5": "1" * 32}
    (root / "deep" / "dvc.lock").write_text(
        json.dumps(
            {
                "schema": "2.0",
                "stages": {"one": {"outs": [out]}, "many@1": {"outs": [out]}, "lost": {"outs": [out]}, "odd": [1]},
            }
        )
    )
    found = outs_of(root)
    assert sorted(found) == ["deep/w/y", "m/y", "x"]
    assert found["x"].executable
    assert [skipped.reason for skipped in plan(root).skipped] == ["the working folder of stage lost is computed"]


def test_an_old_lock_file_and_deps(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    (root / "dvc.lock").write_text(
        "train:\n  cmd: x\n  deps:\n  - {path: raw.csv, md5: " + "2" * 32 + "}\n  - {path: s3://b/x, etag: y}\n"
        "  outs:\n  - {path: model.bin, md5: " + "3" * 32 + "}\n"
    )
    assert [(out.path, out.dep, out.legacy) for out in plan(root).outs] == [
        ("model.bin", False, True),
        ("raw.csv", True, True),
    ]
    assert plan(root).skipped == ()


def test_nested_projects_and_hidden_folders_are_left_out(new: Path) -> None:
    shutil.copytree(PROJECTS / "version2", new / "nested")
    (new / ".venv").mkdir()
    shutil.copy(new / "data" / "table.csv.dvc", new / ".venv" / "x.dvc")
    assert len(plan(new).outs) == 4


def test_a_cache_elsewhere(home: LabHome, new: Path, tmp_path: Path) -> None:
    shutil.move(new / ".dvc" / "cache", tmp_path / "shared")
    shutil.rmtree(new / "data" / "images")
    (new / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {tmp_path / 'shared'}\n")
    assert load_one(home, new, "data/images").missing == ()
    (new / ".dvc" / "config.local").write_text("[cache]\n    dir = ../../shared\n")
    assert load_one(home, new, "data/images").missing == ()


def test_configs(new: Path, tmp_path: Path) -> None:
    (new / ".dvc" / "config").write_text(
        "['remote \"nas\"']\n    url = ssh://ann:hunter2@nas/x\n    password = hunter2\n[core]\nremote = nas\n"
    )
    assert plan(new).config.remotes == {"nas": "ssh://ann:***@nas/x"}
    (new / ".dvc" / "config").write_text("no section\n")
    with pytest.raises(LabError, match="config cannot be read"):
        plan(new)
    with pytest.raises(NotFoundError, match="no DVC project"):
        plan(tmp_path)


def test_an_empty_file_and_twins(home: LabHome, tmp_path: Path) -> None:
    root = tmp_path / "project"
    empty = hashlib.md5(b"").hexdigest()
    out = single(root, md5=empty, path="x", hash="md5")
    (root / "x").touch()
    loaded = load(home, plan(root), out)
    assert loaded.manifest is not None
    assert loaded.manifest.single
    assert loaded.manifest.size == 0
    rows = [{"md5": empty, "relpath": "a"}, {"md5": empty, "relpath": "b/c"}]
    out = single(root, md5=listing(root, rows), path="d", hash="md5")
    (root / "d").mkdir()
    (root / "d" / "a").touch()
    assert load(home, plan(root), out).missing == ()  # b/c has the content of a


def test_a_large_text_of_dvc_2_with_windows_line_ends(home: LabHome, tmp_path: Path) -> None:
    root = tmp_path / "project"
    content = b"a,b\r\n" * 500_000
    md5 = hashlib.md5()
    for start in range(0, len(content), 1 << 20):
        md5.update(content[start : start + (1 << 20)].replace(b"\r\n", b"\n"))
    out = single(root, md5=md5.hexdigest(), path="x.csv")
    (root / "x.csv").write_bytes(content)
    loaded = load(home, plan(root), out)
    assert loaded.manifest is not None
    assert ObjectStore(home).path(loaded.manifest.files[0].hash).read_bytes() == content
    assert load(home, plan(root), single(root, md5=md5.hexdigest(), path="x.csv", hash="md5")).missing == ("x.csv",)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("dvc"), reason="dvc is not installed")
def test_a_project_made_just_now(home: LabHome, tmp_path: Path) -> None:
    root = tmp_path / "fresh"
    (root / "pictures" / "deep").mkdir(parents=True)
    (root / "pictures" / "größe 🙂.bin").write_bytes(os.urandom(2 << 20))
    (root / "pictures" / "deep" / "z.txt").write_text("z\r\n")
    (root / "table.csv").write_text("id\n1\n")

    def dvc(*arguments: str) -> None:
        subprocess.run(
            ["dvc", *arguments], cwd=root, check=True, capture_output=True, env={**os.environ, "DVC_NO_ANALYTICS": "1"}
        )

    dvc("init", "--no-scm", "-q")
    dvc("add", "-q", "pictures", "table.csv")
    (root / "table.csv").write_text("id\n1\n2\n")
    dvc("stage", "add", "-q", "-n", "copy", "-d", "table.csv", "-o", "copy.csv", "cp table.csv copy.csv")
    dvc("add", "-q", "table.csv")
    dvc("repro", "-q")
    want = {name: snapshot(root / name, home).id for name in ("pictures", "table.csv", "copy.csv")}
    shutil.rmtree(root / "pictures")
    (root / "table.csv").unlink()
    (root / "copy.csv").unlink()
    project: Project = plan(root)
    assert {out.path: load(home, project, out).id for out in project.outs} == want
