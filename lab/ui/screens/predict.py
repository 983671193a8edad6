"""Asking a deployment: a row in a form of the model's columns, JSON, CSV or a file; and what the model answers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static, TextArea

from lab.domain.deployments import Deployment
from lab.domain.payloads import from_csv, from_file, from_json
from lab.domain.text import clean, clean_lines
from lab.errors import LabError, NotFoundError, UsageError
from lab.ui import actions
from lab.ui.drafts import Draft
from lab.ui.render.cells import fit, tidy
from lab.ui.render.glyphs import Row, glyphs
from lab.ui.render.predictions import answer_rows
from lab.ui.render.profiles import wrap
from lab.ui.screens.parts import Lines
from lab.ui.screens.predict_form import csv_text, form_columns, form_payload
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.dialog import Dialog

if TYPE_CHECKING:
    from lab.ui.screens.base import LabScreen

FORM, JSON, CSV, FILE = "form", "json", "csv", "file"
_MOST_BYTES = 4 << 20  # of a file: a server takes no more in one request
_LABEL, _HELP = 22, 34


def payload_text(payload: Mapping[str, Any]) -> str:
    """A payload as people edit it: one row to a line."""
    for key in ("rows", "data"):
        rows = payload.get(key)
        if isinstance(rows, list) and len(payload) == 1:
            lines = ",\n".join("  " + json.dumps(row) for row in rows)
            return f'{{"{key}": [\n{lines}\n]}}'
    return json.dumps(payload, indent=1)


def trouble_rows(error: LabError, width: int) -> list[Row]:
    """What is wrong with a question, and what to do, in lines of at most `width` cells."""
    room = max(10, width - 3)
    said, hint = (wrap(tidy(text), room) for text in (error.message, error.hint))
    signs = [glyphs().fail] + [" "] * len(said)
    rows: list[Row] = [[(f" {sign} {line}", "fail")] for sign, line in zip(signs, said, strict=False)]
    return rows + [[(f"   {line}", "muted")] for line in hint]


def read_payload(path: Path) -> dict[str, Any]:
    """The rows in a file of JSON, JSON lines or CSV. Raises NotFoundError, LabError, UsageError."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{clean(str(path))} is too large for one request", "lab predict takes whole tables")
        return from_file(path.name, path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {clean(str(path))}", "check the path") from error
    except OSError as error:
        raise LabError(f"{clean(str(path))} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{clean(str(path))} is not UTF-8 text", "lab predict takes Parquet and other tables"
        ) from error


class PredictScreen(Dialog[None]):
    """Fill in what the model is asked; ctrl+s, f5, or enter in a field sends it, and the answer is below. ctrl+t goes
    to the next way. What was typed is there again when the same deployment is asked again."""

    DEFAULT_CSS = """
    PredictScreen { align: center middle; background: $background 60%; }
    PredictScreen #box {
        width: 96%; max-width: 110; height: 94%;
        border: round $border; background: $surface; padding: 0 1;
    }
    PredictScreen #ways { height: 1fr; }
    PredictScreen .tab { display: none; height: 1fr; }
    PredictScreen .tab.-shown { display: block; }
    PredictScreen TextArea { height: 1fr; border: none; padding: 0; background: $panel; }
    PredictScreen Input { height: 1; width: 1fr; border: none; padding: 0; background: $panel; }
    PredictScreen Input:focus { background: $block-cursor-background; }
    PredictScreen .field { height: 1; }
    PredictScreen .label { width: 23; color: $text-muted; }
    PredictScreen .help { width: 36; color: $text-muted; padding-left: 1; }
    PredictScreen #answer { height: auto; max-height: 50%; overflow: hidden auto; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False, id="predict.close"),
        Binding("ctrl+s,f5", "send", "Send", show=False, id="predict.send", priority=True),
        Binding("ctrl+t", "next_way", "Form, JSON, CSV or file", show=False, id="predict.way", priority=True),
        Binding("ctrl+r", "reset", "As at first", show=False, id="predict.reset", priority=True),
        Binding("down", "app.focus_next", "Next field", show=False, id="predict.next"),
        Binding("up", "app.focus_previous", "Previous field", show=False, id="predict.previous"),
    ]

    def __init__(
        self, behind: LabScreen, deployment: Deployment, example: Mapping[str, Any], signature: Mapping[str, Any]
    ) -> None:
        super().__init__()
        classes = signature.get("classes")
        self._names: Sequence[object] = classes if isinstance(classes, list) else ()
        self._behind = behind
        self._deployment = deployment
        self._example = example or {"rows": []}
        self._columns = form_columns(signature, self._example)
        self._csv = csv_text(signature, self._example)
        self._ways = [(FORM, "Form")] if self._columns else []
        self._ways += [(JSON, "JSON"), (CSV, "CSV"), (FILE, "File")]
        self._first: tuple[str, ...] = ()
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(tidy(self._title, 60))
            box.border_subtitle = Content("ctrl+s send   esc close")
            yield Tabs(self._ways, id="way", hint="ctrl+t switch")
            with Container(id="ways"):
                if self._columns:
                    yield from self._form()
                with Container(id=f"tab-{JSON}", classes="tab"):
                    yield self._area(payload_text(self._example), "json")
                with Container(id=f"tab-{CSV}", classes="tab"):
                    yield self._area(self._csv, "csv")
                with Container(id=f"tab-{FILE}", classes="tab"), Horizontal(classes="field"):
                    yield Static(Content("a file"), classes="label")
                    yield Input(placeholder="its path: .json, .jsonl or .csv", id="file", compact=True)
            yield Lines([[(" an example that the model knows; change it and press ctrl+s", "muted")]], id="answer")

    def _form(self) -> ComposeResult:
        with VerticalScroll(id=f"tab-{FORM}", classes="tab", can_focus=False):
            for index, column in enumerate(self._columns):
                with Horizontal(classes="field"):
                    yield Static(Content(fit(tidy(column.name), _LABEL)), classes="label")
                    yield Input(tidy(column.text), id=f"column-{index}", compact=True, select_on_focus=False)
                    yield Static(Content(fit(tidy(column.help), _HELP)), classes="help")

    @staticmethod
    def _area(text: str, id: str) -> TextArea:
        return TextArea(clean_lines(text), tab_behavior="focus", soft_wrap=True, compact=True, id=id)

    def on_mount(self) -> None:
        self._first = self._texts()
        draft = self._behind.lab.drafts.take(self._title, self._first)
        if draft is not None:
            self._fill(draft.texts)
            self.query_one("#answer", Lines).show([[(f" {draft.why}; ctrl+r begins anew", "muted")]])
        self._go(draft.texts[-1] if draft is not None else self._ways[0][0])

    @property
    def _title(self) -> str:
        return f"Predict with {self._deployment.name}"

    def _texts(self) -> tuple[str, ...]:
        """What stands in each field, and which way is shown."""
        fields = (one.value if isinstance(one, Input) else one.text for one in self._fields())
        return (*fields, self.query_one(Tabs).current)

    def _fields(self) -> list[Input | TextArea]:
        return [one for one in self.query("#ways *") if isinstance(one, Input | TextArea)]

    def _fill(self, texts: Sequence[str]) -> None:
        for one, text in zip(self._fields(), texts, strict=False):
            if isinstance(one, Input):
                one.value = text
            elif one.text != text:
                one.load_text(text)

    def action_reset(self) -> None:
        self._fill(self._first)

    def _go(self, way: str) -> None:
        self.query_one(Tabs).choose(way)
        first = {FORM: "#column-0", JSON: "#json", CSV: "#csv", FILE: "#file"}[way]
        self.query_one(first).focus()

    def on_choices_chosen(self, event: Tabs.Chosen) -> None:
        self._go(event.key.removeprefix("tab:"))

    def action_close(self) -> None:
        texts = self._texts()
        if texts[:-1] != self._first[:-1]:
            self._behind.lab.drafts.keep(self._title, Draft(self._first, texts, "as you left it"))
        self.dismiss(None)

    def action_next_way(self) -> None:
        self._go(self.query_one(Tabs).step(1))

    @on(Input.Submitted)
    def action_send(self) -> None:
        if not self._busy:
            self._busy = True
            self.run_worker(self._behind.lab.guard(self._send()), exit_on_error=False)

    async def _payload(self) -> dict[str, Any]:
        way = self.query_one(Tabs).current
        if way == FORM:
            texts = [self.query_one(f"#column-{index}", Input).value for index in range(len(self._columns))]
            return form_payload(self._columns, texts)
        if way == FILE:
            name = self.query_one("#file", Input).value.strip()
            return await self._behind.ask(lambda _: read_payload(Path(name).expanduser()))
        text = self.query_one(f"#{way}", TextArea).text
        return from_csv(text) if way == CSV else from_json(text)

    async def _send(self) -> None:
        answer_line = self.query_one("#answer", Lines)
        try:
            payload = await self._payload()
            answer_line.show([[(" asking …", "muted")]])
            began = time.perf_counter()
            id = self._deployment.id
            answer = await self._behind.ask(lambda ws: ws.deployments.predict(id, payload))
            answer_line.show(answer_rows(answer, self._names, time.perf_counter() - began))
            command = actions.command(actions.get("deployments.predict"), id=self._deployment.name)
            self._behind.lab.jobs.note("prediction", command)
        except LabError as error:
            answer_line.show(trouble_rows(error, answer_line.size.width))
        finally:
            self._busy = False
