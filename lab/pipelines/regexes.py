"""Regular expressions over blocks of lines, by polars' engine: it never goes back, so that no expression takes longer
than its text is long, and it lets go of the interpreter meanwhile."""

from __future__ import annotations

import polars as pl

from lab.domain.search import Needle
from lab.errors import UsageError
from lab.pipelines.grepping import Match


class Regex:
    """See `lab.pipelines.grepping.Pattern`."""

    def __init__(self, needle: Needle) -> None:
        """Raises UsageError for what is no regular expression, or one too large."""
        self._text = f"(?i:{needle.text})" if needle.fold else f"(?:{needle.text})"
        try:
            pl.Series([""]).str.contains(self._text)
        except pl.exceptions.PolarsError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = next((line for line in lines if line.startswith("error:")), lines[-1] if lines else "")
            raise UsageError(
                f"no regular expression: {reason.removeprefix('error: ')}",
                "without the slashes it is looked for as it stands",
            ) from error

    def last(self, block: bytes, most: int) -> list[Match]:
        return self._find(block, most, last=True)

    def first(self, block: bytes, most: int) -> list[Match]:
        return self._find(block, most, last=False)

    def _find(self, block: bytes, most: int, *, last: bool) -> list[Match]:
        if not block:
            return []
        lines = pl.Series("line", [block.decode("utf-8", "replace")]).str.split("\n").explode()
        fits = lines.str.contains(self._text).arg_true()
        chosen = (fits.reverse() if last else fits).head(most).to_list()
        found = lines.gather(chosen)
        texts = found.str.extract(f"({self._text})").to_list()
        return [
            _match(block, number, str(line), str(text or ""))
            for number, line, text in zip(chosen, found.to_list(), texts, strict=True)
        ]


def _match(block: bytes, number: int, line: str, text: str) -> Match:
    offset = 0
    for _ in range(number):
        offset = block.index(b"\n", offset) + 1
    start = max(0, line.find(text))
    return Match(offset, line, start, start + len(text))
