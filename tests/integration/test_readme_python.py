"""README's Python example does what README says of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_notebook_example_runs(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    found = re.search(r"<!-- notebook -->\n```python\n(.*?)```\n<!-- /notebook -->", text, re.DOTALL)
    assert found is not None
    script = found[1] + "print(table.rows(), table.columns, curves.shape, curves.columns)\n"
    (tmp_path / "example.py").write_text(script)
    env = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        env=env | {"PYTHONPATH": str(ROOT), "LAB_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "('first-try', 0.1, 0.05, 0.05, datetime.datetime(" in done.stdout
    assert "(20, 6) ['run', 'name', 'metric', 'step', 'time', 'value']" in done.stdout
