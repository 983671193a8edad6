"""Searching what the index knows: names, tags, parameters, columns, notes; and which files hold the rest.

A text is compared as it stands, a regular expression by RE2, which never takes longer than its text is long.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lab.catalog.driver import duckdb
from lab.catalog.reader import Reader
from lab.dataclass import dataclass
from lab.domain.search import Hit, Needle, Place, excerpt
from lab.errors import UsageError

# `[[…]]` is whether an expression fits what is looked for.
RUN_NAMES = """
    SELECT 'run' AS kind, id, name, CASE WHEN [[name]] THEN name ELSE id END AS text, created AS moment, 1 AS runs
    FROM run_table WHERE [[name]] OR [[id]]
    ORDER BY lower(name) = lower($1) DESC, starts_with(lower(name), lower($1)) DESC, created DESC, id LIMIT $2
"""
DATASET_NAMES = """
    SELECT 'dataset' AS kind, concat(project, '/', dataset) AS id, dataset AS name, dataset AS text,
        max(created) AS moment, 1 AS runs
    FROM dataset_table WHERE NOT retired AND [[dataset]] GROUP BY ALL ORDER BY moment DESC LIMIT $2
"""
MODEL_NAMES = """
    SELECT 'model' AS kind, model AS id, model AS name, model AS text, max(created) AS moment, 1 AS runs
    FROM model_versions WHERE [[model]] GROUP BY ALL ORDER BY moment DESC LIMIT $2
"""
DEPLOYMENT_NAMES = """
    SELECT 'deployment' AS kind, id, name, name AS text, created AS moment, 1 AS runs
    FROM deployments WHERE created IS NOT NULL AND [[name]] ORDER BY moment DESC LIMIT $2
"""
TAGS = """
    SELECT 'run' AS kind, arg_max(id, created) AS id, arg_max(name, created) AS name, tag AS text,
        max(created) AS moment, count(*) AS runs
    FROM (
        SELECT id, name, created, unnest(from_json(tags, '["VARCHAR"]')) AS tag FROM run_table WHERE tags IS NOT NULL
    ) WHERE [[tag]] GROUP BY tag ORDER BY moment DESC LIMIT $2
"""
DATASET_TAGS = """
    SELECT 'dataset' AS kind, concat(project, '/', dataset, '@v', number) AS id, dataset AS name, tag AS text,
        created AS moment, 1 AS runs
    FROM (
        SELECT project, dataset, number, created, unnest(from_json(tags, '["VARCHAR"]')) AS tag FROM dataset_table
        WHERE tags IS NOT NULL AND NOT retired
    ) WHERE [[tag]] ORDER BY moment DESC LIMIT $2
"""
PARAMS = """
    SELECT 'run' AS kind, arg_max(id, created) AS id, arg_max(name, created) AS name, text,
        max(created) AS moment, count(*) AS runs
    FROM (
        SELECT id, name, created, concat(unnest(param_keys), '=', unnest(param_values)) AS text FROM run_table
    ) WHERE [[text]] GROUP BY text ORDER BY moment DESC, text LIMIT $2
"""
COLUMNS = """
    SELECT 'dataset' AS kind, concat(project, '/', dataset, '@v', max(number)) AS id, dataset AS name,
        any_value(c.name) AS text, max(created) AS moment, 1 AS runs
    FROM (
        SELECT project, dataset, number, created,
            unnest(from_json(columns, '[{"name":"VARCHAR","type":"VARCHAR"}]')) AS c
        FROM dataset_table WHERE NOT retired AND columns IS NOT NULL
    ) WHERE [[c.name]] GROUP BY project, dataset, c.name ORDER BY moment DESC LIMIT $2
"""
NOTES = """
    SELECT 'run' AS kind, id, name, notes AS text, created AS moment, 1 AS runs FROM run_table
    WHERE notes IS NOT NULL AND [[notes]] ORDER BY moment DESC, id LIMIT $2
"""
DATASET_NOTES = """
    SELECT 'dataset' AS kind, concat(project, '/', dataset, '@v', number) AS id, dataset AS name,
        concat_ws('\n', note, message) AS text, created AS moment, 1 AS runs
    FROM dataset_table WHERE NOT retired AND [[concat_ws('\n', note, message)]] ORDER BY moment DESC LIMIT $2
