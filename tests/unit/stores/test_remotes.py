"""Remotes that are folders: what is pushed and pulled, and what a hostile or dying remote can do."""

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.domain.datasets import Column, DatasetVersion
from lab.errors import ConflictError, IntegrityError, LabError, NotFoundError, UsageError
from lab.paths import LabHome
from lab.stores import refs
from lab.stores.backends import Backend
from lab.stores.manifests import FileEntry, Manifest, ManifestStore, manifest_id
from lab.stores.objects import ObjectStore
from lab.stores.protocols import KINDS, shown
from lab.stores.remotes import Remote
from lab.stores.repair import repair, repair_manifest
from lab.stores.snapshot import Done, snapshot
from lab.stores.trees import materialise


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def other(tmp_path: Path) -> LabHome:
    """Another machine."""
    return LabHome(tmp_path / "other").create()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "nas" / "lab"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    (root / "hollow").mkdir()
    (root / "a.csv").write_text("id\n1\n")
    (root / "same.csv").write_text("id\n1\n")
    (root / "sub" / "b.bin").write_bytes(os.urandom(100_000))
    (root / "sub" / "nothing").touch()
    (root / "link").symlink_to("a.csv")
    return root


@pytest.fixture
def version(home: LabHome, data: Path) -> DatasetVersion:
    taken = snapshot(data, home)
    return DatasetVersion(
        taken.id,
        "sales",
        "shop",
        1,
        1700000000.25,
        len(taken.manifest.files),
        taken.manifest.size,
        rows=1,
        columns=(Column("id", "Int64"),),
        message="first 🙂",
        origin={"md5": "0" * 32},
    )


def remote_object(folder: Path, digest: str) -> Path:
    return folder / "objects" / digest[:2] / digest[2:]


def hash_of(home: LabHome, version: DatasetVersion, path: str) -> str:
    return next(file.hash for file in ManifestStore(home).read(version.id).files if file.path == path)


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part"))


def test_a_version_goes_there_and_comes_back(
    home: LabHome, other: LabHome, folder: Path, version: DatasetVersion, data: Path, tmp_path: Path
) -> None:
    sent = Remote(home, str(folder)).push(version.id, version)
    assert (sent.files, sent.skipped) == (3, 0)
    assert sent.bytes == 100_005

    remote = Remote(other, f"file://{folder}")
    listed = remote.refs()
    assert listed.versions == (version,)
    assert listed.damaged == ()
    pulled = remote.pull(listed.versions[0].id)
    assert pulled.transfer == sent
    assert pulled.missing == ()
    tree = materialise(other, version.id, tmp_path / "tree", read_only=False)
    assert (tree / "sub" / "b.bin").read_bytes() == (data / "sub" / "b.bin").read_bytes()
    assert (tree / "link").readlink() == Path("a.csv")
    assert (tree / "hollow").is_dir()
    assert leftovers(folder) == []


def test_what_is_there_is_not_sent_again(home: LabHome, folder: Path, version: DatasetVersion, data: Path) -> None:
    remote = Remote(home, str(folder))
    remote.push(version.id, version)
    again = remote.push(version.id, version)
    assert (again.files, again.bytes, again.skipped) == (0, 0, 3)
    (data / "new.csv").write_text("id\n2\n")
    second = remote.push(snapshot(data, home).id)
    assert (second.files, second.bytes, second.skipped) == (1, 5, 3)


def test_an_object_of_wrong_size_is_sent_again(home: LabHome, folder: Path, version: DatasetVersion) -> None:
    remote = Remote(home, str(folder))
    remote.push(version.id)
    broken = remote_object(folder, hash_of(home, version, "sub/b.bin"))
    broken.write_bytes(b"short")
    assert remote.push(version.id).files == 1
    assert broken.stat().st_size == 100_000


