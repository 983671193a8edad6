"""Taking predictions out of what servers have kept of them."""

from __future__ import annotations

from collections.abc import Collection

from lab.domain.text import clean
from lab.errors import LabError
from lab.paths import DeploymentFolder
from lab.runtime.serving import jsonlines


def forget(deployment: DeploymentFolder, ids: Collection[str]) -> int:
    """Requests, answers and labels of these predictions, in captures and feedback; returns how many lines went.

    Raises LabError where a file cannot be rewritten; it is then as it was.
    """
    gone = 0
    for run in sorted(deployment.root.glob("releases/*/run-*")):
        for folder, pattern in ((run / "capture", "*.jsonl"), (run, "feedback.jsonl")):
            if folder.is_symlink() or not folder.is_dir():
                continue
            try:
                with jsonlines.locked(folder):
                    files = [path for path in sorted(folder.glob(pattern)) if not path.is_symlink()]
                    gone += jsonlines.forget(files, frozenset(ids))
            except OSError as error:
                raise LabError(
                    f"cannot rewrite {clean(str(folder))}: {error.strerror}", "free some disk space or mend rights"
                ) from error
    return gone
