"""A Python program by its syntax tree: what it does to files, programs, servers and databases.

Everything that acts is reached by a name: a builtin, a module's function, a method. Names that are known to do
nothing are listed; a call of anything else, and every way to reach a function by something but its name, makes the
program `exec` beside what was seen. INVARIANT: `reads` is given only where nothing but reading was found.
"""

import ast
from dataclasses import dataclass

from firewall.classify.code.found import Found, Touch
from firewall.classify.code.python import calls, environment, tables
from firewall.classify.code.python.canonical import leads_away
from firewall.classify.code.python.nodes import Nodes, nodes_of
from firewall.classify.code.python.scope import Scope, scope_of
from firewall.classify.code.python.sight import Sight
from firewall.classify.code.python.values import dotted
from firewall.classify.context import Context
from firewall.classify.draft import Source, shown
from firewall.classify.rows import Verb
from firewall.core.folding import has_long_run

MAX_CODE_CHARS = 16 * 1024
MAX_NODES = 3000
MAX_NESTED = 3
MAX_TEXTS = 40
"""Programs that a program runs as text, at any depth."""
_REPLACED = frozenset({"sys.stdout", "sys.stderr", "sys.stdin", "os.environ"})
"""Parts of modules that a program may give another value: what it gives them is judged by its own name."""


@dataclass(slots=True)
class _Patience:
    """What is left for a program and for all that it runs as text."""

    nodes: int = MAX_NODES
    texts: int = MAX_TEXTS


def read_python(source: Source, context: Context) -> Found:
    """Return what a program does; code that is not understood is `exec`, what cannot be read `unknown` too."""
    return _read(source, context, _Patience(), depth=0)


def _read(source: Source, context: Context, patience: _Patience, *, depth: int) -> Found:
    sight = Sight(source, context)
    nodes = _parsed(source.text, patience)
    if nodes is None:
        sight.opaque(None, "Python that does not parse, or is too large to read", unknown=True)
        return sight.found
    scope = scope_of(nodes)
    for node in nodes.every:
        _node(node, scope, nodes.parents, sight)
    sight.found.parsed = True
    if depth < MAX_NESTED:
        for text, span in sight.nested:
            _merge(sight, _read(Source(text, base=None, outer=span), context, patience, depth=depth + 1))
    elif sight.nested:
        sight.opaque(None, "code within code within code", unknown=True)
    return _settled(sight)


def _merge(sight: Sight, inner: Found) -> None:
    sight.found.drafts += inner.drafts
    sight.found.shell += inner.shell
    sight.found.touches += [*inner.touches, *(Touch(Verb.READ, name, (0, 0)) for name in inner.reads or ())]


def _settled(sight: Sight) -> Found:
    """Say `reads` where nothing but reading and listing was found."""
    found = sight.found
    reading = (Verb.READ, Verb.LIST)
    if found.drafts or found.shell or any(touch.verb not in reading for touch in found.touches):
        return found
    if any(touch.path is None and touch.verb is Verb.READ for touch in found.touches):
        return found
    found.reads = tuple(
        dict.fromkeys(touch.path for touch in found.touches if touch.path and touch.verb is Verb.READ)
    )
    found.touches = [touch for touch in found.touches if touch.verb is Verb.LIST and touch.path is not None]
    return found


def _parsed(text: str, patience: _Patience) -> Nodes | None:
    patience.texts -= 1
    if len(text) > MAX_CODE_CHARS or patience.texts < 0 or patience.nodes <= 0:
        return None
    if has_long_run(text):  # names are normalized by the parser
        return None
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    nodes = nodes_of(tree, patience.nodes)
    patience.nodes -= len(nodes.every) if nodes is not None else patience.nodes
    return nodes


