"""What lies between two versions of a dataset, as tables: files, columns, rows, distributions. Worst first."""

from __future__ import annotations

from collections.abc import Sequence

from lab.dataclass import dataclass
from lab.domain.diffs import (
    NONE,
    ColumnDrift,
    DatasetDiff,
    EntryChange,
    FileChange,
    FilesDiff,
    ImagesDiff,
    RowsDiff,
    SchemaDiff,
)
from lab.domain.profiles import ImagesProfile
from lab.ui.render.checks import value_cell
from lab.ui.render.facts import Pair
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.glyphs import glyphs
from lab.ui.render.number import NOTHING, format_number, format_size
from lab.ui.render.profiles import no_pictures, percent
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.sparkline import bar
from lab.ui.render.status import Level
from lab.ui.render.timeline import delta_cell

#: Population stability index below which a distribution counts as the same, and from which on as another one.
SLIGHT, DRIFTED = 0.1, 0.25
#: Change of a share of nulls that is worth a word.
NULLS = 0.05

FILES, SCHEMA, ROWS, DRIFT, IMAGES = "files", "schema", "rows", "drift", "images"
TITLES = {FILES: "Files", SCHEMA: "Schema", ROWS: "Rows", DRIFT: "Distributions", IMAGES: "Pictures"}

FILE_COLUMNS = (
    Column("change", "change", width=9, sortable=False),
    Column("path", "file", min_width=16, max_width=120, sortable=False, flex=1),
    Column("old", "was", max_width=10, align="right", sortable=False),
    Column("new", "is", max_width=10, align="right", sortable=False),
    Column("delta", "by", min_width=6, max_width=11, align="right", sortable=False),
    Column("was", "was called", max_width=60, sortable=False),
)
SCHEMA_COLUMNS = (
    Column("change", "change", width=9, sortable=False),
    Column("column", "column", min_width=10, max_width=40, sortable=False, flex=1),
    Column("old", "was", min_width=8, max_width=40, sortable=False),
    Column("new", "is", min_width=8, max_width=40, sortable=False),
)
DRIFT_COLUMNS = (
    Column("column", "column", min_width=8, max_width=28, sortable=False, flex=1),
    Column("verdict", "verdict", width=9, sortable=False),
    Column("bar", "PSI", width=10, sortable=False),
    Column("psi", "", width=6, align="right", sortable=False),
    Column("ks", "KS", width=6, align="right", sortable=False),
    Column("nulls", "nulls", min_width=5, max_width=16, sortable=False),
    Column("mean", "mean", min_width=5, max_width=24, sortable=False),
    Column("categories", "categories", min_width=8, max_width=48, sortable=False),
    Column("measured", "measured on", max_width=12, sortable=False),
)
IMAGE_COLUMNS = (
    Column("what", "pictures", min_width=12, max_width=40, sortable=False, flex=1),
    Column("old", "was", min_width=8, max_width=24, align="right", sortable=False),
    Column("new", "is", min_width=8, max_width=24, align="right", sortable=False),
)

_SIGNS = {"added": "+", "removed": "-", "dropped": "-", "deleted": "-", "inserted": "+"}
_TOKENS = {"added": "ok", "inserted": "ok", "removed": "fail", "dropped": "fail", "deleted": "fail"}


@dataclass(frozen=True)
class Section:
    """One part of a diff: its key, how bad it is (`ok`: nothing changed), how many changes, and a sentence."""

    key: str
    level: Level
    count: int
    text: str


def sections(diff: DatasetDiff) -> list[Section]:
    """All parts that there are, in their order: files, schema, rows, distributions, pictures."""
    found = [_files_section(diff.files)]
    found += [_schema_section(diff.schema)] if diff.schema is not None else []
    found += [_rows_section(diff.rows)] if diff.rows is not None else []
    found += [_drift_section(diff)] if diff.drifts else []
    found += [_images_section(diff.images)] if diff.images is not None else []
    return found


def worst(found: Sequence[Section]) -> str:
    """The key of the section to look at first."""
    order = ("fail", "warn", "idle", "ok")
    best = min(found, key=lambda one: order.index(one.level))
    changed = [one for one in found if one.level == best.level and one.count]
    # Of equals the last one: rows and distributions tell more than that a file has another hash.
    return changed[-1].key if changed else best.key


