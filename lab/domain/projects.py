"""Projects: folders that Lab works in."""

from __future__ import annotations

from lab.dataclass import dataclass


@dataclass(frozen=True)
class Project:
    """A folder known to the lab home; `root` is absolute."""

    name: str
    root: str
    created: float

    @property
    def id(self) -> str:
        return self.name
