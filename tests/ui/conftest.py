from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from seeding import Seed, fill
from support import remove_jobs

from lab.domain.queue import Machine
from lab.engine import connect
from lab.paths import LabHome


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about screens: runs are processes, which need nothing but Python."""
    monkeypatch.setenv("LAB_ENGINE", "process")
    # And one machine is as large as another: nothing waits unless a test says so.
    machine = Machine(cores=64, memory=1 << 40, gpus=0, disk=1 << 40, disk_floor=1 << 30)
    monkeypatch.setattr("lab.experiments.machine.look", lambda _home: machine)


@pytest.fixture
def seed(tmp_path: Path) -> Iterator[Seed]:
    """An empty lab home to write into."""
    seed = Seed(tmp_path / "home")
    yield seed
    seed.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[LabHome]:
    """An empty lab home, and nothing left running when the test is over."""
    home = LabHome(tmp_path / "home").create()
    yield home
    engine = connect("process", home)
    remove_jobs(engine, home)


@pytest.fixture
def lab_home(seed: Seed) -> Path:
    """A lab home with an ordinary lab in it."""
    fill(seed)
    return seed.root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose run takes as long as a file is missing, and nothing to install."""
    folder = tmp_path / "proj"
    folder.mkdir()
    (folder / "lab.toml").write_text(
        '[project]\nname = "proj"\n[datasets.points]\npath = "points.csv"\n'
        '[entries.train]\ncommand = "python train.py"\ndatasets = ["points"]\n'
        "[entries.train.params]\nlr = 0.1\nepochs = 40\n"
    )
    (folder / "points.csv").write_text("x,y\n1,2\n3,4\n")
    (folder / "train.py").write_text(
        "import os, pathlib, time\n"
        "from lab import track\n"
        "go = pathlib.Path(os.environ['LAB_RUN_DIR'], 'go')\n"
        "step = 0\n"
        "while not go.exists():\n"
        "    track.log(step=step, accuracy=step / (step + 3), loss=1 / (step + 1))\n"
        "    print('epoch', step, flush=True)\n"
        "    step += 1\n"
        "    time.sleep(0.05)\n"
        "print('the end', flush=True)\n"
    )
    return folder
