from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import IntegrityError
from lab.paths import DeploymentFolder
from lab.serving import tokens
from lab.serving.haproxy import config
from lab.serving.routing import SLOTS, Backend
from lab.serving.state import Release, Server, State, backends, load, save


def release(number: int, *slots: int) -> Release:
    return Release(number, "m", number, "", "image", tuple(Server(f"d-{number}-{s}", s, f"h{s}", 8080) for s in slots))


STATE = State("d", "digits", "docker", 8100, "haproxy", "router", live=release(1, 1, 2), green=release(2, 3), share=10)


def shares(state: State) -> dict[int, int]:
    return {backend.slot: backend.weight for backend in backends(state)}


def test_a_canary_gets_its_share_whatever_the_numbers_of_servers() -> None:
    assert shares(STATE) == {1: 108, 2: 108, 3: 24}
    assert shares(replace(STATE, share=0)) == {1: 120, 2: 120, 3: 0}
    assert shares(replace(STATE, share=1, green=release(2, *range(3, 13))))[3] == 1, "never nothing by rounding"


def test_promotion_and_rollback_swap_who_gets_everything() -> None:
    promoted = STATE.promoted(100.0)
    assert shares(promoted) == {1: 0, 2: 0, 3: 240}
    back = promoted.rolled_back(200.0)
    assert shares(back) == {1: 120, 2: 120, 3: 0}
    assert (back.live, back.warm) == (STATE.live, STATE.green)
    assert shares(replace(promoted, warm_until=0.0)) == {3: 240}, "what is stopped is nobody's concern"
    assert promoted.free_slots(2) == [4, 5]
    assert replace(promoted, warm_until=0.0).free_slots(2) == [1, 2]


def test_it_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "d" / "state.json"
    assert load(path) is None
    save(path, STATE)
    assert load(path) == STATE
    path.write_text("{}")
    with pytest.raises(IntegrityError, match="damaged"):
        load(path)


def test_haproxy_knows_every_slot_and_serves_those_that_are_taken() -> None:
    text = config([Backend(2, "d-1-0", 8080, 240)])
    servers = [line.split() for line in text.splitlines() if line.startswith("  server ")]
    assert len(servers) == SLOTS
    assert servers[1] == ["server", "s2", "d-1-0:8080", "weight", "240"]
    assert servers[0][-1] == "disabled"


def test_a_token_is_private_and_the_one_before_is_taken_for_a_while(tmp_path: Path) -> None:
    folder = DeploymentFolder(tmp_path)
    assert tokens.read(folder) == ""
    tokens.create(folder)
    first = tokens.read(folder)
    assert len(first) == 43, "256 bits"
    tokens.create(folder)
    assert tokens.read(folder) == first
    path = tokens.path_of(folder)
    assert path.stat().st_mode & 0o777 == 0o600
    second = tokens.rotate(folder)
    assert path.read_text() == f"{second}\n{first}\n"
    assert not tokens.retire(folder)
    assert tokens.retire(folder, path.stat().st_mtime + tokens.GRACE + 1)
    assert path.read_text() == f"{second}\n"
    assert path.stat().st_mode & 0o777 == 0o600
