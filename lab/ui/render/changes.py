"""What changed from one run to another: a few lines for the head of a run, and the whole of it as a page."""

from __future__ import annotations

from collections.abc import Sequence

from lab.domain.changes import ADDED, REMOVED, Changes, CodeChange, DataChange, DiffLine, MetricChange, ValueChange
from lab.ui.render.glyphs import Row, Span, glyphs
from lab.ui.render.number import NOTHING, format_age, format_delta, format_number, format_size

#: So many of a kind are named in the few lines.
_NAMED = 4
#: The token of lines that begin a file.
FILE = "title underline"
_DIFF = {
    "file": ("", FILE),
    "hunk": ("", "accent"),
    "+": ("+", "ok"),
    "-": ("-", "fail"),
    " ": (" ", "muted"),
    "note": ("  ", "warn"),
}


def summary_rows(changed: Changes, order: Sequence[str], now: float, most: int) -> list[Row]:
    """At most `most` lines: the metrics against the run before, and a line for each kind of change.

    `order` names the metrics, those to tell first in front; `now` in seconds since the epoch.
    """
    parent = changed.parent
    if parent is None:
        return [[(f" the first run of {changed.run.entry}: nothing to compare with", "muted")]]
    head: Row = [(" since ", "muted"), (parent.name, "bold"), (f" {format_age(parent.created, now)}", "muted")]
    by_name = {one.name: one for one in changed.metrics}
    for one in [by_name[name] for name in order if name in by_name][:3]:
        head += [("   ", ""), *_metric(one)]
    if changed.nothing:
        return [head, [(" nothing changed: code, data, environment and parameters are the same", "muted")]]
    if changed.only_seed:
        (seed,) = changed.params
        return [
            head,
            [(f" only the seed changed, {value_text(seed).removeprefix('seed ')}: what moved is chance", "muted")],
        ]
    rows = [head, *(_line(title, spans) for title, spans in _parts(changed) if spans)]
    if len(rows) > most:
        kinds = ", ".join(title for title, spans in _parts(changed)[most - 2 :] if spans)
        rows = [*rows[: most - 1], [(f" and more: {kinds}", "muted")]]
    return rows


def _parts(changed: Changes) -> list[tuple[str, list[Span]]]:
    environment = [*changed.environment, *changed.packages]
    return [
        ("params", _some([value_text(one) for one in changed.params])),
        ("data", _some([_data(one) for one in changed.data])),
        ("code", _code(changed.code)),
        ("env", _some([value_text(one) for one in environment])),
    ]


def _line(title: str, spans: list[Span]) -> Row:
    return [(f" {title:7}", "muted"), *spans]


def _some(texts: Sequence[str]) -> list[Span]:
    if not texts:
        return []
    more = f", and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return [(", ".join(texts[:_NAMED]), "accent"), (more, "muted")]


def _metric(one: MetricChange) -> Row:
    if one.old is None or one.new is None:
        return [(f"{one.name} ", "muted"), (format_number(one.new if one.old is None else one.old), "muted"),
                (" is new" if one.old is None else " is gone", "muted")]  # fmt: skip
    token = "muted" if one.better is None else "ok" if one.better else "fail"
    sign = "" if one.better is None else f" {getattr(glyphs(), 'ok' if one.better else 'fail')} "
    word = "" if one.better is None else "better" if one.better else "worse"
    return [(f"{one.name} ", ""), (f"{format_number(one.old)} → {format_number(one.new)}{sign}{word}", token)]


def value_text(one: ValueChange) -> str:
    if one.kind == ADDED:
        return f"+{one.name}={_short(one.new)}"
    if one.kind == REMOVED:
        return f"-{one.name}"
    return f"{one.name} {_short(one.old)} → {_short(one.new)}"


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value).lower() if isinstance(value, bool) or value is None else str(value)
    return text if len(text) <= 24 else text[:23] + glyphs().ellipsis


def _data(one: DataChange) -> str:
    text = f"{one.name} {one.old or NOTHING} → {one.new or NOTHING}"
    if one.old_rows is not None and one.new_rows is not None:
        return f"{text} ({one.new_rows - one.old_rows:+,} rows)"
    if one.old_bytes is not None and one.new_bytes is not None:
        return f"{text} ({format_size(one.old_bytes)} → {format_size(one.new_bytes)})"
    return text


def _code(code: CodeChange) -> list[Span]:
    if code.same:
        return []
    if code.note:
        return [("differs; ", "accent"), (code.note, "muted")]
    kinds = (("changed", code.changed), ("added", code.added), ("removed", code.removed))
    counts = ", ".join(f"{len(files)} {word}" for word, files in kinds if files)
    names = [file.path for _, files in kinds for file in files]
    more = ", …" if len(names) > _NAMED else ""
    return [(f"{counts}: ", "accent"), (", ".join(names[:_NAMED]) + more, "")]


def page_rows(changed: Changes, diff: Sequence[DiffLine], *, brief: bool) -> list[Row]:
    """All of it: every metric, parameter, dataset, file and package, and unless `brief` the text of the code."""
    parent, code = changed.parent, changed.code
    if parent is None:
        return [[(f"the first run of {changed.run.entry}: there is nothing to compare it with", "muted")]]
    rows: list[Row] = [[(f"{parent.name} → {changed.run.name}", "title")]]
    if changed.nothing:
        rows += [[], [("nothing changed: code, data, environment and parameters are the same", "muted")]]
    rows += _section("METRICS", [[*_metric(one), (f"   {_delta(one)}", "muted")] for one in changed.metrics])
    rows += _section("PARAMETERS", [[(value_text(one), "accent")] for one in changed.params])
    rows += _section("DATA", [[(_data(one), "accent")] for one in changed.data])
    rows += _section("CODE", [[(text, "accent")] for text in code_texts(code)])
    rows += _section(
        "ENVIRONMENT", [[(value_text(one), "accent")] for one in (*changed.environment, *changed.packages)]
    )
    if not brief:
        rows += diff_rows(diff)
    return rows


def code_texts(code: CodeChange) -> list[str]:
    """Every file that changed, and what else is to be said of the code."""
    kinds = (("~", code.changed), ("+", code.added), ("-", code.removed))
    texts = [f"{sign} {one.path}" for sign, group in kinds for one in group]
    texts += [code.note] if code.note else []
    if code.commits[0] != code.commits[1]:
        texts.append(f"commit {code.commits[0][:12] or NOTHING} → {code.commits[1][:12] or NOTHING}")
    return [*texts, *["files over the caps of [code] are in neither snapshot"] * code.partial]


def diff_rows(diff: Sequence[DiffLine]) -> list[Row]:
    """Lines of text diffs, a blank one before each file."""
    rows: list[Row] = []
    for line in diff:
        sign, token = _DIFF[line.kind]
        rows += [[]] if line.kind == "file" else []
        rows.append([(sign + line.text, token)])
    return rows


def _delta(one: MetricChange) -> str:
    text = format_delta(one.new, one.old)
    return "" if text == NOTHING else text


def _section(title: str, rows: Sequence[Row]) -> list[Row]:
    return [[], [(title, "muted bold")], *([("  ", ""), *row] for row in rows)] if rows else []
