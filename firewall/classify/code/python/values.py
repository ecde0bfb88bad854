"""Values of Python expressions that are known before they run, and the dotted names that expressions lead to."""

import ast
from collections.abc import Callable, Mapping

from firewall.classify.code.python.canonical import canonical
from firewall.classify.code.python.library import MAX_TEXT, PURE, Known, Value, method, of_environment
from firewall.classify.code.python.scope import Scope

MAX_ITEMS = 64


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
        return _environment(node, scope)
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


def _environment(node: ast.Subscript, scope: Scope) -> Known | None:
    """Return `os.environ["HOME"]` and its kin: where the program itself would be."""
    return of_environment(text_of(node.slice, scope)) if dotted(node.value, scope) == "os.environ" else None


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
