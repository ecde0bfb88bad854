"""Files that a Python program opens, and what functions of its library do with paths."""

import ast
import re

from firewall.classify.code.python import tables
from firewall.classify.code.python.arguments import argument
from firewall.classify.code.python.scope import Scope
from firewall.classify.code.python.sight import Sight
from firewall.classify.code.python.values import choices, dotted, text_of
from firewall.classify.draft import shown
from firewall.classify.patches import leads_out
from firewall.classify.rows import Verb

_WRITING = re.compile(r"[wxa+]")
MODE = re.compile(r"[rwxabt+]{1,4}")


def opened(node: ast.Call, scope: Scope, sight: Sight, paths: list[ast.expr], place: int) -> None:
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
    touch_all(verb, target, node, scope, sight)


def opened_archive(path: str, node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Judge `zipfile.ZipFile(path, mode)`, `tarfile.open(…)`, `gzip.open(…)`: a file, by its mode."""
    given = argument(node, 1, "mode")
    mode = (text_of(given, scope) if given is not None else "r") or "?"
    plain = mode.partition(":")[0].partition("|")[0]
    if any(item.arg in (None, "fileobj") for item in node.keywords) or not MODE.fullmatch(plain):
        sight.opaque(node, f"opens {shown(path)} in a way that is not known", unknown=True)
        return
    verb = Verb.APPEND if "a" in plain else Verb.OVERWRITE if _WRITING.search(plain) else Verb.READ
    touch_all(verb, node.args[0] if node.args else argument(node, 0, tables.OPENERS[path]), node, scope, sight)


def touch_all(
    verb: Verb, target: ast.expr | None, node: ast.AST, scope: Scope, sight: Sight, *, recursive: bool = False
) -> None:
    """Note every path that an expression can be; one that is not known is said to be so."""
    found = choices(target, scope)
    if found is None:
        pattern = globbed(target, scope)
        found = [pattern] if pattern else None
    for path in found or ():
        sight.touch(verb, path, target or node, recursive=recursive)
    if not found:
        sight.touch(verb, None, target or node, recursive=recursive)


def globbed(node: ast.expr | None, scope: Scope) -> str:
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


def listed(path: str, node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Judge a function of `tables.FILES` by its paths."""
    names = {1: ("dst", "mode", "filename"), 0: ("path", "src", "name", "top", "pathname")}
    into = text_of(node.args[1], scope) if len(node.args) > 1 else None
    for usual, place in tables.FILES[path]:
        verb = Verb.REMOVE if usual is Verb.MOVE and into == "/dev/null" else usual
        target = node.args[place] if len(node.args) > place else None
        if target is None:
            target = next((item.value for item in node.keywords if item.arg in names[place]), None)
        if target is None and verb is Verb.LIST:
            continue
        touch_all(verb, target, node, scope, sight, recursive=path in tables.TREES)
    if path in ("os.symlink", "os.link"):
        touch_all(Verb.READ, node.args[0] if node.args else None, node, scope, sight)
        origin = text_of(node.args[0], scope) if node.args else None
        if origin is None or leads_out(origin):
            sight.opaque(node, "makes a link that leads out of its folder", unknown=True)