def summary_rows(diff: DatasetDiff, name: str = "") -> list[Spans]:
    """The heading: of `name`, from what to what, then a line per section, worst first."""
    if diff.identical:
        return [_title(diff, name), [(f" {glyphs().ok} ", "ok"), ("nothing: both hold the same files", "")]]
    order = ("fail", "warn", "idle", "ok")
    found = sorted(sections(diff), key=lambda one: order.index(one.level))
    rows = [_title(diff, name)]
    rows += [
        [(f" {getattr(glyphs(), one.level)} ", one.level), (f"{TITLES[one.key]}: ", "muted"), (one.text, "")]
        for one in found
        if one.count
    ]
    return rows + [[(f"   {note}", "muted")] for note in diff.notes]


def _title(diff: DatasetDiff, name: str) -> Spans:
    return [
        (f" {name} " if name else " ", "title"),
        (diff.old, "bold"),
        (" → " if glyphs().more == "›" else " -> ", "muted"),
        (diff.new, "bold"),
    ]


def _counted(*parts: tuple[int, str]) -> str:
    return ", ".join(f"{count:,} {word}" for count, word in parts if count)


# Files


def _files_section(files: FilesDiff) -> Section:
    parts = ((len(files.removed), "removed"), (len(files.changed), "changed"), (len(files.renamed), "renamed"),
             (len(files.added), "added"))  # fmt: skip
    others = (len(files.entries), "changed besides content")
    count = sum(number for number, _ in (*parts, others))
    level: Level = "warn" if files.removed else "idle" if count else "ok"
    text = _counted(*parts, others, (files.unchanged, "the same")) or "none"
    return Section(FILES, level, count, text)


def file_rows(files: FilesDiff) -> list[Row]:
    parts = (("removed", files.removed), ("changed", files.changed), ("renamed", files.renamed), ("added", files.added))
    rows = [_file_row(word, one) for word, items in parts for one in items]
    return rows + [_entry_row(one) for one in files.entries]


def _entry_row(one: EntryChange) -> Row:
    word = {"+": "added", "-": "removed", "~": "changed"}[one.sign]
    nothing = (Cell(""),) * 4
    return Row(f"entry {one.path}", (_change(word), Cell(f"{one.path}  {one.told}"), *nothing))


def _file_row(word: str, one: FileChange) -> Row:
    old = NOTHING if word == "added" else format_size(one.old_size)
    new = NOTHING if word == "removed" else format_size(one.new_size)
    delta = delta_cell(one.new_size, one.old_size, size=True)
    return Row(f"{word} {one.path}", (_change(word), Cell(one.path), Cell(old, "muted"), Cell(new), delta,
                                      Cell(one.was, "muted")))  # fmt: skip


def _change(word: str) -> Cell:
    return Cell(f"{_SIGNS.get(word, '~')} {word}", _TOKENS.get(word, "warn"))


# Schema


def _schema_section(schema: SchemaDiff) -> Section:
    parts = ((len(schema.dropped), "dropped"), (len(schema.retyped), "retyped"), (len(schema.renamed), "renamed"),
             (len(schema.added), "added"))  # fmt: skip
    count = sum(number for number, _ in parts) + schema.reordered
    level: Level = "fail" if schema.dropped or schema.retyped else "warn" if schema.renamed else "idle"
    text = ", ".join(part for part in (_counted(*parts), "in another order" if schema.reordered else "") if part)
    return Section(SCHEMA, level if count else "ok", count, text or "the same columns")


def schema_rows(schema: SchemaDiff) -> list[Row]:
    lines = [("dropped", one.name, one.type, "") for one in schema.dropped]
    lines += [("retyped", one.name, one.old, one.new) for one in schema.retyped]
    lines += [("renamed", new, old, new) for old, new in schema.renamed]
    lines += [("added", one.name, "", one.type) for one in schema.added]
    rows = [
        Row(f"{word} {name}", (_change(word), Cell(name, "bold"), Cell(old or NOTHING, "muted"), Cell(new or NOTHING)))
        for word, name, old, new in lines
    ]
    if schema.reordered:
        rows.append(Row("order", (_change("moved"), Cell("the columns come in another order", "muted"))))
    return rows


# Rows


def _rows_section(rows: RowsDiff) -> Section:
    parts = ((rows.deleted, "deleted"), (rows.changed, "changed"), (rows.inserted, "inserted"))
    count = sum(number for number, _ in parts)
    level: Level = "warn" if rows.deleted or rows.changed else "idle" if count else "ok"
    text = _counted(*parts) or "the same"
    text += f" ({rows.old_rows:,} → {rows.new_rows:,} rows)"
    if rows.changed_cells:
        named = ", ".join(f"{name} {count:,}" for name, count in rows.changed_cells[:3])
        text += f"; changed most: {named}"
    return Section(ROWS, level, count, text)