def test_an_object_in_parts_travels_whole(home: LabHome, other: LabHome, folder: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(os.urandom(9 << 20))
    store = ObjectStore(home)
    first = store.put_file(log)
    with log.open("ab") as file:
        file.write(b"more\n")
    grown = store.put_file(log, base=first.hash)
    assert len(store.parts(grown.hash)) == 2
    name = ManifestStore(home).write(Manifest.of([FileEntry("log.csv", grown.hash, grown.size)], single=True))

    Remote(home, str(folder)).push(name)
    assert remote_object(folder, grown.hash).read_bytes() == log.read_bytes()
    Remote(other, str(folder)).pull(name)
    assert ObjectStore(other).verify(grown.hash) == (9 << 20) + 5


def test_damage_here_is_never_sent(home: LabHome, folder: Path, version: DatasetVersion) -> None:
    digest = hash_of(home, version, "sub/b.bin")
    path = ObjectStore(home).path(digest)
    path.chmod(0o644)
    path.write_bytes(bytes(100_000))
    with pytest.raises(IntegrityError, match=digest[:12]):
        Remote(home, str(folder)).push(version.id, version)
    assert not remote_object(folder, digest).exists()
    assert Remote(home, str(folder)).refs().versions == ()


def test_what_is_nowhere_is_told_before_the_first_byte_is_sent(
    home: LabHome, folder: Path, version: DatasetVersion
) -> None:
    ObjectStore(home).path(hash_of(home, version, "sub/b.bin")).unlink()
    with pytest.raises(IntegrityError, match="missing"):
        Remote(home, str(folder)).push(version.id)
    assert not folder.exists()


def test_a_remote_that_dies_half_way_is_resumed(home: LabHome, folder: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(600):
        (many / f"{number}.txt").write_text(str(number))
    taken = snapshot(many, home)
    version = DatasetVersion(taken.id, "many", "shop", 1, 1.0, 600, taken.manifest.size)

    def unplug(done: Done) -> None:
        if done.files >= 256:
            (folder / "objects").rename(folder / "gone")
            (folder / "objects").write_text("this is no folder any more")

    with pytest.raises(LabError, match="cannot write to"):
        Remote(home, str(folder)).push(taken.id, version, progress=unplug)
    (folder / "objects").unlink()
    (folder / "gone").rename(folder / "objects")
    assert not (folder / "manifests").exists()
    assert not (folder / "refs").exists()
    resumed = Remote(home, str(folder)).push(taken.id, version)
    assert (resumed.files, resumed.skipped) == (600 - 256, 256)
    assert leftovers(folder) == []


def test_what_dead_transfers_left_is_swept_after_a_day(home: LabHome, folder: Path, version: DatasetVersion) -> None:
    digest = hash_of(home, version, "a.csv")
    old, young = (remote_object(folder, f"{digest}.{number:08x}.part") for number in range(2))
    old.parent.mkdir(parents=True)
    old.touch()
    os.utime(old, (1, 1))
    young.touch()
    Remote(home, str(folder)).push(version.id, version)
    assert leftovers(folder) == [young]


def test_a_push_stops_when_asked_to(home: LabHome, folder: Path, version: DatasetVersion) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(LabError, match="stopped"):
        Remote(home, str(folder)).push(version.id, version, stop=stop.is_set)
    assert not (folder / "refs").exists()


def test_progress_reaches_the_end(home: LabHome, other: LabHome, folder: Path, version: DatasetVersion) -> None:
    seen: list[Done] = []
    Remote(home, str(folder)).push(version.id, progress=seen.append)
    Remote(other, str(folder)).pull(version.id, progress=seen.append)
    assert seen[-1] == Done(3, 3, 100_005, 100_005)
    assert all(done.bytes <= done.bytes_total for done in seen)


def test_a_damaged_object_is_named_and_the_good_ones_are_kept(
    home: LabHome, other: LabHome, folder: Path, version: DatasetVersion
) -> None:
    Remote(home, str(folder)).push(version.id, version)
    digest = hash_of(home, version, "sub/b.bin")
    remote_object(folder, digest).write_bytes(bytes(100_000))
    with pytest.raises(IntegrityError, match=rf"sub/b\.bin \({digest[:12]}\) is damaged") as caught:
        Remote(other, str(folder)).pull(version.id)
    assert str(folder) in caught.value.message
    store = ObjectStore(other)
    assert not store.has(digest)
    assert store.has(hash_of(home, version, "a.csv"))
    assert not ManifestStore(other).has(version.id)

    remote_object(folder, digest).write_bytes(ObjectStore(home).path(digest).read_bytes())
    assert Remote(other, str(folder)).pull(version.id).transfer.files == 1


@pytest.mark.parametrize("size", [0, 99_999, 100_001, 5_000_000])
def test_an_object_of_another_size_is_refused(
    home: LabHome, other: LabHome, folder: Path, version: DatasetVersion, size: int
) -> None:
    Remote(home, str(folder)).push(version.id)
    digest = hash_of(home, version, "sub/b.bin")
    remote_object(folder, digest).write_bytes(bytes(size))
    with pytest.raises(IntegrityError, match="is damaged"):
        Remote(other, str(folder)).pull(version.id)
    assert not ObjectStore(other).has(digest)


def test_a_missing_object_is_named(home: LabHome, other: LabHome, folder: Path, version: DatasetVersion) -> None:
    Remote(home, str(folder)).push(version.id)
    remote_object(folder, hash_of(home, version, "sub/b.bin")).unlink()
    with pytest.raises(IntegrityError, match="is missing"):
        Remote(other, str(folder)).pull(version.id)


def test_a_pipe_in_the_place_of_an_object_hangs_nobody(
    home: LabHome, other: LabHome, folder: Path, version: DatasetVersion
) -> None:
    Remote(home, str(folder)).push(version.id)
    path = remote_object(folder, hash_of(home, version, "a.csv"))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(IntegrityError, match="is missing"):
        Remote(other, str(folder)).pull(version.id)


def test_only_some_files(home: LabHome, other: LabHome, folder: Path, version: DatasetVersion) -> None:
    remote = Remote(other, str(folder))
    Remote(home, str(folder)).push(version.id)
    pulled = remote.pull(version.id, only=["*.csv"])
    assert pulled.transfer.files == 1
    assert pulled.missing == ("sub/b.bin", "sub/nothing")
    (presence,) = remote.status([version.id])
    assert (presence.here, presence.there, presence.files) == (1, 3, 3)
    assert (presence.state, presence.pull_bytes, presence.push_bytes) == ("there", 100_000, 0)

    assert remote.pull(version.id, only=["sub/"]).missing == ()
    assert remote.status([version.id])[0].state == "both"
    with pytest.raises(NotFoundError, match="no file of the version fits"):
        remote.pull(version.id, only=["*.parquet"])


def test_status_of_every_kind(home: LabHome, other: LabHome, folder: Path, version: DatasetVersion, data: Path) -> None:
    Remote(home, str(folder)).push(version.id)
    (data / "new.csv").write_text("id\n2\n")
    unsent = snapshot(data, home)
    nowhere = "b3:" + "0" * 64
    found = Remote(home, str(folder)).status([version.id, unsent.id, nowhere])
    assert [presence.state for presence in found] == ["both", "here", "missing"]
    assert [presence.push_bytes for presence in found] == [0, 5, 0]

    remote_object(folder, hash_of(home, version, "a.csv")).unlink()
    assert Remote(other, str(folder)).status([version.id])[0].state == "partly"


def test_a_repair_gets_one_object(home: LabHome, other: LabHome, folder: Path, version: DatasetVersion) -> None:
    Remote(home, str(folder)).push(version.id)
    remote = Remote(other, str(folder))
    for path, size in (("a.csv", 5), ("sub/nothing", 0), ("sub/b.bin", 100_000)):
        assert remote.fetch_object(hash_of(home, version, path)).size == size
    assert ObjectStore(other).verify(hash_of(home, version, "a.csv")) == 5
    with pytest.raises(NotFoundError):
        remote.fetch_object("0" * 64)
    remote_object(folder, hash_of(home, version, "sub/b.bin")).write_bytes(bytes(100_000))
    ObjectStore(other).path(hash_of(home, version, "sub/b.bin")).unlink()
    with pytest.raises(IntegrityError, match="damaged"):
        remote.fetch_object(hash_of(home, version, "sub/b.bin"))


def test_a_remote_mends_what_is_damaged_here(home: LabHome, folder: Path, version: DatasetVersion) -> None:
    remote = Remote(home, str(folder))
    remote.push(version.id)
    digest = hash_of(home, version, "sub/b.bin")
    path = ObjectStore(home).path(digest)
    path.chmod(0o644)
    path.write_bytes(bytes(100_000))
    done = repair(home, digest, [remote.source(digest)])
    assert (done.sound, done.source) == (True, str(folder))
    assert ObjectStore(home).verify(digest) == 100_000

    manifest = ManifestStore(home).path(version.id)
    manifest.chmod(0o644)
    manifest.write_bytes(b"rotten")
    assert repair_manifest(home, version.id, [remote.manifest_source(version.id)]).sound
    assert ManifestStore(home).read(version.id).size == version.bytes


def test_a_remote_that_is_damaged_mends_nothing(home: LabHome, folder: Path, version: DatasetVersion) -> None:
    remote = Remote(home, str(folder))
    remote.push(version.id)
    digest = hash_of(home, version, "a.csv")
    remote_object(folder, digest).write_bytes(b"id\n2\n")
    ObjectStore(home).path(digest).unlink()
    done = repair(home, digest, [remote.source(digest)])
    assert not done.sound
    assert [tried.where for tried in done.tried] == [str(folder)]
    remote_object(folder, digest).unlink()
    assert "is not in" in repair(home, digest, [remote.source(digest)]).tried[0].why


def test_another_content_under_a_taken_number_is_a_conflict(
    home: LabHome, folder: Path, version: DatasetVersion, data: Path
) -> None:
    remote = Remote(home, str(folder))
    remote.push(version.id, version)
    (data / "new.csv").write_text("id\n2\n")
    second = snapshot(data, home)
    with pytest.raises(ConflictError, match="another shop/sales v1"):
        remote.push(second.id, replace(version, id=second.id))
    assert not remote_object(
        folder, next(file.hash for file in second.manifest.files if file.path == "new.csv")
    ).exists()
    assert remote.refs().versions == (version,)


def publish(folder: Path, manifest: Manifest | bytes) -> str:
    """Put a manifest into a remote, as a stranger would."""
    data = manifest if isinstance(manifest, bytes) else manifest.encode()
    name = manifest_id(data)
    path = folder / "manifests" / name[3:5] / f"{name[5:]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return name


def hostile_manifests() -> Iterator[bytes]:
    header = b'{"format":1,"n_files":1,"bytes":1}\n'
    for line in (
        {"p": "../out", "h": "0" * 64, "s": 1},
        {"p": "/etc/passwd", "h": "0" * 64, "s": 1},
        {"p": "a", "h": "../../../etc/passwd", "s": 1},
        {"p": "a", "h": "0" * 64, "s": -1},
        {"p": "a", "h": "0" * 64, "s": 1 << 80},
        {"p": "a", "l": "../../out"},
        {"p": "a", "h": "0" * 64, "s": 1, "extra": 1},
    ):
        yield header + json.dumps(line, separators=(",", ":")).encode() + b"\n"
    yield b"[" * 100_000
    yield b""
    yield header + b'{"p":"a","h":"' + b"0" * 64 + b'","s":1' + b"0" * 5000 + b"}\n"


@pytest.mark.parametrize("data", hostile_manifests(), ids=lambda data: data[:60].decode())
def test_a_hostile_manifest_is_refused(other: LabHome, folder: Path, data: bytes) -> None:
    name = publish(folder, data)
    with pytest.raises(IntegrityError):
        Remote(other, str(folder)).pull(name)
    assert not ManifestStore(other).has(name)


def test_a_manifest_that_asks_for_more_than_the_disk_has_is_refused(other: LabHome, folder: Path) -> None:
    name = publish(folder, Manifest.of([FileEntry("huge", "0" * 64, 1 << 59)]))
    with pytest.raises(LabError, match="no space left"):
        Remote(other, str(folder)).pull(name)


def test_a_manifest_under_another_name_is_refused(
    home: LabHome, other: LabHome, folder: Path, version: DatasetVersion
) -> None:
    Remote(home, str(folder)).push(version.id)
    path = folder / "manifests" / version.id[3:5] / f"{version.id[5:]}.jsonl"
    path.write_bytes(Manifest.of([]).encode())
    with pytest.raises(IntegrityError, match="damaged"):
        Remote(other, str(folder)).pull(version.id)
    with pytest.raises(NotFoundError):
        Remote(other, str(folder)).pull("b3:" + "1" * 64)
    with pytest.raises(IntegrityError):
        Remote(other, str(folder)).pull("../../etc/passwd")


def test_hostile_refs_are_told_and_left_out(home: LabHome, folder: Path, version: DatasetVersion) -> None:
    remote = Remote(home, str(folder))
    remote.push(version.id, version)
    good = json.loads((folder / refs.key(version)).read_text())
    bad = {
        "refs/shop/sales/v2.json": b"{",
        "refs/shop/sales/v3.json": json.dumps(good).encode(),  # says that it is v1
        "refs/shop/sales/v4.json": json.dumps(good | {"number": 4, "files": -1}).encode(),
        "refs/shop/sales/v5.json": json.dumps(good | {"number": 5, "rows": True}).encode(),
        "refs/shop/sales/v6.json": json.dumps(good | {"number": 6, "created": "NaN"}).encode(),
        "refs/shop/sales/v7.json": json.dumps(good | {"number": 7, "id": "../../x"}).encode(),
        "refs/shop/sales/v8.json": json.dumps(good | {"number": 8, "message": "\ud800"}).encode(),
        "refs/shop/sales/v9.json": json.dumps(good | {"number": 9, "columns": [[1]]}).encode(),
        "refs/shop/sales/v10.json": json.dumps(good | {"number": 10, "created": float("inf")}).encode(),
        "refs/shop/sales/v11.json": bytes(refs.LARGEST + 1),
        "refs/shop/sales/v12.json": b"[" * 100_000,
        "refs/shop/-x/v1.json": json.dumps(good | {"dataset": "-x"}).encode(),
        "refs/shop/evil\x1b[31m/v1.json": b"{}",
        "refs/stray": b"",
    }
    for key, content in bad.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    found = remote.refs()
    assert found.versions == (version,)
    assert len(found.damaged) == len(bad)
    assert not any("\x1b" in name for name in found.damaged)


def test_no_remote_at_all(home: LabHome, folder: Path) -> None:
    remote = Remote(home, str(folder))
    assert remote.refs().versions == ()
    assert remote.status(["b3:" + "0" * 64])[0].state == "missing"
    assert not folder.exists()


@pytest.mark.parametrize("url", ["", "/", "http://example.org/x", "zip::s3://x", "memory://x", "s3://", "nonsense://x"])
def test_addresses_that_are_none(home: LabHome, url: str) -> None:
    with pytest.raises(UsageError, match="not the address of a remote"):
        Remote(home, url)


def test_a_remote_inside_the_home_is_refused(home: LabHome) -> None:
    with pytest.raises(UsageError, match="inside the lab home"):
        Remote(home, str(home.root / "copy"))


def test_a_missing_package_names_its_extra(home: LabHome, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(KINDS["gs"], module="a_package_that_nobody_has")
    monkeypatch.setitem(KINDS, "gs", absent)
    with pytest.raises(UsageError, match="which is not installed") as caught:
        Remote(home, "gs://bucket/x")
    assert caught.value.hint == "pip install 'lab[gs]'"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sftp://ann:hunter2@nas:22/x", "sftp://ann:***@nas:22/x"),
        ("sftp://ann:p@ss@nas/x", "sftp://ann:***@nas/x"),
        ("sftp://ann@nas/x", "sftp://ann@nas/x"),
        ("abfs://box@account/x?sig=secret", "abfs://box@account/x"),
        ("s3://bucket/x#y", "s3://bucket/x"),
        ("/plain/folder?x", "/plain/folder?x"),
        ("s3://buck\x1b[31met/x", "s3://buck[31met/x"),
    ],
)
def test_addresses_are_shown_without_secrets(url: str, expected: str) -> None:
    assert shown(url) == expected


def test_secrets_are_cut_out_of_reasons() -> None:
    backend = Backend("s3://bucket/x", {"secret": "very-secret", "client_kwargs": {"aws_session_token": "tok-1234"}})
    assert backend._reason(ValueError("no: very-secret and tok-1234")) == "no: *** and ***"


def test_a_file_where_the_remote_should_be_is_told(home: LabHome, folder: Path, version: DatasetVersion) -> None:
    folder.parent.mkdir()
    folder.write_text("something else")
    with pytest.raises(LabError, match="Not a directory"):
        Remote(home, str(folder)).push(version.id, version)