def _node(node: ast.AST, scope: Scope, parents: dict[int, ast.AST], sight: Sight) -> None:
    if isinstance(node, ast.Import | ast.ImportFrom):
        _import(node, sight)
        if isinstance(parents.get(id(node)), ast.ClassDef):
            sight.opaque(node, "an import whose names are attributes of a class", unknown=True)
    elif isinstance(node, ast.Constant):
        _constant(node, scope, sight)
    elif isinstance(node, ast.Call):
        calls.judge(node, scope, sight)
    elif isinstance(node, ast.Attribute):
        _attribute(node, scope, parents, sight)
    elif isinstance(node, ast.Name):
        _name(node, scope, parents, sight)
    elif isinstance(node, ast.Subscript):
        _subscript(node, scope, sight)


def _import(node: ast.Import | ast.ImportFrom, sight: Sight) -> None:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif node.level or node.module is None or any(alias.name == "*" for alias in node.names):
        sight.opaque(node, "an import that takes everything or comes from its own package")
        return
    else:
        names = [node.module]
        led = [
            alias.name
            for alias in node.names
            if alias.name in tables.REFUSED
            or alias.name.startswith("_")
            or leads_away(f"{node.module}.{alias.name}")
            or (node.module == "sys" and alias.name not in tables.SYS)
        ]
        if led:
            sight.opaque(node, f"an import of {shown(led[0])}")
    for name in names:
        if name not in tables.MODULES:
            sight.opaque(node, f"the module {shown(name)}, whose code runs when it is imported")


_OVERRIDES = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})


def _constant(node: ast.Constant, scope: Scope, sight: Sight) -> None:
    """Say when a program that sends requests names a header that makes the server take another method."""
    if isinstance(node.value, str) and node.value.lower() in _OVERRIDES:
        roots = {module.partition(".")[0] for module in scope.modules.values()}
        if roots & {"requests", "httpx", "urllib"}:
            sight.opaque(node, "a header by which a request means another method", unknown=True)


def _is_used_as_value(node: ast.AST, parents: dict[int, ast.AST]) -> bool:
    """Tell whether a name is neither called nor the owner of what is behind its dot."""
    parent = parents.get(id(node))
    if isinstance(parent, ast.Call) and parent.func is node:
        return False
    if isinstance(parent, ast.Compare) and all(isinstance(sign, ast.Is | ast.IsNot) for sign in parent.ops):
        return False
    return not (isinstance(parent, ast.Attribute) and parent.value is node)


def _is_alias(node: ast.AST, scope: Scope, parents: dict[int, ast.AST]) -> bool:
    """Tell whether a function is only given another name, by which its calls are found again."""
    parent = parents.get(id(node))
    if not isinstance(parent, ast.Assign) or len(parent.targets) != 1:
        return False
    if isinstance(parents.get(id(parent)), ast.ClassDef):
        return False  # a method by another name, which its class may call without naming it
    target = parent.targets[0]
    return isinstance(target, ast.Name) and scope.constants.get(target.id) is node


def _is_own(node: ast.Attribute, scope: Scope, parents: dict[int, ast.AST]) -> bool:
    """Tell whether `super().__init__(…)` is called, or `x.__class__.__name__` asked: classes that stand here."""
    parent = parents.get(id(node))
    if node.attr == "__class__":
        return isinstance(parent, ast.Attribute) and parent.attr in ("__name__", "__qualname__")
    if not isinstance(parent, ast.Call) or parent.func is not node or node.attr not in _OVERRIDDEN:
        return False
    owner = node.value
    return (
        isinstance(owner, ast.Call)
        and isinstance(owner.func, ast.Name)
        and owner.func.id == "super"
        and "super" not in scope.bound
    )


_OVERRIDDEN = frozenset(
    {
        "__init__", "__new__", "__post_init__", "__enter__", "__exit__", "__eq__", "__hash__", "__init_subclass__",
        "__contains__", "__iter__",
    }
)  # fmt: skip
"""What a class calls of its bases; a base that is not harmless is named where the class is defined."""


