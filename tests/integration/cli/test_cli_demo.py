"""`lab demo` as a newcomer runs it, and what can be done with the deployment that it leaves."""

from __future__ import annotations

import csv
import os
import signal
import time
from pathlib import Path

import pytest
from documents import (
    CANARY,
    DEPLOYMENT,
    DEPLOYMENT_DETAIL,
    HEALTH,
    LOAD_TESTS,
    LOG,
    ROLLOUT,
    document,
    listing,
    many,
    maybe,
    number,
    shape,
    text,
)
from lab_program import DEADLINE, Lab

pytestmark = pytest.mark.slow

PREDICTIONS = 5


@pytest.fixture(scope="module")
def shown(lab: Lab) -> dict[str, object]:
    """The document of a whole demonstration."""

    def step(value: object) -> bool:
        return isinstance(value, dict) and {"name", "ok", "seconds"} <= set(value) and value["ok"] is True

    done = lab("demo", "--project", "breast-cancer", "--json")
    keys = {"engine": text, "steps": many(step), "accuracy": number, "metric": text, "deployment": text}
    found: dict[str, object] = document(done.stdout, shape(keys))
    assert done.stderr.count("✓") == len(found["steps"])  # type: ignore[arg-type]
    return found


def test_the_demonstration_ends_with_a_model_that_predicts(lab: Lab, shown: dict[str, object]) -> None:
    assert shown["engine"] == "process"
    assert shown["accuracy"] > 0.85  # type: ignore[operator]
    deployed = lab.json(DEPLOYMENT_DETAIL, "deployments", "show", str(shown["deployment"]))
    assert deployed["status"] == "ready"
    assert [item["id"] for item in lab.json(listing(DEPLOYMENT), "deployments", "ls")["items"]] == [deployed["id"]]


@pytest.fixture
def rows(lab: Lab, shown: dict[str, object], tmp_path: Path) -> Path:
    """Held-out rows without their label."""
    folder = Path(lab.environment["LAB_HOME"]) / "samples" / "breast-cancer"
    inputs = lab.json(DEPLOYMENT_DETAIL, "deployments", "show", str(shown["deployment"]))["signature"]["inputs"]
    with open(folder / "data" / "holdout.csv", newline="") as file:
        table = list(csv.DictReader(file))[:PREDICTIONS]
    columns = [column["name"] for column in inputs]
    path = tmp_path / "rows.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(table)
    return path


def test_predictions_from_a_csv(lab: Lab, shown: dict[str, object], rows: Path) -> None:
    ref = str(shown["deployment"])
    answer = document(
        lab("deployments", "predict", ref, "--csv", str(rows), "--json").stdout, lambda value: "predictions" in value
    )
    assert len(answer["predictions"]) == PREDICTIONS
    lines = lab("deployments", "predict", ref, "--csv", str(rows)).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [str(label) for label in answer["predictions"]]
    piped = lab("deployments", "predict", ref, "--csv", "-", stdin=rows.read_text()).stdout.splitlines()
    assert piped == lines
    assert "--csv FILE" in lab("deployments", "predict", ref, code=2).stderr
    assert "refused" in lab("deployments", "predict", ref, '{"nonsense": 1}', code=2).stderr


def test_health_and_its_watch(lab: Lab, shown: dict[str, object], rows: Path) -> None:
    ref = str(shown["deployment"])
    health = lab.json(HEALTH, "deployments", "health", ref)
    assert (health["live"], health["ready"]) == (True, True)
    assert health["requests"] >= 1
    process = lab.start("deployments", "health", ref, "--watch", "--every", "0.1")
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(4)]
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert all(line.startswith("ready") for line in seen[1:])


def test_rolling_out_and_back_by_command(lab: Lab, shown: dict[str, object], tmp_path: Path) -> None:
    ref = str(shown["deployment"])
    name = lab.json(DEPLOYMENT_DETAIL, "deployments", "show", ref)["name"]
    model = lab.json(DEPLOYMENT_DETAIL, "deployments", "show", ref)["model"]
    rolled = lab.json(DEPLOYMENT, "deploy", f"{model}@champion", "--name", name, "--canary", "20", "--for", "500ms")
    assert (rolled["id"], rolled["status"]) == (ref, "ready")
    rollouts = lab.json(listing(ROLLOUT), "deployments", "history", name)["items"]
    assert [(item["strategy"], item["outcome"]) for item in rollouts] == [("canary", "done"), ("blue-green", "done")]
    assert "canary" in lab("deployments", "history", name).stdout
    assert lab.json(DEPLOYMENT, "deployments", "rollback", name)["cause"] == "rolled back by hand"
    assert lab.json(DEPLOYMENT, "deployments", "scale", name, "2")["replicas"] == 2
    deadline = time.monotonic() + DEADLINE
    while lab.json(HEALTH, "deployments", "health", name)["servers_up"] != 2:  # a busy one may miss a look
        assert time.monotonic() < deadline
    shown_history = lab("deployments", "health", name, "--history", "1h").stdout
    assert "REQ/S" in shown_history
    for argv in (
        ("--for", "1s"),
        ("--canary", "0"),
        ("--canary", "10", "--strategy", "shadow"),
        ("--mirror", "9s", "--canary", "5"),
        ("--replicas", "0"),
    ):
        lab("deploy", f"{model}@champion", "--name", name, *argv, code=2)
    (tmp_path / "lab.toml").write_text('[project]\nname = "strict"\n[deploy.budget]\np99 = "0.001ms"\n')
    refused = lab("-C", str(tmp_path), "deploy", f"{model}@champion", "--name", name, code=6)
    assert "over the budget" in refused.stderr
    assert lab.json(listing(ROLLOUT), "deployments", "history", name)["items"][0]["outcome"] == "rolled back"


def test_measuring_by_command(lab: Lab, shown: dict[str, object]) -> None:
    ref = str(shown["deployment"])
    tested = lab.json(LOAD_TESTS, "deployments", "bench", ref, "--for", "300ms", "--connections", "2")
    assert [(test["connections"], test["failed"]) for test in tested["items"]] == [(2, 0)]
    assert tested["items"][0]["requests"] > 0
    assert "REQ/S" in lab("deployments", "bench", ref, "--history").stdout
    assert "refused" in lab("deployments", "bench", ref, '{"nonsense": 1}', code=2).stderr
    assert lab.json(CANARY, "deployments", "canary", ref)["canary"] is None
    assert "no version is tried" in lab("deployments", "canary", ref).stderr


def test_the_token_by_command(lab: Lab, shown: dict[str, object]) -> None:
    ref = str(shown["deployment"])
    token = lab("deployments", "token", ref).stdout.strip()
    assert len(token) == 43
    fresh = lab.json(shape({"id": text, "name": text, "token": maybe(text)}), "deployments", "token", ref, "--rotate")
    assert fresh["token"] == lab("deployments", "token", ref).stdout.strip() != token
    assert lab.json(HEALTH, "deployments", "health", ref)["ready"]


def test_stopping_leaves_nothing_that_answers(lab: Lab, shown: dict[str, object]) -> None:
    ref = str(shown["deployment"])
    assert lab.json(LOG, "deployments", "logs", ref)["total"] > 0
    assert lab.json(DEPLOYMENT, "deployments", "stop", ref)["status"] == "stopped"
    lab("deployments", "health", ref, code=1)
    assert "already" in lab("deployments", "stop", ref, code=4).stderr
