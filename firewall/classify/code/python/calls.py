"""One call in a Python program: which function it is by its dotted name, and what that does."""

import ast
import re
import shlex

from firewall.classify.code.python import tables
from firewall.classify.code.python.arguments import argument
from firewall.classify.code.python.environment import variable
from firewall.classify.code.python.net import request
from firewall.classify.code.python.runs import started
from firewall.classify.code.python.scope import Scope
from firewall.classify.code.python.sight import Sight
from firewall.classify.code.python.values import choices, dotted, text_of, value_of, words_of
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.rows import Verb
from firewall.classify.sql.judge import judge_sql
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
    if path == "open" or path in ("io.open", "codecs.open"):
        _open(node, scope, sight, node.args[:1], 1)
    elif path in tables.CODE or path in (
        "getattr",
        "globals",
        "locals",
        "vars",
        "setattr",
        "delattr",
        "breakpoint",
    ):
        _code(path, node, scope, sight)
    elif path in tables.FILES:
        _files(path, node, scope, sight)
    elif tables.RUNS.fullmatch(path):
        started(path, node, scope, sight)
    elif tables.REQUESTS.fullmatch(path):
        request(path, node, scope, sight)
    elif path in ("os.getenv", "os.environ.get", "os.environ.pop", "os.environ.setdefault"):
        variable(node.args[0] if node.args else None, scope, sight, node, is_set=path.endswith("setdefault"))
    elif isinstance(node.func, ast.Attribute):
        _method(node.func, node, path, scope, sight)
    elif path.partition(".")[0] in tables.ACTING and "." in path and not tables.INERT.fullmatch(path):
        sight.opaque(node, f"calls {shown(path)}")


_WRITING = re.compile(r"[wxa+]")
_MODE = re.compile(r"[rwxabt+]{1,4}")
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


def _open(node: ast.Call, scope: Scope, sight: Sight, paths: list[ast.expr], place: int) -> None:
    """Judge `open(path, mode)` and `path.open(mode)`."""
    if any(isinstance(item, ast.Starred) for item in node.args) or any(item.arg is None for item in node.keywords):
        sight.opaque(node, "a file that is opened with arguments that are not seen one by one", unknown=True)
        return
    given = argument(node, place, "mode")
    mode = text_of(given, scope) if given is not None else "r"
    if mode is None or any(item.arg == "opener" for item in node.keywords):
        sight.opaque(node, "a file that is opened in a way that is not known", unknown=True)
        return
    verb = Verb.READ
    if _WRITING.search(mode):
        verb = (
            Verb.APPEND
            if "a" in mode
            else Verb.CREATE
            if "x" in mode
            else Verb.EDIT
            if "r" in mode
            else Verb.OVERWRITE
        )
    target = paths[0] if paths else argument(node, 0, "file")
    _touch_all(verb, target, node, scope, sight)


def _touch_all(
    verb: Verb, target: ast.expr | None, node: ast.AST, scope: Scope, sight: Sight, *, recursive: bool = False
) -> None:
    found = choices(target, scope)
    if found is None:
        globbed = _globbed(target, scope)
        found = [globbed] if globbed else None
    for path in found or ():
        sight.touch(verb, path, target or node, recursive=recursive)
    if not found:
        sight.touch(verb, None, target or node, recursive=recursive)


def _globbed(node: ast.expr | None, scope: Scope) -> str:
    """Return the glob whose files a loop goes through (`for p in Path("a").rglob("*.py")`)."""
    if not isinstance(node, ast.Name) or node.id not in scope.loops:
        return ""
    over = scope.loops[node.id]
    if not isinstance(over, ast.Call):
        return ""
    path = dotted(over.func, scope)
    if path in ("glob.glob", "glob.iglob") and over.args:
        return text_of(over.args[0], scope) or ""
    if (
        isinstance(over.func, ast.Attribute)
        and over.func.attr in ("glob", "rglob", "iterdir")
        and path.startswith("pathlib.")
    ):
        folder = text_of(over.func.value, scope)
        pattern = text_of(over.args[0], scope) if over.args else "*"
        deep = "**/" if over.func.attr == "rglob" else ""
        return f"{folder.rstrip('/')}/{deep}{pattern}" if folder and pattern else ""
    return ""


