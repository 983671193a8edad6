"""The entry point as engines start it: a process of its own around real commands."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from runtime_scripts import ROOT

from lab.runtime import entry


def _start(folder: Path, *command: str, **env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "lab.runtime.entry", "--", *command],
        env=os.environ | {"PYTHONPATH": str(ROOT), "LAB_RUN_DIR": str(folder)} | env,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _run(folder: Path, *command: str) -> tuple[int, dict[str, Any], bytes, bytes]:
    """(exit code, exit.json, stdout.log, stderr)."""
    process = _start(folder, *command)
    _, stderr = process.communicate(timeout=60)
    verdict = json.loads((folder / "exit.json").read_text()) if (folder / "exit.json").exists() else {}
    return process.returncode, verdict, (folder / "stdout.log").read_bytes(), stderr


def _wait_for(path: Path, content: bytes, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not (path.exists() and content in path.read_bytes()):
        assert time.monotonic() < deadline, f"{path} never held {content!r}"
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _wait_until_gone(pid: int) -> None:
    """A process that was killed may take a moment to die."""
    deadline = time.monotonic() + 30
    while _alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_output_goes_to_the_log_and_the_verdict_says_how_long(tmp_path: Path) -> None:
    code, verdict, log, stderr = _run(tmp_path, "sh", "-c", "echo out; echo err >&2; pwd; sleep 0.3")
    assert (code, stderr) == (0, b"")
    assert log == f"out\nerr\n{tmp_path}\n".encode()
    assert verdict["v"] == 1
    assert (verdict["exit_code"], verdict["signal"], verdict["oom"]) == (0, 0, False)
    assert 0.3 <= verdict["duration"] < 10
    assert verdict["ended"] == pytest.approx(verdict["started"] + verdict["duration"])
    assert verdict["python"] == ".".join(map(str, sys.version_info[:3]))
    assert verdict["packages"]["pytest"] == pytest.__version__


def test_a_failing_command_gives_its_code_and_its_last_words(tmp_path: Path) -> None:
    code, verdict, log, stderr = _run(tmp_path, sys.executable, "-c", "print('x' * 9000); raise SystemExit(3)")
    assert (code, verdict["exit_code"], verdict["signal"]) == (3, 3, 0)
    assert len(log) == 9001
    assert stderr == log[-entry.TAIL_BYTES :]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_death_by_signal_is_told_as_such(tmp_path: Path, number: signal.Signals) -> None:
    code, verdict, _, _ = _run(tmp_path, "sh", "-c", f"kill -{number.value} $$")
    assert (code, verdict["exit_code"], verdict["signal"]) == (128 + number, 128 + number, number)


@pytest.mark.parametrize(("command", "expected"), [("no-such-command", 127), ("/etc/hostname", 126), ("/", 126)])
def test_a_command_that_cannot_start_says_why(tmp_path: Path, command: str, expected: int) -> None:
    code, verdict, log, stderr = _run(tmp_path, command)
    assert (code, verdict["exit_code"]) == (expected, expected)
    assert command.encode() in log
    assert log == stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_the_whole_group_and_a_clean_end_is_its_own(tmp_path: Path, number: signal.Signals) -> None:
    source = (
        "import os, signal, sys, time\n"
        f"signal.signal({number.value}, lambda *a: sys.exit(7))\n"
        "child = os.fork()\n"
        "os.write(1, b'ready ' if child else b'%d ' % os.getpid())\n"  # whole words, whoever writes first
        "time.sleep(60)\n"
    )
    process = _start(tmp_path, sys.executable, "-c", source)
    log = tmp_path / "stdout.log"
    _wait_for(log, b"ready")
    deadline = time.monotonic() + 20
    while len(log.read_text().split()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (grandchild,) = [int(word) for word in log.read_text().split() if word.isdecimal()]
    process.send_signal(number)
    process.communicate(timeout=30)
    verdict = json.loads((tmp_path / "exit.json").read_text())
    assert (process.returncode, verdict["exit_code"], verdict["signal"]) == (7, 7, 0)
    _wait_until_gone(grandchild)


def test_nothing_of_the_group_outlives_the_command(tmp_path: Path) -> None:
    code, _, log, _ = _run(tmp_path, "sh", "-c", "sleep 300 & echo $!")
    assert code == 0
    _wait_until_gone(int(log))


def test_the_child_dies_of_a_closed_pipe(tmp_path: Path) -> None:
    code, _, log, _ = _run(tmp_path, "sh", "-c", "yes | head -1")
    assert (code, log) == (0, b"y\n")


def test_the_child_writes_unbuffered(tmp_path: Path) -> None:
    process = _start(tmp_path, sys.executable, "-c", "print('seen'); import time; time.sleep(60)")
    _wait_for(tmp_path / "stdout.log", b"seen")
    assert process.poll() is None
    process.terminate()
    process.communicate(timeout=30)


def test_two_commands_in_one_folder_append(tmp_path: Path) -> None:
    _run(tmp_path, "echo", "one")
    assert _run(tmp_path, "echo", "two")[2] == b"one\ntwo\n"


def test_no_run_folder_or_no_command_is_an_error_of_use(tmp_path: Path) -> None:
    process = _start(tmp_path)
    assert process.communicate(timeout=30)[1].startswith(b"usage:")
    assert process.returncode == 2
    env = os.environ | {"PYTHONPATH": str(ROOT), "LAB_RUN_DIR": str(tmp_path / "missing")}
    argv = [sys.executable, "-m", "lab.runtime.entry", "--", "true"]
    done = subprocess.run(argv, env=env, capture_output=True, timeout=30, check=False)
    assert done.returncode == 125
    assert b"missing" in done.stderr


def test_systems_that_cannot_look_at_a_dead_child_tell_the_same(tmp_path: Path) -> None:
    source = (
        "import os, sys\n"
        "if hasattr(os, 'waitid'): del os.waitid\n"
        "from lab.runtime import entry\n"
        f"sys.exit(entry.run(['sh', '-c', 'sleep 300 & echo $!; sleep 0.2; exit 5'], {str(tmp_path)!r}))"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", source], env=env, capture_output=True, timeout=60, check=False)
    verdict = json.loads((tmp_path / "exit.json").read_text())
    assert (done.returncode, verdict["exit_code"]) == (5, 5)
    assert 0.2 <= verdict["duration"] < 10
    assert not _alive(int((tmp_path / "stdout.log").read_text()))


def _memory_cgroup() -> Path | None:
    """A fresh memory control group, where this machine lets us have one (version 1 or 2)."""
    for top, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = Path(top) / f"lab-entry-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(48 * 1024 * 1024))
        except OSError:
            if group.is_dir():
                group.rmdir()
            continue
        return group
    return None


def test_running_out_of_memory_is_told_from_other_kills(tmp_path: Path) -> None:
    group = _memory_cgroup()
    if group is None:
        pytest.skip("needs the right to make a memory control group")
    hog = f"{sys.executable} -c 'x = bytearray(512 * 1024 * 1024)'"
    inside = f'echo $$ > {group}/cgroup.procs && exec {sys.executable} -m lab.runtime.entry -- sh -c "{hog}; exit \\$?"'
    env = os.environ | {"PYTHONPATH": str(ROOT), "LAB_RUN_DIR": str(tmp_path)}
    try:
        done = subprocess.run(["sh", "-c", inside], env=env, capture_output=True, timeout=60, check=False)
    finally:
        group.rmdir()
    verdict = json.loads((tmp_path / "exit.json").read_text())
    assert verdict["oom"] is True
    assert (verdict["exit_code"], done.returncode) == (137, 137)


def test_starting_loads_nothing_heavy() -> None:
    script = "import sys, lab.runtime.entry; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for heavy in ("asyncio", "subprocess", "importlib.metadata", "logging", "email", "socket", "tempfile"):
        assert heavy not in loaded


def test_python_is_there_for_a_shell_as_well(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "echo"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    process = _start(tmp_path, "sh", "-c", "python -c 'print(6 * 7)'", PATH=str(tmp_path / "bin"), TMPDIR=str(tmp_path))
    process.communicate(timeout=60)
    assert (process.returncode, (tmp_path / "stdout.log").read_text()) == (0, "42\n")
