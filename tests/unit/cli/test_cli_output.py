"""Results on stdout, narration on stderr."""

from __future__ import annotations

import io
import json

import pytest
from documents import ERROR, document

from lab.cli.output import Output
from lab.cli.tables import Column
from lab.errors import LabError, NotFoundError


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def both(terminal: bool = False, json: bool = False) -> tuple[Output, io.StringIO, io.StringIO]:
    out, err = (Terminal(), Terminal()) if terminal else (io.StringIO(), io.StringIO())
    return Output(out, err, json), out, err


def test_an_error_is_a_sentence_and_its_way_out_on_stderr() -> None:
    output, out, err = both(terminal=True)
    output.error(NotFoundError("no run 'x'", "lab runs ls shows what there is"))
    assert out.getvalue() == ""
    assert err.getvalue().replace("\x1b[31m", "").replace("\x1b[0m", "") == (
        "lab: no run 'x'\n→ lab runs ls shows what there is\n"
    )


def test_with_json_an_error_is_the_document_and_stderr_is_silent() -> None:
    output, out, err = both(json=True)
    output.error(NotFoundError("no run '\x1b[2Jx'", "hint"))
    found = document(out.getvalue(), ERROR)
    assert found == {"error": {"code": "not_found", "message": "no run '[2Jx'", "hint": "hint"}}
    assert err.getvalue() == ""


def test_the_arrow_is_ascii_where_the_stream_is() -> None:
    output, _, err = both()  # a stream without an encoding
    output.error(LabError("it failed", "mend it"))
    assert err.getvalue() == "lab: it failed\n-> mend it\n"


def test_documents_hold_no_nan_and_no_raw_bytes() -> None:
    output, out, _ = both(json=True)
    output.document({"nan": float("nan"), "name": "\x9b2J\u202e手\udcff"})
    text = out.getvalue()
    assert text.isascii()
    assert json.loads(text) == {"nan": "NaN", "name": "\x9b2J\u202e手\udcff"}
    assert text.count("\n") == 1


def test_a_document_is_indented_for_people() -> None:
    output, out, _ = both(terminal=True, json=True)
    output.document({"a": 1})
    assert out.getvalue() == '{\n  "a": 1\n}\n'


def test_colour_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    output, out, _ = both()
    output.line("done", "ok")
    assert out.getvalue() == "done\n"
    output, out, _ = both(terminal=True)
    output.line("done", "ok")
    assert out.getvalue() == "\x1b[32mdone\x1b[0m\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colour_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    output, out, err = both(terminal=True)
    output.line("done", "ok")
    output.error(LabError("no"))
    assert "\x1b[3" not in out.getvalue() + err.getvalue()


def test_progress_overwrites_itself_on_a_terminal_and_is_gone_before_the_next_line() -> None:
    output, _, err = both(terminal=True)
    output.progress("step 1")
    output.progress("step 2\x1b[2J")
    output.say("done")
    assert err.getvalue().count("\n") == 1
    assert err.getvalue().endswith("\r\x1b[Kdone\n")
    assert "[2J" in err.getvalue()
    assert "\x1b[2J" not in err.getvalue()


def test_progress_is_plain_lines_elsewhere() -> None:
    output, out, err = both()
    output.progress("step 1")
    output.progress("step 2")
    assert err.getvalue() == "step 1\nstep 2\n"
    assert out.getvalue() == ""


def test_logs_stand_beside_the_document() -> None:
    output, out, err = both(json=True)
    output.log("epoch 1")
    assert (out.getvalue(), err.getvalue()) == ("", "epoch 1\n")
    output, out, err = both()
    output.log("epoch 1")
    assert (out.getvalue(), err.getvalue()) == ("epoch 1\n", "")


def test_columns_without_room_are_named_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    output, out, err = both()
    output.table([Column("name", keep=True), Column("loss", right=True)], [["calm-otter-42", "0.123456"]])
    assert out.getvalue() == "NAME\ncalm-otter-42\n"
    assert err.getvalue() == "(no room for: loss)\n"


def test_a_pipe_has_all_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert both()[0].room is None


def test_facts_without_a_value_are_left_out() -> None:
    output, out, _ = both()
    output.facts([("id", "k9"), ("sweep", ""), ("engine", "process")])
    assert out.getvalue() == "id      k9\nengine  process\n"
