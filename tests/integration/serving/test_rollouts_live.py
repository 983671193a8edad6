"""Rollouts on real engines: what each strategy does, and what takes a new version back."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from rolling_out import KINDS, ROWS, Load, capture, captured, register, worker_pid
from serving_client import ROOT
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier
from support import docker_or_skip, remove_jobs, share_environments

from lab.catalog.deployments import all_deployments
from lab.domain.deployments import Deployment, DeploymentStatus
from lab.domain.rollouts import Budget, Outcome, RolloutPlan, Strategy
from lab.engine import home_id
from lab.errors import ConflictError, EngineError, GateRejectedError, LabError
from lab.paths import LabHome
from lab.serving.state import State
from lab.serving.tending import PATIENCE
from lab.workspace import Workspace


@dataclass
class Site:
    """A lab with versions of one model: good ones v1 and v2, v3 that answers otherwise, v4 that is slow."""

    ws: Workspace
    engine: str

    def deploy(self, name: str, version: int = 1, **changes: object) -> Deployment:
        plan = RolloutPlan(**changes) if changes else None  # type: ignore[arg-type]
        return self.ws.deployments.deploy(f"iris:v{version}", name=name, plan=plan, progress=print)

    def state(self, name: str) -> State:
        state = self.ws.deployments._parts.load(self.ws.deployments.get(name).id)
        assert state is not None
        return state

    def last(self, name: str) -> tuple[Outcome, list[tuple[str, bool]]]:
        rollout = self.ws.deployments.history(name)[0]
        return rollout.outcome, [(step.step, step.ok) for step in rollout.steps]

    def load(self, name: str) -> Load:
        deployment = self.ws.deployments.get(name)
        return Load(deployment, token=self.ws.deployments.token(name))

    def jobs(self, name: str) -> set[str]:
        """Jobs of the deployment that run, without its id."""
        found = self.ws.engine().list(home_id(self.ws.home))
        mine = self.ws.deployments.get(name).id + "-"
        return {job.id.removeprefix(mine) for job in found if job.id.startswith(mine)}

    def worker(self, name: str, replica: int) -> int:
        """The pid of a server's model process; 0 while it sleeps or starts."""
        return worker_pid(self.ws, f"{self.state(name).id}-1-{replica}")

    def loaded(self, name: str) -> int:
        """How many servers say that they are ready with a model in memory."""
        found, deployment = 0, self.ws.deployments.get(name)
        for slot in deployment.slots:
            with suppress(EngineError):
                status, body = self.ws.deployments._parts.client.request(deployment, "GET", "/readyz", slot=slot)
                found += status == 200 and "state" not in json.loads(body)
        return found

    def kill(self, number: int, name: str) -> None:
        """End the model's process in the first server of a release the hard way."""
        os.kill(worker_pid(self.ws, f"{self.state(name).id}-{number}-0"), signal.SIGKILL)


@pytest.fixture(scope="module", params=["process", pytest.param("docker", marks=pytest.mark.engine)])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(f"rollouts-{request.param}")
    home = share_environments(LabHome(folder / "home"))
    ws = Workspace(home.root, folder, engine=request.param)
    if request.param == "docker":
        docker_or_skip(ws.home).close()
    try:
        for estimator, labels in (
            (None, None),
            (None, None),
            (None, 2 - KINDS),
            (BaggingClassifier(HistGradientBoostingClassifier(max_iter=2), 30), None),
        ):
            register(ws, folder, estimator=estimator, labels=labels)
        yield Site(ws, request.param)
    finally:
        remove_jobs(ws.engine(), ws.home)
        ws.close()


