"""A filter's tree as SQL over `run_table`. Whatever a user wrote goes into parameters, never into the SQL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field

from lab.catalog.driver import duckdb
from lab.catalog.reader import Reader
from lab.dataclass import dataclass
from lab.domain.groups import SPREADS
from lab.domain.query import Order, RunQuery
from lab.domain.query_names import Meaning, meaning
from lab.domain.query_tree import ORDERED, PATTERNS, All, Among, Any, Condition, Leaf, Missing, Node, Not, number
from lab.domain.query_values import FIELD_KINDS, Kind, flag, period, seconds, size
from lab.domain.runs import RunStatus
from lab.domain.seeds import is_seed
from lab.errors import UsageError

_KEYS = "SELECT kind, key FROM run_keys ORDER BY key"
_CHECK_PATTERN = "SELECT regexp_matches('', $1)"

# What may be asked of a run; $key is the slot of a parameter's or metric's name, $path of a statistic's place.
_PARAM_TEXT = "param_values[list_position(param_keys, $key)]"
_PARAM_NUMBER = "param_numbers[list_position(param_keys, $key)]"
_METRIC = "metric_lasts[list_position(metric_keys, $key)]"
_STATISTIC = "TRY_CAST(json_extract_string(metrics, $path) AS DOUBLE)"
_TAGS = "from_json(tags, '[\"VARCHAR\"]')"
_PLAIN = """
    (contains(lower(name), $key) OR starts_with(id, $key) OR contains(lower(entry), $key)
    OR contains(lower(coalesce(notes, '')), $key) OR contains(lower(project), $key))
