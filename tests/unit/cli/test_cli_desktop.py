"""`lab desktop`: the entry and icon that launchers read."""

from __future__ import annotations

import configparser
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from lab.cli.desktop import entry_text, places
from lab.cli.main import run


def test_written_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    entry, icon = places({"XDG_DATA_HOME": str(tmp_path)})
    assert run(["desktop", "--json"], lambda *_: 0) == 0
    assert json.loads(capsys.readouterr().out) == {"entry": str(entry), "icon": str(icon), "removed": False}
    parsed = configparser.RawConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(entry.read_text())
    told = parsed["Desktop Entry"]
    assert (told["Type"], told["Terminal"], told["Icon"]) == ("Application", "true", str(icon))
    assert told["Exec"].endswith(("lab", "-m lab"))
    assert ET.fromstring(icon.read_text()).tag.endswith("svg")
    assert run(["desktop", "--remove"], lambda *_: 0) == 0
    assert not entry.exists()
    assert not icon.exists()
    assert run(["desktop", "--remove"], lambda *_: 0) == 0
    monkeypatch.setattr("sys.platform", "darwin")
    assert run(["desktop"], lambda *_: 0) == 2


def test_a_path_with_signs_is_quoted_twice() -> None:
    text = entry_text(["/opt/my $lab/100%/lab"], Path("/x/lab.svg"))
    assert 'Exec="/opt/my \\\\$lab/100%%/lab"' in text
