"""A status as sign, word and style token: never by colour alone."""

from __future__ import annotations

from typing import Literal

from lab.dataclass import dataclass
from lab.domain.deployments import DeploymentStatus
from lab.domain.runs import RunStatus
from lab.ui.render.glyphs import glyphs

Level = Literal["ok", "warn", "fail", "run", "idle"]

_RUN: dict[RunStatus, Level] = {
    RunStatus.QUEUED: "idle",
    RunStatus.CREATED: "idle",
    RunStatus.RUNNING: "run",
    RunStatus.FINISHED: "ok",
    RunStatus.FAILED: "fail",
    RunStatus.STOPPED: "idle",
    RunStatus.INTERRUPTED: "warn",
    RunStatus.LOST: "warn",
}
_DEPLOYMENT: dict[DeploymentStatus, Level] = {
    DeploymentStatus.STARTING: "run",
    DeploymentStatus.READY: "ok",
    DeploymentStatus.ASLEEP: "idle",
    DeploymentStatus.UNHEALTHY: "warn",
    DeploymentStatus.FAILED: "fail",
    DeploymentStatus.STOPPED: "idle",
}


@dataclass(frozen=True)
class Mark:
    """`glyph` and `word` to show, and the style `token` to show them in."""

    glyph: str
    word: str
    token: str

    @property
    def text(self) -> str:
        return f"{self.glyph} {self.word}"


def mark(level: Level, word: str, plain: bool | None = None) -> Mark:
    """The mark of any state: a `level` of well-being, and the `word` that names it."""
    return Mark(getattr(glyphs(plain), level), word, level)


def run_mark(status: RunStatus, plain: bool | None = None) -> Mark:
    return mark(_RUN[status], status.value, plain)


def deployment_mark(status: DeploymentStatus, plain: bool | None = None) -> Mark:
    return mark(_DEPLOYMENT[status], status.value, plain)
