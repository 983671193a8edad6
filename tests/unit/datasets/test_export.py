"""Versions as folders, archives and Parquet: what other tools see of them."""

import gzip
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import polars as pl
import pytest
import zstandard

from lab.datasets.export import export
from lab.datasets.formats import NotATableError
from lab.errors import ConflictError, IntegrityError, NotFoundError, UsageError
from lab.paths import LabHome
from lab.stores.manifests import FileEntry, LinkEntry, Manifest, ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import Snapshot, snapshot

STRANGE = os.fsdecode(b"caf\xe9 \xff.txt")
ARCHIVES = ["out.tar.zst", "out.tar.gz", "out.tgz"]


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def taken(home: LabHome, tmp_path: Path) -> Snapshot:
    root = tmp_path / "data"
    (root / "sub" / ("long" * 60)).mkdir(parents=True)
    (root / "hollow").mkdir()
    (root / "a.csv").write_text("id\n1\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("sub")
    (root / "nothing").touch()
    (root / "sub" / ("long" * 60) / "größe 🙂.bin").write_bytes(os.urandom(3 << 20))
    Path(f"{root}/{STRANGE}").write_text("strange")
    return snapshot(root, home)


def grown(home: LabHome, tmp_path: Path) -> str:
    """A manifest of one CSV that the store has in two parts."""
    path = tmp_path / "log.csv"
    path.write_text("id\n" + "1\n" * (5 << 20))
    store = ObjectStore(home)
    base = store.put_file(path)
    with path.open("a") as file:
        file.write("2\n")
    whole = store.put_file(path, base=base.hash)
    assert len(store.parts(whole.hash)) == 2
    return ManifestStore(home).write(Manifest.of([FileEntry("log.csv", whole.hash, whole.size)], single=True))


def opened(path: Path) -> tarfile.TarFile:
    data = path.read_bytes()
    raw = zstandard.ZstdDecompressor().stream_reader(data).read() if path.suffix == ".zst" else gzip.decompress(data)
    return tarfile.open(fileobj=io.BytesIO(raw), encoding="utf-8", errors="surrogateescape")


def rot(home: LabHome, digest: str) -> None:
    path = ObjectStore(home).path(digest)
    size = path.stat().st_size
    path.chmod(0o644)
    path.write_bytes(bytes(size))


def leftovers(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".lab-stage")]


def test_a_folder_holds_copies_that_may_be_edited(home: LabHome, taken: Snapshot, tmp_path: Path) -> None:
    dest = export(home, taken.id, tmp_path / "out")
    assert snapshot(dest, home).id == taken.id
    (dest / "a.csv").write_text("edited")
    assert ObjectStore(home).verify(next(file.hash for file in taken.manifest.files if file.path == "a.csv")) == 5
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_holds_everything(home: LabHome, taken: Snapshot, tmp_path: Path, name: str) -> None:
    told: list[int] = []
    dest = export(home, taken.id, tmp_path / name, on_bytes=told.append)
    assert sum(told) == taken.manifest.size
    with opened(dest) as tar:
        names = tar.getnames()
        assert names == [entry.path for entry in taken.manifest.entries]
        assert {(item.mtime, item.uid, item.gid, item.uname, item.gname) for item in tar} == {(0, 0, 0, "", "")}
        assert tar.getmember("link").linkname == "sub"
        assert tar.getmember("hollow").isdir()
        assert tar.getmember("run.sh").mode == 0o755
        assert tar.getmember("a.csv").mode == 0o644
        tar.extractall(tmp_path / "unpacked", filter="data")
    assert snapshot(tmp_path / "unpacked", home).id == taken.id


@pytest.mark.skipif(not shutil.which("tar"), reason="there is no tar command")
def test_the_tar_command_takes_it(home: LabHome, taken: Snapshot, tmp_path: Path) -> None:
    dest = export(home, taken.id, tmp_path / "out.tar.gz")
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "-xzf", str(dest), "-C", str(tmp_path / "unpacked")], check=True, capture_output=True)
    assert snapshot(tmp_path / "unpacked", home).id == taken.id


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_the_same_every_time(home: LabHome, taken: Snapshot, tmp_path: Path, name: str) -> None:
    first = export(home, taken.id, tmp_path / name).read_bytes()
    again = LabHome(tmp_path / "again").create()
    shutil.copytree(tmp_path / "data", tmp_path / "copy", symlinks=True)
    assert export(again, snapshot(tmp_path / "copy", again).id, tmp_path / f"other-{name}").read_bytes() == first


def test_a_file_in_parts_goes_out_whole(home: LabHome, tmp_path: Path) -> None:
    name = grown(home, tmp_path)
    content = (tmp_path / "log.csv").read_bytes()
    assert (export(home, name, tmp_path / "folder") / "log.csv").read_bytes() == content
    with opened(export(home, name, tmp_path / "out.tar.zst")) as tar:
        file = tar.extractfile("log.csv")
        assert file is not None
        assert file.read() == content
    frame = pl.read_parquet(export(home, name, tmp_path / "out.parquet"))
    assert frame.height == (5 << 20) + 1
    assert frame["id"].sum() == (5 << 20) + 2