def _attribute(node: ast.Attribute, scope: Scope, parents: dict[int, ast.AST], sight: Sight) -> None:
    if node.attr.startswith("__") and node.attr not in tables.DUNDERS and not _is_own(node, scope, parents):
        sight.opaque(node, f"reaches {shown(node.attr)}")
        return
    path = dotted(node, scope)
    root = path.partition(".")[0]
    owner = dotted(node.value, scope)
    if owner and leads_away(f"{owner}.{node.attr}"):
        sight.opaque(node, f"reaches another module through {shown(owner)}")
        return
    if root == "sys" and path.count(".") == 1 and node.attr not in tables.SYS:
        sight.opaque(node, f"uses {shown(path)}")
    elif _is_refused(node.attr, path, scope):
        sight.opaque(node, f"reaches {shown(node.attr)}")
    elif _is_used_as_value(node, parents) and not _is_alias(node, scope, parents):
        _value(path, node, sight)
    if path in ("os.environ.items", "os.environ.values") or (
        path == "os.environ" and _is_used_as_value(node, parents)
    ):
        environment.whole_environment(node, parents.get(id(node)), sight)
    if not isinstance(node.ctx, ast.Load) and path not in _REPLACED and root in scope.modules.values():
        sight.opaque(node, f"changes {shown(path)}")
    private = node.attr.startswith("_") and node.attr not in (tables.FIELDS | tables.DUNDERS)
    if root in tables.MODULES and root not in tables.ACTING and private and not _is_own(node, scope, parents):
        sight.opaque(node, f"reaches {shown(path)}")


def _is_refused(name: str, path: str, scope: Scope) -> bool:
    """Tell whether an attribute leads to what is not judged by its own name."""
    beside = tables.REFUSED_WITH.get(name)
    if beside is not None:
        root = path.partition(".")[0]
        roots = {module.partition(".")[0] for module in scope.modules.values()}
        return bool(beside & roots) and (root in beside or not root)
    return name in tables.REFUSED and not calls.is_known(path)


def _value(path: str, node: ast.AST, sight: Sight) -> None:
    """Judge a function of a module that is handed on and not called here."""
    if path in tables.FILES:
        for verb, _ in tables.FILES[path]:
            sight.touch(verb, None, node)
    elif path in tables.CODE or tables.RUNS.fullmatch(path) or tables.REQUESTS.fullmatch(path):
        sight.opaque(node, f"hands on {shown(path)}", unknown=True)
    elif path.partition(".")[0] in tables.ACTING and "()" not in path and not tables.INERT.fullmatch(path):
        sight.opaque(node, f"uses {shown(path)}")


def _name(node: ast.Name, scope: Scope, parents: dict[int, ast.AST], sight: Sight) -> None:
    if not isinstance(node.ctx, ast.Load):
        if node.id in tables.BUILTINS or node.id in tables.CODE:
            sight.opaque(node, f"gives {shown(node.id)} another meaning")
        return
    if node.id in scope.modules:
        if not scope.modules[node.id]:
            sight.opaque(node, f"uses {shown(node.id)}, which is more than one thing")
        elif _is_used_as_value(node, parents):
            path = scope.modules[node.id]
            if path in tables.MODULES and path != "__future__":
                sight.opaque(node, f"hands on the module {shown(path)}")
            else:
                _value(path, node, sight)
    elif node.id not in scope.bound and node.id not in tables.BUILTINS and node.id not in tables.CODE:
        sight.opaque(node, f"uses {shown(node.id)}")
    elif node.id in scope.constants and _is_used_as_value(node, parents) and not _is_alias(node, scope, parents):
        _value(dotted(node, scope), node, sight)
    elif node.id in tables.CODE and node.id not in scope.bound and _is_used_as_value(node, parents):
        sight.opaque(node, f"hands on {shown(node.id)}", unknown=True)


def _subscript(node: ast.Subscript, scope: Scope, sight: Sight) -> None:
    path = dotted(node.value, scope)
    if path != "os.environ":
        root = path.partition(".")[0]
        held = "()" not in path or root in tables.ACTING
        if root in scope.modules.values() and held and not isinstance(node.ctx, ast.Load):
            sight.opaque(node, f"changes {shown(path)}")
        return
    environment.variable(node.slice, scope, sight, node, is_set=not isinstance(node.ctx, ast.Load))
