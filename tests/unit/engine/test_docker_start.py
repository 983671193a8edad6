"""Starting a container where the firewall's rules of the engine are not there for a moment, or for good."""

from __future__ import annotations

import docker.errors
import pytest

from lab.domain.resources import Resources
from lab.engine import docker as engine_module
from lab.engine.base import Job
from lab.engine.docker import DockerEngine
from lab.errors import ConflictError, EngineError
from lab.paths import LabHome

JOB = Job("j1", "image", ("true",), {}, "/", (), Resources(), {})
GONE = "driver failed: (iptables failed: iptables --wait -t nat -A DOCKER: No chain/target/match by that name.)"


class Api:
    """Refuses the first starts with what the engine would say."""

    def __init__(self, *refusals: str) -> None:
        self.refusals = list(refusals)
        self.starts = 0

    def start(self, container: str) -> None:
        assert container == "c1"
        self.starts += 1
        if self.refusals:
            raise docker.errors.APIError("500 Server Error", explanation=self.refusals.pop(0))


@pytest.fixture
def engine(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> DockerEngine:
    monkeypatch.setattr(engine_module, "_NO_RULES_PAUSES", (0.001, 0.001, 0.001))
    return DockerEngine(LabHome(tmp_path).create())  # type: ignore[arg-type]


def test_it_is_tried_again_while_the_rules_are_made(engine: DockerEngine) -> None:
    api = Api(GONE, GONE)
    engine._start(api, JOB, "c1")
    assert api.starts == 3


def test_rules_that_stay_away_are_told(engine: DockerEngine) -> None:
    api = Api(*[GONE] * 9)
    with pytest.raises(EngineError, match="removed Docker's firewall rules") as caught:
        engine._start(api, JOB, "c1")
    assert (api.starts, caught.value.hint) == (4, "restart Docker, which makes them again")


def test_other_refusals_are_not_tried_again(engine: DockerEngine) -> None:
    api = Api("no such device")
    with pytest.raises(docker.errors.APIError):
        engine._start(api, JOB, "c1")
    assert api.starts == 1
    taken = Api("port is already allocated")
    with pytest.raises(ConflictError, match="port 8080 is taken"):
        engine._start(taken, Job("j1", "image", ("true",), {}, "/", (), Resources(), {}, port=8080), "c1")