def test_tables_become_one_parquet_in_order(home: LabHome, tmp_path: Path) -> None:
    root = tmp_path / "tables"
    root.mkdir()
    (root / "a.csv").write_text("id,name\n1,x\n2,y\n")
    (root / "b.csv").write_text("id,name\n3.5,z\n")
    dest = export(home, snapshot(root, home).id, tmp_path / "out.parquet")
    assert pl.read_parquet(dest).rows() == [(1.0, "x"), (2.0, "y"), (3.5, "z")]
    assert pl.scan_parquet(dest).filter(pl.col("id") > 3).select(pl.len()).collect().item() == 1


def test_what_is_no_table_makes_no_parquet(home: LabHome, taken: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(NotATableError):
        export(home, taken.id, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["out", "out.tar.zst", "out.tar.gz"])
def test_rot_is_never_exported(home: LabHome, taken: Snapshot, tmp_path: Path, name: str) -> None:
    rot(home, max(taken.manifest.files, key=lambda file: file.size).hash)
    with pytest.raises(IntegrityError, match="damaged"):
        export(home, taken.id, tmp_path / name)
    assert not (tmp_path / name).exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("size", [2, 6])
def test_an_object_of_another_size_is_never_exported(home: LabHome, taken: Snapshot, tmp_path: Path, size: int) -> None:
    path = ObjectStore(home).path(next(file.hash for file in taken.manifest.files if file.path == "a.csv"))
    path.chmod(0o644)
    path.write_bytes(b"id\n1\n3"[:size])
    with pytest.raises(IntegrityError, match=r"a\.csv cannot be exported"):
        export(home, taken.id, tmp_path / "out.tar.gz")


def test_a_rotten_assembled_copy_is_made_anew(home: LabHome, tmp_path: Path) -> None:
    name = grown(home, tmp_path)
    copy = ObjectStore(home).whole(ManifestStore(home).read(name).files[0].hash)
    size = copy.stat().st_size
    copy.chmod(0o644)
    copy.write_bytes(b"7\n" * (size // 2) + b"7" * (size % 2))
    assert pl.read_parquet(export(home, name, tmp_path / "out.parquet"))["id"].sum() == (5 << 20) + 2


@pytest.mark.parametrize("name", ["out", "out.tar.zst", "out.parquet"])
def test_nothing_is_overwritten_unless_asked_for(home: LabHome, tmp_path: Path, name: str) -> None:
    csv = tmp_path / "one.csv"
    csv.write_text("id\n1\n")
    first = snapshot(csv, home)
    dest = export(home, first.id, tmp_path / name)
    csv.write_text("id\n2\n")
    second = snapshot(csv, home)
    with pytest.raises(ConflictError, match="is there already"):
        export(home, second.id, dest)
    before = fingerprint(dest)
    assert export(home, second.id, dest, overwrite=True) == dest
    assert fingerprint(dest) != before
    assert leftovers(tmp_path) == []


def fingerprint(path: Path) -> bytes:
    return (path / "one.csv").read_bytes() if path.is_dir() else path.read_bytes()


def test_a_folder_is_never_replaced_by_a_file_nor_the_other_way(home: LabHome, taken: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "out.tar.gz").mkdir()
    (tmp_path / "out").write_text("precious")
    for name in ("out.tar.gz", "out"):
        with pytest.raises(ConflictError):
            export(home, taken.id, tmp_path / name, overwrite=True)
    assert (tmp_path / "out").read_text() == "precious"


def test_an_empty_folder_is_filled(home: LabHome, taken: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert (export(home, taken.id, tmp_path / "out") / "a.csv").exists()


def test_places_that_are_none(home: LabHome, taken: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="inside the lab home"):
        export(home, taken.id, home.root / "out")
    with pytest.raises(UsageError, match="there is no folder"):
        export(home, taken.id, tmp_path / "no" / "out")
    with pytest.raises(NotFoundError):
        export(home, "b3:" + "0" * 64, tmp_path / "out")


def test_an_end_by_the_caller_leaves_nothing(home: LabHome, taken: Snapshot, tmp_path: Path) -> None:
    def stop(size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(home, taken.id, tmp_path / "out.tar.zst", on_bytes=stop)
    assert not (tmp_path / "out.tar.zst").exists()
    assert leftovers(tmp_path) == []


def test_a_link_with_bytes_that_are_no_text(home: LabHome, tmp_path: Path) -> None:
    stored = ObjectStore(home).put_bytes(b"x")
    name = ManifestStore(home).write(Manifest.of([FileEntry(STRANGE, stored.hash, 1), LinkEntry("a", STRANGE)]))
    with opened(export(home, name, tmp_path / "out.tar.gz")) as tar:
        assert tar.getmember("a").linkname == STRANGE
