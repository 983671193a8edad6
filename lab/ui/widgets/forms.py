"""Dialogs: a form made from field specifications, and a question before what cannot be undone.

Both fit 76 x 20 cells. Labels, values, choices and messages are shown as they are, never as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from lab.domain.param_spec import ParamSpec, Value, Values
from lab.domain.text import clean
from lab.errors import LabError
from lab.ui.render.cells import fit, tidy, tidy_lines
from lab.ui.widgets.choice import Choice
from lab.ui.widgets.dialog import Dialog

_LABEL = 20
_YES, _NO = "yes", "no"


_DIALOG_CSS = """
    align: center middle;
    background: $background 60%;
    #dialog {
        width: 76;
        max-width: 100%;
        height: auto;
        max-height: 20;
        border: round $border;
        background: $surface;
        padding: 0 1;
    }
    #buttons { height: 1; margin-top: 1; align-horizontal: right; }
    Button { height: 1; min-width: 12; border: none; margin-left: 2; }
    Input { height: 1; border: none; padding: 0; background: $panel; }
    Input:focus { background: $block-cursor-background; }
"""


class _Body(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls by mouse and to what has the focus, and takes no keys from the fields inside it."""


def _plain(text: str, id: str) -> Static:
    return Static(Content(tidy_lines(text)), id=id, markup=False)


