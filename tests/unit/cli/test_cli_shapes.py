"""Every JSON shape holds what it promises, also for values that JSON does not have."""

from __future__ import annotations

import io
from typing import Any

from documents import (
    CANARY,
    CHECK,
    COMPARISON,
    DATASET,
    DATASET_VERSION,
    DEPLOYMENT,
    HEALTH,
    LOAD_TESTS,
    MODEL,
    MODEL_VERSION,
    ROLLOUT,
    RUN,
    RUN_DETAIL,
    Check,
    document,
    listing,
)

from lab.cli import shapes, verdict_shapes
from lab.cli.measured_shapes import beside_shape, load_test_shape
from lab.cli.output import Output
from lab.cli.rollout_shapes import rollout_shape
from lab.domain.canary import Beside, Side, Traffic
from lab.domain.canary import Verdict as CanaryVerdict
from lab.domain.capture import Capture
from lab.domain.checks import Check as Finding
from lab.domain.compare import Comparison, Row
from lab.domain.datasets import Column, Dataset, DatasetVersion
from lab.domain.demo import DemoReport, DemoStep
from lab.domain.deployments import Deployment, DeploymentStatus, Health
from lab.domain.load_tests import LoadTest
from lab.domain.models import Model, ModelVersion
from lab.domain.resources import Resources
from lab.domain.rollouts import Outcome, Rollout, RolloutStep
from lab.domain.runs import CodeSnapshot, DataInput, MetricSummary, Run, RunSpec, RunStatus

NAN, INF = float("nan"), float("inf")
NOW = 1_700_000_100.0
HOSTILE = "\x1b[2J\u202e手"

RUN_DONE = Run(
    id="k9jjpypk",
    name="calm-otter-42",
    project="p",
    entry="train",
    status=RunStatus.FAILED,
    cause="failed exit 3",
    exit_code=3,
    engine="process",
    params={"lr": 0.1, "n": 3, "flag": True, "none": None, HOSTILE: HOSTILE, "inf": INF},
    metrics={"loss": MetricSummary(NAN, -INF, INF, NAN, 4, 3.0)},
    datasets={"digits": "v2"},
    tags=("best",),
    created=1_700_000_000.0,
    started=1_700_000_001.25,
    ended=1_700_000_003.5,
)
SPEC = RunSpec(
    id="k9jjpypk",
    name="calm-otter-42",
    project="p",
    entry="train",
    command=("python", "train.py"),
    params={},
    seed=0,
    datasets={"digits": DataInput("digits", "v2", "b3:00")},
    code=CodeSnapshot("b3:11", 3, 120),
    engine="process",
    image="x",
    environment="y",
    resources=Resources(),
    network=False,
    created=NOW,
)
DATA = DatasetVersion("b3:00", "digits", "p", 2, NOW, 1, 12, 3, (Column("a", "Int64"),), "why")
MODEL_3 = ModelVersion("digits", 3, "b3:22", "sklearn", "k9jjpypk", "p", NOW, 900, {"inputs": []}, {"loss": INF}, {})
DEPLOYED = Deployment("d1", "digits", "digits", 3, "champion", DeploymentStatus.READY, "docker", 8100, "i", NOW)


def printed(value: dict[str, Any], check: Check) -> Any:
    out = io.StringIO()
    Output(out, io.StringIO(), json=True).document(value)
    return document(out.getvalue(), check)


def test_a_run() -> None:
    found = printed(shapes.run_shape(RUN_DONE, NOW), RUN)
    assert found["metrics"] == {"loss": "NaN"}
    assert found["params"]["inf"] == "Infinity"
    assert found["params"][HOSTILE] == HOSTILE
    assert found["started"] == "2023-11-14T22:13:21.250000Z"
    assert found["duration"] == 2.25


def test_a_run_that_goes_on_lasts_until_now() -> None:
    going = Run("a", "b", "p", "e", RunStatus.RUNNING, created=NOW - 9, started=NOW - 8.5)
    found = printed(shapes.run_shape(going, NOW), RUN)
    assert (found["duration"], found["ended"], found["exit_code"]) == (8.5, None, None)


