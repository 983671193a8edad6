"""Copies that are whole or absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.runtime.atomic import write_json
from lab.runtime.copying import copy_into, replace_with


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/../../x", "/etc/x", "a\0b"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    (tmp_path / "into").mkdir()
    with pytest.raises(ValueError, match="not a name"):
        copy_into(source, tmp_path / "into", name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["into", "source"]


def test_a_block_that_raises_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with replace_with(target) as fresh:
        (fresh / "a").write_text("old")

    def half_way() -> None:
        with replace_with(target) as fresh:
            (fresh / "a").write_text("half")
            fresh.write_text("a folder cannot be written to")

    with pytest.raises(IsADirectoryError):
        half_way()
    assert (target / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["model"]


def test_a_file_gives_way_to_a_folder_and_back(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("f")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner").write_text("i")
    into = tmp_path / "into"
    for _ in range(2):
        assert copy_into(tmp_path / "file", into, "x").read_text() == "f"
        assert (copy_into(tmp_path / "folder", into, "x") / "inner").read_text() == "i"
    assert os.listdir(into) == ["x"]


def test_something_already_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("same")
    assert copy_into(tmp_path / "a", tmp_path, "a").read_text() == "same"


def test_json_is_whole_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "exit.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError):
        write_json(path, {"a": float("nan")})
    assert path.read_text() == '{"a": 1}'
    assert os.listdir(tmp_path) == ["exit.json"]
