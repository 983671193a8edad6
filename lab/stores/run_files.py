"""The files that a run's folder holds."""

from __future__ import annotations

import os
from pathlib import Path

#: At most so many files are listed.
_MOST_FILES = 1000
FileFact = tuple[str, int, float]


def list_files(folder: Path, most: int = _MOST_FILES) -> list[FileFact]:
    """Files below a run's folder (path, bytes, time of change) without its copy of the code; links are not followed."""
    found: list[FileFact] = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not (root == str(folder) and name == "code"))
        for name in sorted(names):
            path = Path(root) / name
            try:
                facts = path.lstat()
            except FileNotFoundError:  # a run may remove its own files at any time
                continue
            found.append((str(path.relative_to(folder)), facts.st_size, facts.st_mtime))
            if len(found) >= most:
                return found
    return found
