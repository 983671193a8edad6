"""The ways to the clipboard, by programs that only write down what they are given, and by a real tmux."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.ui import clipboard


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def program(folder: Path, name: str, script: str = 'cat > "$0.got"') -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def put(text: str, folder: Path, **env: str) -> list[str]:
    return list(asyncio.run(clipboard.put(text, {"PATH": f"{folder}:/bin:/usr/bin", **env})))


def names(folder: Path, **env: str) -> list[str]:
    return [way.name for way in clipboard.ways({"PATH": str(folder), **env})]


def test_the_first_tool_of_the_desktop_and_tmux_get_the_text(tools: Path) -> None:
    for name in ("xclip", "xsel", "tmux"):
        program(tools, name)
    text = "loss\t0.25\n手 ✓\n"
    assert put(text, tools, DISPLAY=":0", TMUX="/tmp/tmux,1,0") == ["xclip", "tmux"]
    assert (tools / "xclip.got").read_text() == text
    assert (tools / "tmux.got").read_text() == text
    assert not (tools / "xsel.got").exists()


def test_which_way_there_is_depends_on_where_one_is(tools: Path) -> None:
    for name in ("wl-copy", "xclip", "pbcopy", "tmux"):
        program(tools, name)
    assert names(tools, WAYLAND_DISPLAY="wayland-0", DISPLAY=":0") == ["wl-copy"]
    assert names(tools) == ["pbcopy"]
    assert names(tools, SSH_CONNECTION="1 2 3 4") == [], "the desktop of the other machine is of no use"
    assert names(tools, SSH_CONNECTION="1 2 3 4", DISPLAY="localhost:10.0") == ["xclip"]
    assert names(tools, SSH_CONNECTION="1 2 3 4", TMUX="x") == ["tmux"]


def test_a_tool_that_fails_or_hangs_is_not_told_of(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipboard, "_PATIENCE", 0.2)
    program(tools, "xclip", "exit 1")
    assert put("x", tools, DISPLAY=":0") == []
    program(tools, "xclip", "exec sleep 30")
    assert put("x", tools, DISPLAY=":0") == []
    assert put("x", tools) == []


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_a_real_tmux_has_the_text_in_its_buffer(tmp_path: Path) -> None:
    socket = str(tmp_path / "tmux")
    env = {name: value for name, value in os.environ.items() if not name.startswith("TMUX")}

    def tmux(*words: str) -> str:
        done = subprocess.run(["tmux", "-S", socket, *words], env=env, capture_output=True, text=True, check=True)
        return done.stdout

    tmux("-f", "/dev/null", "new-session", "-d", "sleep 60")
    try:
        inside = {**env, "TMUX": f"{socket},1,0", "SSH_CONNECTION": "1 2 3 4", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
        assert asyncio.run(clipboard.put("two\nlines", inside)) == ["tmux"]
        assert tmux("show-buffer") == "two\nlines"
    finally:
        tmux("kill-server")
