"""One call in a Python program: which function it is by its dotted name, and what that does."""

import ast
import re
import shlex
from collections.abc import Callable, Mapping

from firewall.classify.code.python import tables
from firewall.classify.code.python.arguments import argument
from firewall.classify.code.python.databases import connect, statement
from firewall.classify.code.python.environment import variable
from firewall.classify.code.python.files import MODE, globbed, listed, opened, opened_archive, touch_all
from firewall.classify.code.python.net import request
from firewall.classify.code.python.runs import started
from firewall.classify.code.python.scope import Scope
from firewall.classify.code.python.sight import Sight
from firewall.classify.code.python.values import dotted, text_of, value_of, words_of
from firewall.classify.draft import Draft, shown
from firewall.classify.rows import Verb
from firewall.core.effect import Effect


def is_known(path: str) -> bool:
    """Tell whether a dotted name has a row of its own."""
    return (
        path in tables.FILES or tables.RUNS.fullmatch(path) is not None or tables.INERT.fullmatch(path) is not None
    )


def judge(node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Note what one call does."""
    path = dotted(node.func, scope)
    _told(path, node, scope, sight)
    exact = _EXACT.get(path)
    if exact is not None:
        exact(path, node, scope, sight)
    elif tables.RUNS.fullmatch(path):
        started(path, node, scope, sight)
    elif tables.REQUESTS.fullmatch(path):
        request(path, node, scope, sight)
    elif isinstance(node.func, ast.Attribute):
        _method(node.func, node, path, scope, sight)
    elif path.partition(".")[0] in tables.ACTING and "." in path and not tables.INERT.fullmatch(path):
        sight.opaque(node, f"calls {shown(path)}")


_INNER = re.compile(r"\{[^{}]*[.\[]_")
_TOLD: dict[str, frozenset[str]] = {
    "logging": frozenset({"filename", "handlers"}),
    "argparse": frozenset({"fromfile_prefix_chars"}),
}
"""Words of a call in a module that is harmless without them."""


def _told(path: str, node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Judge what a call does by one of its words alone."""
    root = path.partition(".")[0]
    for item in node.keywords:
        if item.arg in _TOLD.get(root, ()):
            sight.opaque(node, f"calls {shown(path)} with {shown(item.arg or '')}")
        elif root == "tempfile" and item.arg in ("dir", "prefix", "suffix"):
            _temporary(item, node, scope, sight)
    if path.startswith("tempfile.") and (len(node.args) > 2 or "/" in "".join(filter(None, _texts(node, scope)))):
        sight.opaque(node, "a temporary file whose place is not known", unknown=True)
    if path == "type" and len(node.args) > 1:
        sight.opaque(node, "makes a class as it runs")
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "vformat"):
        text = text_of(node.func.value, scope) or text_of(node.args[0] if node.args else None, scope)
        if text is not None and _INNER.search(text):
            sight.opaque(node, "a text that reaches into what it is given")


def _texts(node: ast.Call, scope: Scope) -> list[str | None]:
    return [text_of(item, scope) for item in node.args]


