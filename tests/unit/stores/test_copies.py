import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.stores.copies import append, clone, end_sparse, write_sparse

BLOCK = 1 << 16


def holes(path: Path) -> bool:
    info = path.stat()
    return info.st_blocks * 512 < info.st_size // 2


def other_place(tmp_path: Path) -> Path | None:
    """A folder on a second filesystem."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() and shared.stat().st_dev != tmp_path.stat().st_dev else None


@pytest.mark.parametrize("elsewhere", [False, True], ids=["one filesystem", "two filesystems"])
def test_files_follow_each_other_with_their_holes(tmp_path: Path, elsewhere: bool) -> None:
    place = other_place(tmp_path) if elsewhere else tmp_path
    if place is None:
        pytest.skip("no second filesystem here")
    dice = random.Random(3)
    sources, content = [], b""
    for number in range(6):
        source = tmp_path / f"{number}"
        with source.open("wb") as file:
            file.truncate(dice.randrange(5 << 20))
            for _ in range(number % 3):
                file.seek(dice.randrange(5 << 20))
                file.write(os.urandom(dice.randrange(100_000)))
        sources.append(source)
        content += source.read_bytes()
    dest = place / f"lab-test-{os.getpid()}"
    try:
        with dest.open("xb", buffering=0) as out:
            at = 0
            for source in sources:
                with source.open("rb") as file:
                    at += append(file.fileno(), out.fileno(), at)
        assert at == len(content)
        assert dest.read_bytes() == content
        assert holes(dest) == holes(sources[0])
    finally:
        dest.unlink(missing_ok=True)


pieces = st.lists(st.tuples(st.booleans(), st.integers(0, 3 * BLOCK)), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces)
def test_zeros_become_holes_and_nothing_else_changes(tmp_path: Path, wanted: list[tuple[bool, int]]) -> None:
    parts = [bytes(size) if zero else b"\1" * size for zero, size in wanted]
    path = tmp_path / "sparse"
    with path.open("wb", buffering=0) as file:
        for part in parts:
            write_sparse(file.fileno(), part)
        end_sparse(file.fileno())
    assert path.read_bytes() == b"".join(parts)


def test_a_clone_is_the_whole_file_or_nothing(tmp_path: Path) -> None:
    source, dest = tmp_path / "source", tmp_path / "dest"
    source.write_bytes(os.urandom(100_000))
    for _ in range(2):  # what was refused once is not asked again, and says the same
        with source.open("rb") as file, dest.open("wb", buffering=0) as out:
            cloned = clone(file.fileno(), out.fileno())
        assert dest.read_bytes() == (source.read_bytes() if cloned else b"")
