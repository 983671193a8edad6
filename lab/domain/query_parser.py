"""From the text of a filter to its tree.

    filter    = or-part
    or-part   = and-part { ("or" | "|") and-part }
    and-part  = part { ["and" | "&"] part }
    part      = ("not" | "-") part | "(" or-part ")" | condition
    condition = NAME op VALUE | NAME ["not"] "in" "(" VALUE { "," VALUE } ")" | NAME "is" ["not"] "none" | TEXT

Words are separated by blanks. Quotes, single or double, keep blanks and signs; a word that begins with one and is no
name before an operator is text. Inside a word parentheses belong to it as long as they come in pairs.
"""

from __future__ import annotations

import difflib

from lab.dataclass import dataclass
from lab.domain.query_tree import (
    KEYWORDS,
    OPERATORS,
    ORDERED,
    PATTERNS,
    All,
    Among,
    Any,
    Condition,
    Missing,
    Node,
    Not,
    QueryError,
)
from lab.domain.query_values import check_value

#: Parentheses and negations may be nested this deep.
_DEEPEST = 60
_JOINS = {"&": "and", "&&": "and", "|": "or", "||": "or"}
_NONE = ("none", "null")


@dataclass(frozen=True)
class _Token:
    """`kind`: `(`, `)`, `and`, `or`, `not`, `-`, `condition`, `op`, `text` (may be a name), `quoted`, `end`."""

    kind: str
    at: int
    text: str = ""
    op: str = ""
    value: str = ""
    value_at: int = -1
    open: bool = False  # a condition that ends with its operator

    @property
    def word(self) -> str:
        """A keyword; "" for what is no bare word."""
        return self.text.lower() if self.kind == "text" else ""


def parse_filter(text: str) -> tuple[Node, ...]:
    """What must all hold according to `text`. Raises QueryError, which knows the place."""
    parser = _Parser(text)
    if parser.token.kind == "end":
        return ()
    node = parser.either()
    parser.expect_end()
    return node.nodes if isinstance(node, All) else (node,)


