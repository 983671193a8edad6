"""All that lies between two runs but their numbers: environment, data, code and files, as one page. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.domain.changes import Changes, DiffLine
from lab.domain.compare import DataDifference
from lab.domain.files import PICTURE, TYPED, ArtifactChange, ArtifactChanges, Picture
from lab.ui.render import datadiff
from lab.ui.render.cells import fit
from lab.ui.render.changes import FILE, code_texts, diff_rows, value_text
from lab.ui.render.glyphs import Row, Span, glyphs
from lab.ui.render.number import NOTHING, format_size

#: Two small pictures of one path, baseline first; or the sentence that tells why there are none.
Pictures = Mapping[str, "tuple[Picture, Picture] | str"]

_GAP = 2


def between_rows(
    changed: Changes,
    diff: Sequence[DiffLine],
    data: Sequence[DataDifference] | None,
    files: ArtifactChanges,
    pictures: Pictures,
) -> list[Row]:
    """First what changed in a line each, then the text of it. `data` is None while it is still being compared."""
    parent, code = changed.parent, changed.code
    rows: list[Row] = [
        [(changed.run.name, "bold"), (" against ", "muted"), (parent.name if parent else NOTHING, "bold")]
    ]
    environment = [value_text(one) for one in (*changed.environment, *changed.packages)]
    rows += _section("PACKAGES AND ENVIRONMENT", [[(text, "accent")] for text in environment])
    rows += _section("DATA", _data(data, changed))
    rows += _section("CODE", [[(text, "accent")] for text in code_texts(code)])
    rows += _section("FILES", [_file(one) for one in files.changed], f"{files.same:,} the same" if files.same else "")
    same = [
        name
        for name, there in (("environment", environment), ("data", changed.data), ("code", not code.same),
                            ("files", files.changed))
        if not there
    ]  # fmt: skip
    if same:
        rows += [[], [("the same: " + ", ".join(same), "muted")]]
    rows += diff_rows(diff)
    for one in files.changed:
        if one.diff:
            rows += [[], [(one.path, FILE)], *(row for row in diff_rows(one.diff))]
        if one.path in pictures:
            rows += [[], [(one.path, FILE)], *_picture(pictures[one.path])]
    return rows


def _section(title: str, rows: Sequence[Row], note: str = "") -> list[Row]:
    if not rows:
        return []
    head: Row = [(title, "muted bold"), (f"   {note}" if note else "", "muted")]
    return [[], head, *([("  ", ""), *row] for row in rows)]


def _data(data: Sequence[DataDifference] | None, changed: Changes) -> list[Row]:
    if data is None:
        return [[(f"{one.name} {one.old or NOTHING} → {one.new or NOTHING}", "accent"), ("  comparing …", "muted")]
                for one in changed.data]  # fmt: skip
    rows: list[Row] = []
    for one in data:
        if one.diff is None:
            rows.append([(f"{one.name} {one.old or NOTHING} → {one.new or NOTHING}  ", "accent"), (one.note, "muted")])
        else:
            rows += datadiff.summary_rows(one.diff, one.name)
    return rows


def _file(one: ArtifactChange) -> Row:
    sign = "~" if one.in_both else "+" if one.old_size is None else "-"
    sizes = [NOTHING if size is None else format_size(size) for size in (one.old_size, one.new_size)]
    note = "compared sample by sample" if one.kind == TYPED and one.in_both else one.note
    hashes = ""
    if one.in_both and not one.diff and one.kind != TYPED:
        hashes = f"  {one.old_hash[:8] or NOTHING} → {one.new_hash[:8] or NOTHING}"
    kind = "picture  " if one.kind == PICTURE else ""
    return [(f"{sign} {one.path}", "accent"), (f"  {kind}{' → '.join(sizes)}{hashes}  {note}".rstrip(), "muted")]


def _picture(found: tuple[Picture, Picture] | str) -> list[Row]:
    """Side by side, two pixels to a cell: the upper half block in one colour over the other."""
    if isinstance(found, str):
        return [[("  " + found, "warn")]]
    if glyphs().ok.isascii():
        return [[("  pictures need more than ASCII", "muted")]]
    left, right = found
    rows: list[Row] = [[(fit("before", left.width + _GAP), "muted"), ("now", "muted")]]
    lines = range(0, max(left.height, right.height), 2)
    return [*rows, *([*_half_blocks(left, y), (" " * _GAP, ""), *_half_blocks(right, y)] for y in lines)]


def _half_blocks(picture: Picture, y: int) -> list[Span]:
    """One line of cells; as many blanks below the picture."""
    if y >= picture.height:
        return [(" " * picture.width, "")]
    spans: list[Span] = []
    for x in range(picture.width):
        upper = picture.colour(x, y)
        token = f"{upper} on:{picture.colour(x, y + 1)}" if y + 1 < picture.height else upper
        if spans and spans[-1][1] == token:
            spans[-1] = (spans[-1][0] + "▀", token)
        else:
            spans.append(("▀", token))
    return spans