def rows_heading(rows: RowsDiff) -> list[Spans]:
    """How rows were told apart, and in which columns they changed."""
    how = {NONE: "by their whole content: no key was declared or found"}.get(
        rows.key_source, f"by {', '.join(rows.key)} ({rows.key_source})"
    )
    lines: list[Spans] = [[(" rows told apart ", "muted"), (how, "accent" if rows.key else "muted")]]
    return lines + [[(f" {note}", "muted")] for note in rows.notes]


def row_columns(rows: RowsDiff) -> list[Column]:
    """The kind of change, the key, then columns with changes before those without."""
    names = [*rows.key, *_value_columns(rows)]
    return [Column("change", "change", width=10, sortable=False)] + [
        Column(f"c{index}", name, min_width=4, max_width=32, sortable=False) for index, name in enumerate(names)
    ]


def _value_columns(rows: RowsDiff) -> list[str]:
    changed = [name for name, _ in rows.changed_cells]
    changed += [cell.column for one in rows.changed_sample for cell in one.cells]
    return [name for name in dict.fromkeys((*changed, *rows.columns)) if name not in rows.key]


def row_rows(rows: RowsDiff) -> list[Row]:
    """Sampled rows: changed ones with old → new in the cells that changed, then deleted, then inserted ones."""
    names = _value_columns(rows)
    found: list[Row] = []
    for index, one in enumerate(rows.changed_sample):
        cells = {cell.column: Cell(f"{_text(cell.old)} → {_text(cell.new)}", "warn") for cell in one.cells}
        key = [value_cell(value, "bold") for value in one.key]
        found.append(
            Row(f"changed {index}", (_change("changed"), *key, *(cells.get(name, Cell("")) for name in names)))
        )
    for word, sample in (("deleted", rows.deleted_sample), ("inserted", rows.inserted_sample)):
        for index, values in enumerate(sample):
            by_name = dict(zip(rows.columns, values, strict=False))
            shown = [value_cell(by_name.get(name), _TOKENS[word]) for name in (*rows.key, *names)]
            found.append(Row(f"{word} {index}", (_change(word), *shown)))
    return found


def row_facts(rows: RowsDiff, key: str) -> list[Pair]:
    """All of one sampled row, named by the key of its line."""
    word, _, number = key.partition(" ")
    index = int(number)
    if word == "changed":
        one = rows.changed_sample[index]
        pairs = [
            Pair("Changed row"),
            *(Pair(name, _text(value)) for name, value in zip(rows.key, one.key, strict=False)),
        ]
        return pairs + [Pair(cell.column, f"{_text(cell.old)}\n→ {_text(cell.new)}", "warn") for cell in one.cells]
    sample = rows.deleted_sample if word == "deleted" else rows.inserted_sample
    return [Pair(f"{word.capitalize()} row"),
            *(Pair(name, _text(value)) for name, value in zip(rows.columns, sample[index], strict=False))]  # fmt: skip


def _text(value: str | None) -> str:
    return "null" if value is None else value or "(empty)"


# Distributions


def drift_level(one: ColumnDrift) -> tuple[Level, str]:
    """How far a column has moved, as level and word."""
    if one.psi is not None and one.psi >= DRIFTED:
        return "fail", "drifted"
    if one.psi is not None and one.psi >= SLIGHT:
        return "warn", "moved"
    if abs(one.null_delta) >= NULLS:
        return "warn", "nulls"
    if one.unseen_count or one.gone_count:
        return "idle", "values"
    return "ok", "stable"


def _drift_section(diff: DatasetDiff) -> Section:
    found = [(one, *drift_level(one)) for one in diff.drifts]
    drifted = [one for one, level, _ in found if level == "fail"]
    moved = [one for one, level, _ in found if level == "warn"]
    values = sum(level == "idle" for _, level, _ in found)
    level: Level = "fail" if drifted else "warn" if moved else "idle" if values else "ok"
    if not (drifted or moved or values):
        return Section(DRIFT, "ok", 0, "all columns are stable")
    first = (drifted or moved or [found[0][0]])[0]
    told = f"; worst: {first.name}" + (f" PSI {first.psi:.2f}" if first.psi is not None else "")
    text = _counted((len(drifted), "drifted"), (len(moved), "moved"), (values, "with other values"))
    return Section(DRIFT, level, len(drifted) + len(moved) + values, text + told)


