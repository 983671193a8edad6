"""What `lab doctor` looks at."""

from __future__ import annotations

from lab.dataclass import dataclass


@dataclass(frozen=True)
class Check:
    """One finding: `detail` says what is there, `hint` what mends it."""

    name: str
    ok: bool
    detail: str
    hint: str = ""
