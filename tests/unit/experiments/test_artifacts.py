"""What a run left behind: no link is followed, matrices are read in each of their forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.experiments.artifacts import CONFUSION, Artifact, NotAMatrixError, artifacts, named, read_matrix
from lab.paths import RunFolder


def test_files_are_found_and_links_are_not(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    (folder.artifacts / "deep" / "er").mkdir(parents=True)
    (folder.artifacts / "a.txt").write_text("a")
    (folder.artifacts / "deep" / "er" / "Confusion_val.CSV").write_text("1,0\n0,1\n")
    (folder.artifacts / "passwd").symlink_to("/etc/passwd")
    (folder.artifacts / "root").symlink_to("/")
    found = artifacts(folder)
    assert [one.path for one in found] == ["a.txt", "deep/er/Confusion_val.CSV"]
    assert list(named(found, "confusion", CONFUSION)) == ["deep/er/Confusion_val.CSV"]
    assert artifacts(RunFolder(tmp_path / "nothing")) == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", "cat,dog\n3,1\n0,2\n"),
        ("m.csv", ",cat,dog\ncat,3,1\ndog,0,2\n"),
        ("m.json", '{"labels": ["cat", "dog"], "matrix": [[3, 1], [0, 2]]}'),
    ],
)
def test_matrices_with_names(tmp_path: Path, name: str, text: str) -> None:
    found = read_matrix(_file(tmp_path, name, text))
    assert found.labels == ("cat", "dog")
    assert found.counts == ((3, 1), (0, 2))


@pytest.mark.parametrize(("name", "text"), [("m.csv", "3,1\n0,2.0\n"), ("m.json", "[[3, 1], [0, 2]]")])
def test_matrices_without_names(tmp_path: Path, name: str, text: str) -> None:
    assert read_matrix(_file(tmp_path, name, text)).labels == ("0", "1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n3,4\n5,6\n7,8\n",
        "1,2\n3\n",
        "a,a\n1,0\n0,1\n",
        "a,b\n0.5,0\n0,1\n",
        "a,b\n-1,0\n0,1\n",
        "\0\0,\n1\n2,x",
    ],
)
def test_what_is_no_matrix_says_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotAMatrixError):
        read_matrix(_file(tmp_path, "m.csv", text))
    with pytest.raises(NotAMatrixError):
        read_matrix(_file(tmp_path, "m.json", text))


def _file(folder: Path, name: str, text: str) -> Artifact:
    path = folder / name
    path.write_text(text)
    return Artifact(name, len(text), path)