def test_a_run_in_full_also_without_its_folder() -> None:
    captured = Capture("k9jjpypk", "train", ("python",), SPEC.code, params={"inf": INF})
    found = printed(shapes.run_detail(RUN_DONE, SPEC, "/home/runs/k9jjpypk", NOW, captured), RUN_DETAIL)
    assert found["capture"]["params"] == {"inf": "Infinity"}
    assert found["summaries"]["loss"]["max"] == "Infinity"
    assert found["inputs"]["digits"]["manifest"] == "b3:00"
    assert printed(shapes.run_detail(RUN_DONE, None, "/x", NOW), RUN_DETAIL)["command"] is None


def test_a_comparison() -> None:
    rows = (Row("lr", (0.1, None), True), Row("kind", ("a", "a"), False))
    comparison = Comparison((RUN_DONE, RUN_DONE), "k9jjpypk", rows, (Row("loss", (NAN, 1.0), True),), (), (), False)
    found = printed(verdict_shapes.comparison_shape(comparison, NOW), COMPARISON)
    assert found["params"][0] == {"key": "lr", "values": [0.1, None], "differs": True}
    assert found["metrics"][0]["values"] == ["NaN", 1.0]


def test_datasets() -> None:
    dataset = Dataset("p", "digits", "data/digits.csv", DATA, 2, {"best": 1})
    found = printed(shapes.listing([shapes.dataset_shape(dataset)]), listing(DATASET))
    assert (found["total"], found["items"][0]["version"]) == (1, 2)
    assert printed(shapes.dataset_version_shape(DATA), DATASET_VERSION)["id"] == "p/digits@v2"


def test_models() -> None:
    model = Model("digits", MODEL_3, 3, {"champion": 2})
    assert printed(shapes.model_shape(model), MODEL)["aliases"] == {"champion": 2}
    assert printed(shapes.model_version_shape(MODEL_3), MODEL_VERSION)["metrics"] == {"loss": "Infinity"}


def test_deployments_and_their_health() -> None:
    assert printed(shapes.deployment_shape(DEPLOYED), DEPLOYMENT)["url"] == "http://127.0.0.1:8100"
    look = Health("d1", NOW, True, False, "starting", p50=0.002, counters={"x": 1.0})
    assert printed(shapes.health_shape(DEPLOYED, look), HEALTH)["p50"] == 0.002


def test_a_rollout_with_the_numbers_of_its_steps() -> None:
    steps = (RolloutStep("probe", False, NOW, 0.5, "too slow", {"p99": INF}),)
    rollout = Rollout(
        "o1", "d1", 2, "digits", 3, "champion", "canary", "digits:v2", NOW, Outcome.ROLLED_BACK, "x", NOW, steps
    )
    found = printed(rollout_shape(rollout), ROLLOUT)
    assert (found["outcome"], found["steps"][0]["evidence"]) == ("rolled back", {"p99": "Infinity"})


def test_two_versions_beside_each_other_and_load_tests() -> None:
    sides = [Side(f"digits:v{number}", 50, 1, Traffic(9, 1, INF, 0.1)) for number in (1, 2)]
    seen = {"id": "d1", "name": "digits", "canary": beside_shape(Beside(1.0, *sides, CanaryVerdict(True, "x"), 0.1))}
    assert printed(seen, CANARY)["canary"]["green"]["p95"] == "Infinity"
    test = load_test_shape(LoadTest(NOW, "digits", 2, 1, 32, 1.0, 9, 1, 8.0, failures={"503": 1}))
    assert printed({"id": "d1", "name": "digits", "items": [test], "total": 1}, LOAD_TESTS)["total"] == 1


def test_checks() -> None:
    finding = Finding("disk", False, "1 MB free", "free some space")
    assert printed(shapes.check_shape(finding), CHECK)["id"] == "disk"


def test_a_demonstration_step_carries_its_ids() -> None:
    steps = (DemoStep("deploy", True, 1.5, "ready", {"deployment": "d1"}),)
    found = shapes.demo_shape(DemoReport("process", steps, 0.97, "d1"))
    assert list(found) == ["engine", "steps", "accuracy", "metric", "deployment"]
    assert found["steps"][0]["deployment"] == "d1"
    assert found["steps"][0]["ok"] is True


def test_a_page_says_how_many_there_are_in_all() -> None:
    assert shapes.listing([], 320) == {"items": [], "total": 320}
