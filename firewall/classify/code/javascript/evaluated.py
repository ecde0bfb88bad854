"""What calls give, where that is known before the program runs: methods of values, own short functions."""

from typing import TYPE_CHECKING

from firewall.classify.code.javascript.methods import Value, applied, converted, static
from firewall.classify.code.javascript.syntax import Node

if TYPE_CHECKING:
    from firewall.classify.code.javascript.values import Evaluator

MAX_VALUES = 16
HOLE = "${STAYHAND_HOLE}"
"""Stands for text that is not known: to a shell it is a variable that nobody set."""

Values = list[Value] | None


def called(self: "Evaluator", node: Node) -> Values:
    """Return what a call gives."""
    callee, arguments = node.fields.get("function"), node.fields.get("arguments")
    if callee is None or arguments is None:
        return None
    if arguments.kind == "template_string":
        raw = (
            self.program.text(callee) == "String.raw"
            and "String" not in self.names.bindings
            and not _has_holes(arguments)
        )
        return [self.program.text(arguments)[1:-1]] if raw else None
    if callee.kind == "identifier":
        function = self.names.function(callee.text)
        if function is not None and callee.text not in self.names.assigned:
            return _own(self, function, arguments.children)
        return _global(self, callee.text, arguments.children)
    return _member_call(self, callee, arguments.children) if callee.kind == "member_expression" else None


def _has_holes(template: Node) -> bool:
    return any(child.kind == "template_substitution" for child in template.children)


def _member_call(self: "Evaluator", callee: Node, arguments: list[Node]) -> Values:
    owner, method = callee.fields["object"], callee.fields["property"].text
    if owner.kind == "identifier" and owner.text not in self.names.bindings:
        return _static(self, f"{owner.text}.{method}", arguments)
    if method in ("map", "flatMap") and arguments:
        return _mapped(self, owner, arguments[0])
    return _method(self, owner, method, arguments)


def _mapped(self: "Evaluator", owner: Node, function: Node) -> Values:
    """Evaluate `list.map(x => …)` for each element of one known list."""
    body, parameter = function.fields.get("body"), _parameter(function)
    lists = self.of(owner)
    if body is None or body.kind == "statement_block" or parameter is None or lists is None or len(lists) != 1:
        return None
    elements = lists[0]
    if not isinstance(elements, list) or len(elements) > MAX_VALUES:
        return None
    found: list[Value] = []
    before = self.given.get(parameter)
    try:
        for element in elements:
            self.given[parameter] = [element]
            values = self.of(body)
            if values is None or len(values) != 1:
                return None
            found.append(values[0])
    finally:
        self.given.pop(parameter, None)
        if before is not None:
            self.given[parameter] = before
    return [found]


def _own(self: "Evaluator", function: Node, arguments: list[Node]) -> Values:
    """Evaluate a call of `const f = (a, b) => …` of this program, each of whose arguments has one value."""
    body, names = function.fields.get("body"), _parameters(function)
    given = _singles(self, arguments)
    if (
        body is None
        or body.kind == "statement_block"
        or names is None
        or given is None
        or len(names) != len(given)
    ):
        return None
    before = dict(self.given)
    try:
        self.given.update({name: [value] for name, value in zip(names, given, strict=True)})
        return self.of(body)
    finally:
        self.given = before


def _parameters(function: Node) -> list[str] | None:
    """Return the names of an arrow function's parameters, where they are just names."""
    single, listed = function.fields.get("parameter"), function.fields.get("parameters")
    found = [single] if single is not None else listed.children if listed is not None else []
    is_plain = function.kind == "arrow_function" and all(item.kind == "identifier" for item in found)
    return [item.text for item in found] if is_plain else None


def _parameter(function: Node) -> str | None:
    """Return the name of an arrow function's only parameter."""
    names = _parameters(function)
    return names[0] if names is not None and len(names) == 1 else None


def _method(self: "Evaluator", owner: Node, method: str, arguments: list[Node]) -> Values:
    values, given = self.of(owner), _singles(self, arguments)
    if values is None or given is None:
        return None
    found = [applied(value, method, given) for value in values if value != HOLE]
    return None if len(found) < len(values) or any(item is None for item in found) else found


def _singles(self: "Evaluator", arguments: list[Node]) -> list[Value] | None:
    """Return the arguments where each has one value."""
    given = [self.of(item) for item in arguments]
    if any(item is None or len(item) != 1 for item in given):
        return None
    return [item[0] for item in given if item]


def _global(self: "Evaluator", name: str, arguments: list[Node]) -> Values:
    values = self.of(arguments[0]) if name not in self.names.bindings and len(arguments) == 1 else None
    if values is None:
        return None
    found: list[Value] = [converted(name, value) for value in values]
    return None if any(item is None for item in found) else found


def _static(self: "Evaluator", name: str, arguments: list[Node]) -> Values:
    given = _singles(self, arguments)
    found = static(name, given) if given else None
    return [found] if found is not None else None
