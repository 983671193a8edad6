"""Which automatic versions may go."""

from __future__ import annotations

from datetime import UTC, datetime

from lab.domain.datasets import DatasetVersion, superfluous


def version(number: int, created: float, *, auto: bool = True, retired: bool = False) -> DatasetVersion:
    return DatasetVersion("b3:" + "0" * 64, "d", "p", number, created, 1, 1, auto=auto, retired=retired)


def day(then: float) -> str:
    return datetime.fromtimestamp(then, UTC).date().isoformat()


def test_old_automatic_versions_go_but_one_a_day_and_what_is_held() -> None:
    hour = 3600.0
    versions = [version(number, number * hour) for number in range(100, 0, -1)]
    going = {item.number for item in superfluous(versions, 10, {42})}
    assert not going & set(range(91, 101)), "the newest stay"
    assert 42 not in going
    days = {day(item.created) for item in versions if item.number not in going}
    assert days == {day(item.created) for item in versions}, "one of every day stays"
    assert len(going) > 80


def test_versions_made_by_hand_never_go() -> None:
    versions = [version(number, float(number), auto=False) for number in range(50, 0, -1)]
    assert superfluous(versions, 1, ()) == []
