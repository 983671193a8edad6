"""What needs somebody, and what does not."""

from __future__ import annotations

from dataclasses import replace

from lab.domain.datasets import Changes, Dataset, DatasetVersion, Verdict
from lab.domain.deployments import Deployment, DeploymentStatus
from lab.domain.query import parse_filter
from lab.domain.rollouts import Outcome, Rollout, RolloutStep
from lab.domain.runs import Run, RunStatus
from lab.domain.standing import Standing, needs, queue_eta, seen_versions, still_failed
from lab.pipelines.standing import told

NOW = 1_800_000_000.0
ROOM = 1 << 40


def run(id: str, status: RunStatus = RunStatus.FAILED, **changes: object) -> Run:
    base = Run(id, id, "p", "train", status, "failed exit 3", 3, "docker", params={"lr": 0.1}, created=NOW - 100)
    return replace(base, **changes)  # type: ignore[arg-type]


def dataset(number: int, verdict: Verdict = Verdict.NONE) -> Dataset:
    version = DatasetVersion("b3:0", "digits", "p", number, NOW, 1, 2048, 10)
    return Dataset("p", "digits", "data/d.csv", replace(version, verdict=verdict), number)


def test_failures_come_before_warnings_and_each_says_what_to_do() -> None:
    down = Deployment("d1", "churn", "m", 1, "", DeploymentStatus.FAILED, "docker", 1, "i", NOW, cause="out of memory")
    standing = Standing(
        {"failed": 1}, failed=[run("r1"), run("r2", RunStatus.LOST)], deployments=[down], datasets=[dataset(3)],
        seen={"p/digits": 1}, waiting=[("calm", "")], paused=True, free=ROOM,
    )  # fmt: skip
    found = needs(standing, NOW)
    assert [(need.level, need.kind, need.id) for need in found] == [
        ("fail", "deployment", "d1"), ("fail", "run", "r1"), ("warn", "run", "r2"), ("warn", "dataset", "p/digits"),
        ("warn", "queue", "all"),
    ]  # fmt: skip
    assert all(need.todo for need in found)
    assert found[3].told == "v3 is there, its last run saw v1"
    assert needs(Standing({}, free=ROOM), NOW) == []
    assert [need.kind for need in needs(Standing({}, free=1), NOW)] == ["disk"]


def test_failures_beside_those_that_are_named_are_counted() -> None:
    standing = Standing({"failed": 20}, failed=[run("r1")], more_failed=19, free=ROOM)
    named, more = needs(standing, NOW)
    assert (named.count, more.count, more.name, more.kind) == (1, 19, "19 more", "runs")
    assert parse_filter(more.id), "what Runs is filtered by"


def test_a_rollout_that_was_turned_away_is_a_red_gate() -> None:
    serving = Deployment("d1", "churn", "m", 1, "", DeploymentStatus.READY, "docker", 1, "i", NOW)
    steps = (RolloutStep("smoke", True, NOW, 1.0, "fine"), RolloutStep("p95", False, NOW, 1.0, "12 ms over 5 ms"))
    rollout = Rollout("o1", "d1", 1, "m", 2, "", "canary", "m:v1", NOW - 50, Outcome.ROLLED_BACK, "c", NOW - 5, steps)
    standing = Standing({}, deployments=[serving], rollouts={"d1": rollout}, free=ROOM)
    [need] = needs(standing, NOW)
    assert (need.word, need.id) == ("gate red", "d1")
    assert need.told == "m:v2 was turned away by p95: 12 ms over 5 ms; m:v1 serves"
    assert needs(standing, NOW + 2 * 86_400) == [], "old news"


def test_data_needs_somebody_when_it_differs_from_what_was_used() -> None:
    def found(one: Dataset, **more: object) -> list[str]:
        return [need.word for need in needs(Standing({}, datasets=[one], free=ROOM, **more), NOW)]  # type: ignore[arg-type]

    assert found(dataset(1)) == [], "no run has ever seen it"
    assert found(dataset(2), seen={"p/digits": 2}) == []
    assert found(dataset(2, Verdict.BLOCKED), copies={"p/digits": "1 file changed"}) == ["blocked", "changed"]
    assert told(Changes(added=("a",), removed=(), changed=("b", "c"))) == "2 files changed, 1 file added"
    seen = [run("a", datasets={"digits": "v1"}), run("b", datasets={"digits": "v2", "other": "v9"}),
            run("c", datasets={"digits": "a hash"})]  # fmt: skip
    assert seen_versions(seen, [dataset(3)]) == {"p/digits": 2}


def test_a_failure_is_mended_by_the_same_run_again() -> None:
    failed = [run("a"), run("b", params={"lr": 0.2})]
    later = run("c", RunStatus.FINISHED, created=NOW - 10)
    assert [one.id for one in still_failed(failed, [later])] == ["b"]
    assert len(still_failed(failed, [replace(later, created=NOW - 1000)])) == 2


def test_how_long_the_queue_takes() -> None:
    assert queue_eta([], []) is None
    assert queue_eta([60.0, None], []) is None
    assert queue_eta([60.0, 60.0], []) == 120.0
    assert queue_eta([60.0, 60.0], [run("a", eta=20.0), run("b", eta=20.0)]) == 80.0
    assert queue_eta([60.0], [run("a", eta=None)]) is None
