"""README's lists of commands and keys are what the program declares. `LAB_WRITE_README=1` writes them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from lab.catalog.sql import TABLES
from lab.cli.main import command_list
from lab.ui.actions.sheet import cheat_sheet

README = Path(__file__).resolve().parents[2] / "README.md"


def commands() -> str:
    return "\n".join(["| command | |", "| --- | --- |", *(f"| `{line}` | {help} |" for line, help in command_list())])


def tables() -> str:
    rows = (f"| `{name}` | {' '.join(columns)} |" for name, columns in TABLES.items())
    return "\n".join(["| table | columns |", "| --- | --- |", *rows])


@pytest.mark.parametrize(("section", "make"), [("commands", commands), ("keys", cheat_sheet), ("tables", tables)])
def test_a_generated_section_is_up_to_date(section: str, make: object) -> None:
    assert callable(make)
    wanted = f"<!-- {section} -->\n{make().strip()}\n<!-- /{section} -->"
    text = README.read_text()
    pattern = re.compile(f"<!-- {section} -->.*?<!-- /{section} -->", re.DOTALL)
    if os.environ.get("LAB_WRITE_README"):
        text = pattern.sub(lambda _: wanted, text)
        README.write_text(text)
    assert wanted in text, "run: LAB_WRITE_README=1 pytest tests/unit/test_readme.py"


def test_links_and_pictures_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text()):
        assert (README.parent / target).exists(), target
