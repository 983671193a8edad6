"""Telling of finished and failed work outside of the app: by the desktop where there is one, else by a bell."""

from __future__ import annotations

import asyncio
import html
import os
from asyncio import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which

from lab.domain.deployments import Deployment
from lab.domain.runs import Run, RunStatus
from lab.domain.text import clean, count_of

#: A desktop that does not take it within so many seconds is left alone.
_PATIENCE = 3.0
#: Names that are told; of more, how many there are.
_NAMED = 3
#: A run that took less than this, seconds, was watched by whoever started it.
LONG = 20.0
#: What was told is known for so many seconds: by then every open app has heard of it.
_KNOWN = 3600.0
_MACOS = ("on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run")


def sentence(runs: Sequence[Run], down: Sequence[Deployment] = ()) -> tuple[str, str]:
    """A title and a line about runs that have ended and deployments that went down; what failed comes first."""
    failed = [run for run in runs if run.status is not RunStatus.FINISHED]
    fine = [run for run in runs if run.status is RunStatus.FINISHED]
    parts = [
        *([f"{len(down)} down"] if down else []),
        *([f"{count_of(len(failed), 'run')} failed"] if failed else []),
        *([f"{count_of(len(fine), 'run')} finished"] if fine else []),
    ]
    told = [f"{one.name}: {one.cause or one.status.value}" for one in down]
    told += [f"{run.name}: {run.cause or run.status.value}" for run in failed] + [run.name for run in fine]
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return f"Lab: {', '.join(parts)}", clean("; ".join(told[:_NAMED]) + more, 300)


def worth_telling(run: Run, focused: bool, now: float) -> bool:
    """Whether somebody may be waiting for it: the terminal is not looked at, or it took long. What was stopped was
    stopped by somebody."""
    if run.status.active or run.status is RunStatus.STOPPED:
        return False
    return not focused or run.duration(now) is None or (run.duration(now) or 0.0) >= LONG


def claim(told: Path, event: str, now: float) -> bool:
    """Whether this app is the one to tell of an event: the first that asks; where nothing can be written, each."""
    try:
        told.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in told.iterdir():
            if old.stat().st_mtime < now - _KNOWN:
                old.unlink(missing_ok=True)
        os.close(os.open(told / event, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    except FileNotFoundError:  # an old one that another app took away meanwhile
        return claim(told, event, now)
    except OSError:
        return True
    return True


def desktop_command(title: str, body: str, env: Mapping[str, str]) -> list[str]:
    """The command that has the desktop tell it; nothing where there is no desktop here."""
    display = env.get("DISPLAY") or env.get("WAYLAND_DISPLAY")
    if display and which("notify-send", path=env.get("PATH")):
        # The body may be read as markup by the desktop, the title is not.
        return ["notify-send", "--app-name=Lab", "--", title, html.escape(body, quote=False)]
    if "SSH_CONNECTION" not in env and which("osascript", path=env.get("PATH")):
        return ["osascript", *(word for line in _MACOS for word in ("-e", line)), "--", title, body]
    return []


async def tell_desktop(title: str, body: str, env: Mapping[str, str] | None = None) -> bool:
    """Whether the desktop took it."""
    env = os.environ if env is None else env
    command = desktop_command(title, body, env)
    if not command:
        return False
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(env)
        )
    except OSError:
        return False
    try:
        return await asyncio.wait_for(process.wait(), _PATIENCE) == 0
    except TimeoutError:
        process.kill()
        return False