"""
#: Fields that hold "" or nothing where nobody gave them a value.
_MAY_BE_EMPTY = frozenset({"notes", "cause", "image", "code", "sweep", "engine", "badge", "reproduces", "guards"})
#: States that a run ends in.
ENDINGS = frozenset(status.value for status in RunStatus if not status.active)


def keys(catalog: Reader) -> tuple[list[str], list[str]]:
    """Names of all parameters, and of all metrics, that any run has."""
    rows = catalog.rows(_KEYS)
    params = [row["key"] for row in rows if row["kind"] == "param"]
    return params, [row["key"] for row in rows if row["kind"] == "metric"]


@dataclass
class Compiler:
    """Makes SQL of filters, orders and columns; `parameters` is what goes with it.

    `now` (seconds since the epoch) is what relative dates count from.
    """

    catalog: Reader
    now: float
    parameters: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        params, metrics = keys(self.catalog)
        self._params, self._metrics = frozenset(params), frozenset(metrics)
        #: Parameters that only seed.
        self.seeds = [name for name in params if is_seed(name)]

    # -- what is asked for --------------------------------------------------------------------------

    def where(self, query: RunQuery) -> str:
        """Whether a run fits `query`. Raises UsageError for a comparison that makes no sense."""
        tests = [self._node(node) for node in query.conditions]
        if not query.asks_archived:
            tests.append("NOT archived")
        return " AND ".join(tests)

    def order(self, orders: Sequence[Order]) -> list[tuple[str, str]]:
        """What to sort by, each with its way; what is equal in all of it is still to be put in some order."""
        return [pair for item in orders for pair in self._sorted(item.key, item.descending)]

    def text(self, key: str) -> str:
        """A field, parameter or metric as a column of text."""
        what = self.meaning(key)
        if what.kind == "field":
            if FIELD_KINDS[what.name] in (Kind.TAGS, Kind.DATA):
                return {Kind.TAGS: "tags", Kind.DATA: "datasets"}[FIELD_KINDS[what.name]] + "::VARCHAR"
            return what.name + "::VARCHAR"
        if what.kind:
            return self._written(what, what.kind)
        return f"coalesce({self._written(what, 'param')}, {self._written(what, 'metric')})"

    def value(self, key: str) -> str:
        """A statistic, a parameter's number, or a field, as a number."""
        what = self.meaning(key)
        if what.kind == "field":
            return f"TRY_CAST({what.name} AS DOUBLE)"
        return self._either(what)

    def spread(self, key: str) -> tuple[str, str]:
        """A metric's last value, and which statistic of it over several runs `key` asks for: `loss` means the mean."""
        name = key.removeprefix("metric.")
        base, _, statistic = name.rpartition(".")
        if name in self._metrics or statistic not in SPREADS:
            base, statistic = name, "mean"
        return _METRIC.replace("$key", self.slot(base)), statistic

    def meaning(self, key: str) -> Meaning:
        return meaning(key, self._params, self._metrics)

    # -- slots --------------------------------------------------------------------------------------

    def slot(self, value: object) -> str:
        """A value's place in the SQL. Call it only for what is used: DuckDB refuses a parameter that is not."""
        for name, known in self.parameters.items():
            if known is value:
                return "$" + name
        name = f"v{len(self.parameters)}"
        self.parameters[name] = value
        return "$" + name

    def _param_text(self, what: Meaning) -> str:
        return _PARAM_TEXT.replace("$key", self.slot(what.name))

    def _number(self, what: Meaning, kind: str) -> str:
        if kind == "param":
            return _PARAM_NUMBER.replace("$key", self.slot(what.name))
        if what.source == "last":
            return _METRIC.replace("$key", self.slot(what.name))
        name = what.name.replace("~", "~0").replace("/", "~1")
        return _STATISTIC.replace("$path", self.slot(f"/{name}/{what.source}"))

    def _written(self, what: Meaning, kind: str) -> str:
        return self._param_text(what) if kind == "param" else self._number(what, kind) + "::VARCHAR"

    def _either(self, what: Meaning) -> str:
        if what.kind:
            return self._number(what, what.kind)
        return f"coalesce({self._number(what, 'param')}, {self._number(what, 'metric')})"

    # -- order --------------------------------------------------------------------------------------

    def _sorted(self, key: str, descending: bool) -> list[tuple[str, str]]:
        what, way = self.meaning(key), "DESC NULLS LAST" if descending else "ASC NULLS LAST"
        if what.kind == "field":
            if FIELD_KINDS[what.name] in (Kind.TAGS, Kind.DATA):
                raise UsageError(f"runs cannot be sorted by {what.name}", "sort by a field, parameter or metric")
            return [(what.name, way)]
        number = self._either(what)
        # Numbers first, by value, and after them words, by text.
        words = [] if what.kind == "metric" else [(self._param_text(what), way)]
        return [(f"CASE WHEN isnan({number}) THEN NULL ELSE {number} END", way), *words]

    # -- conditions ---------------------------------------------------------------------------------

    def _node(self, node: Node) -> str:
        match node:
            case All(nodes):
                return "(" + " AND ".join(self._node(item) for item in nodes) + ")"
            case Any(nodes):
                return "(" + " OR ".join(self._node(item) for item in nodes) + ")"
            case Not(inner):
                # What is not known does not fit `inner`, so it fits this.
                return f"NOT coalesce({self._node(inner)}, false)"
            case Among():
                return self._node(node.plain)
            case _:
                return self._leaf(node)

    def _leaf(self, leaf: Leaf) -> str:
        if isinstance(leaf, Condition):
            if not leaf.key:
                return _PLAIN.replace("$key", self.slot(leaf.value.lower()))
            if leaf.op in PATTERNS:
                self._check_pattern(leaf.value)
        what = self.meaning(leaf.key)
        if what.kind == "field":
            return self._field(leaf, what.name)
        if isinstance(leaf, Missing):
            missing = [self._param_text(what) + " IS NULL"] if what.kind != "metric" else []
            missing += [self._number(what, "metric") + " IS NULL"] if what.kind != "param" else []
            return ("NOT " if leaf.negated else "") + f"({' AND '.join(missing)})"
        assert isinstance(leaf, Condition)
        tests = []
        if what.kind != "metric":
            tests.append(self._test(leaf, what, "param"))
        if what.kind != "param":
            tests.append(self._test(leaf, what, "metric"))
        return "(" + " OR ".join(tests) + ")"

    def _check_pattern(self, pattern: str) -> None:
        """Raises UsageError for a regular expression that DuckDB does not know."""
        try:
            self.catalog.rows(_CHECK_PATTERN, [pattern])
        except duckdb.InvalidInputException as error:
            reason = str(error).partition("Error: ")[2].split("\n")[0]
            hint = "the syntax is that of RE2: no look-around, no back-references"
            raise UsageError(f"{pattern!r} is no regular expression: {reason}", hint) from error

    def _test(self, leaf: Condition, what: Meaning, kind: str) -> str:
        """A condition on a parameter or a metric."""
        if leaf.op == ":":
            return f"contains(lower({self._written(what, kind)}), {self.slot(leaf.value.lower())})"
        if leaf.op in PATTERNS:
            return self._match(leaf, self._written(what, kind))
        wanted = leaf.number if leaf.op not in ORDERED or leaf.number is not None else size(leaf.value)
        if wanted is not None:
            return self._compare(self._number(what, kind), leaf.op, wanted)
        if leaf.op in ORDERED:
            raise UsageError(f"{leaf.value!r} is not a number", "compare with a number")
        return f"{self._written(what, kind)} {leaf.op} {self.slot(leaf.value)}"

    def _compare(self, number: str, op: str, wanted: float) -> str:
        """DuckDB holds NaN to be greater than any number; for people it is none. `number` is costly: once is best."""
        if op in ("=", "!=") or (op in ("<", "<=") and not math.isnan(wanted)):
            return f"{number} {op} {self.slot(wanted)}"
        if op in (">", ">=") and math.isfinite(wanted):
            least = wanted if op == ">=" else math.nextafter(wanted, math.inf)
            return f"{number} BETWEEN {self.slot(least)} AND 'Infinity'::DOUBLE"
        return f"({number} {op} {self.slot(wanted)} AND NOT isnan({number}))"

    def _match(self, leaf: Condition, text: str) -> str:
        matches = f"regexp_matches({text}, {self.slot(leaf.value)}, 'i')"
        return f"NOT {matches}" if leaf.op == "!~" else matches

    # -- a run's own fields -------------------------------------------------------------------------

    def _field(self, leaf: Leaf, name: str) -> str:
        kind = FIELD_KINDS[name]
        if isinstance(leaf, Missing):
            return ("NOT " if leaf.negated else "") + self._none(name, kind)
        assert isinstance(leaf, Condition)
        if kind is Kind.TAGS:
            return self._tags(leaf)
        if kind is Kind.DATA:
            return self._data(leaf)
        if kind is Kind.FLAG:
            return self._flag(leaf, name)
        if name == "status" and leaf.op in (":", "="):
            return self._status(leaf.op, leaf.value.lower())
        if kind is Kind.DATE:
            return self._date(leaf, name)
        return self._plain(leaf, f"coalesce({name}, '')" if name in _MAY_BE_EMPTY else name, kind)

    def _status(self, op: str, wanted: str) -> str:
        """Most often the table's own column tells, so that other columns are read of few runs."""
        meant = [
            status.value for status in RunStatus if (wanted in status.value if op == ":" else wanted == status.value)
        ]
        ended = ", ".join(self.slot(name) for name in meant if name in ENDINGS)
        open_ = ", ".join(self.slot(name) for name in meant if name not in ENDINGS)
        tests = [f"ending IN ({ended})"] * bool(ended) + [f"(ending IS NULL AND status IN ({open_}))"] * bool(open_)
        return f"({' OR '.join(tests)})" if tests else "false"

    def _none(self, name: str, kind: Kind) -> str:
        if kind is Kind.TAGS:
            return "(coalesce(json_array_length(tags), 0) = 0)"
        if kind is Kind.DATA:
            return "(coalesce(len(json_keys(datasets)), 0) = 0)"
        return f"(coalesce({name}, '') = '')" if kind is Kind.TEXT else f"({name} IS NULL)"

    def _plain(self, leaf: Condition, column: str, kind: Kind) -> str:
        """Text, without regard to upper and lower case, and numbers."""
        if leaf.op in PATTERNS:
            return self._match(leaf, column + "::VARCHAR")
        wanted = {Kind.DURATION: seconds, Kind.SIZE: size}.get(kind, number)(leaf.value)
        if wanted is not None and leaf.op != ":" and (kind is not Kind.TEXT or leaf.op in ORDERED):
            return f"TRY_CAST({column} AS DOUBLE) {leaf.op} {self.slot(wanted)}"
        if leaf.op in ORDERED:
            raise UsageError(f"{leaf.value!r} is not a number", "compare with a number")
        wanted_text = self.slot(leaf.value.lower())
        if leaf.op == ":":
            return f"contains(lower({column}::VARCHAR), {wanted_text})"
        return f"lower({column}::VARCHAR) {leaf.op} {wanted_text}"

    def _date(self, leaf: Condition, column: str) -> str:
        """A day or a month is a whole: later than it is after its end, equal to it is within it."""
        if leaf.op in PATTERNS:
            raise UsageError(f"{column} is a date, not text", f"write {column}>-7d or {column}=2026-11-01")
        found = period(leaf.value, self.now)
        if found is None or (leaf.op == ":" and found.start == found.end):
            return self._plain(leaf, column, Kind.TEXT)
        start, end, exact = found.start, found.end, found.start == found.end
        if leaf.op in ("<", ">="):
            return f"{column} {leaf.op} {self.slot(start)}"
        if leaf.op in (">", "<="):
            op = leaf.op if exact else {">": ">=", "<=": "<"}[leaf.op]
            return f"{column} {op} {self.slot(end)}"
        if exact:
            return f"{column} {'!=' if leaf.op == '!=' else '='} {self.slot(start)}"
        within = f"({column} >= {self.slot(start)} AND {column} < {self.slot(end)})"
        return f"NOT {within}" if leaf.op == "!=" else within

    def _flag(self, leaf: Condition, column: str) -> str:
        try:
            wanted = flag(leaf.value)
        except ValueError as error:
            raise UsageError(f"{column} is yes, no or any, not {leaf.value!r}", f"write {column}:yes") from error
        if wanted is None:
            return "true"
        return column if wanted == (leaf.op != "!=") else f"NOT {column}"

    def _tags(self, leaf: Condition) -> str:
        if leaf.op in PATTERNS:
            found = f"list_filter({_TAGS}, lambda tag: regexp_matches(tag, {self.slot(leaf.value)}, 'i'))"
            has = f"coalesce(len({found}) > 0, false)"
            return f"NOT {has}" if leaf.op == "!~" else has
        has = f"coalesce(list_contains({_TAGS}, {self.slot(leaf.value)}), false)"
        return f"NOT {has}" if leaf.op == "!=" else has

    def _data(self, leaf: Condition) -> str:
        """`sales` in any version, `sales@v3` in that one."""
        if leaf.op not in (":", "=", "!="):
            raise UsageError(f"a dataset is not compared by {leaf.op}", "write data:sales or data:sales@v3")
        name, _, version = leaf.value.partition("@")
        path = "/" + name.replace("~", "~0").replace("/", "~1") + "/version"
        got = f"json_extract_string(datasets, {self.slot(path)})"
        has = f"coalesce({got} = {self.slot(version)}, false)" if version else f"({got} IS NOT NULL)"
        return f"NOT {has}" if leaf.op == "!=" else has
