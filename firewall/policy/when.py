"""The `when` language: a small expression over an action's attributes; it can look, never act.

    either     = both { "or" both }
    both       = unless { "and" unless }
    unless     = "not" unless | comparison
    comparison = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=") operand ]
    operand    = integer | 'text' | "text" | true | false | attribute | "(" either ")"

Three values at run time: an attribute that the action does not carry, or one of another type, makes a
comparison unknown, and unknown spreads as in Kleene's logic. Size and depth are bounded, parsing is linear,
nothing is ever handed to Python's own evaluator.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from firewall.core.action import Attribute

MAX_CHARS = 1000
MAX_TOKENS = 200
MAX_DEPTH = 20

Kind = type[int] | type[str] | type[bool]


class WhenError(ValueError):
    """An expression that is not of this language; the text says where and why."""


class Op(StrEnum):
    """The comparisons."""

    EQ = "=="
    NE = "!="
    LE = "<="
    LT = "<"
    GE = ">="
    GT = ">"


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: Attribute


@dataclass(frozen=True, slots=True)
class Name:
    """An attribute of the action."""

    name: str


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands compared."""

    op: Op
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    inner: "Node"


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One part holds."""

    parts: tuple["Node", ...]


Node = Literal | Name | Compare | Not | Every | Some


@dataclass(frozen=True, slots=True)
class When:
    """A parsed expression."""

    text: str
    node: Node
    names: frozenset[str]
    """The attributes that it asks for; never empty."""

    def holds(self, values: Mapping[str, Attribute]) -> bool | None:
        """Evaluate over an action's attributes; None where it cannot be told. Never raises."""
        value = _value(self.node, values)
        return value if isinstance(value, bool) else None


def parse(text: str, *, known: Mapping[str, Kind]) -> When:
    """Parse an expression over the attributes in `known`.

    Raises: WhenError for anything outside the language, an unknown attribute, operands of different kinds,
    an expression that asks for no attribute (it would be always or never), or one that is too large.
    """
    if len(text) > MAX_CHARS:
        raise WhenError(f"longer than {MAX_CHARS} characters")
    reader = _Reader(_tokens(text), known)
    node = reader.either(0)
    reader.expect_end()
    if reader.kind(node) is not bool:
        raise WhenError("it must be true or false")
    if not reader.names:
        raise WhenError("it asks for no attribute, so it is always or never true")
    return When(text, node, frozenset(reader.names))


_TOKEN = re.compile(
    r"""\s*(?: (?P<int>-?[0-9]{1,18}(?![0-9A-Za-z_]))
             | (?P<word>[A-Za-z_][A-Za-z0-9_]{0,63}(?![A-Za-z0-9_]))
             | '(?P<single>[^'\\\x00-\x1f]*)' | "(?P<double>[^"\\\x00-\x1f]*)"
             | (?P<op>==|!=|<=|<|>=|>|\(|\)) )""",
    re.VERBOSE,
)
_COMPARISONS = frozenset(op.value for op in Op)
_RESERVED = frozenset({"and", "or", "not", "true", "false"})


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise WhenError(f"cannot read `{text[at : at + 20].strip()}`")
        kind = "text" if match.lastgroup in ("single", "double") else match.lastgroup
        found.append((kind, match[match.lastgroup]))
        at = match.end()
        if len(found) > MAX_TOKENS:
            raise WhenError(f"more than {MAX_TOKENS} words and signs")
    return found


class _Reader:
    """Recursive descent over the tokens, bounded in depth."""

    def __init__(self, tokens: list[tuple[str, str]], known: Mapping[str, Kind]) -> None:
        self._tokens = tokens
        self._known = known
        self._at = 0
        self.names: set[str] = set()

    def either(self, depth: int) -> Node:
        parts = [self._both(depth)]
        while self._take("word", "or"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Some(tuple(self._boolean(part) for part in parts))

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise WhenError(f"did not expect `{self._tokens[self._at][1]}` there")

    def kind(self, node: Node) -> Kind:
        match node:
            case Literal(value):
                return type(value)
            case Name(name):
                return self._known[name]
            case _:
                return bool

    def _both(self, depth: int) -> Node:
        parts = [self._unless(depth)]
        while self._take("word", "and"):
            parts.append(self._unless(depth))
        return parts[0] if len(parts) == 1 else Every(tuple(self._boolean(part) for part in parts))

    def _unless(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise WhenError(f"nested deeper than {MAX_DEPTH}")
        if self._take("word", "not"):
            return Not(self._boolean(self._unless(depth + 1)))
        return self._comparison(depth)

    def _comparison(self, depth: int) -> Node:
        left = self._operand(depth)
        if self._at >= len(self._tokens) or self._tokens[self._at][1] not in _COMPARISONS:
            return left
        kind, text = self._tokens[self._at]
        if kind != "op":
            return left
        self._at += 1
        op, right = Op(text), self._operand(depth)
        if self.kind(left) is not self.kind(right):
            raise WhenError(f"`{text}` compares a {_kind_name(self.kind(left))} with another kind")
        if op not in (Op.EQ, Op.NE) and self.kind(left) is not int:
            raise WhenError(f"`{text}` compares numbers only")
        return Compare(op, left, right)

    def _operand(self, depth: int) -> Node:
        if self._at >= len(self._tokens):
            raise WhenError("it ends too early")
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "int":
            return Literal(int(text))
        if kind == "text":
            return Literal(text)
        if kind == "word":
            return self._word(text)
        if text == "(":
            inner = self.either(depth + 1)
            if not self._take("op", ")"):
                raise WhenError("a `(` is not closed")
            return inner
        raise WhenError(f"did not expect `{text}` there")

    def _word(self, text: str) -> Node:
        if text in ("true", "false"):
            return Literal(text == "true")
        if text in _RESERVED:
            raise WhenError(f"did not expect `{text}` there")
        if text not in self._known:
            raise WhenError(f"no attribute is called `{text}`")
        self.names.add(text)
        return Name(text)

    def _boolean(self, node: Node) -> Node:
        if self.kind(node) is not bool:
            raise WhenError("`and`, `or` and `not` join only what is true or false")
        return node

    def _take(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == (kind, text):
            self._at += 1
            return True
        return False


def _kind_name(kind: Kind) -> str:
    return {int: "number", str: "text", bool: "truth"}[kind]


def _value(node: Node, values: Mapping[str, Attribute]) -> Attribute | None:
    match node:
        case Literal(value):
            return value
        case Name(name):
            return values.get(name)
        case Compare():
            return _compare(node.op, _value(node.left, values), _value(node.right, values))
        case Not(inner):
            found = _value(inner, values)
            return not found if isinstance(found, bool) else None
        case Every(parts):
            return _join([_value(part, values) for part in parts], decided_by=False)
        case Some(parts):
            return _join([_value(part, values) for part in parts], decided_by=True)


def _join(found: list[Attribute | None], *, decided_by: bool) -> bool | None:
    if any(value is decided_by for value in found):
        return decided_by
    return (not decided_by) if all(isinstance(value, bool) for value in found) else None


_ORDERS: Mapping[Op, Callable[[int, int], bool]] = {
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}


def _compare(op: Op, left: Attribute | None, right: Attribute | None) -> bool | None:
    if left is None or right is None or type(left) is not type(right):
        return None
    if op in (Op.EQ, Op.NE):
        return (left == right) is (op is Op.EQ)
    if type(left) is not int or type(right) is not int:
        return None
    return _ORDERS[op](left, right)