def wait_for(done: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def test_blue_green_loses_no_request_and_can_be_taken_back_at_once(site: Site) -> None:
    first = site.deploy("bg")
    assert (first.status, first.version) == (DeploymentStatus.READY, 1)
    assert site.last("bg") == (Outcome.DONE, [(step, True) for step in ("build", "start", "ready", "probe", "switch")])
    with site.load("bg") as load:
        load.more(50)
        second = site.deploy("bg", 2)
        load.more(50)
        assert (second.id, second.port, second.version) == (first.id, first.port, 2)
        back = site.ws.deployments.rollback("bg")
        assert (back.version, back.cause) == (1, "rolled back by hand")
        load.more(50)
        again = site.ws.deployments.rollback("bg")
        assert again.version == 2, "and forward again"
        load.more(50)
    assert load.bad == []
    assert set(load.versions) == {"v1", "v2"}
    assert site.jobs("bg") == {"router", "1-0", "2-0"}, "the one before is warm"
    outcome, steps = site.last("bg")
    assert (outcome, steps[-1]) == (Outcome.DONE, ("keep", True))
    assert site.ws.deployments.stop("bg").status is DeploymentStatus.STOPPED
    assert site.jobs("bg") == set()


def test_a_stopped_deployment_comes_back_under_its_id_and_port(site: Site) -> None:
    first = site.deploy("again")
    site.ws.deployments.stop("again")
    with pytest.raises(ConflictError):
        site.ws.deployments.predict("again", {"data": ROWS[:1]})
    second = site.deploy("again", 2)
    assert (second.id, second.port, second.version) == (first.id, first.port, 2)
    assert [rollout.number for rollout in site.ws.deployments.history("again")] == [2, 1]
    site.ws.deployments.stop("again")


def test_what_was_kept_of_a_prediction_is_forgotten(site: Site) -> None:
    deployment = site.deploy("private")
    capture(site.ws, deployment.id, ROWS[:5], KINDS[:5].tolist(), "v1")
    state = site.state("private")
    assert state.live is not None
    run = site.ws.home.deployment(deployment.id).release(state.live.number).run(0)
    kept = run / "capture" / "0001.jsonl"
    (run / "feedback.jsonl").write_text('{"id": "3", "at": 1.0, "row": 0, "label": 1}\n{"id": "x", "label": 0}\n')
    owner = kept.stat().st_uid
    assert site.ws.deployments.forget("private", ["1", "3", "unknown"]) == 4, "two requests, a label, and garbage"
    assert [json.loads(line)["id"] for line in kept.read_text().splitlines()] == ["0", "2", "4"]
    assert [json.loads(line)["id"] for line in (run / "feedback.jsonl").read_text().splitlines()] == ["x"]
    assert kept.stat().st_uid == owner, "the server can go on with it"
    assert site.ws.deployments.forget("private", ["1"]) == 0
    site.ws.deployments.stop("private")


def test_a_personal_value_is_the_same_hash_in_all_servers_of_a_deployment(site: Site, tmp_path: Path) -> None:
    site.ws.deployments.deploy(
        register(site.ws, tmp_path, "people", pii={"x0": "hash"}), plan=RolloutPlan(replicas=2), progress=print
    )
    deployment = site.ws.deployments.get("people")
    with site.load("people"):
        wait_for(lambda: sum(map(bool, captured(site.ws, deployment.id))) == 2)
    site.ws.deployments.stop("people")
    kept = [line["data"][0] for lines in captured(site.ws, deployment.id) for line in lines]
    (hashed,) = {row[0] for row in kept if row[1:] == ROWS[0][1:]}
    assert hashed.startswith("pii:")
    key = site.ws.home.deployment(deployment.id).secrets / "capture.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_text().strip()) >= 43, "256 bits"


def test_what_answers_otherwise_is_taken_back_by_the_replay(site: Site) -> None:
    deployment = site.deploy("worse")
    capture(site.ws, deployment.id, ROWS[:100], KINDS[:100].tolist(), "v1")
    site.deploy("worse", 2)
    capture(site.ws, deployment.id, ROWS[:100], KINDS[:100].tolist(), "v2")
    with pytest.raises(GateRejectedError, match="captured rows otherwise"):
        site.deploy("worse", 3)
    outcome, steps = site.last("worse")
    assert (outcome, steps[-1]) == (Outcome.ROLLED_BACK, ("replay", False))
    evidence = site.ws.deployments.history("worse")[0].steps[-1].evidence
    assert 100 <= evidence["requests"] < 110, "what was probed is not replayed"
    assert evidence["disagreement"] > 0.4
    assert site.ws.deployments.get("worse").version == 2
    assert site.ws.deployments.predict("worse", {"data": ROWS[:1]})["model_version"] == "v2"
    assert "3-0" not in site.jobs("worse")
    shadow = site.deploy("worse", 3, strategy=Strategy.SHADOW, budget=Budget(disagreement=1.0))
    assert shadow.version == 2
    assert site.last("worse")[0] is Outcome.COMPARED
    assert site.jobs("worse") == {"router", "2-0"}, "what was warm made room"
    site.ws.deployments.stop("worse")


def test_a_shadow_answers_copies_of_live_requests_and_nobody_sees_it(site: Site) -> None:
    first = site.deploy("mirror", replicas=2)
    with site.load("mirror") as load:
        shadow = site.deploy("mirror", 2, strategy=Strategy.SHADOW, mirror=3.0, budget=Budget(p95_ratio=1e6))
        assert shadow.version == 1
        assert site.last("mirror")[0] is Outcome.COMPARED
        same = site.ws.deployments.history("mirror")[0].steps[-1]
        with pytest.raises(GateRejectedError, match="rows otherwise"):
            site.deploy("mirror", 3, strategy=Strategy.SHADOW, mirror=3.0, budget=Budget(p95_ratio=1e6))
        worse = site.ws.deployments.history("mirror")[0].steps[-1]
    assert load.bad == []
    assert set(load.versions) == {"v1"}
    assert (same.step, same.ok) == ("mirror", True)
    assert (same.evidence["failed"], same.evidence["disagreement"]) == (0, 0.0)
    assert same.evidence["requests"] > 0
    assert same.evidence["new_requests"] == same.evidence["requests"]
    assert same.evidence["new_p95"] > 0
    assert same.evidence["old_p95"] > 0
    assert (worse.ok, worse.evidence["disagreement"]) == (False, 1.0)
    slot, client = first.slots[0], site.ws.deployments._parts.client
    assert client.request(first, "POST", "/mirror", b"", slot=slot)[0] == 403, "the token alone is not enough"
    site.ws.deployments.stop("mirror")


def test_a_slower_one_is_taken_back_by_the_canary(site: Site) -> None:
    site.deploy("slow")
    with site.load("slow") as load, pytest.raises(GateRejectedError, match="p95"):
        site.deploy("slow", 4, strategy=Strategy.CANARY, share=50, hold=6.0, budget=Budget(p99=5.0))
    assert load.bad == []
    assert load.versions["v4"] > 0
    assert site.last("slow")[1][-1] == ("canary", False)
    assert site.ws.deployments.get("slow").version == 1
    site.ws.deployments.stop("slow")


def test_a_budget_that_is_not_kept_stops_it_before_any_request(site: Site) -> None:
    site.deploy("budget")
    with pytest.raises(GateRejectedError, match="over the budget"):
        site.deploy("budget", 2, budget=Budget(p99=1e-6))
    assert site.last("budget")[1][-1] == ("probe", False)
    with pytest.raises(GateRejectedError, match="it uses"):
        site.deploy("budget", 2, budget=Budget(memory=0.001))
    site.ws.deployments.stop("budget")


def test_a_crashing_one_is_taken_back_by_the_canary(site: Site) -> None:
    site.deploy("crash")
    failed: list[LabError] = []

    def roll() -> None:
        try:
            site.deploy("crash", 2, strategy=Strategy.CANARY, share=20, hold=30.0)
        except LabError as error:
            failed.append(error)

    with site.load("crash") as load:
        rolling = threading.Thread(target=roll)
        rolling.start()
        wait_for(lambda: site.state("crash").share == 20)
        load.more(20)
        site.kill(2, "crash")
        rolling.join(60)
    assert [type(error) for error in failed] == [GateRejectedError]
    assert "died" in failed[0].message or "failed" in failed[0].message
    assert site.last("crash")[0] is Outcome.ROLLED_BACK
    assert site.ws.deployments.get("crash").version == 1
    assert load.bad == [], "what the dying one had taken was asked again"
    site.ws.deployments.stop("crash")


def test_recreate_needs_room_for_one_only_and_brings_the_old_one_back(site: Site) -> None:
    site.deploy("re")
    with pytest.raises(GateRejectedError):
        site.deploy("re", 2, strategy=Strategy.RECREATE, budget=Budget(p99=1e-6))
    assert site.ws.deployments.predict("re", {"data": ROWS[:1]})["model_version"] == "v1"
    assert site.jobs("re") == {"router", "1-0"}
    site.deploy("re", 2, strategy=Strategy.RECREATE)
    assert site.jobs("re") == {"router", "3-0"}
    assert site.ws.deployments.predict("re", {"data": ROWS[:1]})["model_version"] == "v2"
    back = site.ws.deployments.rollback("re")
    assert back.version == 1, "it is started again for that"
    assert site.ws.deployments.predict("re", {"data": ROWS[:1]})["model_version"] == "v1"
    site.ws.deployments.stop("re")


def test_two_at_once_and_a_rollback_meanwhile(site: Site) -> None:
    site.deploy("two")
    failed: list[LabError] = []

    def roll() -> None:
        try:
            site.deploy("two", 2, strategy=Strategy.CANARY, hold=60.0)
        except LabError as error:
            failed.append(error)

    rolling = threading.Thread(target=roll)
    rolling.start()
    wait_for(lambda: site.state("two").share == 10)
    with pytest.raises(ConflictError, match="is being changed"):
        site.deploy("two", 2)
    back = site.ws.deployments.rollback("two")
    rolling.join(30)
    assert back.version == 1
    assert [type(error) for error in failed] == [ConflictError]
    assert site.last("two")[0] is Outcome.ROLLED_BACK
    assert site.jobs("two") == {"router", "1-0"}
    with pytest.raises(ConflictError, match="served nothing before"):
        site.ws.deployments.rollback("two")
    site.ws.deployments.stop("two")


def test_replicas_come_and_go_under_load(site: Site) -> None:
    site.deploy("many", replicas=2)
    assert site.jobs("many") == {"router", "1-0", "1-1"}
    with site.load("many") as load:
        load.more(30)
        assert site.ws.deployments.scale("many", 3).replicas == 3
        load.more(30)
        assert site.ws.deployments.scale("many", 1).replicas == 1
        load.more(30)
    assert load.bad == []
    assert site.jobs("many") == {"router", "1-0"}
    site.ws.deployments.stop("many")


def test_a_taken_port_is_a_conflict_and_leaves_nothing(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConflictError, match="port"):
            site.ws.deployments.deploy("iris:v1", name="port", port=taken.getsockname()[1])
    assert site.ws.deployments.get("port").status is DeploymentStatus.FAILED
    assert site.jobs("port") == set()
    assert site.last("port")[0] is Outcome.FAILED


def test_a_port_that_another_program_was_quicker_to_take_is_no_matter(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    beginning = site.ws.deployments._beginning
    find = beginning.port
    with socket.create_server(("127.0.0.1", 0)) as taken:
        lost = taken.getsockname()[1]
        monkeypatch.setattr(beginning, "port", lambda name, refused: find(name, refused) if refused else lost)
        deployment = site.deploy("quick")
    assert deployment.status is DeploymentStatus.READY
    assert deployment.port not in (0, lost)
    assert site.ws.deployments.get("quick").url.endswith(f":{deployment.port}")
    site.ws.deployments.stop("quick")


class Stranger(BaseHTTPRequestHandler):
    """Says that it is ready, as any program may."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ready": true}')


def test_who_else_has_its_port_is_not_taken_for_it_and_it_can_be_stopped(site: Site) -> None:
    port = site.deploy("held").port
    site.ws.engine().remove(site.state("held").router_job)
    with HTTPServer(("127.0.0.1", port), Stranger) as stranger:
        serving = threading.Thread(target=stranger.serve_forever)
        serving.start()
        try:
            seen = site.ws.deployments.get("held")
            assert (seen.status, seen.cause) == (DeploymentStatus.UNHEALTHY, f"another program answers at port {port}")
            with pytest.raises(ConflictError, match="taken"):
                site.deploy("held", 2)
            for _ in range(PATIENCE):
                site.ws.deployments.settle()
            (known,) = (one for one in all_deployments(site.ws.deployments._catalog) if one.name == "held")
            assert (known.status, known.cause) == (DeploymentStatus.UNHEALTHY, f"port {port} is taken")
            told = len(site.ws._catalog.rows("SELECT id FROM events WHERE type = 'deployment.status'"))
            site.ws.deployments.list()
            site.ws.deployments.list()
            assert len(site.ws._catalog.rows("SELECT id FROM events WHERE type = 'deployment.status'")) == told
            assert site.ws.deployments.stop("held").status is DeploymentStatus.STOPPED
        finally:
            stranger.shutdown()
            serving.join()
    assert site.jobs("held") == set()
    assert site.last("held")[0] is Outcome.ROLLED_BACK
    assert site.deploy("held").status is DeploymentStatus.READY
    site.ws.deployments.stop("held")


def test_an_image_that_is_gone_leaves_the_old_one_serving(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.deploy("image")
    engine = site.ws.engine()
    prepare = engine.prepare

    def vanished(*args: object) -> object:
        from dataclasses import replace

        return replace(prepare(*args), image="lab-env:0000000000000000")  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "prepare", vanished)
    with pytest.raises(EngineError):
        site.deploy("image", 2, ready_seconds=10.0)
    assert site.last("image")[0] is Outcome.ROLLED_BACK
    assert site.ws.deployments.predict("image", {"data": ROWS[:1]})["model_version"] == "v1"
    site.ws.deployments.stop("image")


def test_what_the_engine_lost_is_started_again(site: Site) -> None:
    site.deploy("lost")
    state = site.state("lost")
    for job in (f"{state.id}-1-0", f"{state.id}-router"):
        site.ws.engine().remove(job)
    assert site.ws.deployments.get("lost").status is DeploymentStatus.UNHEALTHY, "as it answers now"
    site.ws.deployments.settle()
    wait_for(lambda: site.ws.deployments.get("lost").status is DeploymentStatus.READY)
    assert site.ws.deployments.predict("lost", {"data": ROWS[:1]})["model_version"] == "v1"
    site.ws.deployments.stop("lost")


def test_what_is_warm_too_long_is_stopped_and_can_still_be_gone_back_to(site: Site) -> None:
    site.deploy("warm")
    site.deploy("warm", 2, warm=0.0)
    site.ws.deployments.settle()
    assert site.jobs("warm") == {"router", "2-0"}
    assert site.ws.deployments.rollback("warm").version == 1
    site.ws.deployments.stop("warm")


def test_servers_that_are_killed_are_back_and_no_client_sees_an_error(site: Site) -> None:
    site.deploy("killed")
    with site.load("killed") as load:
        load.more(20)
        site.kill(1, "killed")
        load.more(50)
        assert load.bad == [], "with one server requests wait for it"
        site.ws.deployments.scale("killed", 2)
        load.more(20)
        for _ in range(2):
            wait_for(lambda: site.loaded("killed") == 2)
            site.kill(1, "killed")
            load.more(50)
    assert load.bad == []
    wait_for(lambda: site.ws.deployments.health("killed").restarts == 3)
    site.ws.deployments.stop("killed")


def test_what_sleeps_is_woken_by_a_request_wherever_it_stands_in_a_rollout(site: Site) -> None:
    deployments = site.ws.deployments
    deployments.deploy("iris:v1", name="nap", idle=0.5, progress=print)
    wait_for(lambda: deployments.get("nap").status is DeploymentStatus.ASLEEP)
    deployments.settle()
    look = deployments.health("nap")
    assert (look.ready, look.asleep, look.servers_up) == (True, 1, 1)
    assert look.memory is not None
    assert look.memory < 20 << 20
    assert site.worker("nap", 0) == 0, "nobody who looks wakes it"
    with site.load("nap") as load:
        load.more(50)
    wait_for(lambda: deployments.get("nap").status is DeploymentStatus.ASLEEP)
    deployments.deploy("iris:v2", name="nap", idle=0.5, progress=print)
    wait_for(lambda: deployments.get("nap").status is DeploymentStatus.ASLEEP)
    assert deployments.rollback("nap").version == 1, "both sleep"
    with site.load("nap") as again:
        again.more(50)
    assert (load.bad, again.bad) == ([], [])
    assert set(again.versions) == {"v1"}
    wait_for(lambda: deployments.get("nap").status is DeploymentStatus.ASLEEP)
    site.ws.engine().stop(f"{site.state('nap').id}-1-0", 5.0)
    site.ws.engine().remove(f"{site.state('nap').id}-1-0")
    wait_for(lambda: deployments.get("nap").status is DeploymentStatus.UNHEALTHY)
    deployments.settle()
    wait_for(lambda: deployments.get("nap").status is not DeploymentStatus.UNHEALTHY)
    assert deployments.predict("nap", {"data": ROWS[:1]})["model_version"] == "v1"
    deployments.stop("nap")


KILLS = [
    *(("before", step) for step in ("build", "start", "ready", "probe", "replay", "canary", "switch", "keep")),
    ("within", "canary"),
    ("within", "switch"),
    ("after", "keep"),
]


@pytest.mark.parametrize(("when", "step"), KILLS, ids=[f"{when}-{step}" for when, step in KILLS])
def test_a_kill_at_any_step_is_finished_or_taken_back_by_the_next_lab(site: Site, when: str, step: str) -> None:
    name = f"kill-{when}-{step}"
    site.deploy(name)
    script = Path(__file__).with_name("killed_rollout.py")
    command = [sys.executable, str(script), str(site.ws.home.root), site.engine, "iris:v2", name, when, step]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with site.load(name) as load:
        done = subprocess.run(
            command,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        load.more(10)
        site.ws.refresh()
        site.ws.deployments.list()
        load.more(10)
    assert load.bad == []
    finished = (when, step) in (("before", "keep"), ("within", "switch"), ("after", "keep"))
    deployment = site.ws.deployments.get(name)
    assert (deployment.status, deployment.version) == (DeploymentStatus.READY, 2 if finished else 1)
    assert site.last(name)[0] is (Outcome.DONE if finished else Outcome.ROLLED_BACK)
    assert site.jobs(name) == ({"router", "1-0", "2-0"} if finished else {"router", "1-0"})
    assert site.ws.deployments.predict(name, {"data": ROWS[:1]})["model_version"] == f"v{deployment.version}"
    site.ws.deployments.stop(name)


def test_a_kill_in_the_first_deployment_leaves_nothing(site: Site) -> None:
    script = Path(__file__).with_name("killed_rollout.py")
    command = [sys.executable, str(script), str(site.ws.home.root), site.engine, "iris:v1", "newborn", "after", "start"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=env, capture_output=True, timeout=120, check=False).returncode == -9
    site.ws.refresh()
    site.ws.deployments.list()
    assert site.ws.deployments.get("newborn").status is DeploymentStatus.FAILED
    assert site.jobs("newborn") == set()
    assert site.deploy("newborn").status is DeploymentStatus.READY
    site.ws.deployments.stop("newborn")
