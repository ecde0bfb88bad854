"""The values that an expression can have, where they are known before it runs.

`Values` is every value that it may take (few), or None. With `holes`, what is not known inside a text stands as
`HOLE`, so that the rest of it can still be judged; whoever asks so must add `unknown`.
"""

import re
from collections.abc import Callable, Mapping
from itertools import product

from firewall.classify.code.javascript.bindings import Binding, Names
from firewall.classify.code.javascript.evaluated import HOLE, MAX_VALUES, Values, called
from firewall.classify.code.javascript.methods import Value, as_string
from firewall.classify.code.javascript.syntax import HOLES, Node, Program, string_of, unescape

MAX_TEXT = 128 * 1024
MAX_STEPS = 4000
CHARS_A_STEP = 64
"""Making so much text takes as long as a step."""
MAX_NESTED = 40


class Evaluator:
    """Evaluates the expressions of one program."""

    def __init__(self, program: Program, names: Names, *, holes: bool = False) -> None:
        self.program = program
        self.names = names
        self.holes = holes
        self.missed = False
        """A hole was filled."""
        self._steps = MAX_STEPS
        self._busy: set[int] = set()
        self.given: dict[str, list[Value]] = {}
        """Values that a name has for now: the parameter of a `map` that is gone through."""

    def of(self, node: Node) -> Values:
        """Return the values of an expression; with holes, never None."""
        self._steps -= 1
        self.names.work -= 1
        if min(self._steps, self.names.work) < 0 or id(node) in self._busy or len(self._busy) > MAX_NESTED:
            return self._hole()
        self._busy.add(id(node))
        try:
            reader = _READERS.get(node.kind)
            found = reader(self, node) if reader is not None else None
        finally:
            self._busy.discard(id(node))
        if found is None or len(found) > MAX_VALUES or not found:
            return self._hole()
        self.names.work -= sum(len(value) for value in found if isinstance(value, str | list)) // CHARS_A_STEP
        return found

    def _hole(self) -> Values:
        self.missed = True
        return [HOLE] if self.holes else None

    def each(self, node: Node) -> Values:
        """Return the elements of what is looped over."""
        found = self.of(node)
        if found is None:
            return None
        elements: list[Value] = []
        for value in found:
            if isinstance(value, str):
                if not self.holes:
                    return None
                elements.append(value)
            elif isinstance(value, list):
                elements += value
            else:
                return None
        return _distinct(elements)

    def name(self, node: Node) -> Values:
        """Return the values of a name."""
        if node.text == "undefined":
            return [None]
        if node.text in self.given:
            return list(self.given[node.text])
        bound = self.names.the(node.text)
        if bound is not None and bound.sources is not None:
            return self._handed(bound, node.text)
        if bound is None or bound.value is None or bound.function is not None:
            return None
        found = self.each(bound.value) if bound.each else self.of(bound.value)
        for key in bound.path:
            found = _taken(found, key)
        if (
            found is not None
            and node.text in self.names.changed
            and any(isinstance(v, list | dict) for v in found)
        ):
            return None
        return found

    def _handed(self, bound: Binding, name: str) -> Values:
        """Return what the calls of a function hand to a parameter; where that is nothing, its default."""
        found: list[Value] = []
        for node, is_each in bound.sources or ():
            values: Values = [None] if node is None else self.each(node) if is_each else self.of(node)
            if values is None:
                return None
            found += values
        if None in found and bound.default is not None:
            values = self.of(bound.default)
            if values is None:
                return None
            found += values
        if name in self.names.changed and any(isinstance(value, list | dict) for value in found):
            return None
        return _distinct(found)


def _distinct(values: list[Value]) -> Values:
    found: list[Value] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found if len(found) <= MAX_VALUES else None


def _taken(values: Values, key: str | int) -> Values:
    """Take a key or a place out of each value."""
    if values is None:
        return None
    found: list[Value] = []
    for value in values:
        part = _part(value, key)
        if part is None:
            return None
        found.append(part)
    return _distinct(found)


def _part(value: Value, key: str | int) -> Value:
    if value == HOLE:
        return HOLE
    if isinstance(value, dict):
        return value.get(key) if isinstance(key, str) else None
    if not isinstance(value, list | str):
        return None
    if isinstance(key, int):
        return value[key] if 0 <= key < len(value) else None
    return len(value) if key == "length" else None


def _joined(parts: list[Values]) -> Values:
    """Return all texts that the parts can make."""
    if any(part is None for part in parts):
        return None
    count = 1
    for part in parts:
        count *= len(part or ())
    if count > MAX_VALUES:
        return None
    found: list[Value] = []
    for chosen in product(*(part or () for part in parts)):
        texts = [as_string(value) for value in chosen]
        if None in texts:
            return None
        text = "".join(part for part in texts if part is not None)
        if len(text) > MAX_TEXT:
            return None
        found.append(text)
    return found


