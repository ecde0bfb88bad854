"""Values of Python expressions that are known before they run, and the dotted names that expressions lead to.

INVARIANT: a name that is bound twice, deleted, declared global or given to `exec` has no known value.
"""

import ast
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from firewall.classify.code.python.library import MAX_TEXT, PURE, Known, Value, method

MAX_ITEMS = 64
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
    steps: int = MAX_STEPS
    paths: dict[int, str] = field(default_factory=dict)
    """Dotted paths that were found before, by node."""


def scope_of(tree: ast.AST) -> Scope:
    """Collect what names mean; names that are bound more than once mean nothing."""
    scope = Scope()
    counts: dict[str, int] = {}
    for node in ast.walk(tree):
        for name in _binds(node):
            counts[name] = counts.get(name, 0) + 1
        _collect(node, scope)
    for name, count in counts.items():
        if count > 1:
            scope.constants.pop(name, None)
            scope.loops.pop(name, None)
        if name in scope.modules:
            scope.modules[name] = ""
    _forget_changed(tree, scope)
    return scope


_CHANGING = frozenset({"append", "extend", "insert", "pop", "remove", "clear", "reverse", "sort"})


def _forget_changed(tree: ast.AST, scope: Scope) -> None:
    """Drop lists that may be changed in place, by this name or by one that shares them."""
    changed: set[str] = set()
    for node in ast.walk(tree):
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
        case (
            ast.For(target=ast.Name(id=name), iter=value) | ast.comprehension(target=ast.Name(id=name), iter=value)
        ):
            scope.loops[name] = value
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
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


_SUBMODULES = frozenset(
    {
        "os.path", "urllib.parse", "urllib.request", "urllib.error", "collections.abc",
        "concurrent.futures", "importlib.metadata", "email.utils", "html.parser", "xml.etree",
        "xml.etree.ElementTree", "mysql.connector", "importlib.resources", "unittest.mock",
        "logging.handlers", "asyncio.subprocess",
    }
)  # fmt: skip
_OWN_NAMES = frozenset(
    {
        "datetime.datetime", "time.time", "copy.copy", "glob.glob", "pprint.pprint", "decimal.decimal",
        "token.token", "datetime.time", "select.select", "profile.profile", "signal.signal",
        "shelve.shelve", "datetime.calendar", "array.array", "string.string", "tokenize.tokenize",
        "inspect.stack", "types.types", "platform.platform", "random.random", "code.code",
        "getpass.getpass", "runpy.runpy", "timeit.timeit", "operator.operator", "queue.queue",
        "struct.struct", "statistics.statistics", "bisect.bisect", "uuid.uuid", "secrets.token",
    }
)  # fmt: skip


def leads_away(path: str) -> bool:
    """Tell whether a dotted path goes from one module through to another (`uuid.os.unlink`)."""
    return bool(path) and canonical(path, mark=True) == ""


def canonical(path: str, *, mark: bool = False) -> str:
    """Return a path from its last module on (`uuid.os.unlink`: `os.unlink`); with `mark`, '' where it is cut."""
    parts = path.split(".")
    if parts[0] not in sys.stdlib_module_names:
        return path
    for place in range(len(parts) - 1, 0, -1):
        so_far = ".".join(parts[: place + 1])
        pair = f"{parts[place - 1]}.{parts[place]}"
        is_module = parts[place] in sys.stdlib_module_names and "()" not in so_far
        if is_module and so_far not in _SUBMODULES and pair not in _OWN_NAMES:
            return "" if mark else ".".join(parts[place:])
    return path


def dotted(node: ast.expr, scope: Scope, depth: int = 0) -> str:
    """Return the dotted path that an expression leads to: `os.path.join`, `open`, `boto3.client().delete`; or ''.

    A call within it is written `()`; a name that is a constant is followed.
    """
    if depth > 12:
        return ""
    found = scope.paths.get(id(node))
    if found is None:
        found = _dotted(node, scope, depth)
        if depth == 0:
            scope.paths[id(node)] = found
    return found


