"""Remotes that are servers: S3 by moto's server, SFTP by asyncssh's; and a folder whose disk is full."""

import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from lab.domain.datasets import DatasetVersion
from lab.errors import ConflictError, IntegrityError, LabError, NotFoundError, UsageError
from lab.paths import LabHome
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.stores.remotes import Remote
from lab.stores.snapshot import Done, Snapshot, snapshot

BUCKET = "lab-data"


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


@pytest.fixture
def other(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "other").create()


@pytest.fixture
def taken(home: LabHome, tmp_path: Path) -> Snapshot:
    """300 small files, an empty one, one of more than two requests."""
    root = tmp_path / "data"
    root.mkdir()
    for number in range(300):
        (root / f"{number}.txt").write_text(f"number {number}")
    (root / "empty").touch()
    (root / "large.bin").write_bytes(os.urandom(35 << 20))
    return snapshot(root, home)


def version_of(taken: Snapshot) -> DatasetVersion:
    return DatasetVersion(taken.id, "sales", "shop", 1, 1.5, len(taken.manifest.files), taken.manifest.size)


def wait_for_port(port: int, process: "subprocess.Popen[Any]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
    pytest.fail("the server does not answer")


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def s3_port() -> Iterator[int]:
    pytest.importorskip("moto")
    pytest.importorskip("s3fs")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.kill()
        process.wait()


def s3_options(port: int) -> dict[str, Any]:
    return {
        "key": "test",
        "secret": "a-secret-that-nobody-sees",
        "client_kwargs": {"endpoint_url": f"http://127.0.0.1:{port}"},
    }


@pytest.fixture
def bucket(s3_port: int, tmp_path: Path) -> Any:
    """A file system with an empty bucket, to look behind the scenes."""
    import s3fs

    fs = s3fs.S3FileSystem(**s3_options(s3_port), skip_instance_cache=True, use_listings_cache=False)
    if fs.exists(BUCKET):
        fs.rm(BUCKET, recursive=True)
    fs.mkdir(BUCKET)
    return fs


class Wire:
    """A way to the server that can be cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        with self._lock:
            self._cut = True
            self._listener.close()
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            with self._lock:
                self._open += [client, server]
                if self._cut:
                    client.close()
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        pairs = {client: server, server: client}
        with client, server, suppress(OSError, ValueError):
            while True:
                for one in select.select([client, server], [], [])[0]:
                    data = one.recv(1 << 16)
                    if not data:
                        return
                    pairs[one].sendall(data)


def test_s3_there_and_back(home: LabHome, other: LabHome, taken: Snapshot, s3_port: int, bucket: Any) -> None:
    url, version = f"s3://{BUCKET}/some/where", version_of(taken)
    seen: list[Done] = []
    sent = Remote(home, url, s3_options(s3_port)).push(taken.id, version, progress=seen.append)
    assert (sent.files, sent.skipped) == (302, 0)
    assert seen[-1] == Done(302, 302, taken.manifest.size, taken.manifest.size)
    assert any((16 << 20) <= done.bytes < (35 << 20) for done in seen)  # also within the large file
    names = bucket.find(f"{BUCKET}/some/where")
    assert len(names) == 304
    assert not [name for name in names if name.endswith(".part")]

    remote = Remote(other, url, s3_options(s3_port))
    assert remote.refs().versions == (version,)
    assert remote.status([taken.id])[0].state == "there"
    assert remote.pull(taken.id).transfer == sent
    assert remote.status([taken.id])[0].state == "both"
    store = ObjectStore(other)
    assert sum(store.verify(file.hash) for file in taken.manifest.files) == taken.manifest.size
    assert remote.push(taken.id, version).files == 0


def test_s3_damage_is_named_and_not_kept(
    home: LabHome, other: LabHome, taken: Snapshot, s3_port: int, bucket: Any
) -> None:
    url = f"s3://{BUCKET}/x"
    Remote(home, url, s3_options(s3_port)).push(taken.id)
    sizes = {file.path: (file.hash, file.size) for file in taken.manifest.files}
    rotten, torn, gone, large = (sizes[name][0] for name in ("1.txt", "2.txt", "3.txt", "large.bin"))
    path = f"{BUCKET}/x/objects/{{}}/{{}}"
    bucket.pipe_file(path.format(rotten[:2], rotten[2:]), b"x" * sizes["1.txt"][1])
    bucket.pipe_file(path.format(torn[:2], torn[2:]), b"")
    bucket.rm_file(path.format(gone[:2], gone[2:]))
    content = bytearray(bucket.cat_file(path.format(large[:2], large[2:])))
    content[20 << 20] ^= 1
    bucket.pipe_file(path.format(large[:2], large[2:]), bytes(content))

    remote = Remote(other, url, s3_options(s3_port))
    with pytest.raises(IntegrityError, match=r"not all is well in s3://lab-data/x: .* and 1 more") as caught:
        remote.pull(taken.id)
    assert "secret" not in caught.value.message
    store = ObjectStore(other)
    assert [store.has(digest) for digest in (rotten, torn, gone, large)] == [False] * 4
    assert sum(store.has(file.hash) for file in taken.manifest.files) == 298
    assert not ManifestStore(other).has(taken.id)
    with pytest.raises(IntegrityError, match="damaged"):
        remote.fetch_object(large)


def test_s3_partial_pull(home: LabHome, other: LabHome, taken: Snapshot, s3_port: int, bucket: Any) -> None:
    Remote(home, f"s3://{BUCKET}", s3_options(s3_port)).push(taken.id)
    pulled = Remote(other, f"s3://{BUCKET}", s3_options(s3_port)).pull(taken.id, only=["1?.txt", "empty"])
    assert pulled.transfer.files == 11
    assert len(pulled.missing) == 302 - 11


def test_s3_another_version_of_that_number_stays(home: LabHome, taken: Snapshot, s3_port: int, bucket: Any) -> None:
    remote = Remote(home, f"s3://{BUCKET}/x", s3_options(s3_port))
    version = version_of(taken)
    bucket.pipe_file(f"{BUCKET}/x/refs/shop/sales/v1.json", b"somebody else's")
    with pytest.raises(ConflictError):
        remote.push(taken.id, version)
    assert bucket.cat_file(f"{BUCKET}/x/refs/shop/sales/v1.json") == b"somebody else's"
    assert not remote._backend.create("refs/shop/sales/v1.json", b"mine")


def test_s3_that_dies_half_way_is_resumed(home: LabHome, taken: Snapshot, s3_port: int, bucket: Any) -> None:
    wire = Wire(s3_port)
    url, version = f"s3://{BUCKET}/x", version_of(taken)

    def unplug(done: Done) -> None:
        if done.files >= 256:
            wire.cut()

    with pytest.raises(LabError, match="cannot write to s3://lab-data/x") as caught:
        Remote(home, url, s3_options(wire.port)).push(taken.id, version, progress=unplug)
    assert "try again" in caught.value.hint
    there = bucket.find(f"{BUCKET}/x/objects")
    assert 256 <= len(there) < 302
    assert not bucket.exists(f"{BUCKET}/x/manifests")
    assert not bucket.exists(f"{BUCKET}/x/refs")

    resumed = Remote(home, url, s3_options(s3_port)).push(taken.id, version)
    assert resumed.skipped == len(there)
    assert resumed.files == 302 - len(there)


def test_a_pull_that_dies_half_way_keeps_what_came(
    home: LabHome, other: LabHome, taken: Snapshot, s3_port: int, bucket: Any
) -> None:
    url = f"s3://{BUCKET}/x"
    Remote(home, url, s3_options(s3_port)).push(taken.id)
    wire = Wire(s3_port)

    def unplug(done: Done) -> None:
        if done.files >= 20:
            wire.cut()

    with pytest.raises(LabError, match="cannot read s3://lab-data/x"):
        Remote(other, url, s3_options(wire.port)).pull(taken.id, progress=unplug)
    kept = [file for file in taken.manifest.files if ObjectStore(other).has(file.hash)]
    assert len(kept) >= 20
    assert all(ObjectStore(other).verify(file.hash) == file.size for file in kept)
    assert not ManifestStore(other).has(taken.id)
    assert list(other.tmp.iterdir()) == []
    assert Remote(other, url, s3_options(s3_port)).pull(taken.id).transfer.files == 302 - len(kept)


def test_s3_that_is_not_there(home: LabHome, taken: Snapshot, s3_port: int, bucket: Any) -> None:
    with pytest.raises(NotFoundError, match="no manifest"):
        Remote(home, "s3://no-such-bucket", s3_options(s3_port)).pull("b3:" + "0" * 64)
    with pytest.raises(LabError, match="cannot write to s3://no-such-bucket") as caught:
        Remote(home, "s3://no-such-bucket", s3_options(s3_port)).push(taken.id)
    assert caught.value.hint == "check that the bucket or folder is there"
    with pytest.raises(LabError, match="cannot list s3://x") as caught:
        Remote(home, "s3://x", s3_options(free_port())).refs()
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("wrong", [{"nonsense": 3}, {"config_kwargs": {"nonsense": 3}}, {"client_kwargs": {"x": 1}}])
def test_wrong_options_are_told(home: LabHome, wrong: dict[str, Any]) -> None:
    pytest.importorskip("s3fs")
    with pytest.raises(UsageError, match=r"the options of s3://x are wrong: .*unexpected keyword"):
        Remote(home, "s3://x", wrong).refs()


SSH_SERVER = """
import asyncio, sys
import asyncssh

class Server(asyncssh.SSHServer):
    def begin_auth(self, username):
        return True
    def password_auth_supported(self):
        return True
    def validate_password(self, username, password):
        return (username, password) == ("ann", "p@ss word")

async def main():
    key = asyncssh.generate_private_key("ssh-ed25519")
    def rooted(channel):
        return asyncssh.SFTPServer(channel, chroot=sys.argv[1])
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Server, server_host_keys=[key], sftp_factory=rooted
    )
    print(server.sockets[0].getsockname()[1], key.export_public_key().decode().strip(), flush=True)
    await server.wait_closed()

