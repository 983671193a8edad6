"""Files of two runs against each other, and pictures made small: hostile ones are only sentences."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from lab.domain.files import BYTES, PICTURE, TEXT, TYPED, ArtifactChanges
from lab.errors import LabError
from lab.experiments.artifacts import artifacts
from lab.experiments.filediff import compare_files
from lab.experiments.pictures import thumbnail
from lab.paths import RunFolder


def compared(root: Path, old: dict[str, bytes], new: dict[str, bytes]) -> ArtifactChanges:
    sides = []
    for name, files in (("old", old), ("new", new)):
        folder = RunFolder(root / name)
        folder.artifacts.mkdir(parents=True)
        for path, content in files.items():
            (folder.artifacts / path).write_bytes(content)
        sides.append(artifacts(folder))
    return compare_files(*sides)


def test_text_has_a_diff_and_the_rest_is_told_by_size_and_hash(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        {"a.yaml": b"lr: 1\nk: 2\n", "same": b"s", "gone.txt": b"g", "b.bin": b"\0\1", "predictions.csv": b"1",
         "p.png": b"\x89PNG old"},
        {"a.yaml": b"lr: 3\nk: 2\n", "same": b"s", "come.txt": b"c", "b.bin": b"\0\2", "predictions.csv": b"2",
         "p.png": b"\x89PNG new"},
    )  # fmt: skip
    assert found.same == 1
    told = {one.path: one for one in found.changed}
    assert [line.kind + line.text for line in told["a.yaml"].diff[1:]] == ["-lr: 1", "+lr: 3", " k: 2"]
    assert {path: one.kind for path, one in told.items()} == {
        "a.yaml": TEXT, "gone.txt": TEXT, "come.txt": TEXT, "b.bin": BYTES, "predictions.csv": TYPED, "p.png": PICTURE,
    }  # fmt: skip
    assert (told["gone.txt"].new_size, told["come.txt"].old_size) == (None, None)
    assert not told["gone.txt"].diff
    assert told["b.bin"].old_hash != told["b.bin"].new_hash
    assert found.to_json()["files"][0]["diff"][1] == "-lr: 1"


def test_what_is_large_or_half_text_is_not_shown_line_by_line(tmp_path: Path) -> None:
    long = b"x" * 8190 + "é".encode()
    found = compared(
        tmp_path,
        {"large.txt": b"a" * ((1 << 20) + 1), "cut.txt": long + b"1", "odd.txt": b"\xff\xfe"},
        {"large.txt": b"b" * ((1 << 20) + 1), "cut.txt": long + b"2", "odd.txt": b"\xff\xfd"},
    )
    told = {one.path: one for one in found.changed}
    assert (told["large.txt"].kind, told["large.txt"].note) == (BYTES, "too large to show line by line")
    assert told["cut.txt"].kind == TEXT
    assert told["odd.txt"].kind == BYTES


def picture(mode: str = "RGB", size: tuple[int, int] = (100, 50), kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 200 if mode == "L" else (200, 0, 0) if mode == "RGB" else (200, 0, 0, 0)).save(out, kind)
    return out.getvalue()


def test_a_picture_is_made_small_and_keeps_its_proportions(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(picture())
    small = thumbnail(path, 20, 20)
    assert (small.width, small.height, len(small.pixels)) == (20, 10, 600)
    assert small.colour(19, 9) == "#c80000"
    path.write_bytes(picture("RGBA"))
    assert thumbnail(path, 20, 20).colour(0, 0) == "#808080"
    path.write_bytes(picture("L", kind="JPEG"))
    assert thumbnail(path, 500, 500).width == 100


def _bomb() -> bytes:
    """A PNG that says it is 50,000 × 50,000."""
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize("content", [b"", b"GIF89a" + bytes(20), picture()[:60], _bomb()])
def test_what_is_no_picture_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(content)
    with pytest.raises(LabError):
        thumbnail(path, 20, 20)


def test_without_pillow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(LabError) as caught:
        thumbnail(tmp_path / "p.png", 20, 20)
    assert "lab[images]" in caught.value.hint
