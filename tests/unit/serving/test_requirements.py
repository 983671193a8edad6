from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import IntegrityError, NotFoundError
from lab.serving.requirements import environment


def test_pinned_packages_and_the_servers_own(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# made by track.model\nnumpy==2.4.0\n\nscikit-learn==1.9.1\n")
    ((name, content),) = environment(tmp_path).files
    lines = content.decode().splitlines()
    assert name == "requirements.txt"
    assert lines[:2] == ["numpy==2.4.0", "scikit-learn==1.9.1"]
    assert any(line.startswith("uvicorn") for line in lines)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url http://x/",
        "-r other.txt",
        "git+https://x/y",
        "numpy>=2",
        "numpy==2.4.0 --hash=x",
        "./local",
        "a==1; b",
        "pkg @ file:///tmp/x",
        "numpy==2.4.0\r--pre",
    ],
)
def test_anything_else_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "requirements.txt").write_bytes(f"numpy==2.4.0\n{line}\n".encode())
    with pytest.raises(IntegrityError, match=r"the model.s requirements\.txt holds"):
        environment(tmp_path)


def test_a_model_without_requirements_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no requirements.txt") as caught:
        environment(tmp_path)
    assert "track.model" in caught.value.hint
