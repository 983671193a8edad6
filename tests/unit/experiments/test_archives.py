"""Archives of results: what is in them, and what hostile ones do not get."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from lab.experiments.readers import archives
from lab.experiments.readers.base import Unreadable


def tar(path: Path, members: list[tuple[str, bytes | str]], kind: bytes = tarfile.REGTYPE) -> Path:
    """An archive; a member whose content is a text is a link (of `kind`) to there."""
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as out:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.mtime = 1_700_000_000
            if isinstance(content, str):
                info.type, info.linkname = kind, content
                out.addfile(info)
            else:
                info.size = len(content)
                out.addfile(info, io.BytesIO(content))
    return path


def zipped(path: Path, members: list[tuple[str, bytes, int]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name, (2023, 11, 14, 22, 13, 20))
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            out.writestr(info, content)
    return path


def below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in" / "here"
    made.mkdir(parents=True)
    return made


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz", "a.zip"])
def test_files_come_out_as_they_were(tmp_path: Path, folder: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("zip"):
        zipped(path, [("runs/1/x.csv", b"step,loss\n", 0), ("top", b"", stat.S_IFREG | 0o644)])
    else:
        tar(path, [("runs/1/x.csv", b"step,loss\n"), ("./top", b"")])
    assert archives.is_archive(path)
    assert archives.stem(path) == "a"
    assert archives.unpack(path, folder) == []
    assert below(folder) == {"runs/1/x.csv": b"step,loss\n", "top": b""}
    assert abs((folder / "top").stat().st_mtime - 1_700_000_000) < 86_400


EVIL = ["../evil", "/tmp/lab-evil", "a/../../evil", "..\\evil", "\\evil", "x/" * 60 + "deep", ".."]


@pytest.mark.parametrize("name", EVIL)
def test_names_that_lead_elsewhere_stay_out(tmp_path: Path, folder: Path, name: str) -> None:
    for archive in (tar(tmp_path / "a.tar", [(name, b"evil"), ("good", b"1")]),
                    zipped(tmp_path / "a.zip", [(name, b"evil", 0), ("good", b"1", 0)])):  # fmt: skip
        (left,) = archives.unpack(archive, folder)
        assert "leads out" in left.reason
        assert below(tmp_path / "in") == {"here/good": b"1"}
        assert not Path("/tmp/lab-evil").exists()
        (folder / "good").unlink()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_stay_out_and_lead_nowhere(tmp_path: Path, folder: Path, kind: bytes) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    path = tar(tmp_path / "a.tar", [("dir", str(outside)), ("dir/file", b"evil"), ("good", b"1")], kind)
    left = archives.unpack(path, folder)
    assert [item.path for item in left] == ["dir"]
    assert list(outside.iterdir()) == []
    assert below(folder) == {"dir/file": b"evil", "good": b"1"}


def test_a_link_in_a_zip_stays_out(tmp_path: Path, folder: Path) -> None:
    path = zipped(tmp_path / "a.zip", [("link", b"/etc/passwd", stat.S_IFLNK | 0o777), ("good", b"1", 0)])
    assert [item.path for item in archives.unpack(path, folder)] == ["link"]
    assert not os.path.lexists(folder / "link")


def test_a_name_that_comes_twice_or_is_a_folder_does_no_harm(tmp_path: Path, folder: Path) -> None:
    path = tar(tmp_path / "a.tar", [("x", b"first"), ("x", b"second"), ("x/y", b"third"), ("n" * 300, b"long")])
    assert len(archives.unpack(path, folder)) == 3
    assert below(folder) == {"x": b"first"}


@pytest.mark.parametrize("name", ["bomb.zip", "bomb.tar.gz"])
def test_a_bomb_is_not_unpacked(tmp_path: Path, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MODERATE", 1 << 20)
    monkeypatch.setattr(archives, "_RATIO", 20)
    zeros = bytes(16 << 20)
    path = tmp_path / name
    path = zipped(path, [("zeros", zeros, 0)]) if name.endswith("zip") else tar(path, [("zeros", zeros)])
    with pytest.raises(Unreadable, match="far larger"):
        archives.unpack(path, folder)
    assert sum(map(len, below(folder).values())) <= 4 << 20
    monkeypatch.setattr(archives, "MOST_FILES", 3)
    with pytest.raises(Unreadable, match="files"):
        archives.unpack(tar(tmp_path / "many.tar", [(f"f{n}", b"") for n in range(5)]), folder)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz"])
@pytest.mark.parametrize("content", [b"", b"garbage" * 500, b"PK\x03\x04" + b"\0" * 60, b"\x1f\x8b\x08" + b"\0" * 40])
def test_what_is_no_archive_is_a_reason(tmp_path: Path, folder: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with suppress(Unreadable):  # an empty file is an empty tar
        assert archives.unpack(tmp_path / name, folder) == []
    assert below(folder) == {}


def test_half_an_archive_gives_a_reason(tmp_path: Path, folder: Path) -> None:
    whole = tar(tmp_path / "whole.tar.gz", [("a", os.urandom(50_000)), ("b", os.urandom(50_000))]).read_bytes()
    (tmp_path / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unreadable, match="damaged"):
        archives.unpack(tmp_path / "half.tar.gz", folder)
