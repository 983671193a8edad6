"""The clipboard, in three ways: a tool of the desktop, tmux's buffer, and the terminal itself (OSC 52).

No one of them works everywhere: macOS's Terminal ignores OSC 52, a desktop's tool at the far end of ssh fills a
clipboard that nobody sees, and tmux passes on only what goes through its buffer. So all that can work are tried.
"""

from __future__ import annotations

import asyncio
import os
from asyncio import subprocess
from collections.abc import Mapping, Sequence
from shutil import which
from typing import NamedTuple

#: A tool that does not take the text within so many seconds is left alone.
_PATIENCE = 2.0


class Way(NamedTuple):
    """A program that takes the text on its standard input, and what people call it."""

    name: str
    command: tuple[str, ...]


_DESKTOPS = (
    ("WAYLAND_DISPLAY", Way("wl-copy", ("wl-copy",))),
    ("DISPLAY", Way("xclip", ("xclip", "-selection", "clipboard"))),
    ("DISPLAY", Way("xsel", ("xsel", "--clipboard", "--input"))),
    ("", Way("pbcopy", ("pbcopy",))),
    ("", Way("clip.exe", ("clip.exe",))),
)
_TMUX = Way("tmux", ("tmux", "load-buffer", "-w", "-"))


def ways(env: Mapping[str, str]) -> list[Way]:
    """The programs to try, in their order: the first of the desktop that is here, and tmux inside of it.

    Over ssh without a forwarded display, the desktop would be that of the other machine.
    """
    away = "SSH_CONNECTION" in env and not (env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))
    desktop = [way for need, way in _DESKTOPS if (env.get(need) if need else True) and _there(way, env) and not away]
    return desktop[:1] + ([_TMUX] if env.get("TMUX") and _there(_TMUX, env) else [])


async def put(text: str, env: Mapping[str, str] | None = None) -> Sequence[str]:
    """Give `text` to every way there is but OSC 52, which is the app's own. Returns the names of those that took it."""
    env = os.environ if env is None else env
    data = text.encode("utf-8", "replace")
    return [way.name for way in ways(env) if await _give(way, data, env)]


async def _give(way: Way, data: bytes, env: Mapping[str, str]) -> bool:
    try:
        process = await asyncio.create_subprocess_exec(
            *way.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(env)
        )
    except OSError:
        return False
    try:
        await asyncio.wait_for(process.communicate(data), _PATIENCE)
    except TimeoutError:
        process.kill()
        return False
    return process.returncode == 0


def _there(way: Way, env: Mapping[str, str]) -> bool:
    return which(way.command[0], path=env.get("PATH")) is not None