def _dotted(node: ast.expr, scope: Scope, depth: int) -> str:
    found = ""
    match node:
        case ast.Name(id=name):
            found = _dotted_name(name, scope, depth)
        case ast.Attribute(value=value, attr=attr):
            owner = dotted(value, scope, depth + 1)
            found = canonical(f"{owner}.{attr}") if owner else ""
        case ast.Call():
            owner = dotted(node.func, scope, depth + 1)
            is_reached = owner in ("getattr", "__import__", "importlib.import_module")
            found = _reached(owner, node, scope, depth) if is_reached else f"{owner}()" if owner else ""
        case ast.Await(value=value):
            found = dotted(value, scope, depth + 1)
        case ast.BinOp(left=left, op=ast.Div()):
            owner = dotted(left, scope, depth + 1)
            found = owner if owner.startswith("pathlib.") else ""
        case _:
            pass
    return found


def _dotted_name(name: str, scope: Scope, depth: int) -> str:
    if name in scope.modules:
        return scope.modules[name]
    if name in scope.constants:
        return dotted(scope.constants[name], scope, depth + 1)
    return "" if name in scope.bound else name


def _reached(name: str, node: ast.Call, scope: Scope, depth: int) -> str:
    """Follow `getattr(os, "system")`, `__import__("os")` and `importlib.import_module("os")` of known texts."""
    texts = [text_of(item, scope) for item in node.args]
    if name == "getattr" and len(texts) >= 2 and texts[1]:
        owner = dotted(node.args[0], scope, depth + 1)
        return f"{owner}.{texts[1]}" if owner else ""
    return texts[0] or "" if name != "getattr" and texts else ""


def choices(node: ast.expr | None, scope: Scope) -> list[str] | None:
    """Return every text that an expression can be: a loop over known texts gives each."""
    if node is None:
        return None
    loops = sorted({item.id for item in ast.walk(node) if isinstance(item, ast.Name) and item.id in scope.loops})
    if not loops:
        text = text_of(node, scope)
        return [text] if text is not None else None
    if len(loops) > 1:
        return None
    elements = value_of(scope.loops[loops[0]], scope)
    if elements is None or not isinstance(elements.value, tuple) or not elements.value:
        return None
    found: list[str] = []
    for element in elements.value[:MAX_ITEMS]:
        scope.constants[loops[0]] = ast.Constant(element if not isinstance(element, tuple) else None)
        text = text_of(node, scope)
        scope.constants.pop(loops[0])
        if text is None:
            return None
        found.append(text)
    return found


def value_of(node: ast.expr | None, scope: Scope, depth: int = 0) -> Known | None:
    """Return the value of an expression; None where it is not known."""
    scope.steps -= 1
    if node is None or depth > 40 or scope.steps < 0:
        return None
    reader = _READERS.get(type(node))
    found = reader(node, scope, depth + 1) if reader is not None else None
    if found is not None and isinstance(found.value, str | bytes) and len(found.value) > MAX_TEXT:
        return None
    return found


def text_of(node: ast.expr | None, scope: Scope) -> str | None:
    """Return the text of an expression where it is one: a string, a `Path("…")`, a join of known parts."""
    found = value_of(node, scope)
    return found.value if found is not None and isinstance(found.value, str) else None


def words_of(node: ast.expr | None, scope: Scope) -> tuple[str, ...] | None:
    """Return a list of texts."""
    found = value_of(node, scope)
    if (
        found is None
        or not isinstance(found.value, tuple)
        or not all(isinstance(item, str) for item in found.value)
    ):
        return None
    return tuple(str(item) for item in found.value)


def _name(node: ast.Name, scope: Scope, depth: int) -> Known | None:
    return value_of(scope.constants.get(node.id), scope, depth)


def _sequence(node: ast.List | ast.Tuple, scope: Scope, depth: int) -> Known | None:
    items: list[Value] = []
    for element in node.elts[:MAX_ITEMS]:
        inner = element.value if isinstance(element, ast.Starred) else element
        found = value_of(inner, scope, depth)
        if found is None:
            return None
        if isinstance(element, ast.Starred):
            if not isinstance(found.value, tuple):
                return None
            items += found.value
        else:
            items.append(found.value)
    return Known(tuple(items)) if len(node.elts) <= MAX_ITEMS else None


