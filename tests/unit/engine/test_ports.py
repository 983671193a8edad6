from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.ports import in_turn
from lab.paths import LabHome

PORTS = range(8100, 9000)


def test_the_usual_home_begins_with_the_first_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert list(in_turn(LabHome(tmp_path / ".lab"), PORTS)) == list(PORTS)


def test_other_homes_begin_elsewhere_and_miss_none(tmp_path: Path) -> None:
    orders = [in_turn(LabHome(tmp_path / str(number)).create(), PORTS) for number in range(20)]
    assert len({order[0] for order in orders}) > 10
    assert all(sorted(order) == list(PORTS) for order in orders)
    assert in_turn(LabHome(tmp_path / "0"), PORTS) == orders[0], "the same again next time"
