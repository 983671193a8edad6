from __future__ import annotations

import pytest

from lab.domain.deployments import DeploymentStatus
from lab.domain.runs import RunStatus
from lab.ui.render.status import deployment_mark, run_mark


@pytest.mark.parametrize("plain", [False, True])
def test_every_status_differs_without_colour(plain: bool) -> None:
    runs = [run_mark(status, plain).text for status in RunStatus]
    deployments = [deployment_mark(status, plain).text for status in DeploymentStatus]
    assert len(set(runs)) == len(RunStatus)
    assert len(set(deployments)) == len(DeploymentStatus)
    if plain:
        assert all(text.isascii() for text in runs + deployments)


def test_signs() -> None:
    assert run_mark(RunStatus.FINISHED, False).text == "● finished"
    assert run_mark(RunStatus.FAILED, True).text == "[XX] failed"
    assert run_mark(RunStatus.FAILED).token == "fail"


def test_the_environment_chooses_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_ASCII", "1")
    assert run_mark(RunStatus.RUNNING).text == "[>>] running"
    monkeypatch.setenv("LAB_ASCII", "0")
    assert run_mark(RunStatus.RUNNING).text == "◐ running"