def _joined(node: ast.JoinedStr, scope: Scope, depth: int) -> Known | None:
    parts: list[str] = []
    for value in node.values:
        inner = value.value if isinstance(value, ast.FormattedValue) else value
        if isinstance(value, ast.FormattedValue) and (
            value.format_spec is not None or value.conversion not in (-1, 115)
        ):
            return None
        found = value_of(inner, scope, depth)
        if found is None or isinstance(found.value, bytes | tuple):
            return None
        parts.append(str(found.value))
    return Known("".join(parts))


def _binary(node: ast.BinOp, scope: Scope, depth: int) -> Known | None:
    left, right = value_of(node.left, scope, depth), value_of(node.right, scope, depth)
    if left is None or right is None:
        return None
    a, b = left.value, right.value
    if isinstance(node.op, ast.Add):
        for kind in (str, bytes, tuple, int):
            if isinstance(a, kind) and isinstance(b, kind):
                return Known(a + b)  # type: ignore[operator]  # both of one kind, as just asked
    if isinstance(node.op, ast.Mod) and isinstance(a, str):
        return _formatted(a, b)
    if isinstance(node.op, ast.Div) and isinstance(a, str) and isinstance(b, str):
        return Known(b if b.startswith("/") else f"{a.rstrip('/')}/{b}")
    if isinstance(node.op, ast.Mult) and isinstance(a, str) and isinstance(b, int) and len(a) * b <= MAX_TEXT:
        return Known(a * b)
    return None


def _formatted(text: str, values: Value) -> Known | None:
    given = values if isinstance(values, tuple) else (values,)
    if (
        text.count("%") != text.count("%s")
        or text.count("%s") != len(given)
        or any(isinstance(v, bytes) for v in given)
    ):
        return None
    return Known(text % tuple(str(value) for value in given))


def _subscript(node: ast.Subscript, scope: Scope, depth: int) -> Known | None:
    owner = value_of(node.value, scope, depth)
    if owner is None or not isinstance(owner.value, str | bytes | tuple):
        return None
    if isinstance(node.slice, ast.Slice):
        return _slice(owner.value, node.slice, scope)
    index = value_of(node.slice, scope, depth)
    if (
        index is None
        or not isinstance(index.value, int)
        or not -len(owner.value) <= index.value < len(owner.value)
    ):
        return None
    return Known(owner.value[index.value])


def _slice(value: str | bytes | tuple[Value, ...], part: ast.Slice, scope: Scope) -> Known | None:
    bounds: list[int | None] = []
    for bound in (part.lower, part.upper, part.step):
        found = value_of(bound, scope) if bound is not None else Known(None)
        if found is None or not isinstance(found.value, int | None):
            return None
        bounds.append(found.value)
    return Known(value[bounds[0] : bounds[1] : bounds[2]]) if bounds[2] != 0 else None


def _unary(node: ast.UnaryOp, scope: Scope, depth: int) -> Known | None:
    found = value_of(node.operand, scope, depth)
    return (
        Known(-found.value) if found and isinstance(node.op, ast.USub) and isinstance(found.value, int) else None
    )


def _call(node: ast.Call, scope: Scope, depth: int) -> Known | None:
    name = dotted(node.func, scope)
    given = [value_of(item, scope, depth) for item in node.args]
    if any(item is None for item in given) or len(given) != len(node.args):
        return None
    plain = [item.value for item in given if item is not None]
    if name in PURE and not node.keywords:
        return PURE[name](plain)
    if isinstance(node.func, ast.Attribute):
        owner = value_of(node.func.value, scope, depth)
        if owner is not None and not node.keywords:
            return method(owner.value, node.func.attr, plain)
    return None


_READERS: Mapping[type[ast.AST], Callable[..., Known | None]] = {
    ast.Constant: lambda node, _scope, _depth: (
        Known(node.value) if isinstance(node.value, str | bytes | int | None) else None
    ),
    ast.Name: _name,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.JoinedStr: _joined,
    ast.BinOp: _binary,
    ast.Subscript: _subscript,
    ast.UnaryOp: _unary,
    ast.Call: _call,
}
