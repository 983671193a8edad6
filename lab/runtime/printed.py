"""Metrics in what a script prints, by patterns that would rather miss one than take what is none.

Read are JSON lines, printed dicts, and text such as `Epoch 3/10 - loss: 0.25 - acc: 0.91` or `step 40 loss=0.3`. In
text a number is a metric when its name says so (loss, accuracy, auc, …); any other name is taken beside such a one or
beside a step, or where nothing but pairs of name and number stands on the line. Times, sizes, versions, addresses,
counts, seeds and the run's own parameters are none. Standard library only.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from lab.runtime.metric_names import fractional, is_given, is_metric, is_never, is_step, name_of, words_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LINE_MAX = 16_384  # characters; a longer line is data
_PAIRS_MAX = 200

#: Names in JSON that tell of a line of a log and not of a training.
_LOGGED = frozenset(("level", "levelname", "msg", "message", "logger", "severity", "event"))
_STEPS = ("global_step", "step", "iteration", "iter", "batch", "epoch")

_NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|(?:nan|inf(?:inity)?)\b)"
_UNITS = (
    r"[kmgt]i?b|bytes?|ms|us|ns|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|days?|it/s|s/it|samples?|rows?|files?|images?|"
    r"tokens?"
)
#: What may stand behind a number: no unit, no second part of a version, time, date, path or fraction.
_END = rf"(?![\w:/@\\])(?!-\w)(?!\.[\w])(?!,\d{{3}}\b)(?!\s*(?:{_UNITS})\b)"
_NAME = re.compile(r"[A-Za-z_][\w@%./-]*(?:['’]s)?")
_VALUE = re.compile(rf"(?P<sign>[:=])(?P<space>[ \t]*)(?P<value>{_NUMBER})(?P<ratio>/\d+)?%?{_END}", re.IGNORECASE)
_NAME_ROOM = 80  # characters before a sign in which its name is looked for
_NAME_WORDS = 5
#: `loss 0.25`, only beside a step and only for names that say that they are metrics.
_BARE = re.compile(rf"[ \t](?P<value>[-+]?\d+\.\d+(?:[eE][-+]?\d+)?)%?{_END}")
_MARKS = ("step", "iter", "epoch", "round", "batch")
_MARK = re.compile(
    r"\b(?P<kind>global[_ ]step|step|iteration|iter|epoch|round|batch)\b(?:[ \t]*[:=#]?[ \t]*)\[?(?P<at>\d+)(?![\w.])"
    r"(?:[ \t]*/[ \t]*(?P<of>\d+))?",
    re.IGNORECASE,
)
_BRACKET = re.compile(
    r"^\s*\[(?:\s*(?P<epoch>\d+)\s*,)?\s*(?P<at>\d+)\s*\]"
)  # [12] of boosters, [2, 2000] of a tutorial
_ROUND = re.compile(r"^(?P<at>\d+):\s")  # of CatBoost
_BAR = re.compile(
    r"(?<![\w./:-])(?P<at>\d+)/(?P<of>\d+)(?=\s*(?:\[|━|-\s|\(\d+%\)\]))"
)  # tqdm, Keras, [640/60000 (1%)]
_HEADER = re.compile(r"^\s*epoch[ :#]*\[?(?P<at>\d+)(?:\s*/\s*\d+)?\]?\s*[:.]?\s*$", re.IGNORECASE)
_NOISE = re.compile(r"^\s*(?:\[LightGBM\]|\[Parallel\(|\[I \d{4}|WARNING\b|Traceback |\s*File \")")
_CALL = re.compile(r"\b[A-Za-z_][\w.]*\([^()]*\)")
_WRAPPED = re.compile(r"\b(?:np\.|numpy\.|torch\.)?(?:float(?:16|32|64)?|int(?:8|16|32|64)?|tensor)\(([^(),]+)[^()]*\)")
_PAREN = re.compile(r"\([^()]*\)")
_ITEM = re.compile(
    rf"""['"](?P<name>[^'"]{{1,120}})['"]\s*:\s*['"]?(?P<value>{_NUMBER})['"]?\s*(?=[,}}])""", re.IGNORECASE
)
_DICT = re.compile(r"\{[^{}]*\}")
_WORDS = re.compile(r"[A-Za-z0-9@]+")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_WORTH = re.compile(r"\d|[nN][aA][nN]|[iI][nN][fF]")
_LAST = re.compile(r"[,;:|\[({]([A-Za-z_][\w@%.-]*)$")

Found = tuple["float | None", dict[str, float]]


