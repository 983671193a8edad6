"""Who may start, and what the others are told."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lab.domain.queue import Demand, Load, Machine, Rules, Ticket, between, line_up, obstacle

GB = 1024**3
MACHINE = Machine(cores=4, memory=16 * GB, gpus=1, disk=100 * GB, disk_floor=GB)


def test_reasons_name_what_is_short_and_who_has_it() -> None:
    calm = Load("calm-otter-42", Demand(3, GB))
    assert obstacle(Demand(1, GB), [calm], MACHINE) == ""
    assert obstacle(Demand(2, GB), [calm], MACHINE) == "waits for 2 of 4 cores: calm-otter-42 uses 3"
    hog = Load("hog", Demand(1, 15 * GB))
    assert obstacle(Demand(1, 2 * GB), [hog], MACHINE) == "waits for 2 GB of 16 GB memory: hog uses 15 GB"
    gpu = Load("brisk-owl-01", Demand(1, GB, gpus=-1))
    assert obstacle(Demand(1, GB, gpus=1), [gpu], MACHINE) == "waits for 1 of 1 GPUs: brisk-owl-01 uses 1"
    many = [Load(name, Demand(1, GB)) for name in "abcd"]
    assert obstacle(Demand(0.5, GB), many, MACHINE).endswith("a uses 1, b uses 1, 2 more need 2")
    full = replace(MACHINE, disk=GB // 2)
    assert obstacle(Demand(1, GB), [], full).startswith("waits for disk: 512 MB are free, 1 GB are kept free")


def test_one_that_needs_more_than_there_is_starts_alone() -> None:
    assert obstacle(Demand(64, 999 * GB, gpus=8), [], MACHINE) == ""
    assert "waits for 4 of 4 cores" in obstacle(Demand(64, GB), [Load("a", Demand(1, GB))], MACHINE)
    assert obstacle(Demand(1, GB, gpus=1), [], replace(MACHINE, gpus=0)) == "", "its engine says that there is none"


def test_small_ones_do_not_pass_a_large_one_for_ever() -> None:
    tickets = [Ticket("1", "large", Demand(4, GB)), Ticket("2", "small", Demand(1, GB))]
    reasons = line_up(tickets, [Load("old", Demand(1, GB))], MACHINE, Rules())
    assert reasons["1"] == "waits for 4 of 4 cores: old uses 1"
    assert reasons["2"] == "waits for 1 of 4 cores: old uses 1, large is before it and needs 4"


def test_what_stands_by_wish_keeps_no_room() -> None:
    tickets = [
        Ticket("1", "held", Demand(4, GB), held=True),
        Ticket("2", "of-sweep", Demand(4, GB), "s"),
        Ticket("3", "free", Demand(1, GB)),
    ]
    reasons = line_up(tickets, [], MACHINE, Rules(held_sweeps={"s"}))
    assert reasons == {"1": "paused by you", "2": "sweep s is paused", "3": ""}
    assert set(line_up(tickets, [], MACHINE, Rules(paused=True)).values()) == {"the queue is paused"}


def test_a_sweep_has_so_many_at_a_time() -> None:
    tickets = [Ticket(str(n), f"r{n}", Demand(1, GB), "s") for n in range(3)] + [Ticket("x", "other", Demand(1, GB))]
    reasons = line_up(tickets, [Load("going", Demand(1, GB), "s")], MACHINE, Rules(jobs={"s": 2}))
    assert reasons == {"0": "", "1": "sweep s has 2 of 2 at a time", "2": "sweep s has 2 of 2 at a time", "x": ""}


def test_so_many_runs_at_a_time_whatever_room_there_is() -> None:
    tickets = [Ticket(str(n), f"r{n}", Demand(0.1, 1)) for n in range(3)]
    loads = [Load("going", Demand(0.1, 1), "s"), Load("deployment d", Demand(0.0, 1), serves=True)]
    full = "2 of 2 runs go at a time (lab queue jobs)"
    assert line_up(tickets, loads, MACHINE, Rules(most=2)) == {"0": "", "1": full, "2": full}
    assert set(line_up(tickets, loads, MACHINE, Rules()).values()) == {""}


def test_the_memory_of_deployments_counts_and_is_not_waited_for() -> None:
    serving = Load("deployment d", Demand(0.0, 3 * GB), serves=True)
    gone = Demand(1, MACHINE.memory)
    assert obstacle(gone, [serving], MACHINE) == "", "it has all that it can get"
    beside = [serving, Load("going", Demand(1, GB))]
    assert "deployment d uses 3 GB" in obstacle(gone, beside, MACHINE)
    assert obstacle(Demand(1, MACHINE.memory - 4 * GB), beside, MACHINE) == ""
    assert obstacle(Demand(1, MACHINE.memory - 3 * GB), beside, MACHINE).startswith("waits for")


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 20), st.integers(-1, 2)), max_size=12))
def test_what_starts_fits_and_the_first_is_never_passed_over(wanted: list[tuple[int, int, int]]) -> None:
    tickets = [
        Ticket(str(number), f"r{number}", Demand(cpus, memory * GB, gpus))
        for number, (cpus, memory, gpus) in enumerate(wanted)
    ]
    reasons = line_up(tickets, [], MACHINE, Rules())
    starting = [ticket.demand for ticket in tickets if not reasons[ticket.id]]
    if tickets:
        assert reasons["0"] == ""
    if len(starting) > 1:
        assert sum(min(one.cpus, 4) for one in starting) <= 4
        assert sum(min(one.memory, 16 * GB) for one in starting) <= 16 * GB
        assert sum(1 if one.gpus else 0 for one in starting) <= 1


def test_places() -> None:
    assert between([], 0) == 0.0
    assert between([5.0, 6.0], 0) < 5.0
    assert 5.0 < between([5.0, 6.0], 1) < 6.0
    assert between([5.0, 6.0], 9) > 6.0
