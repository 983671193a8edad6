"""Asking a deployment: a payload to edit, and what the model answers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import TextArea

from lab.domain.deployments import Deployment
from lab.domain.text import clean, clean_lines
from lab.errors import LabError, UsageError
from lab.ui import actions
from lab.ui.render.cells import tidy
from lab.ui.render.glyphs import Row, glyphs
from lab.ui.render.number import format_duration
from lab.ui.render.sparkline import bar
from lab.ui.screens.parts import Lines

if TYPE_CHECKING:
    from lab.ui.screens.base import LabScreen

_MOST_ROWS = 12


def parse_payload(text: str) -> dict[str, Any]:
    """The JSON object in `text`. Raises UsageError that says where it is wrong."""
    try:
        payload = json.loads(text)
    except ValueError as error:
        raise UsageError(f"not JSON: {error}", 'write {"rows": [{…}]} or {"data": [[…]]}') from error
    if not isinstance(payload, dict) or not {"rows", "data"} & payload.keys():
        raise UsageError("neither rows nor data in it", 'write {"rows": [{…}]} or {"data": [[…]]}')
    return payload


def payload_text(payload: Mapping[str, Any]) -> str:
    """A payload as people edit it: one row to a line."""
    for key in ("rows", "data"):
        rows = payload.get(key)
        if isinstance(rows, list) and len(payload) == 1:
            lines = ",\n".join("  " + json.dumps(row) for row in rows)
            return f'{{"{key}": [\n{lines}\n]}}'
    return json.dumps(payload, indent=1)


def answer_rows(answer: Mapping[str, Any], classes: Sequence[object], seconds: float) -> list[Row]:
    """The answer: a line per row with its most likely classes, then what else was said."""
    predictions, chances = answer.get("predictions"), answer.get("probabilities")
    first: Row = [(f" {glyphs().ok} ", "ok"), ("answered in ", "muted"), (format_duration(seconds), "bold")]
    rows = [[*first, ("   with the highest probabilities", "muted")] if isinstance(chances, list) else first]
    known = predictions if isinstance(predictions, list) else []
    for index, value in enumerate(known[:_MOST_ROWS]):
        row: Row = [(f" row {index + 1}   ", "muted"), (_short(value), "title"), ("   ", "")]
        if isinstance(chances, list) and index < len(chances) and isinstance(chances[index], list):
            row += _likely(chances[index], classes)
        rows.append(row)
    if len(known) > _MOST_ROWS:
        rows.append([(f" and {len(known) - _MOST_ROWS} more", "muted")])
    for key, value in answer.items():
        if key != "predictions" and not (key == "probabilities" and known):
            rows.append([(f" {key}  ", "muted"), (_short(value), "")])
    return rows


def _likely(chances: Sequence[Any], classes: Sequence[object], most: int = 3) -> Row:
    """The most likely classes with a bar each."""
    numbers = [(float(one), index) for index, one in enumerate(chances) if isinstance(one, int | float)]
    row: Row = []
    for chance, index in sorted(numbers, key=lambda one: (-one[0], one[1]))[:most]:
        name = _short(classes[index]) if index < len(classes) else f"#{index}"
        row += [(f"  {name} ", ""), (bar(chance, 8), "primary"), (f" {chance:.1%}", "muted")]
    return row


def _short(value: object) -> str:
    return clean(value if isinstance(value, str) else json.dumps(value), 200)


class PredictScreen(ModalScreen[None]):
    """Edit the payload, ctrl+s (or f5) sends it; the answer is below."""

    DEFAULT_CSS = """
    PredictScreen { align: center middle; background: $background 60%; }
    PredictScreen #box {
        width: 96%; max-width: 110; height: 94%;
        border: round $border; background: $surface; padding: 0 1;
    }
    PredictScreen TextArea { height: 1fr; border: none; padding: 0; background: $panel; }
    PredictScreen #answer { height: auto; max-height: 50%; overflow: hidden auto; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False, id="predict.close"),
        Binding("ctrl+s,f5", "send", "Send", show=False, id="predict.send", priority=True),
    ]

    def __init__(
        self, behind: LabScreen, deployment: Deployment, example: Mapping[str, Any], classes: Sequence[object]
    ) -> None:
        super().__init__()
        self._names = classes
        self._behind = behind
        self._deployment = deployment
        self._example = example or {"rows": []}
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(tidy(f"Predict with {self._deployment.name}", 60))
            box.border_subtitle = Content("ctrl+s send   esc close")
            yield TextArea(clean_lines(payload_text(self._example)), tab_behavior="focus", soft_wrap=True, compact=True)
            yield Lines([[(" an example that the model knows; change it and press ctrl+s", "muted")]], id="answer")

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()

    def action_close(self) -> None:
        self.dismiss(None)

    def action_send(self) -> None:
        if not self._busy:
            self._busy = True
            self.run_worker(self._behind.lab.guard(self._send()), exit_on_error=False)

    async def _send(self) -> None:
        answer_line = self.query_one("#answer", Lines)
        try:
            payload = parse_payload(self.query_one(TextArea).text)
            answer_line.show([[(" asking …", "muted")]])
            began = time.perf_counter()
            id = self._deployment.id
            answer = await self._behind.ask(lambda ws: ws.deployments.predict(id, payload))
            answer_line.show(answer_rows(answer, self._names, time.perf_counter() - began))
            command = actions.command(actions.get("deployments.predict"), id=self._deployment.name)
            self._behind.lab.jobs.note("prediction", command)
        except LabError as error:
            answer_line.show([[(f" {glyphs().fail} {error.message}", "fail")], [(f"   {error.hint}", "muted")]])
        finally:
            self._busy = False