class _Scanner:
    """Cuts the text into tokens."""

    def __init__(self, text: str) -> None:
        self.source = text
        self.at = 0

    def fail(self, message: str, hint: str, at: int) -> QueryError:
        return QueryError(message, hint, self.source, at)

    def next(self) -> _Token:
        source = self.source
        while self.at < len(source) and source[self.at].isspace():
            self.at += 1
        start = self.at
        if start == len(source):
            return _Token("end", start)
        if source[start] in "()":
            self.at += 1
            return _Token(source[start], start)
        for sign, word in sorted(_JOINS.items(), reverse=True):
            after = source[start + len(sign) : start + len(sign) + 1]
            if source.startswith(sign, start) and (not after or after.isspace() or after == "("):
                self.at += len(sign)
                return _Token(word, start, sign)
        return self._word(start)

    def _word(self, start: int) -> _Token:
        source = self.source
        op = self._operator(start)
        if op and op != ":" and not (op == "~" and source[start + 1 : start + 2] == "/"):
            self.at = start + len(op)
            return _Token("op", start, op, op)
        if source[start] == "-":
            ahead = _Scanner(source)
            ahead.at = start + 1
            if source[start + 1 : start + 2] == "(" or (
                source[start + 1 : start + 2] not in ("", "-", " ") and ahead._word(start + 1).kind == "condition"
            ):
                self.at = start + 1
                return _Token("-", start)
        begins_quoted = source[start] in "\"'"
        key, op = self._take(key=True)
        if not op:
            if begins_quoted:
                return _Token("quoted", start, key)
            return _Token("text", start, key)
        if not key:
            raise self.fail(f"a name is missing before {op}", f"such as lr{op}0.01", start)
        value_at = self.at = self.at + len(op)
        value, _ = self._take(key=False, raw=op in PATTERNS)
        return _Token("condition", start, key, op, value, value_at, self.at == value_at)

    def _operator(self, at: int) -> str:
        return next((op for op in OPERATORS if self.source.startswith(op, at)), "")

    def _take(self, *, key: bool, ends: str = "", raw: bool = False) -> tuple[str, str]:
        """The word from here on without its quotes and, for a key, the operator that ends it (not consumed).

        `raw` is for regular expressions: a backslash stays, but before a blank or a quote.
        """
        source, depth = self.source, 0
        taken: list[str] = []
        begin = self.at
        while self.at < len(source):
            char = source[self.at]
            if char.isspace() or char in ends or (char == ")" and not depth):
                break
            if key and self.at > begin and (op := self._operator(self.at)):
                return "".join(taken), op
            if char in "\"'":
                taken.append(self._quotes(char))
                continue
            if char == "\\" and self.at + 1 < len(source):
                self.at += 1
                if raw and source[self.at] not in " \"'":
                    char += source[self.at]
                elif source[self.at] in " \"'()\\,&|":
                    char = source[self.at]
                else:
                    self.at -= 1
            elif char == "(":
                if key and source[begin : self.at].lower() in KEYWORDS:
                    break
                depth += 1
            elif char == ")":
                depth -= 1
            taken.append(char)
            self.at += 1
        if depth:
            raise self.fail("a parenthesis is not closed", 'close it, or write "(" in quotes', source.find("(", begin))
        return "".join(taken), ""

    def _quotes(self, mark: str) -> str:
        """What stands between quotes; between double ones a backslash keeps them and itself."""
        start, source, taken = self.at, self.source, []
        self.at += 1
        while self.at < len(source) and source[self.at] != mark:
            if mark == '"' and source[self.at] == "\\" and source[self.at + 1 : self.at + 2] in ('"', "\\"):
                self.at += 1
            taken.append(source[self.at])
            self.at += 1
        if self.at >= len(source):
            raise self.fail("a quote is not closed", "close the quote", start)
        self.at += 1
        return "".join(taken)

    def values(self) -> list[tuple[str, int]]:
        """The values up to and with the closing parenthesis, each with its place."""
        found: list[tuple[str, int]] = []
        start = self.at
        while True:
            while self.source[self.at : self.at + 1].isspace():
                self.at += 1
            sign, at = self.source[self.at : self.at + 1], self.at
            if not sign:
                raise self.fail("the list of values is not closed", "write model in (forest, linear)", start - 1)
            if sign in "),":
                self.at += 1
                if sign == ")":
                    if not found:
                        raise self.fail("the list of values is empty", "write model in (forest, linear)", at)
                    return found
                continue
            found.append((self._take(key=False, ends=",")[0], at))


