"""The difference of two dataset versions, for a terminal: what matters most comes first in each part."""

from __future__ import annotations

from lab.cli.formats import format_value
from lab.cli.output import Output
from lab.cli.tables import Cell, Column, Styled
from lab.domain.diffs import ColumnDrift, DatasetDiff, FileChange, FilesDiff, RowsDiff, SchemaDiff
from lab.domain.resources import format_size

_SHOWN = 20  # lines of each part; JSON has them all
_SAMPLE = 5
#: Population stability index: from here on a column has moved, or has moved a lot.
_MOVED, _MOVED_FAR = 0.1, 0.25


def draw(out: Output, diff: DatasetDiff) -> None:
    """Print all parts of the difference."""
    out.line(f"{diff.old} → {diff.new}", "bold")
    for note in diff.notes:
        out.say(note)
    _files(out, diff.files)
    if diff.schema and not diff.schema.same:
        _schema(out, diff.schema)
    if diff.rows:
        _rows(out, diff.rows)
    if diff.drifts:
        _drifts(out, diff)
    if diff.images:
        _images(out, diff)


def _files(out: Output, files: FilesDiff) -> None:
    counts = (
        ("added", files.added),
        ("removed", files.removed),
        ("changed", files.changed),
        ("renamed", files.renamed),
    )
    told = "".join(f"{len(items):,} {word}, " for word, items in counts if items)
    out.line(f"files    {told}{files.unchanged:,} unchanged")
    lines = [
        *(("+", item) for item in files.added),
        *(("-", item) for item in files.removed),
        *(("~", item) for item in files.changed),
        *((">", item) for item in files.renamed),
    ]
    for sign, item in lines[:_SHOWN]:
        out.line(f"  {sign} {_file(item)}")
    if len(lines) > _SHOWN:
        out.say(f"  and {len(lines) - _SHOWN:,} more files")
    for entry in files.entries[:_SHOWN]:
        out.line(f"  {entry.sign} {entry.path}  {entry.told}")
    if len(files.entries) > _SHOWN:
        out.say(f"  and {len(files.entries) - _SHOWN:,} more links, empty folders or executable files")


def _file(item: FileChange) -> str:
    if item.was:
        return f"{item.was} → {item.path}"
    sizes = [format_size(size) for size in (item.old_size, item.new_size) if size]
    return f"{item.path}  {' → '.join(sizes)}"


def _schema(out: Output, schema: SchemaDiff) -> None:
    out.line("columns")
    lines = [
        *(f"- {item.name}  {item.type}" for item in schema.dropped),
        *(f"+ {item.name}  {item.type}" for item in schema.added),
        *(f"~ {item.name}  {item.old} → {item.new}" for item in schema.retyped),
        *(f"> {old} → {new}, by its values" for old, new in schema.renamed),
        *(["~ in another order"] if schema.reordered else []),
    ]
    for line in lines[:_SHOWN]:
        out.line(f"  {line}")
    if len(lines) > _SHOWN:
        out.say(f"  and {len(lines) - _SHOWN:,} more columns")


def _rows(out: Output, rows: RowsDiff) -> None:
    by = f"by {', '.join(rows.key)} ({rows.key_source})" if rows.key else "without a key"
    told = f"{rows.inserted:,} inserted, {rows.deleted:,} deleted"
    if rows.key:
        told += f", {rows.changed:,} changed"
    out.line(f"rows     {told} {by}; {rows.old_rows:,} → {rows.new_rows:,}")
    for note in rows.notes:
        out.say(f"  {note}")
    for name, count in rows.changed_cells[:_SHOWN]:
        out.line(f"  {name} changed in {count:,} rows")
    for changed in rows.changed_sample[:_SAMPLE]:
        key = ", ".join(_text(value) for value in changed.key)
        out.line(
            f"  ~ {key}: "
            + "; ".join(f"{cell.column} {_text(cell.old)} → {_text(cell.new)}" for cell in changed.cells[:4])
        )
    for sign, sample in (("+", rows.inserted_sample), ("-", rows.deleted_sample)):
        for row in sample[:_SAMPLE]:
            pairs = zip(rows.columns, row, strict=False)
            out.line(f"  {sign} " + ", ".join(f"{name}={_text(value)}" for name, value in list(pairs)[:6]))


def _text(value: str | None) -> str:
    return "null" if value is None else value


def _drifts(out: Output, diff: DatasetDiff) -> None:
    on = f" on a sample of {diff.sampled:,} rows" if diff.sampled else ""
    out.line(f"distributions{on}, worst first")
    out.table(
        [
            Column("column", keep=True),
            Column("psi", right=True),
            Column(""),
            Column("ks", right=True),
            Column("nulls", right=True),
            Column("mean"),
            Column("new values"),
        ],
        [_drift(item) for item in diff.drifts[:_SHOWN]],
    )
    if len(diff.drifts) > _SHOWN:
        out.say(f"and {len(diff.drifts) - _SHOWN:,} more columns")


def _drift(item: ColumnDrift) -> list[Cell]:
    psi = item.psi if item.psi is not None else 0.0
    word = (
        Styled("moved far", "fail")
        if psi >= _MOVED_FAR
        else Styled("moved", "warn")
        if psi >= _MOVED
        else Styled("", "dim")
    )
    means = (item.old_mean, item.new_mean)
    return [
        item.name,
        "" if item.psi is None else f"{item.psi:.3f}",
        word,
        "" if item.ks is None else f"{item.ks:.3f}",
        f"{item.null_delta:+.1%}" if item.null_delta else "",
        "" if None in means else " → ".join(format_value(value) for value in means),
        ", ".join(f"{value} ({count:,})" for value, count in item.unseen[:3]),
    ]


def _images(out: Output, diff: DatasetDiff) -> None:
    assert diff.images is not None
    old, new = diff.images.old, diff.images.new
    out.line(f"images   {old.count:,} → {new.count:,}")
    names = sorted({item.name for item in (*old.formats, *new.formats)})
    before, after = ({item.name: item.count for item in side.formats} for side in (old, new))
    out.table(
        [
            Column("format", keep=True),
            Column(diff.old, right=True, verbatim=True),
            Column(diff.new, right=True, verbatim=True),
        ],
        [[name, f"{before.get(name, 0):,}", f"{after.get(name, 0):,}"] for name in names],
    )
    if old.broken_count or new.broken_count:
        out.say(f"{old.broken_count:,} → {new.broken_count:,} are no pictures")
