import datetime as dt
import json
import re
from math import inf
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.domain.expectations import (
    ColumnRule,
    DriftRule,
    Expectations,
    FreshnessRule,
    PanderaRule,
    RowsRule,
    SchemaRule,
    Severity,
    UniqueRule,
)
from lab.errors import NotFoundError, SettingsError
from lab.settings import DatasetSettings, ProjectSettings, RemoteSettings, load_project, render_template
from lab.settings.writing import toml_key, toml_string

HEAD = '[project]\nname = "x"\n'
SALES = HEAD + '[datasets.sales]\npath = "sales.csv"\n'
EXPECT = SALES + "[datasets.sales.expect]\n"
REMOTE = HEAD + "[remotes.nas]\n"
WARN, BLOCK = Severity.WARN, Severity.BLOCK


def load(folder: Path, text: str) -> ProjectSettings:
    (folder / "lab.toml").write_text(text)
    return load_project(folder)


def expectations(folder: Path, text: str) -> Expectations:
    return load(folder, EXPECT + text).dataset("sales").expect


def test_a_dataset_says_how_it_is_kept(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        SALES + 'key = "id"\nlabel = "paid or not"\nwatch = true\nremote = "nas"\nkeep = 5\n'
        '[datasets.far]\npath = "/mnt/far"\nkey = ["a", "b c"]\nremote = "s3://bucket/far"\n'
        '[datasets.plain]\npath = "x"\n[remotes.nas]\nurl = "file:///mnt/nas"\n',
    )
    sales, far = project.dataset("sales"), project.dataset("far")
    assert (sales.key, sales.label, sales.watch, sales.remote, sales.keep) == (("id",), "paid or not", True, "nas", 5)
    assert (far.key, far.remote) == (("a", "b c"), "s3://bucket/far")
    assert project.dataset("plain") == DatasetSettings("plain", "x", "", (), "", False, "", 20, Expectations())


def test_remotes_are_urls_with_options(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        REMOTE + 'url = "s3://bucket/lab"\n[remotes.nas.options]\nanon = true\ntoken = "google_default"\n'
        'key_filename = "~/.ssh/id_lab"\ncredentials = "/etc/keys/lab.json"\nretries = 3\n'
        'client_kwargs = { endpoint_url = "http://localhost:9000", region_name = "eu-1" }\nhosts = ["a", "b"]\n',
    )
    assert project.remote("nas").url == "s3://bucket/lab"
    assert project.remote("nas").options["client_kwargs"] == {
        "endpoint_url": "http://localhost:9000",
        "region_name": "eu-1",
    }
    assert project.remote("file:///mnt") == RemoteSettings("", "file:///mnt")
    with pytest.raises(NotFoundError) as caught:
        project.remote("nsa")
    assert caught.value.hint == "did you mean nas?"


def test_every_expectation(tmp_path: Path) -> None:
    found = expectations(
        tmp_path,
        """severity = "warn"
schema = "strict"
rows = { min = 1000, max = 2000, severity = "block" }
freshness = "24h"
unique = ["a", "b"]
drift = { psi = 0.1, against = "v3", action = "block", columns = ["amount"] }
pandera = "py:schemas.Sales"
[datasets.sales.expect.columns]
amount = { not_null = true, range = [0, 1e6], severity = "block" }
id = { unique = true, type = "int", not_null = { is = 0.5, severity = "block" } }
"any name.at all €" = { values = ["a", "b"], pattern = "[a-z]+", length = [1, inf] }
day = { range = [2020-01-01, inf] }
free = { not_null = false, unique = false }
""",
    )
    assert found == Expectations(
        schema=SchemaRule("strict", WARN),
        rows=RowsRule(BLOCK, 1000, 2000),
        freshness=FreshnessRule(86_400, WARN),
        columns={
            "amount": (ColumnRule("not_null", 0.0, BLOCK), ColumnRule("range", (0, 1e6), BLOCK)),
            "id": (
                ColumnRule("unique", True, WARN),
                ColumnRule("type", "int", WARN),
                ColumnRule("not_null", 0.5, BLOCK),
            ),
            "any name.at all €": (
                ColumnRule("values", ("a", "b"), WARN),
                ColumnRule("pattern", "[a-z]+", WARN),
                ColumnRule("length", (1, inf), WARN),
            ),
            "day": (ColumnRule("range", (dt.date(2020, 1, 1), inf), WARN),),
        },
        unique=UniqueRule(("a", "b"), WARN),
        drift=DriftRule(0.1, BLOCK, "v3", ("amount",)),
        pandera=PanderaRule("schemas.Sales", WARN),
    )


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('schema = "subset"', SchemaRule("subset", BLOCK)),
        ('schema = { is = "strict", severity = "warn" }', SchemaRule("strict", WARN)),
        ('schema = { id = "int", is_new = "Int32" }', SchemaRule("columns", BLOCK, {"id": "int", "is_new": "Int32"})),
        (
            'schema = { is = { is = "bool", severity = "text" }, severity = "warn" }',
            SchemaRule("columns", WARN, {"is": "bool", "severity": "text"}),
        ),
        ("schema.id = 'datetime'", SchemaRule("columns", BLOCK, {"id": "datetime"})),
    ],
)
def test_forms_of_the_schema(tmp_path: Path, text: str, rule: SchemaRule) -> None:
    assert expectations(tmp_path, text).schema == rule


