"""Reports on disk: built, written as HTML or Markdown by the name of the file, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from lab.domain.compare import Comparison
from lab.domain.text import clean
from lab.errors import ConflictError, LabError, UsageError
from lab.experiments.service import Runs
from lab.pipelines.comparing import Comparing
from lab.pipelines.report import Reporter
from lab.pipelines.report_html import to_html
from lab.pipelines.report_markdown import to_markdown
from lab.stores.durable import write_atomic

_WRITERS = {".html": to_html, ".htm": to_html, ".md": to_markdown, ".markdown": to_markdown}


class Reports:
    """Comparisons as files."""

    def __init__(self, runs: Runs, comparing: Comparing) -> None:
        self._reporter = Reporter(runs, comparing)

    def check(self, path: Path, *, overwrite: bool) -> None:
        """Raises UsageError for a name that is neither HTML nor Markdown, ConflictError for a file that is there."""
        if path.suffix.lower() not in _WRITERS:
            raise UsageError(f"{clean(path.name)!r} is neither HTML nor Markdown", "name it report.html or report.md")
        if path.exists() and not overwrite:
            raise ConflictError(f"{clean(str(path))} is there already", "choose another name, or add --force")

    def write(self, comparison: Comparison, path: Path, now: float, *, overwrite: bool = False) -> int:
        """Write the comparison to `path`; the bytes that it took. Raises as `check` does, LabError where the folder
        cannot be written."""
        self.check(path, overwrite=overwrite)
        report = self._reporter.comparison(comparison, now)
        data = _WRITERS[path.suffix.lower()](report).encode("utf-8", "replace")
        try:
            write_atomic(path, data)
        except OSError as error:
            raise LabError(f"cannot write {clean(str(path))}: {error.strerror}", "choose another folder") from error
        return len(data)
