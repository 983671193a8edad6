"""`lab run` with sweeps, `lab queue` and `lab sweeps`: documents, exit codes, and what people read."""

from __future__ import annotations

from documents import (
    ERROR,
    RUN,
    SWEEP,
    SWEEP_DETAIL,
    WAITING,
    anything,
    flag,
    listing,
    many,
    mapping,
    maybe,
    number,
    one_of,
    shape,
    text,
    time,
    whole,
)
from lab_program import Lab

QUEUE = shape({"items": many(WAITING), "total": whole, "paused": flag, "jobs": whole, "driven": flag})

NEED = shape({
    "level": one_of("fail", "warn"), "state": text, "kind": one_of("run", "deployment", "dataset", "queue", "disk"),
    **dict.fromkeys(("id", "name", "told", "todo"), text), "since": maybe(time),
})  # fmt: skip
STATUS = shape({
    "needs": many(NEED), "running": many(RUN), "waiting": many(shape({"name": text, "reason": text})), "paused": flag,
    "queue_eta": maybe(number), "deployments": many(anything), "counts": mapping(whole), "datasets": whole,
    "models": whole, "free": whole, "notices": many(text),
})  # fmt: skip


def test_a_sweep_from_the_shell(lab: Lab) -> None:
    done = lab.json(
        SWEEP, "run", "train", "-p", "lr=0.1,0.2", "--seed", "1", "--metric", "loss", "--wait", "--name", "s"
    )
    assert (done["state"], done["done"], done["total"], done["seeds"]) == ("finished", 2, 2, [1])
    assert done["params"] == {"lr": "0.1,0.2"}
    shown = lab.json(SWEEP_DETAIL, "sweeps", "show", "s")
    assert [run["params"]["lr"] for run in shown["runs"]] == [0.1, 0.2], "the least loss first"
    assert [item["name"] for item in lab.json(listing(SWEEP), "sweeps", "ls")["items"]] == ["s"]
    assert "2/2" in lab("sweeps", "ls").stdout
    assert lab.json(listing(RUN), "runs", "ls", "sweep:s")["total"] == 2
    failed = lab("run", "train", "-p", "kind=broken,plain", "--wait", code=1)
    assert "2/2" in failed.stdout
    assert "failed exit 3" in failed.stderr
    lab.json(ERROR, "run", "train", "-p", "lr=1,2", "--name", "s", code=4)
    lab.json(ERROR, "sweeps", "stop", "s", code=4)
    lab.json(ERROR, "sweeps", "show", "nothing", code=3)


def test_what_makes_no_sense_is_a_usage_error(lab: Lab) -> None:
    for argv, said in (
        (("-p", "lr=0.1..0.2"), "--sweep random"),
        (("-p", "lr=2..x"), "is not a range"),
        (("-p", "lr=1,2", "--seeds", "2", "--seed", "1"), "--seeds 5 is the same as --seed 0..4"),
        (("-p", "lr=1,2", "--on-failure", "explode"), "is no policy"),
        (("-p", "lr=1,2", "--now"), "leave --now"),
        (("-p", "lr=1,2", "--sweep", "adaptive"), "--metric"),
    ):
        assert said in lab("run", "train", *argv, code=2).stderr


def test_the_queue_from_the_shell(lab: Lab) -> None:
    assert lab.json(QUEUE, "queue", "ls") == {
        "items": [], "total": 0, "paused": False, "jobs": 0, "driven": False,
    }  # fmt: skip
    assert lab.json(shape({"jobs": whole}), "queue", "jobs", "3") == {"jobs": 3}
    assert lab("queue", "jobs").stdout == "3 runs at a time\n"
    assert "3 runs at a time" in lab("queue", "ls").stderr
    lab("queue", "jobs", "-1", code=2)
    assert lab("queue", "jobs", "0").stdout == "as many runs at a time as have room\n"
    lab("queue", "pause")
    waiting = lab("run", "train", "--name", "first")
    assert "the queue is paused" in waiting.stderr
    assert lab.json(RUN, "run", "train", "--name", "second")["status"] == "queued"
    lab("queue", "move", "second", "1")
    items = lab.json(QUEUE, "queue", "ls")["items"]
    assert [(item["name"], item["position"], item["reason"]) for item in items] == [
        ("second", 1, "the queue is paused"), ("first", 2, "the queue is paused"),
    ]  # fmt: skip
    assert lab.json(RUN, "run", "train", "--now", "--wait", "--name", "third")["status"] == "finished"
    assert "never starts" in lab("queue", "cancel", "first").stdout
    lab.json(ERROR, "queue", "cancel", "first", code=4)
    lab.json(ERROR, "queue", "move", "second", "0", code=2)
    assert "goes on" in lab("queue", "resume").stdout
    assert lab.json(RUN, "runs", "wait", "second", "--timeout", "60")["status"] == "finished", "a process drives it"


def test_more_seeds_wait_like_any_other_run(lab: Lab) -> None:
    lab("run", "train", "-p", "lr=0.1", "--name", "one", "--wait")
    lab("queue", "pause")
    more = lab.json(listing(RUN), "runs", "reseed", "one", "--more", "2")["items"]
    assert [run["status"] for run in more] == ["queued", "queued"]
    assert len({run["seed"] for run in more}) == 2
    lab("queue", "cancel", *(run["name"] for run in more))
    lab("queue", "resume")


def test_status_tells_what_home_shows(lab: Lab) -> None:
    lab("run", "train", "-p", "kind=broken", "--name", "oops", "--wait", code=1)
    lab("queue", "pause")
    lab("run", "train", "--name", "later")
    found = lab.json(STATUS, "status")
    assert ("run", "oops", "failed") in [(need["kind"], need["name"], need["state"]) for need in found["needs"]]
    assert found["waiting"][0] == {"name": "later", "reason": "the queue is paused"}
    shown = lab("status", "--needs", code=1).stdout
    assert "failed exit 3" in shown
    assert "the queue is paused" in shown
    lab("queue", "cancel", "later")
    lab("queue", "resume")
