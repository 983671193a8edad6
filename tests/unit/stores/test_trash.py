import os
import time
from pathlib import Path

import pytest

from lab.errors import ConflictError, NotFoundError
from lab.paths import LabHome
from lab.stores import locks, trash
from lab.stores.objects import ObjectStore

DAY = 86_400.0


@pytest.fixture
def home(tmp_path: Path) -> LabHome:
    return LabHome(tmp_path / "home").create()


def throw(home: LabHome, content: bytes, now: float) -> tuple[str, str]:
    """(object, batch)"""
    stored = ObjectStore(home).put_bytes(content)
    batch = trash.begin(home, now)
    trash.put(home, batch, ObjectStore(home).path(stored.hash))
    return stored.hash, batch.name


def test_batches_are_listed_newest_first(home: LabHome) -> None:
    assert trash.batches(home) == ()
    now = time.time()
    _, old = throw(home, b"old", now - 3 * DAY)
    _, new = throw(home, b"newer", now)
    (home.trash / "stray").write_text("not a batch")
    found = trash.batches(home)
    assert [batch.id for batch in found] == [new, old]
    assert [(batch.objects, batch.bytes) for batch in found] == [(1, 5), (1, 3)]
    assert found[0].expires == found[0].made + 14 * DAY
    assert found[0].made == now


def test_only_the_old_are_emptied(home: LabHome) -> None:
    now = time.time()
    throw(home, b"old", now - 15 * DAY)
    kept, batch = throw(home, b"new", now - 13 * DAY)
    assert trash.empty(home, now=now) == 3
    assert [item.id for item in trash.batches(home)] == [batch]
    assert list(home.tmp.iterdir()) == []
    trash.restore(home, batch)
    assert ObjectStore(home).verify(kept) == 3
    assert trash.empty(home, older_than=0) == 0


def test_what_is_there_again_is_left_alone(home: LabHome) -> None:
    digest, batch = throw(home, b"again", time.time())
    other = ObjectStore(home).put_bytes(b"other")
    trash.put(home, home.trash / batch, ObjectStore(home).path(other.hash))
    ObjectStore(home).put_bytes(b"again")
    inode = ObjectStore(home).path(digest).stat().st_ino
    assert trash.restore(home, batch) == trash.Restored(1, 0, 1)
    assert ObjectStore(home).path(digest).stat().st_ino == inode
    assert ObjectStore(home).verify(other.hash) == 5
    assert [item.objects for item in trash.batches(home)] == [1]


@pytest.mark.parametrize("name", ["../objects", "2026-01-01-00000000", "", "stray"])
def test_only_a_batch_can_be_restored(home: LabHome, name: str) -> None:
    _, batch = throw(home, b"x", time.time())
    (home.trash / "stray").mkdir()
    with pytest.raises(NotFoundError) as caught:
        trash.restore(home, name)
    assert batch in caught.value.hint


@pytest.mark.parametrize("record", [b"", b"[]", b'{"made": NaN}', b'{"made": 1e300}', b'{"made": "x"}'])
def test_a_damaged_record_only_costs_the_date(home: LabHome, record: bytes) -> None:
    digest, batch = throw(home, b"x", time.time() - 20 * DAY)
    (home.trash / batch / "record.json").write_bytes(record)
    os.utime(home.trash / batch)
    assert abs(trash.batches(home)[0].made - time.time()) < 60
    assert trash.empty(home) == 0
    trash.restore(home, batch)
    assert ObjectStore(home).has(digest)


def test_publishers_keep_it_out(home: LabHome) -> None:
    _, batch = throw(home, b"x", time.time())
    with locks.share(home.store_lock):
        with pytest.raises(ConflictError):
            trash.restore(home, batch, timeout=0)
        with pytest.raises(ConflictError):
            trash.empty(home, older_than=0, timeout=0)
    assert len(trash.batches(home)) == 1
