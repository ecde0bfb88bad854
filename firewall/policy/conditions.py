"""Conditions compiled to closures, once at load: what `When.holds` says, without walking the tree each time."""

import operator
from collections.abc import Callable, Mapping
from typing import assert_never

from firewall.core.action import Attribute
from firewall.policy.when import Compare, Every, Literal, Name, Node, Not, Op, Some, When

Test = Callable[[Mapping[str, Attribute]], bool | None]
"""Over an action's attributes; None where it cannot be told. Never raises."""
_Term = Callable[[Mapping[str, Attribute]], Attribute | None]
_NUMBERS: Mapping[Op, Callable[[int, int], bool]] = {
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}


def compiled(condition: When) -> Test:
    """Return the same condition as one call."""
    return _test(condition.node)


def _test(node: Node) -> Test:
    match node:
        case Literal() | Name():
            return _flag(_term(node))
        case Compare():
            return _comparison(node.op, _term(node.left), _term(node.right))
        case Not(inner):
            return _negation(_test(inner))
        case Every(parts):
            return _joined([_test(part) for part in parts], decided_by=False)
        case Some(parts):
            return _joined([_test(part) for part in parts], decided_by=True)
        case _:
            assert_never(node)


def _term(node: Node) -> _Term:
    match node:
        case Literal(value):
            return lambda _values: value
        case Name(name):
            return lambda values: values.get(name)
        case _:
            return _test(node)


def _flag(term: _Term) -> Test:
    def told(values: Mapping[str, Attribute]) -> bool | None:
        found = term(values)
        return found if isinstance(found, bool) else None

    return told


def _negation(inner: Test) -> Test:
    def told(values: Mapping[str, Attribute]) -> bool | None:
        found = inner(values)
        return None if found is None else not found

    return told


def _comparison(op: Op, left: _Term, right: _Term) -> Test:
    order = _NUMBERS.get(op)
    wanted = op is Op.EQ

    def told(values: Mapping[str, Attribute]) -> bool | None:
        one, other = left(values), right(values)
        if one is None or type(one) is not type(other):
            return None
        if order is None:
            return (one == other) is wanted
        return order(one, other) if type(one) is int and type(other) is int else None

    return told


def _joined(parts: list[Test], *, decided_by: bool) -> Test:
    def told(values: Mapping[str, Attribute]) -> bool | None:
        open_ = False
        for part in parts:
            found = part(values)
            if found is decided_by:
                return decided_by
            open_ = open_ or found is None
        return None if open_ else not decided_by

    return told