def _temporary(item: ast.keyword, node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Judge where a temporary file is made: in a folder, or anywhere by a prefix that holds a path."""
    text = text_of(item.value, scope)
    if item.arg == "dir":
        sight.touch(Verb.CREATE, f"{text.rstrip('/')}/made" if text else None, node)
    elif text is None or "/" in text:
        sight.opaque(node, "a temporary file whose place is not known", unknown=True)


def _code(path: str, node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Judge code that is run as text, and names that are looked up while it runs."""
    if path in ("eval", "exec", "compile"):
        text = _code_text(node.args[0] if node.args else None, scope)
        sight.opaque(node, f"runs text with {shown(path)}", unknown=text is None)
        if text is not None:
            sight.nested.append((text, sight.span(node)))
    elif path == "getattr" and len(node.args) >= 2 and text_of(node.args[1], scope) is not None:
        name = text_of(node.args[1], scope) or ""
        owner = dotted(node.args[0], scope)
        if owner.partition(".")[0] in tables.MODULES or name in tables.REFUSED or name.startswith("__"):
            sight.opaque(node, f"looks {shown(name)} up by its name")
    else:
        sight.opaque(node, f"calls {shown(path)}", unknown=path != "breakpoint")


def _code_text(node: ast.expr | None, scope: Scope) -> str | None:
    """Return the text that `exec` runs; through `compile` as well."""
    if isinstance(node, ast.Call) and dotted(node.func, scope) == "compile" and node.args:
        node = node.args[0]
    found = value_of(node, scope)
    if found is None:
        return None
    if isinstance(found.value, bytes):
        return found.value.decode("utf-8", "replace")
    return found.value if isinstance(found.value, str) else None


def _method(func: ast.Attribute, node: ast.Call, path: str, scope: Scope, sight: Sight) -> None:
    """Judge a method of something: of a path, of a database, of a client, or of who knows what."""
    name = func.attr
    if not path and _perhaps_path(func, node, scope, sight):
        return
    if path.startswith("boto3.") and not tables.RUNS.fullmatch(path):
        _boto(func, node, path, scope, sight)
    elif path.startswith("pathlib.") and "()" in path:
        _path_method(func, node, scope, sight)
    elif name in tables.METHODS and (name not in ("touch", "truncate") or globbed(func.value, scope)):
        touch_all(tables.METHODS[name], func.value, node, scope, sight)
    elif name in tables.RUNNERS and "()" not in path and path.partition(".")[0] not in tables.MODULES:
        _unknown_runner(node, scope, sight)
    elif name in tables.UNPACKING and (name == "extractall" or path.startswith(tuple(tables.OPENERS))):
        touch_all(
            Verb.PLACE, argument(node, tables.UNPACKING[name], "path") or ast.Constant("."), node, scope, sight
        )
    elif path.startswith("sys.path."):
        sight.opaque(node, "changes where modules are loaded from")
    elif name in tables.SQL_METHODS and node.args:
        statement(node, scope, sight)
    else:
        _other(node, name, path, sight)


def _other(node: ast.Call, name: str, path: str, sight: Sight) -> None:
    """Judge a method of who knows what, by its name alone."""
    if tables.LOSSY.fullmatch(name) and _loses(name, path):
        draft = Draft("code:call", "unknown:", effects={Effect.DESTRUCTIVE, Effect.EXEC})
        draft.summary = f"calls {shown(name)}; what it removes cannot be seen for sure"
        sight.add(draft, node, "removes or empties something")
    elif path.partition(".")[0] in tables.ACTING and "()" not in path and not tables.INERT.fullmatch(path):
        sight.opaque(node, f"calls {shown(path)}")


def _perhaps_path(func: ast.Attribute, node: ast.Call, scope: Scope, sight: Sight) -> bool:
    """Judge a method of something not known that is called as only a path's is: `x.rename(y)`, `x.open("w")`."""
    if func.attr in ("rename", "replace") and len(node.args) == 1 and not node.keywords:
        touch_all(Verb.MOVE, func.value, node, scope, sight)
        touch_all(Verb.PLACE, node.args[0], node, scope, sight)
        return True
    if func.attr == "open" and MODE.fullmatch(_mode(node, scope)):
        opened(node, scope, sight, [func.value], 0)
        return True
    return False


def _mode(node: ast.Call, scope: Scope) -> str:
    """Return the mode of `something.open(mode)`; reading where it has none."""
    given = argument(node, 0, "mode")
    return (text_of(given, scope) if given is not None else None) or ""


def _unknown_runner(node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Judge a method named like one that runs commands, of something that is not known: its text is read."""
    text = text_of(node.args[0], scope) if node.args else None
    words = words_of(node.args[0], scope) if node.args else None
    if text is not None or words:
        sight.opaque(node, "something that may run a command")
        sight.shell(text if text is not None else shlex.join(words or ()), node)


def _loses(name: str, path: str) -> bool:
    """Leave out lists and sets: `remove` of something that is no library's."""
    return name not in ("remove", "truncate", "flush") or path.partition(".")[0] in tables.ACTING


def _path_method(func: ast.Attribute, node: ast.Call, scope: Scope, sight: Sight) -> None:
    name = func.attr
    if name == "open":
        opened(node, scope, sight, [func.value], 0)
    elif name in tables.PATH_METHODS and not (name == "replace" and len(node.args) == 2):
        touch_all(tables.PATH_METHODS[name], func.value, node, scope, sight)
        if name in ("rename", "replace"):
            touch_all(Verb.PLACE, node.args[0] if node.args else None, node, scope, sight)
    elif (
        name not in tables.PLAIN_PATH_METHODS and text_of(func.value, scope) is not None and not hasattr(str, name)
    ):
        sight.opaque(node, f"calls {shown(name)} of a path")


def _boto(func: ast.Attribute, node: ast.Call, path: str, scope: Scope, sight: Sight) -> None:
    """Judge a method of an AWS client as the command line of the same operation."""
    if re.fullmatch(r"boto3(?:\.[sS]ession\(\))?\.(?:client|resource|[sS]ession)", path):
        return
    service = _service(func.value, scope)
    kebab = func.attr.replace("_", "-")
    if (
        ".client()" in path
        and service
        and re.fullmatch(r"[a-z][a-z0-9-]*", service)
        and re.fullmatch(r"[a-z0-9-]+", kebab)
    ):
        if kebab not in ("get-paginator", "get-waiter", "close", "can-paginate"):
            sight.shell(f"aws {'s3api' if service == 's3' else service} {kebab}", node)
        return
    sight.opaque(node, f"calls {shown(func.attr)} of an AWS resource")
    if tables.LOSSY.fullmatch(func.attr):
        draft = Draft(
            "aws:call", "unknown:", effects={Effect.DESTRUCTIVE}, summary=f"calls {shown(func.attr)} at AWS"
        )
        sight.add(draft, node, "removes something at AWS")


def _service(node: ast.expr, scope: Scope) -> str:
    if isinstance(node, ast.Name):
        return _service(scope.constants[node.id], scope) if node.id in scope.constants else ""
    if isinstance(node, ast.Call) and node.args and dotted(node.func, scope).endswith(".client"):
        return text_of(node.args[0], scope) or ""
    return ""


def _variable(path: str, node: ast.Call, scope: Scope, sight: Sight) -> None:
    variable(node.args[0] if node.args else None, scope, sight, node, is_set=path.endswith("setdefault"))


def _open(_path: str, node: ast.Call, scope: Scope, sight: Sight) -> None:
    opened(node, scope, sight, node.args[:1], 1)


def _timed(_path: str, node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Judge the statements that `timeit` runs as text."""
    for name, place in (("stmt", 0), ("setup", 1)):
        given = argument(node, place, name)
        text = text_of(given, scope)
        if text is not None:
            sight.nested.append((text, sight.span(node)))
        elif given is not None and not isinstance(given, ast.Lambda):
            sight.opaque(node, "times a statement that is not known", unknown=True)


_Judge = Callable[[str, ast.Call, Scope, Sight], None]
_LOOKS_UP = ("getattr", "globals", "locals", "vars", "setattr", "delattr", "breakpoint")
_EXACT: Mapping[str, _Judge] = {
    **dict.fromkeys(("os.getenv", "os.environ.get", "os.environ.pop", "os.environ.setdefault"), _variable),
    **dict.fromkeys(("timeit.timeit", "timeit.repeat"), _timed),
    **dict.fromkeys(tables.OPENERS, opened_archive),
    **dict.fromkeys(tables.FILES, listed),
    "sqlite3.connect": connect,
    **dict.fromkeys((*tables.CODE, *_LOOKS_UP), _code),
    **dict.fromkeys(("open", "io.open", "codecs.open"), _open),
}
"""Functions with a reader of their own, by their dotted name."""
