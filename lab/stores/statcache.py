"""What was known of the files below a root when it was last read: the hash of each, for the state that stat told.

One file for each root, named by the hash of its absolute path: `labstat1`, 32 bytes of blake3 over all that follows,
the number of files (uint64), for each of them inode (uint64), size, mtime_ns and ctime_ns (int64) and the 32 bytes of
the hash, all little endian; then the names, each ended by a zero byte. Anything that does not fit this is ignored.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from blake3 import blake3

from lab.paths import LabHome
from lab.stores.sources import FileState
from lab.stores.staging import stage, sweep

_MAGIC = b"labstat1"
_HEAD = len(_MAGIC) + 32
_COUNT = struct.Struct("<Q")
_ROW = struct.Struct("<Qqqq32s")

# A file whose times are this near to the moment when it was read may have changed since without showing it: file
# systems know times to two seconds at worst. (Git calls such an entry racy.)
_RACY = 2_000_000_000  # ns
_EARLIEST = -(2**63)  # ns: what a row cannot hold

#: No file has it: it stands for a state that is not to be trusted.
_NO_STATE = (0, 0, 0, 0)

#: Name relative to the root → state, hash (64 hex digits).
Known = Mapping[str, tuple[FileState, str]]


class StatCache:
    """The known files of one root. May always be thrown away; what it says is still to be looked for in the store."""

    def __init__(self, path: Path, known: Known) -> None:
        self._path = path
        self._known = known

    @classmethod
    def load(cls, home: LabHome, root: Path) -> StatCache:
        """The cache of `root`, an absolute path; empty if there is none or it is damaged."""
        path = home.stat_cache / blake3(os.fsencode(root)).hexdigest()
        try:
            return cls(path, _decode(path.read_bytes()))
        except (OSError, ValueError, struct.error):
            return cls(path, {})

    def hash(self, name: str, state: FileState) -> str:
        """The hash of the file's content, "" if it must be read."""
        found = self._known.get(name)
        return found[1] if found is not None and found[0] == state else ""

    def last(self, name: str) -> str:
        """The hash that the file had when it was last read, "" if it never was."""
        found = self._known.get(name)
        return found[1] if found is not None else ""

    def known(self, names: Iterable[str]) -> Known:
        """All that is known of these files, trusted or not."""
        return {name: found for name in names if (found := self._known.get(name)) is not None}

    def save(self, known: Known, began: int) -> None:
        """Replace what is known, if it differs; `began` is the time (ns) when the reading of the files began.

        Not durable, and left undone where nothing can be written: then more is read the next time.
        """
        newest = began - _RACY
        kept = {
            name: (state, digest) if _EARLIEST < min(state[2:]) <= max(state[2:]) < newest else (_NO_STATE, digest)
            for name, (state, digest) in known.items()
        }
        folder = self._path.parent
        with suppress(OSError):
            sweep(folder)
            if kept == self._known:
                return
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with stage(folder) as private:
                (private / "cache").write_bytes(_encode(kept))
                (private / "cache").rename(self._path)


def _encode(known: Known) -> bytes:
    rows = [_ROW.pack(*state, bytes.fromhex(digest)) for state, digest in known.values()]
    names = [os.fsencode(name) + b"\0" for name in known]
    body = b"".join([_COUNT.pack(len(rows)), *rows, *names])
    return _MAGIC + blake3(body).digest() + body


def _decode(data: bytes) -> dict[str, tuple[FileState, str]]:
    """Raises ValueError or struct.error for what `_encode` did not write."""
    body = memoryview(data)[_HEAD:]
    if data[: len(_MAGIC)] != _MAGIC or blake3(body).digest() != data[len(_MAGIC) : _HEAD]:
        raise ValueError("not a stat cache, or a damaged one")
    (count,) = _COUNT.unpack_from(body)
    end = _COUNT.size + count * _ROW.size
    names = os.fsdecode(bytes(body[end:])).split("\0")
    rows = _ROW.iter_unpack(body[_COUNT.size : end])
    known = {
        name: ((ino, size, mtime, ctime), digest.hex())
        for name, (ino, size, mtime, ctime, digest) in zip(names, rows, strict=False)  # after the last name: nothing
    }
    if len(known) != count or len(names) != count + 1:
        raise ValueError("not a stat cache")
    return known
