import os
import signal
import subprocess
import sys
from pathlib import Path

from lab.stores.staging import erase, stage, sweep

MAKER = """
import sys
from pathlib import Path
from lab.stores.staging import stage
with stage(Path(sys.argv[1])) as folder:
    (folder / "part").write_text("x")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_stage_is_private_and_leaves_nothing(tmp_path: Path) -> None:
    with stage(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "file").write_text("x")
        (folder / "deep").chmod(0o500)
        assert sweep(tmp_path) == 0
        assert folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_dead_are_swept_and_the_living_are_not(tmp_path: Path) -> None:
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    folders = [Path(maker.stdout.readline().strip()) for maker in makers if maker.stdout]
    makers[0].send_signal(signal.SIGKILL)
    makers[0].wait(10)
    (tmp_path / "not-a-stage").mkdir()
    assert sweep(tmp_path) == 1
    assert not folders[0].exists()
    assert folders[1].exists()
    makers[1].communicate("", timeout=10)
    for maker in makers:
        for stream in (maker.stdin, maker.stdout):
            if stream:
                stream.close()
    assert os.listdir(tmp_path) == ["not-a-stage"]


def test_sweeping_and_erasing_nothing_is_harmless(tmp_path: Path) -> None:
    assert sweep(tmp_path / "none") == 0
    erase(tmp_path / "none")