class Patterns:
    """Finds metrics in lines, one line after another.

    `patterns` are regular expressions to use in place of the built-in ones: a named group is a metric of its name,
    `step` the step, and the groups `key` and `value` together a metric with the name that was printed. `ignore` are
    names never to take; `given` are the run's parameters, whose repetition is no metric.
    """

    def __init__(
        self, patterns: Sequence[str] = (), ignore: Sequence[str] = (), given: Mapping[str, object] | None = None
    ) -> None:
        self._own = [re.compile(pattern) for pattern in patterns]
        self._ignore = frozenset(ignore)
        self._given = {_plain_name(name): value for name, value in (given or {}).items()}
        self._epoch: float | None = None  # of a header that stands above the lines it tells of
        self._base = self._last = 0.0  # of a counter that begins anew
        self._before: Found = (None, {})

    def state(self) -> list[float | None]:
        """What earlier lines said that later ones depend on."""
        return [self._epoch, self._base, self._last]

    def restore(self, state: Sequence[float | None]) -> None:
        """Go on from what `state` gave. Raises TypeError or ValueError for anything else."""
        epoch, base, last = state
        self._epoch = None if epoch is None else float(epoch)
        self._base, self._last = float(base or 0.0), float(last or 0.0)

    def find(self, line: str) -> Found:
        """(step or None, values by name); no values where the line has none."""
        if len(line) > LINE_MAX or not _WORTH.search(line):
            return None, {}
        if "\x1b" in line:
            line = _COLOUR.sub("", line)
        step, values = self._custom(line) if self._own else self._known(line)
        if self._ignore:
            values = {name: value for name, value in values.items() if name not in self._ignore}
        if values and step is not None and (step, values) == self._before:
            return None, {}  # a bar that was drawn once more
        self._before = (step, values)
        return step, values

    def _custom(self, line: str) -> Found:
        step: float | None = None
        values: dict[str, float] = {}
        for pattern in self._own:
            for match in pattern.finditer(line):
                named = {name: text for name, text in match.groupdict().items() if text is not None}
                at = _float(named.pop("step", ""))
                step = step if at is None else at
                if "key" in named and "value" in named:
                    named[named.pop("key")] = named.pop("value")
                for name, text in named.items():
                    value = _float(text)
                    if value is not None and len(values) < _PAIRS_MAX:
                        values[name] = value
        return step, values

    def _known(self, line: str) -> Found:
        begin = line.find("{")
        if begin >= 0:
            found = self._json(line) if begin == 0 or not line[:begin].strip() else None
            found = found or self._dict(line)
            if found is not None:
                return found
        if _NOISE.match(line):
            return None, {}
        header = _HEADER.match(line) if "poch" in line or "POCH" in line else None
        if header:
            self._epoch = float(header["at"])
            return None, {}
        return self._text(line)

    # -- documents ----------------------------------------------------------------------------------------------------

    def _json(self, line: str) -> Found | None:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict):
            return None
        logged = not _LOGGED.isdisjoint(value)
        step: float | None = None
        values: dict[str, float] = {}
        for name in _STEPS:
            if _is_number(value.get(name)):
                step = float(value.pop(name))
                break
        for name, number in _numbers(value, "", 0):
            words = words_of(name)
            if not is_never(words) and (not logged or is_metric(words)) and len(values) < _PAIRS_MAX:
                values[name] = number
        return step, values

    def _dict(self, line: str) -> Found | None:
        """`{'loss': 0.25, 'epoch': 1.5}`, as Python prints a dict; epochs are fractions there, so they are no steps."""
        match = _DICT.search(_WRAPPED.sub(r"\1", line))
        if match is None:
            return None
        items = {
            item["name"]: float(item["value"])
            for item in _ITEM.finditer(match[0])
            if fractional(item["value"]) or is_metric(words_of(item["name"])) or item["name"] in _STEPS
        }
        if not any(is_metric(words_of(name)) for name in items):
            return None, {}
        step = next((items.pop(name) for name in _STEPS[:-1] if name in items), None)
        return step, {name: value for name, value in items.items() if not is_never(words_of(name))}

    # -- text ---------------------------------------------------------------------------------------------------------

    def _text(self, line: str) -> Found:
        line = line.replace("\t", " | ")
        if "(" in line:
            line = _CALL.sub(" ", _WRAPPED.sub(r"\1", line))
        values, others, refused, rest = self._pairs(line)
        low = line.lower()
        tells = any(mark in low for mark in _MARKS)
        if not values and not others and not tells:
            return None, {}
        step, marked, passing = self._step(line, tells)
        if passing:
            return None, {}
        if marked and not values:
            values.update(_bare(line))
        # Beside a metric or a step any name is believed, and so it is where nothing else stands on the line.
        if values or marked or (not refused and not _WORDS.search(rest) and not any(map(is_given, others))):
            for name, value in others.items():
                if not is_given(name):
                    values.setdefault(name, value)
        if not marked and all(map(is_given, values)):
            return None, {}  # a learning rate alone is what the run was given
        return (step if step is not None else self._epoch), values

    def _pairs(self, line: str) -> tuple[dict[str, float], dict[str, float], bool, str]:
        """(what says itself that it is a metric, fractions of any other name, whether there is more that is none, the
        line without its pairs)."""
        values: dict[str, float] = {}
        others: dict[str, float] = {}
        refused = False
        rest, end = "", 0
        remarks = [match.span() for match in _PAREN.finditer(line)] if "(" in line else []
        for match in islice(_VALUE.finditer(line), _PAIRS_MAX):
            begin, phrase = _phrase(line, end, match.start())
            if not phrase or not (match["space"] or match["sign"] == "=" or fractional(match["value"])):
                continue  # no name, or `cuda:0`
            name, words, known = name_of(phrase, exact=match["sign"] == "=" and line[match.start() - 1] > " ")
            rest += line[end:begin]
            end = match.end()
            text, ratio = match["value"], match["ratio"]
            value = float(text)
            if ratio:  # 95/100 right answers; anything else in that form is a place in a list
                known = known and "acc" in name and float(ratio[1:]) > 0
                value /= float(ratio[1:]) or 1.0
            if is_step(words):
                continue
            never = is_never(words) or self._is_given(name, value)
            if known and not never:
                values.setdefault(name, value)
            elif never or ratio or not fractional(text) or any(one < begin < two for one, two in remarks):
                refused = True
            else:
                others.setdefault(name, value)
        return values, others, refused, rest + line[end:]

    def _is_given(self, name: str, value: float) -> bool:
        given = self._given.get(_plain_name(name))
        return isinstance(given, int | float) and float(given) == value

    def _step(self, line: str, tells: bool) -> tuple[float | None, bool, bool]:
        """(step, whether the line tells of one, whether it is only on the way to one that will be told again)."""
        bar = _BAR.search(line) if "/" in line else None
        if bar:
            at = float(bar["at"])
            if self._epoch is not None and "%" not in line:  # of Keras: running means until the last
                return self._epoch, True, at < float(bar["of"])
            return self._count(at), True, False
        bracket = _BRACKET.match(line) or _ROUND.match(line)
        if bracket:
            epoch = bracket.groupdict().get("epoch")
            at = float(bracket["at"])
            return (at if epoch is None else self._count(at)), True, False
        found: dict[str, float] = {}
        for mark in _MARK.finditer(line) if tells else ():
            kind = mark["kind"].lower().replace(" ", "_")
            kind = "step" if kind in ("iter", "iteration", "batch", "global_step", "round") else kind
            found.setdefault(kind, float(mark["at"]))
        if "step" in found:
            # `Epoch 2, step 100` begins anew with each epoch, unless its steps go on.
            return (self._count(found["step"]) if "epoch" in found else found["step"]), True, False
        if "epoch" in found:
            return found["epoch"], True, False
        return None, False, False

    def _count(self, at: float) -> float:
        """A counter that falls has begun anew: it goes on from where it was."""
        if at < self._last:
            self._base += self._last
        self._last = at
        return self._base + at