class _Parser:
    """Recursive descent over one token of foresight."""

    def __init__(self, text: str) -> None:
        self.scanner = _Scanner(text)
        self.token = self.scanner.next()
        self.depth = 0

    def fail(self, message: str, hint: str, at: int) -> QueryError:
        return self.scanner.fail(message, hint, at)

    def advance(self) -> _Token:
        token, self.token = self.token, self.scanner.next()
        return token

    def expect_end(self) -> None:
        if self.token.kind != "end":
            raise self.fail("this parenthesis closes nothing", 'leave it out, or write ")" in quotes', self.token.at)

    def _joined_by(self, word: str) -> bool:
        return self.token.kind == word or self.token.word == word

    def either(self) -> Node:
        nodes = [self.every()]
        while self._joined_by("or"):
            self.advance()
            nodes.append(self.every())
        return nodes[0] if len(nodes) == 1 else Any(_flat(Any, nodes))

    def every(self) -> Node:
        nodes = [self.part()]
        while True:
            if self._joined_by("and"):
                self.advance()
            elif self.token.kind in ("end", ")") or self._joined_by("or"):
                return nodes[0] if len(nodes) == 1 else All(_flat(All, nodes))
            nodes.append(self.part())

    def part(self) -> Node:
        token = self.token
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.fail("the filter is nested too deep", "write it in fewer parentheses", token.at)
        try:
            if token.kind in ("end", ")") or self._joined_by("or") or self._joined_by("and"):
                what = "the end" if token.kind == "end" else repr(token.text or token.kind)
                hint = (
                    f'write "{token.text}" in quotes to look for that word' if token.text else "such as status:failed"
                )
                raise self.fail(f"a condition is missing before {what}", hint, token.at)
            if token.kind == "-" or token.word == "not":
                self.advance()
                return Not(self.part())
            if token.kind == "(":
                self.advance()
                node = self.either()
                if self.token.kind != ")":
                    raise self.fail("this parenthesis is not closed", "add )", token.at)
                self.advance()
                return node
            return self.condition()
        finally:
            self.depth -= 1

    def condition(self) -> Node:
        token = self.token
        if token.kind == "op":
            raise self.fail(f"a name is missing before {token.op}", f"such as lr{token.op}0.01", token.at)
        if token.kind == "condition":
            if token.open and (token.op in ORDERED or token.op in PATTERNS):
                return self._spaced(token.text, token.op, token)
            self.advance()
            return self._checked(token.text, token.op, token.value, token.at, token.value_at)
        return self._after_name(self.advance())

    def _after_name(self, name: _Token) -> Node:
        """A word by itself, or the name of a condition with blanks in it."""
        token = self.token
        if not name.text:
            return Condition("", ":", "", name.at)
        if token.kind == "op":
            return self._spaced(name.text, token.op, name)
        if token.word == "is" and (missing := self._none(name)) is not None:
            return missing
        negated = token.word == "not" and self._ahead(" in", "(")
        if negated or (token.word == "in" and self._ahead("", "(")):
            while self.token.kind != "(":
                # The list is read by signs, not by words: stop behind the parenthesis.
                self.token = self.scanner.next()
            values = self.scanner.values()
            self.token = self.scanner.next()
            for value, at in values:
                self._checked(name.text, "=", value, name.at, at)
            return Among(name.text, tuple(value for value, _ in values), negated, name.at)
        return Condition("", ":", name.text, name.at)

    def _ahead(self, *parts: str) -> bool:
        """Whether `parts` come next, whatever blanks are between them."""
        rest = self.scanner.source[self.scanner.at :].lower()
        for part in parts:
            word = part.strip()
            rest = rest.lstrip()
            if not rest.startswith(word):
                return False
            rest = rest[len(word) :]
        return True

    def _none(self, name: _Token) -> Missing | None:
        """`is none`, `is not none`; None where it is only text. Looks at most two words ahead."""
        mark, token = self.scanner.at, self.token
        second = self.scanner.next()
        negated = second.word == "not"
        last = self.scanner.next() if negated else second
        if last.word in _NONE:
            self.token = self.scanner.next()
            return Missing(name.text, negated, name.at)
        near = difflib.get_close_matches(last.word, _NONE, 1, 0.7) if last.word else []
        if near:
            raise self.fail(f"{last.text!r} is not none", f"did you mean {near[0]}?", last.at)
        self.scanner.at, self.token = mark, token
        return None

    def _spaced(self, key: str, op: str, name: _Token) -> Node:
        """`lr < 0.1`: the value is the next word."""
        self.advance()
        value = self.token
        if value.kind not in ("text", "quoted"):
            raise self.fail(f"{key}{op} needs a value", f"write {key}{op}0.5", value.at)
        self.advance()
        return self._checked(key, op, value.text, name.at, value.at)

    def _checked(self, key: str, op: str, value: str, at: int, value_at: int) -> Condition:
        """The condition, once its value is one that its name and operator can have."""
        trouble = check_value(key, op, value)
        if trouble is not None:
            raise self.fail(trouble[0], trouble[1], value_at)
        return Condition(key, op, value, at)


def _flat(kind: type[All] | type[Any], nodes: list[Node]) -> tuple[Node, ...]:
    """`a and (b and c)` is `a and b and c`."""
    flat: list[Node] = []
    for node in nodes:
        flat += node.nodes if isinstance(node, kind) else (node,)
    return tuple(flat)
