"""What is told outside of the app, of whom, and by which way."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lab.domain.deployments import Deployment, DeploymentStatus
from lab.domain.runs import Run, RunStatus
from lab.ui.notices import LONG, claim, desktop_command, sentence, tell_desktop, worth_telling

NOW = 1_800_000_000.0
RUN = Run("r1", "calm-otter", "p", "train", RunStatus.FINISHED, "finished", 0, "docker", created=NOW - 100,
          started=NOW - 90, ended=NOW - 30)  # fmt: skip


def test_what_failed_comes_first() -> None:
    failed = replace(RUN, name="bad", status=RunStatus.FAILED, cause="out of memory")
    down = Deployment("d1", "churn", "m", 1, "", DeploymentStatus.FAILED, "docker", 1, "i", NOW, cause="gone")
    assert sentence([RUN, failed], [down]) == (
        "Lab: 1 down, 1 run failed, 1 run finished", "churn: gone; bad: out of memory; calm-otter",
    )  # fmt: skip
    assert sentence([RUN] * 5)[1].endswith("and 2 more")


def test_only_what_somebody_may_wait_for_is_told() -> None:
    short = replace(RUN, started=NOW - 31)
    assert worth_telling(RUN, True, NOW)
    assert (RUN.duration(NOW) or 0.0) > LONG
    assert not worth_telling(short, True, NOW)
    assert worth_telling(short, False, NOW)
    assert not worth_telling(replace(RUN, status=RunStatus.STOPPED), False, NOW)
    assert not worth_telling(replace(RUN, status=RunStatus.RUNNING, ended=None), False, NOW)


def program(folder: Path, name: str, body: str = "") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


async def test_the_desktop_gets_it_as_text(tmp_path: Path, hostile: str) -> None:
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DISPLAY": ":0"}
    assert desktop_command("t", "b", {"PATH": str(tmp_path), "DISPLAY": ":0"}) == []
    program(tmp_path, "notify-send", f'printf "%s\\n" "$@" > {tmp_path}/told')
    title, body = sentence([replace(RUN, name=f"<b>{hostile}"[:2000])])
    assert await tell_desktop(title, body, env)
    told = (tmp_path / "told").read_text().splitlines()
    assert told[:3] == ["--app-name=Lab", "--", "Lab: 1 run finished"]
    assert len(told) == 4, "one line, whatever a name holds"
    assert told[3].startswith("&lt;b&gt;")
    assert not [char for char in told[3] if ord(char) < 32 or 0x7F <= ord(char) < 0xA0]


@pytest.mark.parametrize("env", [{}, {"SSH_CONNECTION": "x"}, {"DISPLAY": ""}])
async def test_without_a_desktop_there_is_none(env: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path, "notify-send")
    assert not await tell_desktop("t", "b", {"PATH": str(tmp_path), **env})


async def test_a_desktop_that_fails_is_none(tmp_path: Path) -> None:
    program(tmp_path, "notify-send", "exit 1")
    assert not await tell_desktop("t", "b", {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DISPLAY": ":0"})


def test_of_several_apps_one_tells_of_an_event(tmp_path: Path) -> None:
    told, now = tmp_path / "cache" / "told", time.time()
    asked = [claim(told, "01EVENT", now) for _ in range(3)]
    assert asked == [True, False, False]
    assert claim(told, "01OTHER", now)
    os.utime(told / "01EVENT", (now - 7200, now - 7200))
    os.utime(told / "01OTHER", (now, now))
    assert not claim(told, "01OTHER", now)
    assert [path.name for path in told.iterdir()] == ["01OTHER"], "what was told long ago is forgotten"
    (tmp_path / "file").write_text("")
    assert claim(tmp_path / "file" / "told", "01EVENT", now), "where nothing can be written, each tells"