def drift_rows(drifts: Sequence[ColumnDrift]) -> list[Row]:
    return [Row(str(index), _drift_cells(one)) for index, one in enumerate(drifts)]


def _drift_cells(one: ColumnDrift) -> tuple[Cell, ...]:
    level, word = drift_level(one)
    psi = one.psi
    # The bar is full at twice the threshold: what is beyond is beyond.
    length = "" if psi is None else bar(psi / (2 * DRIFTED), 10)
    nulls = one.old_nulls or one.new_nulls
    means = one.old_mean is not None or one.new_mean is not None
    return (
        Cell(one.name, "bold"),
        Cell(f"{getattr(glyphs(), level)} {word}", level),
        Cell(length, level if level in ("fail", "warn") else "muted"),
        Cell(_measure(psi)),
        Cell(_measure(one.ks)),
        Cell(_nulls(one), "" if nulls else "muted"),
        Cell(f"{format_number(one.old_mean)} → {format_number(one.new_mean)}" if means else ""),
        Cell(_categories(one)),
        Cell(one.measured, "muted"),
    )


def _nulls(one: ColumnDrift) -> str:
    old, new = f"{one.old_nulls:.1%}", f"{one.new_nulls:.1%}"
    return old if old == new else f"{old} → {new}"


def _measure(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _categories(one: ColumnDrift) -> str:
    parts = []
    for sign, count, values in (("+", one.unseen_count, one.unseen), ("-", one.gone_count, one.gone)):
        if count:
            named = ", ".join(value for value, _ in values[:3])
            parts.append(f"{sign}{count:,}" + (f" ({named}{', …' if count > 3 else ''})" if named else ""))
    return "  ".join(parts)


def drift_facts(one: ColumnDrift) -> list[Pair]:
    """All of one column."""
    level, word = drift_level(one)
    pairs = [Pair(one.name), Pair("verdict", f"{getattr(glyphs(), level)} {word}", level)]
    pairs += [Pair(name, _measure(value)) for name, value in
              (("PSI", one.psi), ("KS", one.ks), ("Jensen-Shannon", one.js))]  # fmt: skip
    pairs += [Pair("measured on", one.measured), Pair("null", f"{one.old_nulls:.2%} → {one.new_nulls:.2%}")]
    if one.old_mean is not None or one.new_mean is not None:
        pairs.append(Pair("mean", f"{format_number(one.old_mean)} → {format_number(one.new_mean)}"))
    parts = (("New values", one.unseen, one.unseen_count), ("Values that are gone", one.gone, one.gone_count))
    for title, values, count in parts:
        if count:
            pairs += [
                Pair(title),
                *(Pair(value or "(empty)", f"{number:,} row{'' if number == 1 else 's'}") for value, number in values),
            ]
            pairs += [Pair("…", f"and {count - len(values):,} more", "muted")] if count > len(values) else []
    pairs.append(Pair("How to read it"))
    pairs.append(Pair("PSI", f"below {SLIGHT} stable, {DRIFTED} and more drifted", "muted"))
    return pairs


# Pictures


def _images_section(images: ImagesDiff) -> Section:
    changed = sum(row.cells[1].text != row.cells[2].text for row in image_rows(images))
    broken = images.new.broken_count > images.old.broken_count
    level: Level = "fail" if broken else "idle" if changed else "ok"
    text = f"{images.old.count:,} → {images.new.count:,}"
    text += f"; {no_pictures(images.new.broken_count)}" if images.new.broken_count else ""
    return Section(IMAGES, level, changed, text)


def image_rows(images: ImagesDiff) -> list[Row]:
    old, new = _image_facts(images.old), _image_facts(images.new)
    rows = []
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name, NOTHING), new.get(name, NOTHING)
        rows.append(Row(name, (Cell(name), Cell(before, "muted"), Cell(after, "muted" if before == after else "warn"))))
    return rows


def _image_facts(one: ImagesProfile) -> dict[str, str]:
    facts = {"pictures": f"{one.count:,}", "broken": f"{one.broken_count:,}"}
    for name, values in (("median width", one.widths), ("median height", one.heights)):
        facts[name] = format_number(values[len(values) // 2]) if values else NOTHING
    facts["median size"] = format_size(one.sizes[len(one.sizes) // 2]) if one.sizes else NOTHING
    facts |= {f"format {group.name}": percent(group.count, one.count) for group in one.formats}
    return facts
