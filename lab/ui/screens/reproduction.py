"""Whether a run comes out again: the verdict so far, what a reproduction takes, and doing it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from lab.domain.param_spec import ParamSpec, Value, Values
from lab.domain.reproduction import SWAPS, Preflight, Reproduction, parse_tolerance, tell
from lab.errors import UsageError
from lab.ui import actions
from lab.ui.jobs import Job
from lab.ui.render.reproduction import page_rows, wrapped
from lab.ui.screens.base import LabScreen
from lab.ui.screens.compare import CompareScreen
from lab.ui.widgets.detail import Page
from lab.ui.widgets.forms import FormScreen

if TYPE_CHECKING:
    from lab.workspace import Workspace

_AS_CAPTURED = "nothing"
#: Parameters are changed by editing and running.
_CHOICES = (_AS_CAPTURED, *(factor for factor in SWAPS if factor != "params"))


class ReproductionScreen(LabScreen):
    KIND = "reproduction"
    MODE = "runs"
    NOUNS = frozenset({"runs"})
    LEAD = ""
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("reproduction"))

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run_id = run_id
        self._found: Reproduction | None = None

    def trail(self) -> tuple[str, ...]:
        return (self._found.run.name if self._found else self._run_id, "reproduction")

    def body(self) -> ComposeResult:
        yield Page(empty="looking whether all is there …", id="verdict")

    async def load(self) -> None:
        run = self._run_id
        found, flight = await self.ask(lambda ws: _look(ws, run))
        self._found = found
        rows = page_rows(found, flight)
        self.query_one(Page).show(lambda width: [line for row in rows for line in wrapped(row, width)])
        self.tell_top()

    # Actions

    def action_reproduction_run(self) -> None:
        self.start(self._reproduce())

    async def _reproduce(self) -> None:
        fields = [
            ParamSpec("repeat", "times", "number", 1, help="several tell how far it scatters", validate=_times_trouble),
            ParamSpec("tolerance", "tolerance", help="empty: to the last bit; 1e-6, 0.1%, or sigma=2 of its seeds",
                  validate=_tolerance_trouble),
            ParamSpec("swap", "from now", "choice", _AS_CAPTURED, _CHOICES,
                  help="all else is as captured: what does this one change?"),
        ]  # fmt: skip
        name = self._found.run.name if self._found else self._run_id
        intro = "Runs it again from its capture, in a fresh tree and the same environment."
        values = await self.app.push_screen_wait(FormScreen(f"Reproduce {name}", fields, submit="Run", intro=intro))
        if values is not None:
            self._begin(name, values)

    def _begin(self, name: str, values: Values) -> None:
        run, repeat = self._run_id, _whole(values.get("repeat"))
        text, swap = str(values.get("tolerance", "")), str(values.get("swap", ""))
        swap = "" if swap == _AS_CAPTURED else swap

        def work(ws: Workspace, job: Job) -> Reproduction:
            room = ws.reproductions
            return room.reproduce(run, room.plan(parse_tolerance([text]), repeat, swap), job.say)

        async def reproduce(job: Job) -> str:
            found = await self.lab.bridge.ask(lambda ws: work(ws, job))
            if self.is_attached:
                self.reload()
            return f"{name}: {tell(found)}"

        words = ["lab", "runs", "reproduce", run]
        words += ["--repeat", str(repeat)] if repeat != 1 else []
        words += ["--tolerance", text] if text else []
        words += ["--swap", swap] if swap else []
        self.lab.background(f"reproducing {name}", shlex.join(words), reproduce)

    def action_reproduction_compare(self) -> None:
        attempts = self._found.attempts if self._found else ()
        if attempts:
            self.app.push_screen(CompareScreen([self._run_id, *(one.run.id for one in attempts)]))
        else:
            self.lab.tell("nothing to compare: n runs it again")

    def copies(self) -> Sequence[tuple[str, str]]:
        command = actions.command(actions.get("reproduction.run"), id=self._run_id)
        return [("command", command), ("everything", self.query_one(Page).plain)]


def _look(ws: Workspace, run: str) -> tuple[Reproduction, Preflight | None]:
    room = ws.reproductions
    flight = None if ws.runs.get(run).status.active else room.preflight(run)
    return room.judge(run), flight


def _whole(value: Value | None) -> int:
    return value if isinstance(value, int) else 1


def _times_trouble(value: Value) -> str | None:
    return None if isinstance(value, int) and 1 <= value <= 100 else "a whole number from 1 to 100"


def _tolerance_trouble(value: Value) -> str | None:
    try:
        parse_tolerance([str(value)])
    except UsageError as error:
        return error.hint
    return None