asyncio.run(main())
"""


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[tuple[str, Path, Path]]:
    """An SFTP server that shows a folder: its address with password, a file of known hosts, the folder."""
    pytest.importorskip("sshfs")
    root = tmp_path / "ssh"
    root.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", SSH_SERVER, str(root)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        port, _, key = process.stdout.readline().partition(" ")
        known = tmp_path / "known_hosts"
        known.write_text(f"[127.0.0.1]:{port} {key}")
        yield f"sftp://ann:p%40ss%20word@127.0.0.1:{port}/lab", known, root
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_sftp_there_and_back(home: LabHome, other: LabHome, taken: Snapshot, ssh: tuple[str, Path, Path]) -> None:
    url, known, root = ssh
    options = {"known_hosts": str(known)}
    version = version_of(taken)
    sent = Remote(home, url, options).push(taken.id, version)
    assert sent.files == 302
    assert list(root.rglob("*.part")) == []
    remote = Remote(other, url, options)
    assert remote.refs().versions == (version,)
    assert remote.pull(taken.id).transfer == sent
    store = ObjectStore(other)
    assert sum(store.verify(file.hash) for file in taken.manifest.files) == taken.manifest.size
    assert remote.push(taken.id, version).files == 0

    digest = next(file.hash for file in taken.manifest.files if file.path == "large.bin")
    path = root / "lab" / "objects" / digest[:2] / digest[2:]
    path.write_bytes(bytes(35 << 20))
    store.path(digest).unlink()
    with pytest.raises(IntegrityError, match="damaged"):
        remote.fetch_object(digest)


def test_a_strange_ssh_host_is_refused(home: LabHome, ssh: tuple[str, Path, Path], tmp_path: Path) -> None:
    url, _, _ = ssh
    nobody = tmp_path / "nobody"
    nobody.touch()
    with pytest.raises(LabError, match=r"cannot reach sftp://ann:\*\*\*@127.0.0.1") as caught:
        Remote(home, url, {"known_hosts": str(nobody)}).refs()
    assert "p@ss" not in caught.value.message
    assert "p%40ss" not in caught.value.message


MOVER = """
import sys
from pathlib import Path
from lab.paths import LabHome
from lab.stores.remotes import Remote
remote = Remote(LabHome(Path(sys.argv[1])), sys.argv[2])
print("started", flush=True)
getattr(remote, sys.argv[3])(sys.argv[4])
"""


def kill_in_the_middle(home: LabHome, folder: Path, verb: str, name: str, begun: Callable[[], bool]) -> None:
    """Let another process push or pull, and kill it as soon as it has `begun`."""
    process = subprocess.Popen(
        [sys.executable, "-c", MOVER, str(home.root), str(folder), verb, name], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    deadline = time.monotonic() + 60
    while not begun():
        assert time.monotonic() < deadline
    process.kill()
    process.wait()
    process.stdout.close()


def test_killed_transfers_are_resumed(home: LabHome, other: LabHome, taken: Snapshot, tmp_path: Path) -> None:
    folder = tmp_path / "remote"
    digests = [file.hash for file in taken.manifest.files]

    def there() -> list[Path]:
        paths = [folder / "objects" / digest[:2] / digest[2:] for digest in digests]
        return [path for path in paths if path.exists()]

    kill_in_the_middle(home, folder, "push", taken.id, lambda: bool(list(folder.rglob("*.part"))) or bool(there()))
    whole = len(there())
    assert not (folder / "refs").exists()
    assert all(blake3(path.read_bytes()).hexdigest() == path.parent.name + path.name for path in there())
    assert Remote(home, str(folder)).push(taken.id).files == 302 - whole

    kill_in_the_middle(other, folder, "pull", taken.id, lambda: any(other.tmp.glob("*/*")))
    store = ObjectStore(other)
    kept = list(store.digests())
    assert all(store.verify(digest) >= 0 for digest in kept)
    assert Remote(other, str(folder)).pull(taken.id).transfer.files == 302 - len(kept)
    assert sum(store.verify(digest) for digest in digests) == taken.manifest.size
    assert list(other.tmp.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "lab-test", str(disk)], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode != 0:
        pytest.skip("no right to mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_remote_on_a_full_disk_is_told_and_resumed(home: LabHome, taken: Snapshot, small_disk: Path) -> None:
    version = version_of(taken)
    remote = Remote(home, str(small_disk / "lab"))
    with pytest.raises(LabError, match="No space left") as caught:
        remote.push(taken.id, version)
    assert "free space" in caught.value.hint
    assert list(small_disk.rglob("*.part")) == []
    assert not (small_disk / "lab" / "refs").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    resumed = remote.push(taken.id, version)
    assert resumed.files + resumed.skipped == 302
    assert remote.refs().versions == (version,)
