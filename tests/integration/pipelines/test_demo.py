"""The main job end to end, on both engines, with the real sample project; and what goes on from there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from demonstration import Shown

from lab.domain.deployments import DeploymentStatus
from lab.domain.query import RunQuery, parse_filter
from lab.domain.runs import RunStatus
from lab.errors import ConflictError, IntegrityError, NotFoundError, UsageError

ROOT = Path(__file__).resolve().parents[3]
STEPS = ["project", "data", "train", "compare", "register", "promote", "deploy", "predict", "health"]


def test_every_step_is_done_and_told(shown: Shown) -> None:
    assert [step.name for step in shown.report.steps] == STEPS
    assert shown.told == shown.report.steps
    assert all(step.ok for step in shown.report.steps)
    assert shown.report.accuracy > 0.85, "real digits by writers never seen, answered over HTTP"


def test_six_runs_of_two_kinds_and_three_seeds(shown: Shown) -> None:
    page = shown.ws.runs.list(RunQuery(parse_filter("sweep=demo-digits")))
    assert page.total == 6
    assert {(run.params["model"], run.seed) for run in page.items} == {
        (kind, seed) for kind in ("logistic", "mlp") for seed in (1, 2, 3)
    }
    for run in page.items:
        assert (run.status, run.engine) == (RunStatus.FINISHED, shown.report.engine)
        assert run.metrics["val_accuracy"].count == 30, "one value an epoch, so that there is a curve"
        assert len(shown.ws.runs.history(run.id, "loss").values) == 30


def test_the_best_run_is_the_champion(shown: Shown) -> None:
    version = shown.ws.models.get("digits@champion")
    scores = {run.id: run.metrics["val_accuracy"].last for run in shown.ws.runs.list().items}
    assert scores[version.run] == max(scores.values())
    assert version.datasets == {"digits": "v1"}
    assert len(version.signature["inputs"]) == 64
    assert {"model.skops", "signature.json", "golden.jsonl"} <= {name for name, _ in shown.ws.models.files(version)}


def test_a_second_walk_takes_over_what_is_there(shown: Shown) -> None:
    again = shown.ws.demo.run("digits", on_step=lambda _: None, progress=print)
    assert [step.name for step in again.steps] == STEPS
    assert shown.ws.runs.list().total == 6
    assert len(shown.ws.models.versions("digits")) == 1
    assert again.deployment == shown.report.deployment


def test_the_deployment_answers_and_tells_its_health(shown: Shown) -> None:
    deployments = shown.ws.deployments
    deployment = deployments.get("digits")
    assert (deployment.status, deployment.version, deployment.alias) == (DeploymentStatus.READY, 1, "champion")
    answer = deployments.predict("digits", deployments.example("digits"))
    assert answer["predictions"][0] in range(10)
    assert len(answer["probabilities"][0]) == 10
    before = deployments.health("digits")
    assert (before.live, before.ready) == (True, True)
    for _ in range(20):
        deployments.predict("digits", deployments.example("digits"))
    after = deployments.health("digits")
    assert after.requests - before.requests == 20
    assert after.rate is not None
    assert after.rate > 0
    assert after.p50 is not None
    assert after.p99 is not None
    assert 0 < after.p50 <= after.p99 < 5
    assert after.rss is not None
    assert after.rss > 10 << 20
    assert after.cpu is not None


def test_wrong_input_is_refused_with_the_column_named(shown: Shown) -> None:
    example = shown.ws.deployments.example("digits")
    row = dict(example["rows"][0])
    del row["p00"]
    with pytest.raises(UsageError, match="p00"):
        shown.ws.deployments.predict("digits", {"rows": [row]})


def test_the_address_is_on_loopback_and_names_its_host(shown: Shown) -> None:
    deployment = shown.ws.deployments.get("digits")
    assert deployment.url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{deployment.url}/readyz", timeout=5) as answer:
        assert json.load(answer)["ready"] is True
    strange = urllib.request.Request(f"{deployment.url}/livez", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(strange, timeout=5)
    assert refused.value.code in (400, 403, 421)


def test_registering_and_promoting_what_cannot_be(shown: Shown) -> None:
    models = shown.ws.models
    run = shown.ws.runs.list().items[0]
    with pytest.raises(NotFoundError, match="no run"):
        models.register("no-such-run", "digits")
    with pytest.raises(UsageError, match="cannot be the name"):
        models.register(run.id, "../digits")
    with pytest.raises(UsageError, match="names a version"):
        models.promote("digits", "v7")
    with pytest.raises(NotFoundError, match="no version or alias"):
        models.get("digits@nobody")
    with pytest.raises(NotFoundError, match="no model"):
        models.promote("nothing")


def test_aliases_move_and_registering_twice_is_one_version(shown: Shown) -> None:
    models = shown.ws.models
    runs = shown.ws.runs.list().items
    first = models.register(runs[0].id, "moving")
    assert models.register(runs[0].id, "moving") == first
    second = models.register(runs[1].id, "moving")
    assert (first.label, second.label) == ("v1", "v2")
    assert models.promote("moving:v2").aliases == {"champion": 2}
    assert models.promote("moving@v1").aliases == {"champion": 1}
    assert models.get("moving@champion").number == 1
    assert models.get("moving").number == 2


def test_a_name_keeps_its_id_and_port(shown: Shown) -> None:
    deployments = shown.ws.deployments
    other = deployments.deploy("digits:v1", name="other")
    assert other.port != deployments.get("digits").port
    stopped = deployments.stop("other")
    assert (stopped.status, stopped.cause) == (DeploymentStatus.STOPPED, "stopped by user")
    with pytest.raises(ConflictError):
        deployments.predict("other", {"data": [[0] * 64]})
    again = deployments.deploy("digits:v1", name="other")
    assert (again.id, again.port) == (other.id, other.port)
    assert deployments.get("other").status is DeploymentStatus.READY
    deployments.stop("other")


def test_a_token_is_asked_for_and_brought(shown: Shown) -> None:
    deployments = shown.ws.deployments
    deployment = deployments.get("digits")
    body = json.dumps(deployments.example("digits")).encode()

    def status(**headers: str) -> int:
        request = urllib.request.Request(f"{deployment.url}/predict", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    token = deployments.token("digits")
    assert status() == 401
    assert status(Authorization=f"Bearer {token}") == 200
    path = shown.ws.home.deployment(deployment.id).secrets / "token"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConflictError, match="know its ways"):
        deployments.deploy("digits:v1", token=False)
    opened = deployments.deploy("digits:v1", name="open", token=False)
    with urllib.request.urlopen(f"{opened.url}/metrics", timeout=10) as answer:
        assert answer.status == 200
    assert deployments.token("open") == ""
    deployments.stop("open")


def test_a_model_with_strange_requirements_is_not_built(shown: Shown) -> None:
    run = shown.ws.runs.list().items[2]
    path = shown.ws.runs.folder(run.id).model / "requirements.txt"
    before = path.read_text()
    path.write_text(before + "--index-url http://127.0.0.1:1/simple\n")
    try:
        version = shown.ws.models.register(run.id, "strange")
    finally:
        path.write_text(before)
    with pytest.raises(IntegrityError, match="index-url"):
        shown.ws.deployments.deploy(version.id)
    assert shown.ws.deployments.get("strange").status is DeploymentStatus.FAILED
    assert [(step.step, step.ok) for step in shown.ws.deployments.history("strange")[0].steps] == [("build", False)]


def demo(shown: Shown, project: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lab", "--home", str(shown.ws.home.root), "demo", "--project", project, "--json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LAB_ENGINE": shown.report.engine}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def launched(shown: Shown, sweep: str) -> int:
    shown.ws.refresh()
    return shown.ws.runs.list(RunQuery(parse_filter(f"sweep={sweep}"))).total


def test_killed_and_started_again(shown: Shown) -> None:
    first = demo(shown, "breast-cancer")
    deadline = time.monotonic() + 120
    while launched(shown, "demo-breast-cancer") < 3:
        assert first.poll() is None, first.stderr.read() if first.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()

    second = demo(shown, "breast-cancer")
    out, told = second.communicate(timeout=180)
    assert second.returncode == 0, told
    document = json.loads(out)
    assert [step["ok"] for step in document["steps"]] == [True] * 9
    assert document["engine"] == shown.report.engine
    assert document["accuracy"] > 0.85
    shown.ws.refresh()
    runs = shown.ws.runs.list(RunQuery(parse_filter("sweep=demo-breast-cancer"))).items
    finished = [run for run in runs if run.status is RunStatus.FINISHED]
    assert len({(run.params["model"], run.seed) for run in finished}) == 6
    assert len(runs) <= 7, "at most the one that was being launched when the kill came is launched again"
    assert not any(run.status.active for run in runs)


def test_a_regression_is_shown_with_its_own_measure(shown: Shown) -> None:
    report = shown.ws.demo.run("diabetes", on_step=lambda _: None, progress=print)
    assert (report.metric, all(step.ok for step in report.steps)) == ("r2", True)
    assert 0.2 < report.accuracy < 1