"""

#: What is asked in each place, and how a hit's `where` is told.
QUERIES = {
    Place.NAMES: (RUN_NAMES, DATASET_NAMES, MODEL_NAMES, DEPLOYMENT_NAMES),
    Place.TAGS: (TAGS, DATASET_TAGS),
    Place.PARAMS: (PARAMS,),
    Place.COLUMNS: (COLUMNS,),
    Place.NOTES: (NOTES, DATASET_NOTES),
}
_WHERE = {Place.NAMES: "name", Place.TAGS: "tag", Place.PARAMS: "param", Place.COLUMNS: "column", Place.NOTES: "note"}
#: Ranks of exact, beginning and other names are 0, 1, 2; these are those of the other places.
RANKS = {place: rank for rank, place in enumerate(Place, 2)}

_CHECK = "SELECT regexp_matches('', $1)"
_FIRST = "SELECT regexp_extract(text, $1, 0, $2) AS found FROM (SELECT unnest($3::VARCHAR[]) AS text)"
_RUNS = "SELECT id, name, created FROM run_table ORDER BY created DESC, id"
_TREES = """
    SELECT code, count(*) AS runs, arg_max(id, created) AS id, arg_max(name, created) AS name, max(created) AS moment
    FROM run_table WHERE coalesce(code, '') <> '' GROUP BY code ORDER BY moment DESC, code
"""
_STEPS = """
    SELECT old, code, count(*) AS runs, arg_max(id, created) AS id, arg_max(name, created) AS name,
        max(created) AS moment
    FROM (
        SELECT id, name, created, code,
            lag(code) OVER (PARTITION BY project, entry ORDER BY created, id) AS old
        FROM run_table WHERE coalesce(code, '') <> ''
    ) WHERE old <> code GROUP BY old, code ORDER BY moment DESC, code
"""
_MARK = re.compile(r"\[\[(.+?)\]\]", re.DOTALL)


@dataclass(frozen=True)
class Tree:
    """The code of some runs, the newest of which is `id`; `old` is that of the runs before them, for what changed."""

    code: str
    runs: int
    id: str
    name: str
    moment: float
    old: str = ""


def check(catalog: Reader, needle: Needle) -> None:
    """Raises UsageError for a regular expression that cannot be."""
    if not needle.regex:
        return
    try:
        catalog.rows(_CHECK, [needle.text])
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        raise UsageError(
            f"no regular expression: {reason}", "without the slashes it is looked for as it stands"
        ) from error


def indexed(catalog: Reader, needle: Needle, place: Place, limit: int) -> list[Hit]:
    """Hits in one of the places that the index knows, at most `limit` of each kind of thing."""
    rows = [row for sql in QUERIES[place] for row in catalog.rows(query(sql, needle), [needle.text, limit])]
    texts = [str(row["text"]) for row in rows]
    finder = finder_of(catalog, needle, texts)
    return [_hit(row, text, place, needle, finder(at)) for at, (row, text) in enumerate(zip(rows, texts, strict=True))]


def query(sql: str, needle: Needle) -> str:
    """A template of this module as SQL; what is looked for goes into parameters."""
    if needle.regex:
        flags = ", 'i')" if needle.fold else ")"
        return _MARK.sub(lambda match: f"regexp_matches({match[1]}, $1{flags}", sql)
    shape = "contains(lower({}), $1)" if needle.fold else "contains({}, $1)"
    return _MARK.sub(lambda match: shape.format(match[1]), sql)


def finder_of(catalog: Reader, needle: Needle, texts: list[str]) -> Callable[[int], str]:
    """What exactly fits in each of `texts`, by its number."""
    if not needle.regex:
        return lambda at: needle.text
    rows = catalog.rows(_FIRST, [needle.text, "i" if needle.fold else "", texts]) if texts else []
    return lambda at: str(rows[at]["found"] or "")


def runs(catalog: Reader) -> list[tuple[str, str, float]]:
    """(id, name, created) of every run, the newest first."""
    return [(row["id"], row["name"], row["created"]) for row in catalog.rows(_RUNS)]


def trees(catalog: Reader) -> list[Tree]:
    """Every code tree that runs have, that of the newest run first."""
    return [Tree(**row) for row in catalog.rows(_TREES)]


def steps(catalog: Reader) -> list[Tree]:
    """Every change of code from one run of an entry to its next, the newest first."""
    return [Tree(**row) for row in catalog.rows(_STEPS)]


def _hit(row: dict[str, Any], text: str, place: Place, needle: Needle, found: str) -> Hit:
    line, start = _line(text, found, needle.fold)
    rank = RANKS[place]
    if place is Place.NAMES:
        name, wanted = text.lower(), needle.text.lower()
        rank = 0 if name == wanted else 1 if name.startswith(wanted) else 2
    return Hit(
        place=place,
        kind=row["kind"],
        id=row["id"],
        name=row["name"] or "",
        where=_WHERE[place],
        excerpt=excerpt(line, start, start + len(found)),
        match=line[start : start + len(found)],
        at=row["moment"],
        rank=rank,
        runs=row["runs"],
    )


def _line(text: str, found: str, fold: bool) -> tuple[str, int]:
    """The line of `text` with `found`, and where in it."""
    at = max(0, text.lower().find(found.lower()) if fold else text.find(found))
    begin = text.rfind("\n", 0, at) + 1
    return text[begin:].split("\n", 1)[0], at - begin
