"""What a JavaScript program changes in place, and what shares parts with it."""

from collections.abc import Sequence

from firewall.classify.code.javascript.bindings import Names
from firewall.classify.code.javascript.syntax import Node, string_of

CHANGING = frozenset(
    {
        "push", "pop", "shift", "unshift", "splice", "sort", "reverse", "fill", "copyWithin", "assign", "set",
        "add", "defineProperty", "defineProperties", "setPrototypeOf", "append", "delete", "clear",
    }
)  # fmt: skip
FUNCTIONS = frozenset(
    {
        "arrow_function", "function_expression", "function_declaration", "generator_function_declaration",
        "generator_function", "method_definition", "class_declaration", "class",
    }
)  # fmt: skip
NAMES = frozenset({"identifier", "shorthand_property_identifier"})


def assignment(node: Node, names: Names) -> None:
    """Read `a = …`, `a += …`, `a++`."""
    left = node.fields.get("left") or node.fields.get("argument")
    if left is not None:
        target(left, names)


def target(given: Node, names: Names) -> None:
    """Take what is given another value, or a part of it, as such."""
    if given.kind in ("member_expression", "subscript_expression"):
        _change(given, names)
        return
    for node in given.walk():
        if node.kind in ("identifier", "shorthand_property_identifier_pattern"):
            names.assigned.add(node.text)
        elif node.kind in ("member_expression", "subscript_expression"):
            _change(node, names)


def _change(target: Node, names: Names) -> None:
    root = root_of(target)
    if root is not None and root.kind == "identifier":
        names.changed.add(root.text)
    elif root is not None and root.kind == "this" and in_class(root):
        names.own.append(root)
    else:
        names.foreign.append(target)


def in_class(node: Node) -> bool:
    """Tell whether a node stands in a class, where `this` is one of its objects and never the global one."""
    above = node.parent
    while above is not None and above.kind != "class_body":
        above = above.parent
    return above is not None


def unary(node: Node, names: Names) -> None:
    """Read `delete a.b`."""
    if node.sign == "delete" and node.children:
        target(node.children[-1], names)


def call(node: Node, names: Names) -> None:
    """Read a call of a method that changes what it is called on."""
    callee = node.fields.get("function")
    if callee is not None and callee.kind == "parenthesized_expression":
        _called_at_once(callee, node, names)
    if callee is None or callee.kind != "member_expression" or callee.fields["property"].text not in CHANGING:
        return
    root = root_of(callee)
    if root is not None and root.kind == "identifier":
        if root.parent is not None and root.parent.fields.get("function") is root:
            names.through.append(root)
        else:
            names.changed.add(root.text)
    arguments = node.fields.get("arguments")
    if arguments is not None:
        names.handed |= {item.text for item in arguments.walk() if item.kind == "identifier"}


def _called_at_once(callee: Node, node: Node, names: Names) -> None:
    """Take what is handed to a function that is called where it stands as changed: its parameters are that."""
    arguments = node.fields.get("arguments")
    if arguments is not None and callee.children and callee.children[0].kind in FUNCTIONS:
        names.changed |= {item.text for item in arguments.walk() if item.kind == "identifier"}


def named(node: Node, names: Names) -> None:
    """Take what a changing method is taken from (`const f = a.unshift`) as changed, where it is not called."""
    parent = node.parent
    is_called = parent is not None and parent.kind == "call_expression" and parent.fields.get("function") is node
    name = node.fields.get("property") or node.fields.get("index")
    if name is None or (is_called and node.kind == "member_expression"):
        return
    if (string_of(name) if name.kind == "string" else name.text) in CHANGING:
        _change(node, names)


def taken(target: Node, value: Node | None, names: Names) -> None:
    """Take what a pattern takes such a method from (`const {unshift} = a`) as changed."""
    root = root_of(value) if value is not None else None
    if root is None or root.kind not in ("identifier", "array", "object"):
        return
    for child in target.children:
        key = child.fields["key"] if child.kind == "pair_pattern" else child
        name = string_of(key) if key.kind == "string" else key.text
        if name in CHANGING or key.kind == "computed_property_name":
            _change(root, names)


def root_of(node: Node) -> Node | None:
    """Return what a chain of `.a`, `[0]` and calls begins with."""
    found: Node | None = node
    while found is not None and found.kind in ("member_expression", "subscript_expression", "call_expression"):
        found = found.fields.get("object") or found.fields.get("function")
    return found


def spread(names: Names, nodes: Sequence[Node]) -> None:
    """Take with a changed name every name that may share parts with it."""
    names.changed |= names.handed & set(names.bindings)
    links: dict[str, set[str]] = {}
    for name, bound in names.bindings.items():
        for binding in bound:
            given = [binding.value] if binding.function is None else []
            for node in _returned(binding.function):
                links.setdefault(name, set()).add(node.text)
            for source in (*given, *(node for node, _ in binding.sources or ())):
                for node in source.walk() if source is not None else ():
                    if node.kind in NAMES and node.text in names.bindings:
                        links.setdefault(name, set()).add(node.text)
                        links.setdefault(node.text, set()).add(name)
    _through_parameters(names, nodes)
    stack = list(names.changed)
    while stack:
        for other in links.get(stack.pop(), ()):
            if other not in names.changed:
                names.changed.add(other)
                stack.append(other)


def _returned(function: Node | None) -> list[Node]:
    """Return the names that stand in what a function returns or yields."""
    body = function.fields.get("body") if function is not None else None
    if body is None:
        return []
    parts = [body] if body.kind != "statement_block" else [node for node in body.walk() if node.kind in _GIVES]
    return [item for part in parts for item in part.walk() if item.kind in NAMES]


_GIVES = frozenset({"return_statement", "yield_expression"})


def _through_parameters(names: Names, nodes: Sequence[Node]) -> None:
    """Take everything that is handed on as changed where a parameter is changed that may be any of it."""
    if not names.own and not any(
        bound.value is None and bound.sources is None and bound.function is None
        for name in names.changed
        for bound in names.bindings.get(name, ())
    ):
        return
    for node in nodes:
        given = [node.fields.get("arguments")] if node.kind in ("call_expression", "new_expression") else []
        callee = node.fields.get("function")
        given += [callee.fields.get("object")] if callee is not None else []
        for part in given:
            if part is not None:
                names.changed |= {
                    item.text for item in part.walk() if item.kind in NAMES and item.text in names.bindings
                }
