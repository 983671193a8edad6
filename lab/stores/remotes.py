"""Copies of dataset versions elsewhere: pushed, pulled, always verified by hash.

A remote holds `objects/ab/<62 hex digits>`, `manifests/ab/<62 hex digits>.jsonl` and, for each version,
`refs/<project>/<dataset>/v<number>.json` with its facts. They are written in this order, so that what is named is
there; a transfer that died goes on where it was. All that comes from a remote is hostile until its hash proves it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lab.domain.datasets import DatasetVersion
from lab.domain.text import clean
from lab.errors import ConflictError, IntegrityError, NotFoundError, UsageError
from lab.paths import LabHome
from lab.stores import refs
from lab.stores.backends import Backend
from lab.stores.durable import free_space, full_disk
from lab.stores.ignore import Ignore
from lab.stores.manifests import Manifest, ManifestStore, manifest_id
from lab.stores.objects import Batch, ObjectStore, Stored
from lab.stores.repair import Source
from lab.stores.snapshot import Progress
from lab.stores.transfers import Presence, Pulled, Refs, Report, Stop, Transfer, batches, intact

_MANIFEST_MAX = 1 << 30  # bytes: some ten million files
_SIZE_MAX = 1 << 60  # bytes that a file can claim to have
_KEEP_EVERY = 256 << 20  # downloaded bytes that are made durable together
_FEW = 16  # folders up to which each is listed by itself

_ID = re.compile(r"b3:[0-9a-f]{64}")


class Remote:
    """One remote of a lab home, as the address `url`: a folder, `s3://`, `gs://`, `abfs://`, `sftp://`.

    `options` go to the fsspec class of the protocol. Every method may raise LabError when the remote does not answer.
    Callers hold the shared lock of the store around `push`, `pull` and `fetch_object`.
    """

    def __init__(self, home: LabHome, url: str, options: Mapping[str, Any] | None = None) -> None:
        """Connects to nothing yet. Raises UsageError for an address that is none, or a package that is missing."""
        self._backend = Backend(url, options)
        folder = self._backend.folder
        if folder is not None and folder.is_relative_to(home.root.absolute()):
            raise UsageError(f"{self.url} is inside the lab home", "a remote is a copy elsewhere")
        self._home = home
        self._objects = ObjectStore(home)
        self._manifests = ManifestStore(home)

    @property
    def url(self) -> str:
        """The address without password, safe to print."""
        return self._backend.shown

    def push(
        self,
        manifest_id: str,
        version: DatasetVersion | None = None,
        *,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> Transfer:
        """Upload what the remote lacks of a manifest, then the manifest, then (with `version`) its ref.

        Each object is verified before it leaves. Raises ConflictError if the remote has that version with another
        content, IntegrityError for an object that is damaged, or missing both here and there.
        """
        manifest = self._manifests.read(manifest_id)
        if version is not None:
            self._check_ref(version, manifest_id)
        wanted = _contents(manifest)
        there = self._there(wanted)
        sending = {digest: size for digest, size in wanted.items() if there.get(digest) != size}
        for digest in sending:
            self._objects.parts(digest)  # raises for a missing one before the first byte is sent
        report = Report(sending, progress, stop)
        for batch in batches(sending):
            self._send(batch, report)
        self._send_manifest(manifest_id)
        if version is not None:
            self._write_ref(version, manifest_id)
        return Transfer(len(sending), sum(sending.values()), len(wanted) - len(sending))

    def pull(
        self,
        manifest_id: str,
        only: Iterable[str] = (),
        *,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> Pulled:
        """Download what this store lacks of a manifest, or of the files that the patterns `only` (as in `.labignore`)
        fit, then keep the manifest.

        Raises NotFoundError if the remote has no such manifest or no pattern fits, IntegrityError naming what is
        damaged or missing there, after all that is good was kept; LabError when the disk is too small.
        """
        manifest = self._any_manifest(manifest_id)
        chosen = _choose(manifest, tuple(only))
        wanted = _contents(chosen)
        lacking = {digest: size for digest, size in wanted.items() if self._objects.size(digest) != size}
        self._check_room(lacking)
        self._receive(lacking, chosen, Report(lacking, progress, stop))
        self._manifests.write(manifest)
        missing = tuple(file.path for file in manifest.files if self._objects.size(file.hash) != file.size)
        moved = Transfer(len(lacking), sum(lacking.values()), len(wanted) - len(lacking))
        return Pulled(manifest_id, manifest, moved, missing)

    def status(self, manifest_ids: Iterable[str]) -> tuple[Presence, ...]:
        """What is here and what is there of each manifest. Sizes are compared, contents are not read."""
        ids = tuple(manifest_ids)
        at_remote = self._backend.sizes("manifests") if ids else {}
        manifests = {name: self._find_manifest(name, _manifest_key(name) in at_remote) for name in ids}
        everything: dict[str, int] = {}
        for manifest in manifests.values():
            everything |= _contents(manifest) if manifest else {}
        there = self._there(everything)
        here = {digest: self._objects.size(digest) for digest in everything}
        return tuple(
            _presence(name, manifest, self._manifests.has(name), _manifest_key(name) in at_remote, here, there)
            for name, manifest in manifests.items()
        )

    def refs(self) -> Refs:
        """The versions that the remote names. Their facts are what somebody claims, in the right types."""
        versions: list[DatasetVersion] = []
        damaged: list[str] = []
        for key in sorted(self._backend.sizes("refs")):
            if key.endswith(".part"):
                continue
            version = self._read_ref(key)
            if version is None:
                damaged.append(clean(key, 200))
            else:
                versions.append(version)
        versions.sort(key=lambda version: (version.project, version.dataset, version.number))
        return Refs(tuple(versions), tuple(damaged))

    def fetch_object(self, digest: str) -> Stored:
        """Download one object into a store that has none of that name.

        Raises NotFoundError if the remote has none either, IntegrityError if it is damaged there.
        """
        size = self._there([digest]).get(digest)
        self._check_room({digest: size or 0})
        with self._objects.batch() as batch:
            return self._put(batch, digest, self._content(digest, size))

    def source(self, digest: str) -> Source:
        """This remote as a source for the repair of an object."""
        return Source(self.url, lambda: self._content(digest, self._there([digest]).get(digest)))

    def manifest_source(self, name: str) -> Source:
        """This remote as a source for the repair of a manifest."""
        return Source(self.url, lambda: [self._remote_manifest(name).encode()])

    def _content(self, digest: str, size: int | None) -> Iterator[bytes]:
        """The bytes of an object of the remote, not proved yet. Raises NotFoundError for a `size` of None."""
        if size is None:
            raise NotFoundError(f"object {digest[:12]} is not in {self.url}", "try another remote")
        for _, chunks in self._backend.read([(_object_key(digest), size)]):
            yield from chunks

    def _there(self, digests: Iterable[str]) -> dict[str, int]:
        """Digest → size of the objects in the remote, at least of those asked for."""
        folders = {digest[:2] for digest in digests}
        found: dict[str, int] = {}
        for folder in [f"objects/{name}" for name in sorted(folders)] if len(folders) <= _FEW else ["objects"]:
            found |= self._backend.sizes(folder)
        return {key[8:10] + key[11:]: size for key, size in found.items() if len(key) == 73}

    def _send(self, batch: Mapping[str, int], report: Report) -> None:
        report.check()
        self._backend.put([(intact(self._objects, digest), _object_key(digest)) for digest in batch], report.part)
        report.done(batch)

    def _send_manifest(self, name: str) -> None:
        path, key = self._manifests.path(name), _manifest_key(name)
        if self._backend.sizes(key.rpartition("/")[0]).get(key) != path.stat().st_size:
            self._backend.put([(path, key)])

    def _receive(self, lacking: Mapping[str, int], chosen: Manifest, report: Report) -> None:
        """Download objects; bad ones are told together after the last, and none of them is kept."""
        there = self._there(lacking)
        bad = {digest: "is damaged" for digest, size in lacking.items() if there.get(digest, size) != size}
        bad |= {digest: "is missing" for digest in lacking if digest not in there}
        wanted = [(_object_key(digest), size) for digest, size in lacking.items() if digest not in bad]
        with self._objects.batch() as batch:
            try:
                self._receive_into(batch, wanted, lacking, report, bad)
            finally:
                batch.flush()  # what is whole stays, whatever ended the transfer
        if bad:
            raise self._bad(bad, chosen)

    def _receive_into(
        self,
        batch: Batch,
        wanted: Sequence[tuple[str, int]],
        sizes: Mapping[str, int],
        report: Report,
        bad: dict[str, str],
    ) -> None:
        unsafe = 0
        for key, chunks in self._backend.read(wanted):
            report.check()
            digest = key[8:10] + key[11:]
            try:
                self._put(batch, digest, report.parts(chunks))
            except IntegrityError:
                bad[digest] = "is damaged"
                continue
            report.done({digest: sizes[digest]})
            unsafe += sizes[digest]
            if unsafe >= _KEEP_EVERY:
                batch.flush()
                unsafe = 0

    def _put(self, batch: Batch, digest: str, chunks: Iterable[bytes]) -> Stored:
        try:
            return batch.put_stream(chunks, expected=digest)
        except IntegrityError as error:
            raise IntegrityError(
                f"object {digest[:12]} in {self.url} is damaged: its bytes are not what its name says",
                "push the version again from a good copy, after that object was removed there",
            ) from error

    def _bad(self, bad: Mapping[str, str], chosen: Manifest) -> IntegrityError:
        paths = {file.hash: file.path for file in chosen.files}
        named = [f"{clean(paths[digest], 80)} ({digest[:12]}) {why}" for digest, why in list(bad.items())[:3]]
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        return IntegrityError(
            f"not all is well in {self.url}: {', '.join(named)}{more}",
            "what is good was kept; push the version again from a good copy, then pull",
        )

    def _check_room(self, lacking: Mapping[str, int]) -> None:
        needed = sum(lacking.values())
        self._home.tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
        if needed > free_space(self._home.tmp):
            raise full_disk("what is to be pulled", min(needed, _SIZE_MAX), self._home.tmp)

    def _find_manifest(self, name: str, there: bool) -> Manifest | None:
        if self._manifests.has(name):
            return self._manifests.read(name)
        return self._fetch_manifest(name) if there else None

    def _any_manifest(self, name: str) -> Manifest:
        return self._manifests.read(name) if self._manifests.has(name) else self._remote_manifest(name)

    def _remote_manifest(self, name: str) -> Manifest:
        found = self._fetch_manifest(name)
        if found is None:
            raise NotFoundError(f"no manifest {clean(name, 15)} in {self.url}", "push the version there first")
        return found

    def _fetch_manifest(self, name: str) -> Manifest | None:
        data = self._backend.read_small(_manifest_key(name), _MANIFEST_MAX)
        if data is None:
            return None
        if manifest_id(data) != name:
            raise IntegrityError(
                f"manifest {name[:15]} in {self.url} is damaged: its bytes are not what its name says",
                "remove it there and push the version again",
            )
        manifest = Manifest.decode(data)
        if manifest.encode() != data:
            raise IntegrityError(f"manifest {name[:15]} in {self.url} is not in canonical form", "do not trust it")
        _contents(manifest)
        return manifest

    def _check_ref(self, version: DatasetVersion, manifest_id: str) -> None:
        """Raises ConflictError if the remote has another content under that number."""
        if version.id != manifest_id:
            raise UsageError(f"{version.label} of {version.dataset} is not the manifest {manifest_id[:15]}")
        key = refs.key(version)
        data = self._backend.read_small(key, refs.LARGEST)
        if data is None:
            return
        known = refs.decode(key, data)
        if known is None or known.id != version.id:
            raise ConflictError(
                f"{self.url} has another {version.project}/{version.dataset} {version.label}",
                "pull it, and add yours as the next version; or push to another remote",
            )

    def _write_ref(self, version: DatasetVersion, manifest_id: str) -> None:
        if not self._backend.create(refs.key(version), refs.encode(version)):
            self._check_ref(version, manifest_id)

    def _read_ref(self, key: str) -> DatasetVersion | None:
        try:
            data = self._backend.read_small(key, refs.LARGEST)
        except IntegrityError:
            return None
        return refs.decode(key, data) if data is not None else None


def _object_key(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest[2:]}"


def _manifest_key(name: str) -> str:
    if not _ID.fullmatch(name):
        raise IntegrityError(f"{clean(repr(name), 80)} is not the id of a manifest")
    return f"manifests/{name[3:5]}/{name[5:]}.jsonl"


def _contents(manifest: Manifest) -> dict[str, int]:
    """Digest → size of the distinct contents. Raises IntegrityError for sizes that cannot be."""
    found: dict[str, int] = {}
    for file in manifest.files:
        if file.size > _SIZE_MAX or found.setdefault(file.hash, file.size) != file.size:
            raise IntegrityError(f"a manifest holds a size that cannot be, of {clean(file.path, 80)}")
    return found


def _choose(manifest: Manifest, only: Sequence[str]) -> Manifest:
    if not only:
        return manifest
    patterns = Ignore(only)
    files = [file for file in manifest.files if _fits(patterns, file.path)]
    if not files:
        raise NotFoundError(f"no file of the version fits {clean(', '.join(only), 120)}", "look at its files first")
    return Manifest.of(files)


def _fits(patterns: Ignore, path: str) -> bool:
    parts = path.split("/")
    return patterns.fits(path, False) or any(patterns.fits("/".join(parts[:end]), True) for end in range(1, len(parts)))


def _presence(
    name: str,
    manifest: Manifest | None,
    is_here: bool,
    is_there: bool,
    here: Mapping[str, int | None],
    there: Mapping[str, int],
) -> Presence:
    sizes = _contents(manifest) if manifest else {}
    at_home = {digest for digest, size in sizes.items() if here.get(digest) == size}
    away = {digest for digest, size in sizes.items() if there.get(digest) == size}
    return Presence(
        name,
        len(sizes),
        sum(sizes.values()),
        len(at_home),
        len(away),
        is_here,
        is_there,
        sum(sizes[digest] for digest in at_home - away),
        sum(sizes[digest] for digest in away - at_home),
    )