class FormScreen(Dialog[Values | None]):
    """Asks for the values of `fields`; dismisses with them by id, or with None.

    Enter submits from any field, tab goes to the next. While a field is wrong its error stands below it and
    submitting goes there instead. `summary` says in a line what the values come to, whenever all of them are right;
    a LabError that it raises stands in that line, and the form cannot be submitted.
    """

    DEFAULT_CSS = (
        "FormScreen {"
        + _DIALOG_CSS
        + """
    #fields { height: auto; max-height: 13; scrollbar-size: 1 1; }
    .field { height: 1; }
    .label { width: 21; height: 1; color: $text-muted; }
    .control { width: 1fr; }
    .error { height: auto; display: none; color: $error; padding-left: 21; }
    .error.-shown { display: block; }
    #summary { height: auto; max-height: 3; color: $text-accent; }
    #summary.-wrong { color: $error; }
    #help { height: 1; color: $text-muted; }
    }"""
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="form.cancel"),
        Binding("enter", "submit", "OK", id="form.submit"),
        Binding("down", "app.focus_next", "Next field", show=False, id="form.next"),
        Binding("up", "app.focus_previous", "Previous field", show=False, id="form.previous"),
    ]

    def __init__(
        self,
        title: str,
        fields: Sequence[ParamSpec],
        *,
        submit: str = "OK",
        intro: str = "",
        summary: Callable[[Values], str] | None = None,
    ) -> None:
        super().__init__()
        self._summary = summary
        self._title = title
        self._intro = intro
        self._fields = tuple(fields)
        self._submit = submit

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as dialog:
            dialog.border_title = Content(tidy(self._title, 60))
            if self._intro:
                yield _plain(self._intro, id="intro")
            with _Body(id="fields"):
                for index, field in enumerate(self._fields):
                    with Horizontal(classes="field"):
                        yield Static(Content(fit(tidy(field.label), _LABEL)), classes="label")
                        yield self._control(index, field)
                    yield Static("", classes="error", id=f"error-{index}", markup=False)
            if self._summary is not None:
                yield Static("", id="summary", markup=False)
            yield Static("", id="help", markup=False)
            with Horizontal(id="buttons"):
                yield Button(Content("Cancel"), id="cancel", compact=True)
                yield Button(Content(tidy(self._submit, 24)), id="submit", variant="primary", compact=True)

    def _control(self, index: int, field: ParamSpec) -> Widget:
        control: Widget
        if field.kind == "bool":
            control = Choice((_YES, _NO), _YES if field.value is True else _NO, id=f"field-{index}")
        elif field.kind == "choice":
            control = Choice(field.choices, str(field.value), id=f"field-{index}")
        else:
            control = Input(
                tidy(str(field.value)), tidy(field.empty), id=f"field-{index}", compact=True, select_on_focus=False
            )
        control.add_class("control")
        return control

    def on_mount(self) -> None:
        if self._fields:
            self.query_one("#field-0").focus()
        for index in range(len(self._fields)):
            self._check(index)
        self._sum_up()

    # For F1

    def told_by_itself(self) -> Sequence[tuple[str, str]]:
        """The field that has the focus, then all others, with what each is for."""
        at = self._focused_field()
        order = sorted(range(len(self._fields)), key=lambda index: index != at)
        return [(self._fields[index].label, self._fields[index].help) for index in order]

    def explained(self) -> Sequence[tuple[str, str]]:
        at = self._focused_field()
        fields = [self._fields[at], *self._fields] if at is not None else self._fields
        return [(word, "") for field in fields for word in (field.label, field.id.rpartition(".")[2])]

    def _focused_field(self) -> int | None:
        id = self.focused.id if self.focused is not None else None
        return int(id.removeprefix("field-")) if id is not None and id.startswith("field-") else None

    # Values

    def _values(self) -> Values | None:
        """All values by id, without those left empty; None while one is wrong."""
        found = [(field.id, *self._value(index)) for index, field in enumerate(self._fields)]
        if any(error for _, _, error in found):
            return None
        return {id: value for id, value, _ in found if value is not None}

    def _sum_up(self) -> bool:
        """Tell what the values come to; whether that makes sense."""
        values = self._values() if self._summary is not None else {}
        if self._summary is None or values is None:
            return self._summary is None
        try:
            text, wrong = self._summary(values), False
        except LabError as error:
            text, wrong = f"{error.message}: {error.hint}" if error.hint else error.message, True
        line = self.query_one("#summary", Static)
        line.update(Content(tidy(text, 200)))
        line.set_class(wrong, "-wrong")
        return not wrong

    def _value(self, index: int) -> tuple[Value | None, str | None]:
        """The value of a field (None: left empty), and what is wrong with it."""
        field, control = self._fields[index], self.query_one(f"#field-{index}")
        if isinstance(control, Choice):
            value: Value = control.value == _YES if field.kind == "bool" else control.value
        else:
            return field.read(clean(self.query_one(f"#field-{index}", Input).value).strip())
        return value, field.trouble(value)

    def _check(self, index: int) -> str | None:
        error = self._value(index)[1]
        line = self.query_one(f"#error-{index}", Static)
        line.update(Content(tidy(error or "", 200)))
        line.set_class(error is not None, "-shown")
        return error

    @on(Input.Changed)
    @on(Choice.Changed)
    def _recheck(self, event: Input.Changed | Choice.Changed) -> None:
        control = event.control
        if control.id:
            self._check(int(control.id.removeprefix("field-")))
            self._sum_up()

    def on_descendant_focus(self) -> None:
        at = self._focused_field()
        text = self._fields[at].help if at is not None else ""
        self.query_one("#help", Static).update(Content(tidy(text, 200)))

    # Leaving

    def action_submit(self) -> None:
        """Dismiss with the values, unless a field is wrong: then go there."""
        errors = [index for index in range(len(self._fields)) if self._check(index)]
        if errors:
            self.query_one(f"#field-{errors[0]}").focus()
            self.app.bell()
            return
        if not self._sum_up():
            self.app.bell()
            return
        self.dismiss(self._values() or {})

    def action_cancel(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    def _submit_input(self) -> None:
        self.action_submit()

    @on(Button.Pressed, "#submit")
    def _press_submit(self) -> None:
        self.action_submit()

    @on(Button.Pressed, "#cancel")
    def _press_cancel(self) -> None:
        self.action_cancel()


class ConfirmScreen(Dialog[bool]):
    """Asks before `message` happens; dismisses with True only when confirmed.

    The focus is on Cancel. What confirms is a key other than the one that opened the question (`y`, or `o` when that
    was `opener`), or typing `name` in full where one is given: what is typed goes there wherever the focus is.
    """

    DEFAULT_CSS = (
        "ConfirmScreen {"
        + _DIALOG_CSS
        + """
    #message { text-style: bold; margin-top: 1; }
    #consequence { color: $text-warning; margin-top: 1; }
    #prompt { color: $text-muted; margin-top: 1; }
    #texts { height: auto; max-height: 14; scrollbar-size: 1 1; }
    }"""
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="confirm.cancel"),
        Binding("y", "confirm('y')", "Confirm", show=False, id="confirm.yes"),
        Binding("o", "confirm('o')", "Confirm", show=False, id="confirm.ok"),
        Binding("left", "app.focus_previous", "Previous", show=False, id="confirm.previous"),
        Binding("right", "app.focus_next", "Next", show=False, id="confirm.next"),
    ]

    def __init__(
        self, message: str, consequence: str = "", *, confirm: str = "Confirm", opener: str = "", name: str = ""
    ) -> None:
        """`confirm` labels the button, `opener` is the key that led here, `name` what must be typed, if anything."""
        super().__init__()
        self._message = message
        self._consequence = consequence
        self._confirm = confirm
        self._key = "o" if opener.lower() == "y" else "y"
        self._expected = tidy(name).strip()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            with _Body(id="texts"):
                yield _plain(self._message, id="message")
                if self._consequence:
                    yield _plain(self._consequence, id="consequence")
            if self._expected:
                yield _plain(f"Type {self._expected} to confirm:", id="prompt")
                yield Input(id="name", compact=True, select_on_focus=False)
            label = tidy(self._confirm, 24) if self._expected else f"{tidy(self._confirm, 24)} ({self._key})"
            with Horizontal(id="buttons"):
                yield Button(Content("Cancel"), id="cancel", compact=True)
                yield Button(Content(label), id="confirm", variant="error", compact=True, disabled=bool(self._expected))

    def told_by_itself(self) -> Sequence[tuple[str, str]]:
        return [(self._message, self._consequence or "It can be taken back with z.")]

    def on_mount(self) -> None:
        self.query_one("#cancel").focus()

    @property
    def _named(self) -> bool:
        return not self._expected or tidy(self.query_one("#name", Input).value).strip() == self._expected

    @on(Input.Changed, "#name")
    def _typed(self) -> None:
        self.query_one("#confirm", Button).disabled = not self._named

    @on(Input.Submitted, "#name")
    def _entered(self) -> None:
        if self._named:
            self.dismiss(True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Of the keys that could confirm only one does, and none where a name has to be typed."""
        return parameters == (self._key,) and not self._expected if action == "confirm" else True

    def action_confirm(self, key: str) -> None:
        self.dismiss(True)

    def on_key(self, event: events.Key) -> None:
        if self._expected and event.character and event.is_printable and event.key != "space":
            field = self.query_one("#name", Input)
            if not field.has_focus:
                event.stop()
                field.focus()
                field.insert_text_at_cursor(event.character)

    def action_cancel(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed, "#confirm")
    def _press_confirm(self) -> None:
        if self._named:
            self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def _press_cancel(self) -> None:
        self.dismiss(False)
