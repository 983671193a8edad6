"""Whether the engines that are in use still answer: one that falls silent is told of in a line, until it is back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lab.domain.text import clean
from lab.ui.render.glyphs import Row, glyphs

if TYPE_CHECKING:
    from lab.ui.app import LabApp

#: How often engines are asked, seconds.
PERIOD = 10.0
_REASON = 120


class EngineLook:
    """What was found when engines were asked last."""

    def __init__(self) -> None:
        self._silent: dict[str, tuple[float, str]] = {}  # since when, and why, by the engine's name
        self._asking = False

    async def look(self, app: LabApp) -> None:
        """Ask them, and tell when one is back; never twice at the same time."""
        if self._asking or app.bridge.ws is None:
            return
        self._asking = True
        try:
            found = await app.bridge.ask(lambda ws: ws.silent_engines())
        finally:
            self._asking = False
        back = [name for name in self._silent if name not in found]
        now = time.time()
        changed = found.keys() != self._silent.keys()
        self._silent = {name: self._silent.get(name, (now, why)) for name, why in found.items()}
        if back:
            app.tell(f"{', '.join(back)} answers again")
        if changed:
            app.show_jobs()

    @property
    def rows(self) -> list[Row]:
        """A line for each engine that does not answer."""
        return [
            [(f" {glyphs().warn} {name} does not answer", "warn bold"),
             (f" since {time.strftime('%H:%M:%S', time.localtime(since))}", "warn"),
             (f"   what runs and serves goes on; Lab asks again by itself   {clean(why, _REASON)}", "muted")]
            for name, (since, why) in self._silent.items()
        ]  # fmt: skip
