"""A form made from field specifications, as a dialog.

It fits 76 x 20 cells; one with many fields uses the height that there is. Labels, values, choices and messages are
shown as they are, never as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from lab.domain.param_spec import ParamSpec, Value, Values
from lab.domain.text import clean, count_of
from lab.errors import LabError
from lab.ui.drafts import Draft, Drafting
from lab.ui.render.cells import fit, tidy, tidy_lines
from lab.ui.widgets.choice import Choice
from lab.ui.widgets.dialog import DIALOG_CSS, Dialog, DialogBody

_LABEL = 20
_YES, _NO = "yes", "no"


class _Line(Static):
    """Text beside the fields, which takes the room from them that it needs."""

    class Resized(Message):
        """It has become higher or lower."""

    def on_resize(self) -> None:
        self.post_message(self.Resized())


class FormScreen(Dialog[Values | None]):
    """Asks for the values of `fields`; dismisses with them by id, or with None.

    Enter submits from any field, tab goes to the next. While a field is wrong its error stands below it and
    submitting goes there instead. `summary` says in a line what the values come to, whenever all of them are right;
    a LabError that it raises stands in that line, and the form cannot be submitted.

    What was typed into a form that is left, or whose work fails (`keep`), is there again when the same form is opened
    again; ctrl+r has it as it was at first.
    """

    DEFAULT_CSS = (
        "FormScreen {"
        + DIALOG_CSS
        + """
    #dialog { max-height: 84%; }
    #fields { height: auto; scrollbar-size: 1 1; }
    #kept { height: auto; max-height: 3; color: $text-warning; display: none; }
    #kept.-shown { display: block; }
    .field { height: 1; }
    .label { width: 21; height: 1; color: $text-muted; }
    .control { width: 1fr; }
    .error { height: auto; display: none; color: $error; padding-left: 21; }
    .error.-shown { display: block; }
    #summary { height: auto; max-height: 3; color: $text-accent; }
    #summary.-wrong { color: $error; }
    #help { height: auto; min-height: 1; max-height: 2; color: $text-muted; }
    }"""
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="form.cancel"),
        Binding("enter", "submit", "OK", id="form.submit"),
        Binding("down", "app.focus_next", "Next field", show=False, id="form.next"),
        Binding("up", "app.focus_previous", "Previous field", show=False, id="form.previous"),
        Binding("ctrl+r", "reset", "As at first", show=False, id="form.reset"),
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
        self._first: tuple[str, ...] = ()
        self._typed: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as dialog:
            dialog.border_title = Content(tidy(self._title, 60))
            dialog.border_subtitle = Content(f"tab next   enter {tidy(self._submit, 24).lower()}   esc cancel")
            if self._intro:
                yield _Line(Content(tidy_lines(self._intro)), id="intro", markup=False)
            yield _Line("", id="kept", markup=False)
            with DialogBody(id="fields"):
                for index, field in enumerate(self._fields):
                    with Horizontal(classes="field"):
                        yield Static(Content(fit(tidy(field.label), _LABEL)), classes="label")
                        yield self._control(index, field)
                    yield Static("", classes="error", id=f"error-{index}", markup=False)
            if self._summary is not None:
                yield _Line("", id="summary", markup=False)
            yield _Line("", id="help", markup=False)
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
        self._first = self._typed = self._texts()
        if isinstance(self.app, Drafting) and (draft := self.app.drafts.take(self._title, self._first)):
            self._fill(draft.texts)
            self._tell_kept(f"{draft.why}; ctrl+r begins anew")
        for index in range(len(self._fields)):
            self._check(index)
        self._sum_up()

    @on(events.Resize)
    @on(_Line.Resized)
    def _fit(self) -> None:
        """Give the fields the height that everything else leaves, so that the buttons are always seen."""
        body, dialog = self.query_one("#fields"), self.query_one("#dialog")
        others = [child for child in dialog.children if child is not body and child.display]
        taken = sum(child.outer_size.height + child.styles.margin.height for child in others)
        most = dialog.styles.max_height
        room = int(self.size.height * most.value / 100) if most is not None else self.size.height
        body.styles.max_height = max(1, room - dialog.gutter.height - taken)

    # What was typed before

    def _texts(self) -> tuple[str, ...]:
        """What stands in each field."""
        controls = (self.query_one(f"#field-{index}") for index in range(len(self._fields)))
        return tuple(one.value for one in controls if isinstance(one, Choice | Input))

    def _fill(self, texts: Sequence[str]) -> None:
        for index, text in enumerate(texts):
            control = self.query_one(f"#field-{index}")
            if isinstance(control, Choice | Input):
                control.value = text
        self._typed = self._texts()

    def _tell_kept(self, text: str) -> None:
        line = self.query_one("#kept", Static)
        line.update(Content(tidy(text, 200)))
        line.set_class(bool(text), "-shown")

    def keep(self, why: str) -> None:
        """Have what was typed there again when the same form is opened again; `why` stands above it."""
        if isinstance(self.app, Drafting) and self._typed != self._first:
            self.app.drafts.keep(self._title, Draft(self._first, self._typed, why))

    def action_reset(self) -> None:
        self._fill(self._first)
        self._tell_kept("")

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
        if self._summary is None:
            return True
        text, wrong = self._outcome(self._summary)
        line = self.query_one("#summary", Static)
        line.update(Content(tidy(text, 200)))
        line.set_class(wrong, "-wrong")
        return not wrong

    def _outcome(self, summary: Callable[[Values], str]) -> tuple[str, bool]:
        """What the values come to, or what is wrong with them; whether something is."""
        values = self._values()
        if values is None:
            bad = sum(self._value(index)[1] is not None for index in range(len(self._fields)))
            return f"{count_of(bad, 'field')} to mend", True
        try:
            return summary(values), False
        except LabError as error:
            return f"{error.message}: {error.hint}" if error.hint else error.message, True

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
            self._typed = self._texts()

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
        self.keep("as you left it")
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
