"""What lies behind a comparison, section by section: code, data, environment, files."""

from __future__ import annotations

from lab.cli import datadiff
from lab.cli.changing import DIFF_STYLES, code_lines, value_line
from lab.cli.context import Context
from lab.cli.formats import NOTHING
from lab.cli.shapes import Shape
from lab.cli.verdict_shapes import diff_text, run_changes_shape
from lab.domain.files import ArtifactChange
from lab.domain.resources import format_size
from lab.domain.runs import Run

_SIGNS = {(True, True): "~", (True, False): "-", (False, True): "+"}


def code(context: Context, run: Run, base: Run, limit: int) -> Shape:
    """The files that differ, and how."""
    runs, out = context.settled.runs, context.out
    changed = runs.changes(run.id, base.id)
    diff = runs.code_diff(changed)
    if not out.json:
        _head(context, run, base, "code")
        for text in code_lines(changed.code):
            out.line(f"  {text}")
        if changed.code.same:
            out.line("  the same")
        for line in diff:
            out.line(diff_text(line), DIFF_STYLES.get(line.kind, ""))
    shape: Shape = run_changes_shape(changed, diff)["code"]
    return shape


def environment(context: Context, run: Run, base: Run, limit: int) -> Shape:
    """Engine, image, Python, and the packages that differ."""
    changed = context.settled.runs.changes(run.id, base.id)
    if not context.out.json:
        _head(context, run, base, "environment")
        for one in (*changed.environment, *changed.packages):
            context.out.line(f"  {value_line(one)}")
        if not (changed.environment or changed.packages):
            context.out.line("  the same")
    shape = run_changes_shape(changed, ())
    return {"environment": shape["environment"], "packages": shape["packages"]}


def data(context: Context, run: Run, base: Run, limit: int) -> Shape:
    """What lies between the dataset versions that the two saw."""
    found = context.settled.comparing.data(run.id, base.id)
    if not context.out.json:
        _head(context, run, base, "data")
        for one in found:
            context.out.line(f"  {one.name}  {one.old or NOTHING} → {one.new or NOTHING}  {one.note}".rstrip())
            if one.diff is not None:
                datadiff.draw(context.out, one.diff)
        if not found:
            context.out.line("  the same")
    return {"datasets": [one.to_json() for one in found]}


def files(context: Context, run: Run, base: Run, limit: int) -> Shape:
    """Artifacts that differ; text line by line."""
    found = context.settled.comparing.files(run.id, base.id)
    if not context.out.json:
        _head(context, run, base, "files")
        for one in found.changed:
            _file(context, one)
        context.out.line(f"  {found.same:,} the same")
    return found.to_json()


def _file(context: Context, one: ArtifactChange) -> None:
    sign = _SIGNS[one.old_size is not None, one.new_size is not None]
    sizes = [NOTHING if size is None else format_size(size) for size in (one.old_size, one.new_size)]
    hashes = [digest[:12] or NOTHING for digest in (one.old_hash, one.new_hash)]
    context.out.line(f"  {sign} {one.path}  {' → '.join(sizes)}  {' → '.join(hashes)}  {one.note}".rstrip(), "bold")
    for line in one.diff:
        context.out.line(f"    {diff_text(line)}", DIFF_STYLES.get(line.kind, ""))


def _head(context: Context, run: Run, base: Run, what: str) -> None:
    context.out.line()
    context.out.line(f"{run.name} against {base.name}: {what}", "bold")
