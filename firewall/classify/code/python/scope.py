"""What the names of a Python program mean: constants, modules, loops; before anything is computed.

INVARIANT: a name that is bound twice, deleted, declared global or given to `exec` has no known value.
"""

import ast
from dataclasses import dataclass, field

from firewall.classify.code.python.canonical import canonical
from firewall.classify.code.python.nodes import Nodes

MAX_STEPS = 3000


@dataclass(slots=True)
class Scope:
    """What the names of a program mean."""

    constants: dict[str, ast.expr] = field(default_factory=dict)
    """Names that are bound once, by a plain assignment."""
    modules: dict[str, str] = field(default_factory=dict)
    """Names that an import binds, to their dotted path."""
    bound: set[str] = field(default_factory=set)
    """Every name that is bound in any way but by an import."""
    loops: dict[str, ast.expr] = field(default_factory=dict)
    """Names that stand for each element of something."""
    functions: set[str] = field(default_factory=set)
    """Functions and classes that the program defines."""
    parameters: dict[str, frozenset[str]] = field(default_factory=dict)
    """What the functions of a name call their arguments."""
    local: frozenset[str] | None = None
    """Names that may hold the content of a file or the output of a program; None: not asked for yet."""
    tree: ast.AST | None = None
    """The program."""
    steps: int = MAX_STEPS
    paths: dict[int, str] = field(default_factory=dict)
    """Dotted paths that were found before, by node."""


def scope_of(nodes: Nodes) -> Scope:
    """Collect what names mean; names that are bound more than once mean nothing."""
    scope = Scope(tree=nodes.tree)
    counts: dict[str, int] = {}
    nothing = _given_nothing(nodes)
    for node in nodes.every:
        for name in _binds(node):
            counts[name] = counts.get(name, 0) + 1
        _collect(node, scope)
    for name, count in counts.items():
        if count > 1:
            scope.constants.pop(name, None)
            scope.loops.pop(name, None)
        if name in scope.modules and count > nothing.get(name, 0):
            scope.modules[name] = ""
    _forget_changed(nodes, scope)
    return scope


def _given_nothing(nodes: Nodes) -> dict[str, int]:
    """Count how often a name is set to None (`except ImportError: yaml = None`): it then is no other thing."""
    found: dict[str, int] = {}
    for node in nodes.every:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is None:
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = found.get(target.id, 0) + 1
    return found


_CHANGING = frozenset({"append", "extend", "insert", "pop", "remove", "clear", "reverse", "sort"})


def _forget_changed(nodes: Nodes, scope: Scope) -> None:
    """Drop lists that may be changed in place, by this name or by one that shares them."""
    changed: set[str] = set()
    for node in nodes.every:
        if _changes(node, scope):
            changed |= _names_in(node)
    links = {name: _names_in(value) for name, value in scope.constants.items()}
    for _ in range(4):
        shared = {name for name, used in links.items() if name in changed or used & changed}
        changed |= shared | {used for name in shared for used in links[name]}
    for name in changed:
        if isinstance(scope.constants.get(name), ast.List | ast.Name | ast.BinOp | ast.ListComp | ast.Subscript):
            scope.constants.pop(name)


def _names_in(node: ast.AST) -> set[str]:
    return {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}


def _changes(node: ast.AST, scope: Scope) -> bool:
    if isinstance(node, ast.Subscript | ast.Attribute):
        return not isinstance(node.ctx, ast.Load)
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        return node.func.attr in _CHANGING
    return isinstance(node.func, ast.Name) and node.func.id in scope.functions


def _binds(node: ast.AST) -> list[str]:
    """Return the names that a node binds; twice where what they get is not followed."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return [*names, *names]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name, name]
        case _:
            return []


def _collect(node: ast.AST, scope: Scope) -> None:
    scope.bound.update(_binds(node))
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.NamedExpr(target=ast.Name(id=name), value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            | ast.withitem(optional_vars=ast.Name(id=name), context_expr=value)
        ):
            scope.constants[name] = value
            if isinstance(value, ast.Lambda):
                names = {item.arg for item in ast.walk(value.args) if isinstance(item, ast.arg)}
                scope.parameters[name] = scope.parameters.get(name, frozenset()) | names
        case (
            ast.For(target=ast.Name(id=name), iter=value) | ast.comprehension(target=ast.Name(id=name), iter=value)
        ):
            scope.loops[name] = value
        case ast.FunctionDef(name=name, args=given) | ast.AsyncFunctionDef(name=name, args=given):
            scope.functions.add(name)
            names = {item.arg for item in ast.walk(given) if isinstance(item, ast.arg)}
            scope.parameters[name] = scope.parameters.get(name, frozenset()) | names
        case ast.ClassDef(name=name):
            scope.functions.add(name)
        case ast.Import() | ast.ImportFrom():
            _imported(node, scope)
        case _:
            pass


def _imported(node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
    for alias in node.names:
        if isinstance(node, ast.Import):
            root = alias.name.partition(".")[0]
            name, path = alias.asname or root, alias.name if alias.asname else root
        else:
            path = canonical(f"{node.module}.{alias.name}") if not node.level else ""
            name = alias.asname or alias.name
        scope.modules[name] = path if scope.modules.get(name, path) == path else ""
