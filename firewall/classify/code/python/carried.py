"""What a Python program knows of this machine, followed through its names: files that it read, output that it got.

Followed without order: a name that gets such a value anywhere holds it everywhere, a function that is called with
one holds it in all its parameters, and one that returns one is one. That says too much rather than too little.
"""

import ast

from firewall.classify.code.python.scope import Scope
from firewall.classify.code.python.values import dotted

MAX_ROUNDS = 6
_READS = frozenset({"open", "read_text", "read_bytes", "read", "readline", "readlines", "iterdump", "getpass"})
_OUTPUTS = frozenset({"run", "check_output", "getoutput", "getstatusoutput", "popen", "Popen", "communicate"})
_ELSEWHERE = ("requests.", "httpx.", "urllib.", "boto3.")
"""What these read came from a server."""
_ADDING = frozenset({"append", "extend", "insert", "add", "update", "setdefault", "write", "writelines"})


def is_local(node: ast.expr | None, names: frozenset[str], scope: Scope) -> bool:
    """Tell whether an expression holds the content of a file or the output of a program."""
    if node is None:
        return False
    return any(
        (isinstance(item, ast.Name) and item.id in names) or (isinstance(item, ast.Call) and _reads(item, scope))
        for item in ast.walk(node)
    )


def _reads(call: ast.Call, scope: Scope) -> bool:
    path = dotted(call.func, scope)
    name = call.func.attr if isinstance(call.func, ast.Attribute) else path
    if name in _OUTPUTS:
        return path.startswith(("subprocess.", "os.", "commands.")) or (not path and name == "communicate")
    if name not in _READS or path.startswith(_ELSEWHERE):
        return False
    return not (isinstance(call.func, ast.Attribute) and _from_server(call.func.value, scope))


def _from_server(node: ast.expr, scope: Scope) -> bool:
    return dotted(node, scope).startswith(_ELSEWHERE)


def local_names(tree: ast.AST, scope: Scope) -> frozenset[str]:
    """Return the names that may hold the content of a file or the output of a program."""
    links = [link for node in ast.walk(tree) for link in _links(node, scope)]
    names: frozenset[str] = frozenset()
    for _ in range(MAX_ROUNDS):
        found = {
            name for targets, value in links if not names.issuperset(targets) and is_local(value, names, scope)
            for name in targets
        }  # fmt: skip
        if found <= names:
            break
        names |= found
    return names


def _links(node: ast.AST, scope: Scope) -> list[tuple[frozenset[str], ast.expr]]:
    """Return (names, value) for every way in which a node gives names a value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            return [(_stored(*targets), value)]
        case (
            ast.AugAssign(target=target, value=ast.expr() as value)
            | ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
            | ast.For(target=target, iter=value)
            | ast.AsyncFor(target=target, iter=value)
            | ast.comprehension(target=target, iter=value)
            | ast.withitem(optional_vars=ast.expr() as target, context_expr=value)
        ):
            return [(_stored(target), value)]
        case ast.Call():
            return _called(node, scope)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            given = [
                item.value for item in ast.walk(node) if isinstance(item, ast.Return | ast.Yield | ast.YieldFrom)
            ]
            return [(frozenset({name}), value) for value in given if value is not None]
        case _:
            return []


def _stored(*targets: ast.expr) -> frozenset[str]:
    return frozenset(item.id for target in targets for item in ast.walk(target) if isinstance(item, ast.Name))


def _called(node: ast.Call, scope: Scope) -> list[tuple[frozenset[str], ast.expr]]:
    """A call of a function of the program gives its parameters a value, `x.append(y)` gives `x` one."""
    given = [*node.args, *(item.value for item in node.keywords)]
    if isinstance(node.func, ast.Attribute) and node.func.attr in _ADDING:
        return [(_stored(node.func.value), value) for value in given]
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    parameters = scope.parameters.get(name, frozenset())
    return [(parameters, value) for value in given] if parameters else []
