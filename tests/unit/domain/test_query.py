"""The filter language: text to tree and back, and errors that know the place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.domain.query import (
    All,
    Among,
    Any,
    Condition,
    Missing,
    Node,
    Not,
    Order,
    QueryError,
    RunQuery,
    parse_filter,
    parse_orders,
    split_names,
    write_filter,
    write_orders,
)
from lab.domain.query_names import known, meaning, nearest
from lab.domain.query_values import period, seconds, size
from lab.errors import UsageError

A, B, C = Condition("a", "<", "1"), Condition("tag", ":", "best"), Condition("", ":", "text")


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("", ()),
        ("a<1 tag:best text", (A, B, C)),
        ("a<1 and (tag:best or not text)", (A, Any((B, Not(C))))),
        ("a<1 & (tag:best | -tag:best)", (A, Any((B, Not(B))))),
        ("a<1 AND tag:best OR text", (Any((All((A, B)), C)),)),
        ("not(a<1 tag:best)", (Not(All((A, B))),)),
        ("-(a<1)", (Not(A),)),
        ("a < 1", (A,)),
        ("a <1", (A,)),
        ("a< 1", (A,)),
        ("a = -1", (Condition("a", "=", "-1"),)),
        ('"val loss"<0.1', (Condition("val loss", "<", "0.1"),)),
        ("'val loss'.min<0.1", (Condition("val loss.min", "<", "0.1"),)),
        ('name:"two words"', (Condition("name", ":", "two words"),)),
        ("name~^(a|b)\\d+$", (Condition("name", "~", "^(a|b)\\d+$"),)),
        ("(name!~\\(x)", (Condition("name", "!~", "\\(x"),)),
        ("model in (forest, 'a b',c)", (Among("model", ("forest", "a b", "c")),)),
        ("model not in (forest)", (Among("model", ("forest",), negated=True),)),
        ("loss is none a<1", (Missing("loss"), A)),
        ("loss is not null", (Missing("loss", negated=True),)),
        ("what is this", tuple(Condition("", ":", word) for word in ("what", "is", "this"))),
        ("-text a|b R&D", tuple(Condition("", ":", word) for word in ("-text", "a|b", "R&D"))),
        ('"and" "a<1"', (Condition("", ":", "and"), Condition("", ":", "a<1"))),
        ("f(x) model=g(y)", (Condition("", ":", "f(x)"), Condition("model", "=", "g(y)"))),
        ("model= x", (Condition("model", "=", ""), Condition("", ":", "x"))),
        ("created>-7d", (Condition("created", ">", "-7d"),)),
        ("data:sales@v3", (Condition("data", ":", "sales@v3"),)),
        ("it\\'s", (Condition("", ":", "it's"),)),
    ],
)
def test_what_a_filter_means(text: str, nodes: tuple[Node, ...]) -> None:
    assert parse_filter(text) == nodes
    assert parse_filter(write_filter(nodes)) == nodes


@pytest.mark.parametrize(
    ("text", "at", "message", "hint"),
    [
        ("a<1 b<lots", 6, "'lots' is not a number", "b<0.5"),
        ("a<1 name:'x", 9, "a quote is not closed", "close"),
        ("a<1 and (tag:x or b<1", 8, "not closed", ")"),
        ("a<1) b", 3, "closes nothing", "quotes"),
        ("a<1 or", 6, "missing before the end", ""),
        ("a<1 or and b", 7, "missing before 'and'", '"and"'),
        ("ended<yesterdy", 6, "no date", "yesterday"),
        ("created>7d", 8, "no date", "-7d"),
        ("duration>soon", 9, "no duration", "10m"),
        ("archived:yep", 9, "yes, no or any", "yes"),
        ("loss is nonne", 8, "not none", "none"),
        ("model in (a, b", 9, "not closed", "in ("),
        ("model in ()", 10, "empty", "in ("),
        ("a<1 <2", 4, "a name is missing", ""),
        ("lr <", 4, "needs a value", "lr<0.5"),
        ("(" * 100 + "a", 60, "too deep", ""),
    ],
)
def test_errors_know_the_place_and_the_way_out(text: str, at: int, message: str, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_filter(text)
    assert caught.value.at == at
    assert message in caught.value.message
    assert hint in caught.value.hint
    above, below = caught.value.detail.split("\n")
    assert below.endswith("^")
    assert above[len(below) - 1 :][:1] == text[at : at + 1] or at >= len(text)


WORD = st.text(max_size=8) | st.sampled_from(["and", "OR", "not", "in", "is", "none", "a b", "-x", "(", "&", "|", '"'])
NAME = st.text(min_size=1, max_size=8) | st.sampled_from(["and", "not", "in", "val loss", "a.min", "-x", "is"])
LEAF: st.SearchStrategy[Node] = st.one_of(
    st.builds(Condition, NAME,  # of no field, whose values are checked
              st.sampled_from(["=", "!=", ":"]), WORD),
    st.builds(Condition, NAME, st.sampled_from(["<", ">=", "=", "~", "!~"]), st.sampled_from(["1", "-0.5", "1e5"])),
    st.builds(Condition, NAME, st.just("~"), WORD.filter(bool)),
    st.builds(Condition, st.just(""), st.just(":"), WORD),
    st.builds(Among, NAME, st.lists(st.sampled_from(["a", "1", "a b", "(", ","]), min_size=1).map(tuple),
              st.booleans()),
    st.builds(Missing, NAME, st.booleans()),
)  # fmt: skip


def _several(kind: type[All] | type[Any], inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.builds(
        kind, st.lists(inner.filter(lambda node: not isinstance(node, kind)), min_size=2, max_size=3).map(tuple)
    )


TREE = st.recursive(
    LEAF, lambda inner: st.one_of(st.builds(Not, inner), _several(All, inner), _several(Any, inner)), max_leaves=6
)
TREES = st.lists(TREE.filter(lambda node: not isinstance(node, All)), max_size=3).map(tuple)


@given(TREES)
def test_a_tree_survives_being_written(nodes: tuple[Node, ...]) -> None:
    assert parse_filter(write_filter(nodes)) == nodes


@given(
    st.text()
    | st.lists(st.sampled_from([*"ab<>=!:~()&|-\"'\\, \t1", " and ", " or ", " not ", " in (", " is none"])).map(
        "".join
    )
)
def test_any_text_is_understood_or_refused(text: str) -> None:
    refused: QueryError | None = None
    try:
        nodes = parse_filter(text)
    except QueryError as error:
        refused = error
    if refused is None:
        assert parse_filter(write_filter(nodes)) == nodes
    else:
        assert 0 <= refused.at <= len(text)
        assert refused.detail


def test_names_mean_fields_parameters_metrics_and_statistics() -> None:
    params, metrics = {"lr", "memory", "both"}, {"loss", "both", "a.min"}

    def told(key: str) -> tuple[str, str, str]:
        found = meaning(key, params, metrics)
        return found.kind, found.name, found.source

    assert told("status") == ("field", "status", "last")
    assert told("notes") == ("field", "notes", "last")
    assert told("memory") == ("param", "memory", "last"), "a parameter goes before a newer field"
    assert told("run.memory") == ("field", "memory", "last")
    assert told("loss.min") == ("metric", "loss", "min")
    assert told("loss.best") == ("metric", "loss", "min")
    assert told("metric.both.best") == ("metric", "both", "max")
    assert told("a.min") == ("metric", "a.min", "last"), "a name that is known exactly goes first"
    assert told("a.min.max") == ("metric", "a.min", "max")
    assert told("both") == ("", "both", "last")
    assert told("unknown") == ("", "unknown", "last")
    assert [known(key, params, metrics) for key in ("lr", "loss.max", "lss", "param.loss", "id")] == [
        True, True, False, False, True,
    ]  # fmt: skip
    assert nearest("lss", params, metrics) == "loss"
    assert nearest("los.mim", params, metrics) == "loss.min"
    assert nearest("param.lrr", params, metrics) == "param.lr"
    assert nearest("zzzzzz", params, metrics) == ""


def test_dates_are_whole_days_and_months_in_local_time() -> None:
    now = 1_700_000_000.5
    today, yesterday = period("today", now), period("yesterday", now)
    assert today is not None
    assert yesterday is not None
    assert yesterday.end == today.start <= now < today.end
    november = period("2023-11", now)
    day = period("2023-11-01", now)
    assert november is not None
    assert day is not None
    assert november.start == day.start < day.end <= november.start + 90_000
    ago = period("-1h30m", now)
    assert ago is not None
    assert ago.start == ago.end == now - 5400
    exact = period("2023-11-01T00:00:00+00:00", now)
    assert exact is not None
    assert exact.start == 1698796800.0
    for wrong in ("2023-13", "2023-02-30", "9999-12", "7d", "soon", "nan", "-", "99999999-01-01"):
        assert period(wrong, now) is None, wrong


def test_durations_and_sizes_have_units() -> None:
    assert [seconds(text) for text in ("90", "1h30m", "500ms", "2d", "1x", "m")] == [90, 5400, 0.5, 172800, None, None]
    assert [size(text) for text in ("10", "2GB", "2gib", "1.5k", "3XB")] == [10, 2e9, 2 * 2**30, 1500, None]


def test_orders_and_columns_are_lists_of_names() -> None:
    assert parse_orders("-accuracy, lr") == (Order("accuracy", True), Order("lr", False))
    assert parse_orders('-"a,b".min') == (Order("a,b.min", True),)
    for text in ("-accuracy,lr", 'x,"a,b"'):
        assert parse_orders(write_orders(parse_orders(text))) == parse_orders(text)
    assert split_names('a, "b, c" ,,d') == ["a", "b, c", "d"]
    for wrong in ("", "-", ",", '"a'):
        with pytest.raises(UsageError):
            parse_orders(wrong)


def test_a_query_tells_whether_it_is_about_archived_runs() -> None:
    assert RunQuery(parse_filter("a<1 or not (b:c and archived:yes)")).asks_archived
    assert not RunQuery(parse_filter("a<1 archived")).asks_archived
