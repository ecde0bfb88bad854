"""What a JavaScript program knows of this machine, followed through its names: files read, output of programs.

Followed without order: a name that gets such a value anywhere holds it everywhere, and a function that is handed
to a call which reads, or called with what was read, holds it in its parameters. Too much is said rather than too
little.
"""

from firewall.classify.code.javascript import modules
from firewall.classify.code.javascript.paths import Paths
from firewall.classify.code.javascript.syntax import Node
from firewall.classify.rows import Verb

MAX_ROUNDS = 6
_NAMES = frozenset({"identifier", "shorthand_property_identifier"})
_FUNCTIONS = frozenset({"arrow_function", "function_expression"})
_READING = frozenset(name for name, verbs in modules.FILES.items() if verbs[0][0] is Verb.READ)
_OUTPUTS = (modules.LINES | modules.VECTORS) - {"child_process.fork"}
_Link = tuple[frozenset[str], Node]


def is_local(node: Node | None, names: frozenset[str], paths: Paths) -> bool:
    """Tell whether an expression holds the content of a file or the output of a program."""
    return node is not None and any(
        (item.kind in _NAMES and item.text in names) or (item.kind == "call_expression" and _reads(item, paths))
        for item in node.walk()
    )


def _reads(call: Node, paths: Paths) -> bool:
    callee = call.fields.get("function")
    path = paths.dotted(callee) if callee is not None else ""
    return path in _READING or path in _OUTPUTS


def local_names(paths: Paths) -> frozenset[str]:
    """Return the names that may hold the content of a file or the output of a program."""
    links = [link for node in paths.program.nodes for link in _links(node, paths)]
    if not any(_reads(node, paths) for node in paths.program.nodes if node.kind == "call_expression"):
        return frozenset()
    names: frozenset[str] = frozenset()
    for _ in range(MAX_ROUNDS):
        found = {
            name
            for targets, value in links
            if not names.issuperset(targets) and is_local(value, names, paths)
            for name in targets
        }
        if not found:
            break
        names |= found
    return names


def _links(node: Node, paths: Paths) -> list[_Link]:
    """Return (names, value) for every way in which a node gives names a value."""
    if node.kind == "variable_declarator":
        return _pair(node.fields.get("name"), node.fields.get("value"))
    if node.kind in ("assignment_expression", "augmented_assignment_expression", "for_in_statement"):
        return _pair(node.fields.get("left"), node.fields.get("right"))
    return _handed(node, paths) if node.kind == "call_expression" else []


def _pair(target: Node | None, value: Node | None) -> list[_Link]:
    return [(_bound(target), value)] if target is not None and value is not None else []


def _bound(target: Node) -> frozenset[str]:
    kinds = (*_NAMES, "shorthand_property_identifier_pattern")
    return frozenset(item.text for item in target.walk() if item.kind in kinds)


def _handed(call: Node, paths: Paths) -> list[_Link]:
    """A call gives the parameters of the functions among its arguments what it reads, or what it is called on."""
    arguments, callee = call.fields.get("arguments"), call.fields.get("function")
    if arguments is None or callee is None:
        return []
    given = arguments.children
    owner = callee.fields.get("object")
    found = [
        (_parameters(item), source)
        for item in given
        if item.kind in _FUNCTIONS
        for source in (owner, call if _reads(call, paths) else None)
        if source is not None
    ]
    function = paths.names.function(callee.text) if callee.kind == "identifier" else None
    if function is not None:
        found += [(_parameters(function), item) for item in given]
    if owner is not None and callee.fields["property"].text in ("push", "set", "append", "unshift", "concat"):
        found += [(_bound(owner), item) for item in given]
    return found


def _parameters(function: Node) -> frozenset[str]:
    single, several = function.fields.get("parameter"), function.fields.get("parameters")
    holder = single or several
    return _bound(holder) if holder is not None else frozenset()
