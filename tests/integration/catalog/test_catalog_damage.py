"""Damage of every kind: told where a user sees it, and nothing lost that can be read."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import duckdb
import pytest

from lab.catalog import runs
from lab.catalog.connection import Catalog
from lab.errors import LabError
from lab.events import GOVERNANCE
from lab.journal import Journal, _encode, segments, verify
from lab.paths import LabHome


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


def write(home: LabHome, *names: str) -> Path:
    """A segment of its own with a run per name, whose writer is gone. Returns its path."""
    pen = LabHome(Path(tempfile.mkdtemp(dir=home.root)))
    journal = Journal(pen, GOVERNANCE)
    for name in names:
        journal.append("run.created", name, {"name": name, "project": "p", "entry": "t"})
    journal.close()
    (path,) = pen.journal.iterdir()
    return path.rename(home.journal / path.name)


def known(home: LabHome) -> list[str]:
    catalog = Catalog(home)
    try:
        return sorted(row["id"] for row in catalog.rows("SELECT id FROM run_table"))
    finally:
        catalog.close()


def test_a_torn_last_line_is_told_and_costs_only_itself(home: LabHome) -> None:
    pen = Journal(LabHome(home.root / "pen"), ())
    wanted, torn = set(), set()
    for length in range(1000):
        # One segment for every byte of its last record at which it is cut.
        lines = [
            _encode(pen.append("run.created", f"{name}{length:03}", {"name": name, "project": "p"}), None)
            for name in "abc"
        ]
        if length > len(lines[2]):
            break
        segment = home.journal / f"20261124T000000-4194999-{length:08}.jsonl"
        segment.write_bytes(lines[0] + b"\n" + lines[1] + b"\n" + lines[2][:length])
        wanted |= {f"a{length:03}", f"b{length:03}"}
        torn |= {segment.name} if length else set()
    pen.close()
    assert len(torn) > 100
    catalog = Catalog(home)
    assert {row["id"] for row in catalog.rows("SELECT id FROM run_table")} == wanted
    damage = catalog.damage()
    assert {item.segment for item in damage} == torn
    assert all(item.line == 3 and "never acknowledged" in item.reason for item in damage)
    catalog.close()


def test_a_segment_cut_after_it_was_read_loses_nothing_from_the_index(home: LabHome) -> None:
    segment = write(home, "one", "two", "three")
    whole = segment.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for length in (len(whole) - 1, last + 5, last, 10, 0):
        catalog = Catalog(home)
        catalog.publish()
        segment.write_bytes(whole[:length])
        catalog.refresh()
        assert {row["id"] for row in catalog.rows("SELECT id FROM run_table")} == {"one", "two", "three"}
        assert any("cut short" in item.reason for item in catalog.damage())
        segment.write_bytes(whole)
        catalog.refresh()
        assert catalog.rows("SELECT count(*) AS n FROM events") == [{"n": 3}]
        catalog.close()


def test_garbage_lines_are_skipped_and_named(home: LabHome) -> None:
    first = write(home, "one")
    with open(first, "ab") as file:
        file.write(b"\xff\xfe garbage \x00\n" + b'{"id": 5}\n' + b"[" * 100_000 + b"\n" + b"\n")
    second = write(home, "two")
    with open(first, "ab") as file:
        file.write(second.read_bytes().replace(b'"two"', b'"three"').replace(b'"id":"', b'"id":"0'))  # 27 characters
    catalog = Catalog(home)
    assert sorted(row["id"] for row in catalog.rows("SELECT id FROM run_table")) == ["one", "two"]
    assert [(item.segment, item.line) for item in catalog.damage()] == [(first.name, line) for line in range(2, 7)]
    catalog.close()


def test_garbage_in_a_bulk_is_found_too(home: LabHome) -> None:
    segment = write(home, *(f"r{number}" for number in range(3000)))
    lines = segment.read_bytes().splitlines(keepends=True)
    lines.insert(1234, b"not an event\n")
    segment.write_bytes(b"".join(lines))
    catalog = Catalog(home)
    assert catalog.rows("SELECT count(*) AS n FROM run_table") == [{"n": 3000}]
    assert [(item.line, item.segment) for item in catalog.damage()] == [(1235, segment.name)]
    catalog.close()


@pytest.mark.parametrize("where", ["whole", "head", "middle", "cut", "empty"])
def test_an_index_full_of_noise_is_rebuilt_and_told(home: LabHome, where: str) -> None:
    names = [f"r{number}" for number in range(600)]
    write(home, *names)
    catalog = Catalog(home)
    catalog.publish()
    catalog.close()
    data = bytearray(home.index_db.read_bytes())
    noise = os.urandom(len(data))
    if where == "whole":
        data[:] = noise
    elif where == "head":
        data[:4096] = noise[:4096]
    elif where == "middle":
        data[12288:] = noise[12288:]
    elif where == "cut":
        del data[len(data) // 2 :]
    else:
        data.clear()
    home.index_db.write_bytes(data)
    catalog = Catalog(home)
    assert sorted(row["id"] for row in catalog.rows("SELECT id FROM run_table")) == sorted(names)
    assert runs.get(catalog, "r599") is not None
    assert where == "empty" or any("rebuilt" in notice for notice in catalog.notices), catalog.notices
    catalog.close()
    assert known(home) == sorted(names)


def test_a_damaged_snapshot_sends_readers_to_the_journal(home: LabHome) -> None:
    write(home, "one", "two")
    holder = Catalog(home)
    holder.publish()
    home.index_snapshot.write_bytes(os.urandom(50_000))
    reader = Catalog(home)
    assert not reader.holder
    assert sorted(row["id"] for row in reader.rows("SELECT id FROM run_table")) == ["one", "two"]
    assert any("published index" in notice for notice in reader.notices)
    reader.close()
    holder.close()


def test_an_index_of_a_newer_lab_is_set_aside(home: LabHome) -> None:
    write(home, "one")
    Catalog(home).close()
    home.index_db.unlink(missing_ok=True)
    newer = duckdb.connect(str(home.index_db))
    newer.execute("CREATE TABLE meta (key VARCHAR, value VARCHAR)")
    newer.execute("INSERT INTO meta VALUES ('schema', '999-future')")
    newer.execute("CREATE TABLE what_is_this (x INTEGER)")
    newer.close()
    catalog = Catalog(home)
    assert [row["id"] for row in catalog.rows("SELECT id FROM run_table")] == ["one"]
    (notice,) = catalog.notices
    assert "another version of Lab" in notice
    assert list(home.index.glob("catalog.duckdb.bad-*")), "kept, in case somebody wants it"
    catalog.close()


def test_a_file_of_a_newer_duckdb_is_set_aside(home: LabHome) -> None:
    write(home, "one")
    catalog = Catalog(home)
    catalog.publish()
    catalog.close()
    data = bytearray(home.index_db.read_bytes())
    assert data[8:12] == b"DUCK"
    data[12] = 250  # the storage version
    home.index_db.write_bytes(data)
    assert known(home) == ["one"]


def test_edits_of_governance_events_break_the_chain(home: LabHome) -> None:
    segment = write(home, "one", "two", "three")
    lines = segment.read_bytes().splitlines(keepends=True)
    # The chain begins with the segment's name, which `write` has changed: take a journal of our own.
    segment.unlink()
    journal = Journal(home, GOVERNANCE)
    for name in ("one", "two", "three", "four"):
        journal.append("run.created", name, {"name": name})
    journal.append("run.noted", "one", {"notes": "not governance"})
    path = home.journal / segments(home)[0].name
    lines = path.read_bytes().splitlines(keepends=True)
    assert list(verify(home, path.name)) == []
    for altered in (
        [lines[0], lines[1].replace(b"two", b"owt"), *lines[2:]],  # edited
        [lines[0], *lines[2:]],  # removed
        [lines[1], lines[0], *lines[2:]],  # swapped
        [lines[0], lines[0], *lines[1:]],  # doubled
        lines[1:],  # the first removed
    ):
        path.write_bytes(b"".join(altered))
        assert any("hash chain" in item.reason for item in verify(home, path.name))
    path.write_bytes(b"".join(lines))
    assert list(verify(home, path.name)) == []
    journal.close()


def test_noise_beside_the_index_is_no_matter(home: LabHome) -> None:
    """A write-ahead log is never written, so one that is there is not ours."""
    write(home, "one")
    catalog = Catalog(home)
    catalog.publish()
    catalog.close()
    home.index_db.with_name(home.index_db.name + ".wal").write_bytes(os.urandom(5000))
    assert known(home) == ["one"]
    assert known(home) == ["one"]


def test_noise_in_the_middle_of_the_snapshot_is_found_when_it_is_met(home: LabHome) -> None:
    names = [f"r{number}" for number in range(600)]
    write(home, *names)
    holder = Catalog(home)
    holder.publish()
    data = bytearray(home.index_snapshot.read_bytes())
    data[12288:] = os.urandom(len(data) - 12288)
    home.index_snapshot.write_bytes(data)
    reader = Catalog(home)
    assert not reader.holder
    assert sorted(row["id"] for row in reader.rows("SELECT id FROM run_table")) == sorted(names)
    assert runs.get(reader, "r599") is not None
    assert reader.notices
    reader.close()
    holder.close()


def test_what_only_python_takes_for_text_is_told(home: LabHome) -> None:
    """Lone surrogates, written by another program: no database can hold them."""
    segment = write(home, "one", "two")
    odd = segment.read_bytes().splitlines()[0].replace(b'"name":"one"', b'"name":"\\ud800"')
    for number, line in enumerate((odd, odd.replace(b'"subject":"one"', b'"subject":"\\udfff"'))):
        with open(segment, "ab") as file:
            file.write(line.replace(b'"id":"0', b'"id":"%d' % (number + 1)) + b"\n")
    write(home, "three")
    catalog = Catalog(home)
    assert sorted(row["id"] for row in catalog.rows("SELECT id FROM run_table")) == ["one", "three", "two"]
    assert [(item.segment, item.line) for item in catalog.damage()] == [(segment.name, 3), (segment.name, 4)]
    catalog.close()


def test_a_flood_of_garbage_is_told_line_by_line(home: LabHome) -> None:
    segment = write(home, "one")
    with open(segment, "ab") as file:
        file.write(b"garbage of some length, so that looking back costs\n" * 20_000)
    write(home, "two")
    catalog = Catalog(home)
    assert sorted(row["id"] for row in catalog.rows("SELECT id FROM run_table")) == ["one", "two"]
    assert len(catalog.damage()) == 20_000
    catalog.close()


def test_a_home_that_cannot_keep_an_index_still_answers(home: LabHome) -> None:
    write(home, "one")
    home.index.rmdir()
    home.index.write_text("a file is in its place")
    catalog = Catalog(home)
    assert [row["id"] for row in catalog.rows("SELECT id FROM run_table")] == ["one"]
    assert not catalog.holder
    (notice,) = catalog.notices
    assert "kept in memory" in notice
    write(home, "two")
    catalog.refresh()
    assert catalog.rows("SELECT count(*) AS n FROM run_table") == [{"n": 2}]
    catalog.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_is_told_and_leaves_nothing_torn(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
    try:
        home = LabHome(disk / "home").create()
        journal = Journal(home, GOVERNANCE)
        written = 0

        def fill() -> None:
            nonlocal written
            while True:
                journal.append("run.noted", f"r{written}", {"notes": "x" * 5000})
                written += 1

        with pytest.raises(LabError, match="cannot write the journal"):
            fill()
        (segment,) = segments(home)
        assert (home.journal / segment.name).read_bytes().endswith(b"}\n")
        for leftover in home.index.iterdir():
            leftover.unlink()
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        journal.append("run.created", "after", {"name": "after", "project": "p", "entry": "t"})
        catalog = Catalog(home)
        assert catalog.rows("SELECT count(*) AS n FROM events") == [{"n": written + 1}]
        catalog.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_an_index_that_finds_no_room_works_in_memory(tmp_path: Path) -> None:
    home = LabHome(tmp_path / "home").create()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(home.index)], check=True)
    try:
        names = [f"r{number}" for number in range(3000)]
        write(home, *names)
        for _ in range(2):
            catalog = Catalog(home)
            assert catalog.rows("SELECT count(*) AS n FROM run_table") == [{"n": 3000}]
            catalog.publish()
            assert catalog.rows("SELECT count(*) AS n FROM run_table") == [{"n": 3000}]
            assert catalog.notices
            catalog.close()
    finally:
        subprocess.run(["umount", "-l", str(home.index)], check=True)