def _phrase(line: str, begin: int, end: int) -> tuple[int, list[str]]:
    """Up to five words that end at `end` and may be a name, and where they begin."""
    room = line[max(begin, end - _NAME_ROOM) : end].rstrip()
    pieces = room.split(" ")
    words: list[str] = []
    for piece in reversed(pieces[-_NAME_WORDS:]):
        match = _NAME.fullmatch(piece)
        if match:
            words.insert(0, piece)
            continue
        # `key=0.5,loss` and `module:loss` end in a name all the same; a path or an address does not.
        last = _LAST.search(piece)
        if last:
            words.insert(0, last[1])
        break
    return end - len(" ".join(words)) - (end - begin - len(line[begin:end].rstrip())), words


def _bare(line: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for match in islice(_BARE.finditer(line), _PAIRS_MAX):
        _, phrase = _phrase(line, 0, match.start())
        name, words, known = name_of(phrase, exact=False) if phrase else ("", (), False)
        if known and not is_never(words):
            found.setdefault(name, float(match["value"]))
    return found


def _plain_name(name: str) -> str:
    return name.lower().replace("-", "_")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(value: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, float]]:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if _is_number(item):
            try:
                yield name, float(item)
            except OverflowError:
                yield name, math.inf if item > 0 else -math.inf
        elif isinstance(item, dict) and depth < 3:
            yield from _numbers(item, f"{name}/", depth + 1)
        elif item in ("NaN", "Infinity", "-Infinity"):
            yield name, float(item)


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