def _template(self: Evaluator, node: Node) -> Values:
    parts: list[Values] = []
    for child in node.children:
        if child.kind == "template_substitution":
            parts.append(self.of(child.children[0]) if child.children else None)
        elif child.kind == "escape_sequence":
            parts.append([unescape(child.text)])
        else:
            parts.append([child.text])
    return _joined(parts)


def _number(_self: Evaluator, node: Node) -> Values:
    text = node.text.replace("_", "").rstrip("n")
    try:
        return [int(text, 0) if not re.fullmatch(r"0\d+", text) else int(text, 8)]
    except ValueError:
        try:
            return [float(text)]
        except ValueError:
            return None


def _inner(self: Evaluator, node: Node) -> Values:
    return self.of(node.children[0]) if len(node.children) == 1 else None


def _array(self: Evaluator, node: Node) -> Values:
    choices: list[Values] = []
    if node.sign == HOLES:
        return None
    for child in node.children:
        if child.kind == "spread_element":
            spread = self.of(child.children[0])
            if spread is None or len(spread) != 1 or not isinstance(spread[0], list):
                return None
            choices += [[item] for item in spread[0]]
        else:
            choices.append(self.of(child))
    if any(choice is None for choice in choices):
        return None
    count = 1
    for choice in choices:
        count *= len(choice or ())
    if count > MAX_VALUES:
        return None
    return [list(chosen) for chosen in product(*(choice or () for choice in choices))]


def _object(self: Evaluator, node: Node) -> Values:
    found: list[dict[str, Value]] = [{}]
    for child in node.children:
        pairs = _pairs(self, child)
        if pairs is None:
            return None
        for key, values in pairs:
            if values is None or len(found) * len(values) > MAX_VALUES:
                return None
            found = [{**one, key: value} for one in found for value in values]
    return list(found)


def _pairs(self: Evaluator, child: Node) -> list[tuple[str, Values]] | None:
    if child.kind == "shorthand_property_identifier":
        return [(child.text, self.of(child))]
    if child.kind == "spread_element":
        spread = self.of(child.children[0])
        if spread is None or len(spread) != 1 or not isinstance(spread[0], dict):
            return None
        return [(key, [value]) for key, value in spread[0].items()]
    if child.kind != "pair":
        return None
    key = key_of(self, child.fields["key"])
    return None if key is None or key == "__proto__" else [(key, self.of(child.fields["value"]))]


def key_of(self: Evaluator, node: Node) -> str | None:
    """Return the name of a property where it is known."""
    if node.kind in ("property_identifier", "private_property_identifier"):
        return node.text
    if node.kind == "string":
        return string_of(node)
    values = self.of(node.children[0] if node.kind == "computed_property_name" else node)
    return as_string(values[0]) if values is not None and len(values) == 1 and values[0] != HOLE else None


def _binary(self: Evaluator, node: Node) -> Values:
    left, right = self.of(node.fields["left"]), self.of(node.fields["right"])
    if node.sign in ("||", "??", "&&"):
        both = [*(left or ()), *(right or ())] if left is not None and right is not None else None
        return _distinct(both) if both is not None else None
    if node.sign != "+":
        return None
    if left and right and all(isinstance(v, int | float) and not isinstance(v, bool) for v in (*left, *right)):
        return [a + b for a in left for b in right]  # type: ignore[operator]  # numbers, as just asked
    return _joined([left, right])


def _ternary(self: Evaluator, node: Node) -> Values:
    first, second = self.of(node.fields["consequence"]), self.of(node.fields["alternative"])
    return _distinct([*first, *second]) if first is not None and second is not None else None


def _member(self: Evaluator, node: Node) -> Values:
    return _taken(self.of(node.fields["object"]), node.fields["property"].text)


def _subscript(self: Evaluator, node: Node) -> Values:
    index, owner = self.of(node.fields["index"]), self.of(node.fields["object"])
    if index is None or HOLE in index:
        return _any(owner)
    if len(index) != 1 or isinstance(index[0], list | dict | float | None):
        return None
    return _taken(owner, index[0])


def _any(owners: Values) -> Values:
    """Return what any key or place of lists and objects holds; what else they have is no text."""
    found: list[Value] = []
    for owner in owners or ():
        if not isinstance(owner, list | dict):
            return None
        found += owner if isinstance(owner, list) else owner.values()
    return _distinct(found)


_Reader = Callable[[Evaluator, Node], Values]
_READERS: Mapping[str, _Reader] = {
    "string": lambda _self, node: [string_of(node)],
    "template_string": _template,
    "number": _number,
    "true": lambda _self, _node: [True],
    "false": lambda _self, _node: [False],
    "null": lambda _self, _node: [None],
    "undefined": lambda _self, _node: [None],
    "parenthesized_expression": _inner,
    "await_expression": _inner,
    "array": _array,
    "object": _object,
    "binary_expression": _binary,
    "ternary_expression": _ternary,
    "identifier": lambda self, node: self.name(node),
    "shorthand_property_identifier": lambda self, node: self.name(node),
    "member_expression": _member,
    "subscript_expression": _subscript,
    "call_expression": called,
}
