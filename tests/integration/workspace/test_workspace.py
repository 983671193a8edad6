"""The front door: projects, several workspaces on one home, news, and what a user is told of damage."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.domain.event import Event
from lab.errors import ConflictError, NotFoundError, SettingsError
from lab.workspace import Workspace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = tmp_path / "my project"
    (project / "data").mkdir(parents=True)
    (project / "data" / "table.csv").write_text("a,b\n1,2\n")
    (project / "train.py").write_text("print('x')\n")
    return project


def test_init_writes_a_file_that_loads_and_refuses_to_overwrite(tmp_path: Path, folder: Path) -> None:
    with Workspace(tmp_path / "home", folder) as ws:
        assert ws.projects.current is None
        path = ws.projects.init()
        settings = ws.projects.current
        assert settings is not None
        assert settings.name == "my-project"
        assert "train" in settings.entries
        assert [project.root for project in ws.projects.list()] == [str(folder)]
        with pytest.raises(ConflictError, match="is there already"):
            ws.projects.init()
        path.write_text("[project]\nname = 'x'\n[resourcez]\n")
        with pytest.raises(SettingsError, match=r"lab\.toml:3"):
            _ = ws.projects.current


def test_datasets_have_versions_only_when_content_changes(tmp_path: Path, folder: Path) -> None:
    with Workspace(tmp_path / "home", folder) as ws:
        first, fresh = ws.datasets.add("table", "data/table.csv")
        assert (first.label, first.rows, [column.name for column in first.columns], fresh) == (
            "v1",
            1,
            ["a", "b"],
            True,
        )
        assert ws.datasets.add("table", folder / "data" / "table.csv") == (first, False)
        (folder / "data" / "table.csv").write_text("a,b\n1,2\n3,4\n")
        second, _ = ws.datasets.add("table", "data/table.csv", message="more")
        assert (second.label, second.rows, second.message) == ("v2", 2, "more")
        assert ws.datasets.get("table@v1") == first
        assert ws.datasets.get(f"my-project/table@{second.id.removeprefix('b3:')[:8]}") == second
        assert ws.datasets.preview(second) == (["a", "b"], [["1", "2"], ["3", "4"]])
        (dataset,) = ws.datasets.list()
        assert (dataset.latest, dataset.versions, dataset.path) == (second, 2, "data/table.csv")
        whole, _ = ws.datasets.add("whole", "data")
        assert ws.datasets.files(whole) == [("table.csv", 12)]
        for wrong in ("nothing", "table@v9"):
            with pytest.raises(NotFoundError):
                ws.datasets.get(wrong)
        with pytest.raises(NotFoundError):
            ws.datasets.add("gone", "no/such/file")
        assert len(ws.datasets.list()) == 2


def test_two_workspaces_see_each_others_work_and_news_arrives(tmp_path: Path, folder: Path) -> None:
    with Workspace(tmp_path / "home", folder) as one, Workspace(tmp_path / "home", folder) as other:
        heard: list[Event] = []
        arrived = threading.Event()

        def listener(events: Sequence[Event]) -> None:
            heard.extend(events)
            if any(event.type == "dataset.added" for event in events):
                arrived.set()

        unsubscribe = other.subscribe(listener)
        other.start()
        one.datasets.add("table", "data/table.csv")
        assert arrived.wait(10)
        assert [dataset.name for dataset in other.datasets.list()] == ["table"]
        unsubscribe()
        other.datasets.add("again", "data/table.csv")
        one.refresh()
        assert [dataset.name for dataset in one.datasets.list()] == ["again", "table"]
        assert not any(event.subject.endswith("again") for event in heard)


def test_the_index_can_be_thrown_away_and_a_home_can_move(tmp_path: Path, folder: Path) -> None:
    with Workspace(tmp_path / "home", folder) as ws:
        version, _ = ws.datasets.add("table", "data/table.csv")
        ws.models  # noqa: B018 (an empty room opens too)
    shutil.rmtree(tmp_path / "home" / "index")
    (tmp_path / "home").rename(tmp_path / "moved")
    with Workspace(tmp_path / "moved", folder) as ws:
        assert ws.datasets.get("table") == version
        assert ws.datasets.preview(version)[1] == [["1", "2"]]
        assert ws.rebuild() == 2, "the project and its dataset"
        assert ws.datasets.get("table") == version


def test_damage_is_told_where_a_user_looks(tmp_path: Path, folder: Path) -> None:
    with Workspace(tmp_path / "home", folder) as ws:
        ws.datasets.add("table", "data/table.csv")
    (segment,) = (tmp_path / "home" / "journal").iterdir()
    with open(segment, "ab") as file:
        file.write(b"\x1b]52;c;evil\x07 not json\n")
    (tmp_path / "home" / "index" / "catalog.duckdb").write_bytes(b"noise" * 1000)
    with Workspace(tmp_path / "home", folder) as ws:
        assert any("rebuilt" in notice for notice in ws.notices)
        (problem,) = ws.problems()
        assert segment.name in problem
        assert "line 3" in problem
        checks = {check.name: check for check in ws.doctor()}
        assert not checks["journal"].ok
        assert not checks["index"].ok
        assert [dataset.name for dataset in ws.datasets.list()] == ["table"]


def test_closing_can_be_repeated(tmp_path: Path, folder: Path) -> None:
    ws = Workspace(tmp_path / "home", folder)
    ws.start()
    assert ws.close() == []
    assert ws.close() == []
