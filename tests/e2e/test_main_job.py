"""The main job by keys alone, in the real program: launch, watch, compare, register, deploy, predict, stop."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import docker_or_skip, remove_jobs, share_environments
from terminal import ROOT, Terminal, lab

from lab.engine import connect
from lab.paths import LabHome

BUILDING = 240  # seconds: the first launch makes an environment


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.engine)])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[LabHome, str]]:
    home = share_environments(LabHome(tmp_path / "home")).create()
    if request.param == "docker":
        docker_or_skip(home).close()
    yield home, request.param
    engine = connect(request.param, home)
    remove_jobs(engine, home)
    engine.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "sample_projects" / "digits", tmp_path / "digits")
    return tmp_path / "digits"


def launched(terminal: Terminal, count: int) -> None:
    terminal.until(lambda text: len(re.findall(r"● finished|◐ running", text)) >= count, BUILDING)


def test_the_main_job_by_keys(home: tuple[LabHome, str], project: Path) -> None:
    place, engine = home
    env = {"LAB_HOME": str(place.root), "LAB_ENGINE": engine}
    with Terminal(lab(), project, env) as terminal:
        terminal.until("n Launch")
        terminal.keys("3")
        terminal.until("no runs yet")

        # Launch one as the project says, and one of the other kind.
        terminal.press("n", "Launch train")
        terminal.keys("Enter")
        launched(terminal, 1)
        terminal.press("R", "Launch train")
        terminal.keys("C-u")
        terminal.until(lambda text: "model                logistic" not in text)
        terminal.type("mlp")
        terminal.until("mlp")
        terminal.keys("Enter")
        launched(terminal, 2)

        # Watch it: the detail shows curves as they grow, then how it ended.
        terminal.keys("g")
        terminal.press("Enter", "Params & data")
        terminal.until("val_accuracy", 60)
        terminal.until("finished", 60)
        # A key right after escape would be read as alt and that key, so the screen is waited for.
        terminal.press("Escape", "by created")
        terminal.until(lambda text: len(finished(text)) == 2)

        # Mark both and compare.
        terminal.keys("g")
        terminal.keys("Space")
        terminal.until("1 marked")
        terminal.keys("j")
        terminal.keys("Space")
        terminal.until("2 marked")
        terminal.keys("c")
        compared = terminal.until(lambda text: "Compare 2" in text and "PARAMETERS" in text and "mlp" in text)
        assert "logistic" in compared
        terminal.keys("Escape")
        terminal.until("2 marked")

        # Register the run under the cursor, promote, deploy.
        terminal.press("m", "Register model")
        terminal.keys("Enter")
        terminal.until("registered digits:v1")
        terminal.press("4", lambda text: "latest says" in text and "v1" in text)
        terminal.press("P", "Promote digits:v1")
        terminal.keys("y")
        terminal.until(lambda text: "champion" in text and "none" not in text)
        terminal.press("D", "Deploy digits@champion")
        terminal.keys("Enter")
        terminal.until(lambda text: "Deploy digits@champion" not in text)
        terminal.keys("5")
        terminal.until("● ready", BUILDING)

        # A second server; how it came to serve; back to its health.
        terminal.press("#", "Servers of digits")
        terminal.keys("BSpace")
        terminal.until("a number is needed")
        terminal.type("2")
        terminal.until(lambda text: "a number is needed" not in text)
        terminal.press("Enter", "Type digits to confirm")
        terminal.type("digits")
        terminal.keys("Enter")
        terminal.until("2/2", 60)
        terminal.press("]", "everything goes to digits:v1")
        terminal.press("[", "latency")

        # Predict, then stop.
        terminal.press("p", "Predict with digits")
        terminal.keys("C-s")
        terminal.until("probabilities", 30)
        terminal.keys("Escape")
        terminal.until("p Predict")
        terminal.until(lambda text: "Predict with digits" not in text)
        terminal.press("x", "Type digits to confirm")
        terminal.type("digits")
        terminal.keys("Enter")
        terminal.until("stopped", 60)
        terminal.press("q", "[ended: 0]")

    listed = subprocess.run(
        lab("deployments", "ls"),
        env={**os.environ, **env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "stopped" in listed.stdout


def test_a_killed_app_loses_nothing(tmp_path: Path) -> None:
    """The run goes on; the next app shows it with all that it said meanwhile."""
    project = tmp_path / "slow"
    project.mkdir()
    (project / "lab.toml").write_text('[project]\nname = "slow"\n[entries.train]\ncommand = "python3 train.py"\n')
    (project / "train.py").write_text(
        "import os, pathlib, time\nfrom lab import track\n"
        "step = 0\nwhile not pathlib.Path(os.environ['LAB_RUN_DIR'], 'go').exists():\n"
        "    step += 1; track.log(step=step, beat=step); print('beat', step, flush=True); time.sleep(0.05)\n"
        "print('the end')\n"
    )
    home = LabHome(tmp_path / "home").create()
    env = {"LAB_HOME": str(home.root), "LAB_ENGINE": "process"}
    with Terminal(lab(), project, env) as terminal:
        terminal.until("n Launch")
        terminal.keys("3")
        terminal.until("no runs yet")
        terminal.press("n", "Launch train")
        terminal.keys("Enter")
        terminal.until("◐ running", 120)
        pids = subprocess.run(
            ["pgrep", "-f", f"env .*LAB_HOME={home.root}|-m lab$"], capture_output=True, text=True, check=False
        ).stdout.split()
        mine = [pid for pid in pids if str(home.root) in _environment(pid)]
        for pid in mine:
            if _command(pid).endswith("-m lab"):
                os.kill(int(pid), signal.SIGKILL)
        terminal.until("[ended: 137]")
    (run_folder,) = home.runs.iterdir()
    with Terminal(lab(), project, env) as terminal:
        terminal.until("◐ running", 30)
        (run_folder / "go").touch()
        terminal.keys("3")
        terminal.until("● finished", 30)
        terminal.press("Enter", "Params & data")
        terminal.press("]", "the end")
    said = (run_folder / "stdout.log").read_text().splitlines()
    beats = [line for line in said if line.startswith("beat")]
    assert said == [*(f"beat {number}" for number in range(1, len(beats) + 1)), "the end"]


def finished(text: str) -> list[str]:
    """Rows of runs that have; in a high window the facts below them tell of one once more."""
    return [line for line in text.splitlines() if "● finished" in line and "status" not in line]


def _environment(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace")
    except OSError:
        return ""


def _command(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