def _files(path: str, node: ast.Call, scope: Scope, sight: Sight) -> None:
    names = {1: ("dst", "mode", "filename"), 0: ("path", "src", "name", "top", "pathname")}
    for verb, place in tables.FILES[path]:
        target = node.args[place] if len(node.args) > place else None
        if target is None:
            target = next((item.value for item in node.keywords if item.arg in names[place]), None)
        if target is None and verb is Verb.LIST:
            continue
        _touch_all(verb, target, node, scope, sight, recursive=path in tables.TREES)
    if path in ("os.symlink", "os.link"):
        _touch_all(Verb.READ, node.args[0] if node.args else None, node, scope, sight)


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
    if path.startswith("pathlib.") and "()" in path:
        _path_method(func, node, scope, sight)
    elif name in tables.METHODS and (name not in ("touch", "truncate") or _globbed(func.value, scope)):
        _touch_all(tables.METHODS[name], func.value, node, scope, sight)
    elif not path and _perhaps_path(func, node, scope, sight):
        pass
    elif name in tables.RUNNERS and "()" not in path and path.partition(".")[0] not in tables.MODULES:
        _unknown_runner(node, scope, sight)
    elif path.startswith("sys.path."):
        sight.opaque(node, "changes where modules are loaded from")
    elif name in tables.SQL_METHODS and node.args:
        _sql(node, scope, sight)
    elif path.startswith("boto3."):
        _boto(func, node, path, scope, sight)
    elif tables.LOSSY.fullmatch(name) and _loses(name, path, scope):
        draft = Draft("code:call", "unknown:", effects={Effect.DESTRUCTIVE, Effect.EXEC})
        draft.summary = f"calls {shown(name)}; what it removes cannot be seen for sure"
        sight.add(draft, node, "removes or empties something")
    elif path.partition(".")[0] in tables.ACTING and "()" not in path and not tables.INERT.fullmatch(path):
        sight.opaque(node, f"calls {shown(path)}")


def _perhaps_path(func: ast.Attribute, node: ast.Call, scope: Scope, sight: Sight) -> bool:
    """Judge a method of something not known that is called as only a path's is: `x.rename(y)`, `x.open("w")`."""
    if func.attr in ("rename", "replace") and len(node.args) == 1 and not node.keywords:
        _touch_all(Verb.MOVE, func.value, node, scope, sight)
        _touch_all(Verb.PLACE, node.args[0], node, scope, sight)
        return True
    if func.attr == "open" and _MODE.fullmatch(_mode(node, scope)):
        _open(node, scope, sight, [func.value], 0)
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


def _loses(name: str, path: str, scope: Scope) -> bool:
    """Leave out lists and sets: `remove` of something that is no library's."""
    del scope
    return name not in ("remove", "truncate", "flush") or path.partition(".")[0] in tables.ACTING


def _path_method(func: ast.Attribute, node: ast.Call, scope: Scope, sight: Sight) -> None:
    name = func.attr
    if name == "open":
        _open(node, scope, sight, [func.value], 0)
    elif name in tables.PATH_METHODS and not (name == "replace" and len(node.args) == 2):
        _touch_all(tables.PATH_METHODS[name], func.value, node, scope, sight)
        if name in ("rename", "replace"):
            _touch_all(Verb.PLACE, node.args[0] if node.args else None, node, scope, sight)
    elif (
        name not in tables.PLAIN_PATH_METHODS and text_of(func.value, scope) is not None and not hasattr(str, name)
    ):
        sight.opaque(node, f"calls {shown(name)} of a path")


def _sql(node: ast.Call, scope: Scope, sight: Sight) -> None:
    text = text_of(node.args[0], scope)
    if text is None:
        sight.opaque(node, "a database statement that is not known before it runs", unknown=True)
        return
    span = sight.span(node.args[0])
    sight.found.drafts.append(judge_sql(Source(text, base=None, outer=span), "python", sight.context, ()))


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
