"""What names mean in a program: bound once to what, bound again, changed in place.

INVARIANT: a name that is bound twice (also in another scope), assigned or updated has no known value; an array
or object that may be changed in place has none either, nor has one that shares parts with it.
"""

from firewall.classify.code.javascript.bindings import Binding, Names
from firewall.classify.code.javascript.changes import FUNCTIONS, assignment, call, named, spread, taken, unary
from firewall.classify.code.javascript.changes import target as changed_target
from firewall.classify.code.javascript.syntax import HOLES, Node, Program

_EACH = frozenset({"map", "forEach", "flatMap", "filter", "some", "every", "find"})


def names_of(program: Program) -> Names:
    """Collect the bindings and changes of a program."""
    names = Names()
    for node in program.nodes:
        _READERS.get(node.kind, _other)(node, names)
    names.foreign += [node for node in names.through if node.text in names.bindings]
    _parameters(program, names)
    spread(names, program.nodes)
    return names


def _parameters(program: Program, names: Names) -> None:
    """Give the parameters of functions that are only called by name what the calls hand over."""
    uses: dict[str, list[Node]] = {}
    for node in program.nodes:
        if node.kind in ("identifier", "shorthand_property_identifier") and names.function(node.text) is not None:
            uses.setdefault(node.text, []).append(node)
    for name, found in uses.items():
        function = names.function(name)
        calls = [_handed(use) for use in found if not _declares(use)]
        if function is None or not calls or any(call is None for call in calls):
            continue
        for place, parameter in enumerate(_listed(function)):
            own, default = _own(parameter)
            if own is not None and len(names.bindings.get(own.text, ())) == 1:
                sources = [
                    call[place] if place < len(call) else (default, False) for call in calls if call is not None
                ]
                names.bindings[own.text] = [Binding(None, sources=tuple(sources), default=default)]


def _declares(use: Node) -> bool:
    parent = use.parent
    return parent is not None and parent.fields.get("name") is use


def _handed(use: Node) -> list[tuple[Node | None, bool]] | None:
    """Return what a use of a function's name hands to it; None: it is used as a value that is not followed."""
    parent = use.parent
    if parent is None:
        return None
    arguments = parent.fields.get("arguments")
    if parent.kind == "call_expression" and parent.fields.get("function") is use and arguments is not None:
        if arguments.kind != "arguments" or any(item.kind == "spread_element" for item in arguments.children):
            return None
        return [(item, False) for item in arguments.children]
    over = _looped(use)
    return [(over, True)] if over is not None else None


def _own(parameter: Node) -> tuple[Node | None, Node | None]:
    """Return a parameter's name and its default."""
    if parameter.kind == "identifier":
        return parameter, None
    if parameter.kind == "assignment_pattern" and parameter.fields["left"].kind == "identifier":
        return parameter.fields["left"], parameter.fields["right"]
    return None, None


def _other(_node: Node, _names: Names) -> None:
    """Pass over what binds nothing."""


def _declarator(node: Node, names: Names) -> None:
    target, value = node.fields.get("name"), node.fields.get("value")
    if target is not None:
        _bind(target, value, names)


def _bind(
    target: Node, value: Node | None, names: Names, *, each: bool = False, path: tuple[str | int, ...] = ()
) -> None:
    if target.kind in ("identifier", "shorthand_property_identifier_pattern"):
        function = value if value is not None and value.kind in FUNCTIONS and not path and not each else None
        names.bindings.setdefault(target.text, []).append(Binding(value, each, path, function))
    elif target.kind == "array_pattern" and target.sign != HOLES:
        for place, child in enumerate(target.children):
            _bind(child, value, names, each=each, path=(*path, place))
    elif target.kind == "object_pattern":
        taken(target, value, names)
        for child in target.children:
            if child.kind == "pair_pattern" and child.fields["key"].kind == "property_identifier":
                key = child.fields["key"].text
                _bind(child.fields["value"], value, names, each=each, path=(*path, key))
            elif child.kind == "shorthand_property_identifier_pattern":
                _bind(child, value, names, each=each, path=(*path, child.text))
            else:
                _taken(child, value, path, names)
    else:
        _taken(target, value, path, names)


SOME = "?"
"""A part of a value that a pattern takes without saying which: a computed key, the rest."""


def _taken(target: Node, value: Node | None, path: tuple[str | int, ...], names: Names) -> None:
    """Bind every name of a pattern that is not followed to some part of the value."""
    if value is None:
        _unknown(target, names)
        return
    for node in target.walk():
        if node.kind in ("identifier", "shorthand_property_identifier_pattern"):
            names.bindings.setdefault(node.text, []).append(Binding(value, path=(*path, SOME)))


def _unknown(target: Node, names: Names) -> None:
    """Bind every name of a pattern that is not followed."""
    for node in target.walk():
        if node.kind in ("identifier", "shorthand_property_identifier_pattern"):
            names.bindings.setdefault(node.text, []).append(Binding(None))


def _loop(node: Node, names: Names) -> None:
    left, right = node.fields.get("left"), node.fields.get("right")
    if left is None:
        return
    kind, _, over = node.sign.rpartition(" ")
    if kind:
        _bind(left, right if over == "of" else None, names, each=True)
    else:
        changed_target(left, names)


def _function(node: Node, names: Names) -> None:
    name = node.fields.get("name")
    if name is not None and node.kind != "method_definition":
        names.bindings.setdefault(name.text, []).append(Binding(None, function=node))
    over = _looped(node)
    for place, parameter in enumerate(_listed(node)):
        if place == 0 and over is not None:
            _bind(parameter, over, names, each=True)
        else:
            _unknown(parameter, names)


def _listed(function: Node) -> list[Node]:
    """Return a function's parameters."""
    single, several = function.fields.get("parameter"), function.fields.get("parameters")
    if single is not None:
        return [single]
    return several.children if several is not None else []


def _looped(function: Node) -> Node | None:
    """Return what `….map(function)` goes over."""
    parent = function.parent
    call = parent.parent if parent is not None and parent.kind == "arguments" else None
    if call is None or call.kind != "call_expression" or parent is None or parent.children[:1] != [function]:
        return None
    callee = call.fields.get("function")
    if callee is None or callee.kind != "member_expression" or callee.fields["property"].text not in _EACH:
        return None
    return callee.fields["object"]


def _catch(node: Node, names: Names) -> None:
    parameter = node.fields.get("parameter")
    if parameter is not None:
        _unknown(parameter, names)


def _import(node: Node, names: Names) -> None:
    for child in node.walk():
        if child.kind == "identifier":
            names.bindings.setdefault(child.text, []).append(Binding(None))


_READERS = {
    "variable_declarator": _declarator,
    "for_in_statement": _loop,
    "assignment_expression": assignment,
    "augmented_assignment_expression": assignment,
    "update_expression": assignment,
    "unary_expression": unary,
    "member_expression": named,
    "subscript_expression": named,
    "call_expression": call,
    "catch_clause": _catch,
    "import_clause": _import,
    **dict.fromkeys(FUNCTIONS, _function),
}
