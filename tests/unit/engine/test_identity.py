from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.engine import connect, home_id
from lab.engine.identity import boot_id
from lab.errors import UsageError
from lab.paths import LabHome
from lab.runtime.jobguard import process_start


def test_a_home_has_one_id_for_ever(tmp_path: Path) -> None:
    home = LabHome(tmp_path / "home")
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(home_id, [home] * 32))
    assert len(ids) == 1
    assert re.fullmatch("[0-9a-f]{16}", ids.pop())
    assert [path.name for path in home.root.iterdir()] == ["id"]
    assert home_id(LabHome(tmp_path / "other")) != home_id(home)


def test_the_boot_has_an_id() -> None:
    assert boot_id()
    assert boot_id() == boot_id()


def test_a_process_is_known_by_its_start() -> None:
    assert process_start(os.getpid()) == process_start(os.getpid()) != ""
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process_start(child.pid) == ""  # a zombie
    assert process_start(child.pid) == ""


def test_no_engine_of_that_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="kubernetes"):
        connect("kubernetes", LabHome(tmp_path))


def test_the_process_engine_does_not_load_docker(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from lab.engine import connect; from lab.paths import LabHome\n"
        f"connect('process', LabHome(Path({str(tmp_path)!r}))).available()\n"
        "assert not {'docker', 'requests', 'ctypes'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
