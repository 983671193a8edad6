"""The versions of a dataset as a timeline, newest first: what each changed, and what was found in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.domain.datasets import DatasetVersion, Verdict
from lab.ui.render.glyphs import glyphs
from lab.ui.render.number import NOTHING, format_age, format_size
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.status import Level, Mark, mark

COLUMNS = (
    Column("version", "version", min_width=5, max_width=8, sortable=False),
    Column("marks", "marks", min_width=5, max_width=28, sortable=False),
    Column("verdict", "verdict", min_width=7, max_width=14, sortable=False),
    Column("age", "age", min_width=7, max_width=10, sortable=False),
    Column("size", "size", min_width=6, max_width=9, align="right", sortable=False),
    Column("size_delta", "change", min_width=6, max_width=11, align="right", sortable=False),
    Column("rows", "rows", min_width=5, max_width=14, align="right", sortable=False),
    Column("rows_delta", "change", min_width=6, max_width=14, align="right", sortable=False),
    Column("message", "message", min_width=10, max_width=120, sortable=False, flex=2),
    Column("files", "files", max_width=12, align="right", sortable=False),
    Column("id", "content", width=10, sortable=False),
)

_VERDICTS: dict[Verdict, tuple[Level, str]] = {
    Verdict.NONE: ("idle", ""),
    Verdict.OK: ("ok", "ok"),
    Verdict.WARNED: ("warn", "warned"),
    Verdict.BLOCKED: ("fail", "blocked"),
}


def verdict_mark(verdict: Verdict) -> Mark | None:
    """None where nothing was expected of the version."""
    level, word = _VERDICTS[verdict]
    return mark(level, word) if word else None


def visible(versions: Sequence[DatasetVersion]) -> list[DatasetVersion]:
    """Those that were not removed."""
    return [one for one in versions if not one.retired]


def aliases_of(version: DatasetVersion, aliases: Mapping[str, int]) -> list[str]:
    return [f"@{name}" for name, number in aliases.items() if number == version.number]


def version_rows(versions: Sequence[DatasetVersion], aliases: Mapping[str, int], now: float) -> list[Row]:
    """`versions` newest first, each measured against the next older one that is shown."""
    older = [*versions[1:], None][: len(versions)]
    return [_row(one, before, aliases, now) for one, before in zip(versions, older, strict=True)]


def _row(one: DatasetVersion, before: DatasetVersion | None, aliases: Mapping[str, int], now: float) -> Row:
    verdict = verdict_mark(one.verdict)
    named = [*aliases_of(one, aliases), *one.tags, *(["auto"] if one.auto else [])]
    cells = (
        Cell(one.label, "accent"),
        Cell(" ".join(named), "primary" if one.tags or not one.auto or len(named) > 1 else "muted"),
        Cell(verdict.text, verdict.token) if verdict else Cell(""),
        Cell(format_age(one.created, now), "muted"),
        Cell(format_size(one.bytes)),
        delta_cell(one.bytes, before.bytes if before else None, size=True),
        Cell(NOTHING if one.rows is None else f"{one.rows:,}"),
        delta_cell(one.rows, before.rows if before else None),
        Cell(one.note or one.message, "" if one.note else "muted"),
        Cell(f"{one.files:,}", "muted"),
        Cell(one.id.removeprefix("b3:")[:10], "muted"),
    )
    return Row(str(one.number), cells)


def delta_cell(value: int | None, before: int | None, *, size: bool = False) -> Cell:
    """A change by glyph and sign, and only then by colour; `=` for none, nothing where one of both is not known."""
    if value is None or before is None:
        return Cell("")
    delta = value - before
    if not delta:
        return Cell("=", "muted")
    signs = glyphs()
    text = format_size(abs(delta)) if size else f"{abs(delta):,}"
    return Cell(f"{signs.up}+{text}", "ok") if delta > 0 else Cell(f"{signs.down}-{text}", "fail")