def test_forms_of_the_other_rules(tmp_path: Path) -> None:
    found = expectations(
        tmp_path,
        'freshness = { column = "ts", max_age = "2d", severity = "warn" }\ndrift = {}\n'
        'unique = { is = ["a"], severity = "warn" }\npandera = { is = "py:a.b.C", severity = "warn" }',
    )
    assert found.freshness == FreshnessRule(172_800, WARN, "ts")
    assert found.drift == DriftRule(0.2, BLOCK, "baseline")
    assert (found.unique, found.pandera) == (UniqueRule(("a",), WARN), PanderaRule("a.b.C", WARN))
    assert expectations(tmp_path, "") == Expectations()
    assert expectations(tmp_path, "columns.a = {}") == Expectations()


SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (SALES + "watched = true", 'lab.toml:5: unknown key "watched" in [datasets.sales]', 'did you mean "watch"?'),
        (SALES + "key = []", "lab.toml:5: [datasets.sales] key must be a column, or a list of columns", "an empty one"),
        (SALES + "key = ''", 'key must be a column, or a list of columns, not ""', ""),
        (SALES + "key = ['a', 'a']", '[datasets.sales] key names "a" twice', ""),
        (SALES + "label = ['a']", "label must be the name of a column, not a list", ""),
        (SALES + "watch = 1", "watch must be true or false, not 1", ""),
        (SALES + "keep = 0", "keep must be a number of automatic versions such as 20, not 0", ""),
        (SALES + "remote = 'nsa'\n[remotes.nas]\nurl='file:///x'", 'lab.toml:5: [datasets.sales] remote names "nsa"',
         "did you mean nas?"),
        (SALES + "remote = 'nas'", "which is not a remote of the project", "declare it under [remotes]"),
        (SALES + "remote = '/mnt/nas'", "remote must be the name of a remote, or a URL", ""),
        (SALES + "expect = 3", "lab.toml:5: [datasets.sales.expect] must be a table, not 3", ""),
        (EXPECT + "row = {}", 'lab.toml:6: unknown key "row" in [datasets.sales.expect]', 'did you mean "rows"?'),
        (EXPECT + "severity = 'stop'", 'severity must be one of warn, block, not "stop"', ""),
        (EXPECT + "schema = 'exact'", 'schema must be "strict", "subset" or a table of columns and types, not "exact"',
         ""),
        (EXPECT + "schema = {id = 'itn'}", 'lab.toml:6: [datasets.sales.expect.schema] id must be a type of column',
         'did you mean "int"?'),
        (EXPECT + "schema = {is = 'int'}", '[datasets.sales.expect.schema] is must be "strict", "subset" or', ""),
        (EXPECT + "rows = {}", "lab.toml:6: [datasets.sales.expect.rows] has neither min nor max", "rows = { min = 1"),
        (EXPECT + "rows = {min = 5, max = 4}", "[datasets.sales.expect.rows] can never hold: min is above max", ""),
        (EXPECT + "rows = {min = -1}", "[datasets.sales.expect.rows] min must be a number of rows, not -1", ""),
        (EXPECT + "rows = 5", "[datasets.sales.expect.rows] must be a table, not 5", ""),
        (EXPECT + "freshness = 'soon'", 'freshness must be an age such as "24h" or "2d", not "soon"', "24h or 2d"),
        (EXPECT + "freshness = {column = 'ts'}", 'missing key "max_age" in [datasets.sales.expect.freshness]', ""),
        (EXPECT + "unique = 'a'", 'unique must be a list of columns, not "a"', ""),
        (EXPECT + "drift = {psi = 0}", "psi must be a number above 0 such as 0.2, not 0", ""),
        (EXPECT + "drift = {action='warn', severity='warn'}", "has both action and severity", "keep one"),
        (EXPECT + "drift = 0.2", "[datasets.sales.expect.drift] must be a table, not 0.2", ""),
        (EXPECT + "pandera = 'schemas.Sales'", 'pandera must be a schema such as "py:schemas.Sales"', ""),
        (EXPECT + "pandera = 'py:a;b.C'", "pandera must be a schema", ""),
        (EXPECT + "columns.a.nul = true", 'unknown key "nul" in [datasets.sales.expect.columns.a]', ""),
        (EXPECT + "columns.a.notnull = true", "unknown key", 'did you mean "not_null"?'),
        (EXPECT + "columns.a.not_null = 2", "[datasets.sales.expect.columns.a] not_null must be true, false, or", "2"),
        (EXPECT + "columns.a.unique = 'yes'", 'unique must be true or false, not "yes"', ""),
        (EXPECT + "columns.a.range = [0]", "range must be a list [low, high] of numbers, dates or times", "a list"),
        (EXPECT + "columns.a.range = [0, nan]", "not a list with nan", ""),
        (EXPECT + "columns.a.range = [0, true]", "not a list with true", ""),
        (EXPECT + f"columns.a.range = [0, {'9' * 400}]", "not a list with 9999", ""),
        (EXPECT + f"columns.a.values = [{'9' * 400}]", "not a list with 9999", ""),
        (EXPECT + "columns.a.range = [5, 4]", "range is empty: its low end is above its high end", "[low, high]"),
        (EXPECT + "columns.a.range = [inf, 4]", "range is empty", ""),
        (EXPECT + "columns.a.range = [0, 2020-01-01]", "not one from 0 to a date or time", ""),
        (EXPECT + "columns.a.range = [2021-01-01, 2020-01-01T00:00:00]", "range is empty", ""),
        (EXPECT + "columns.a.values = []", "values must be a list of values of one kind, not an empty one", ""),
        (EXPECT + "columns.a.values = [1, '2']", "not a mixture", "all of them as text"),
        (EXPECT + "columns.a.values = [[1]]", "not a list with a list", ""),
        (EXPECT + "columns.a.pattern = ''", 'pattern must be a regular expression, not ""', ""),
        (EXPECT + "columns.a.type = 'intt'", 'type must be a type of column, not "intt"', 'did you mean "int"?'),
        (EXPECT + "columns.a.length = [-1, 4]", "length must be a list [low, high] of whole numbers, not -1", ""),
        (EXPECT + "columns.a.length = [3, 2]", "length is empty", ""),
        (EXPECT + "columns.a.range = {of = [1, 2]}", "unknown key \"of\" in [datasets.sales.expect.columns.a.range]",
         '"is", "severity"'),
        (EXPECT + "columns.a.range = {severity = 'warn'}", 'missing key "is"', ""),
        (EXPECT + "columns.a = true", "[datasets.sales.expect.columns.a] must be a table, not true", ""),
        (REMOTE, 'missing key "url" in [remotes.nas]', ""),
        (REMOTE + "url = '/mnt/nas'", "[remotes.nas] url must be a URL such as s3://bucket/folder", "file:///"),
        (REMOTE + "url = 'sftp://me:pass@host/x'", "lab.toml:4: [remotes.nas] url holds a secret", "environment"),
        (REMOTE + "urll = 'x'", 'unknown key "urll" in [remotes.nas]', 'did you mean "url"?'),
        (HEAD + "[remotes.'a b']\nurl='s3://x'", "cannot be the name of a remote", ""),
        (REMOTE + f"url='s3://x'\noptions = {{secret = '{SECRET}'}}", "secret looks like a secret", "~/.aws/"),
        (REMOTE + f"url='s3://x'\noptions.opaque = '{SECRET}'", "opaque looks like a secret", "environment"),
        (REMOTE + "url='s3://x'\noptions.key = 'abc'", "[remotes.nas.options] key looks like a secret", ""),
        (REMOTE + "url='s3://x'\noptions.x = {awsSecret = 'abc'}", "[remotes.nas.options] x looks like a secret", ""),
        (REMOTE + "url='s3://x'\noptions.x = ['AKIAIOSFODNN7EXAMPLE']", "x looks like a secret", ""),
        (REMOTE + "url='s3://x'\noptions.x = nan", "x must be a string, a number, true or false, a list", "nan"),
    ],
    ids=lambda value: repr(value[-48:]) if value else None,
)  # fmt: skip
def test_errors_name_file_line_and_key_and_no_secret(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert message in caught.value.message
    assert hint in f"{caught.value.hint} {caught.value.message}"
    assert not any(secret in f"{caught.value.hint} {caught.value.message}" for secret in (SECRET, "me:pass", "AKIA"))


FINITE = st.floats(allow_nan=False, allow_infinity=False)
RULES = st.one_of(
    st.tuples(st.just("not_null"), st.floats(0, 1)),
    st.tuples(st.just("unique"), st.just(True)),
    st.tuples(st.just("range"), st.tuples(FINITE, FINITE).map(lambda pair: tuple(sorted(pair)))),
    st.tuples(st.just("values"), st.lists(st.text(max_size=5), min_size=1, max_size=3).map(tuple)),
    st.tuples(st.just("pattern"), st.text(min_size=1, max_size=8)),
    st.tuples(st.just("type"), st.sampled_from(["int", "Float64", "text"])),
    st.tuples(st.just("length"), st.tuples(st.integers(0, 9), st.integers(9, 99))),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    return toml_string(value) if isinstance(value, str) else json.dumps(value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        TEXT,
        st.dictionaries(RULES, st.sampled_from(["", "warn", "block"]), max_size=3),
        max_size=3,
    )
)
def test_what_is_written_is_what_is_read(tmp_path: Path, wanted: dict[str, dict[tuple[str, object], str]]) -> None:
    lines, columns = [], {}
    for name, rules in wanted.items():
        kept = {rule: (value, severity) for (rule, value), severity in rules.items()}
        columns[name] = tuple(ColumnRule(rule, v, Severity(s or "block")) for rule, (v, s) in kept.items())
        for rule, (value, severity) in kept.items():
            text = f'{{ is = {toml(value)}, severity = "{severity}" }}' if severity else toml(value)
            lines.append(f"columns.{toml_key(name)}.{rule} = {text}")
    found = expectations(tmp_path, "\n".join(lines))
    assert found.columns == {name: rules for name, rules in columns.items() if rules}


VALUES = st.recursive(
    st.sampled_from('1 -1 0.5 nan inf true "x" "" 2020-01-01 [] {} "24h" "strict"'.split()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(st.sampled_from(["is", "severity", "min", "max_age", "a"]), inner, max_size=2).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=5,
)  # fmt: skip
NAMES = st.sampled_from(
    "severity schema rows freshness unique drift pandera columns columns.a columns.a.range columns.a.values "
    "columns.a.length columns.a.type columns.a.not_null columns.a.pattern columns.a.unique key".split()
)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3), st.booleans())
def test_nothing_but_settings_errors_with_a_line(tmp_path: Path, keys: dict[str, str], remote: bool) -> None:
    head = REMOTE + "url = 's3://x'\n" if remote else EXPECT
    text = head + "\n".join(f"{'options.' if remote else ''}{key} = {value}" for key, value in keys.items())
    assert re.match(r"lab\.toml:\d+: |accepted", outcome(tmp_path, text))


def outcome(folder: Path, text: str) -> str:
    try:
        load(folder, text)
    except SettingsError as error:
        return error.message
    return "accepted"


def test_the_template_shows_it_all_in_comments_that_load(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("id\n1\n")
    text = render_template(tmp_path)
    assert load(tmp_path, text).dataset("sales") == DatasetSettings("sales", "sales.csv")
    shown = [line for line in text.splitlines() if not line.startswith("#") or "=" in line or line.startswith("# [")]
    project = load(tmp_path, "\n".join(line.removeprefix("# ") for line in shown if "`" not in line))
    sales = project.dataset("sales")
    assert (sales.key, sales.label, sales.watch, sales.remote) == (("id",), "target", True, "copies")
    assert sales.expect.schema == SchemaRule("strict", BLOCK)
    assert set(sales.expect.columns) == {"id", "amount", "country"}
    assert project.remote("copies").url == "s3://bucket/lab"
