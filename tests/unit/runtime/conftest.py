"""Fixtures of the runtime's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from runtime_scripts import Script


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)
