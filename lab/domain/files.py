"""What two runs left behind, file by file. Paths are as they were: clean them to show."""

from __future__ import annotations

from typing import Any

from lab.dataclass import dataclass
from lab.domain.changes import DiffLine

#: What a file is to a comparison: lines, a picture, one whose form Lab compares elsewhere, or only bytes.
TEXT, PICTURE, TYPED, BYTES = "text", "picture", "typed", "bytes"


@dataclass(frozen=True)
class ArtifactChange:
    """A file that differs: sizes in bytes and hashes (blake3) on either side, None and "" where there is no such file.

    `diff` is a unified diff of text that both have; `note` says why there is none.
    """

    path: str
    kind: str
    old_size: int | None = None
    new_size: int | None = None
    old_hash: str = ""
    new_hash: str = ""
    diff: tuple[DiffLine, ...] = ()
    note: str = ""

    @property
    def in_both(self) -> bool:
        return self.old_size is not None and self.new_size is not None


@dataclass(frozen=True)
class ArtifactChanges:
    """The files that differ, by path, and how many are the same."""

    changed: tuple[ArtifactChange, ...] = ()
    same: int = 0

    def to_json(self) -> dict[str, Any]:
        """For `json.dumps`; a diff is one string per line."""
        files = [
            {"path": one.path, "kind": one.kind, "old_bytes": one.old_size, "new_bytes": one.new_size,
             "old_hash": one.old_hash, "new_hash": one.new_hash, "note": one.note,
             "diff": [line.text if line.kind == "hunk" else f"{line.kind}{line.text}" for line in one.diff]}
            for one in self.changed
        ]  # fmt: skip
        return {"files": files, "same": self.same}


@dataclass(frozen=True)
class Picture:
    """A small copy of a picture: rows of RGB, three bytes a pixel."""

    width: int
    height: int
    pixels: bytes

    def colour(self, x: int, y: int) -> str:
        """`#rrggbb` at a pixel."""
        at = 3 * (y * self.width + x)
        return f"#{self.pixels[at : at + 3].hex()}"
