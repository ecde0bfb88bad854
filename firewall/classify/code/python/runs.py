"""Programs and command lines that a Python program starts: `subprocess`, `os.system`, `asyncio`."""

import ast
import re
import shlex

from firewall.classify.code.python.arguments import argument
from firewall.classify.code.python.scope import Scope
from firewall.classify.code.python.sight import Sight
from firewall.classify.code.python.values import choices, dotted, text_of, value_of, words_of


def started(path: str, node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Judge a program or a command line that is started."""
    first = argument(node, 0, "args")
    listed = first
    if re.match(r"os\.(?:exec|spawn|posix_spawn)|asyncio\.create_subprocess_exec", path):
        place = 1 if path.startswith("os.spawn") else 0
        listed = node.args[place + 1] if len(node.args) > place + 1 else None
        if path.endswith(("l", "lp", "le", "lpe", "_exec")) or not isinstance(
            listed, ast.List | ast.Tuple | ast.Name
        ):
            listed = ast.List(elts=node.args[place + (0 if path.endswith("_exec") else 1) :], ctx=ast.Load())
    words = words_of(listed, scope)
    lines = [shlex.join(words)] if words else choices(first, scope)
    environment = next((item.value for item in node.keywords if item.arg == "env"), None)
    if environment is not None and not _is_own(environment, scope):
        sight.opaque(node, "a program started with other environment variables", unknown=True)
    if any(item.arg in ("preexec_fn", "executable", "startupinfo") for item in node.keywords):
        sight.opaque(node, "a program started in a way that is not followed", unknown=True)
    if not lines:
        sight.opaque(node, "a program or command that is not known before it runs", unknown=True)
        sight.shell(_seen(listed, scope), node)
        return
    for line in lines:
        sight.shell(_with_input(_within(line, node, scope), node, scope), node)


def _is_own(node: ast.expr, scope: Scope) -> bool:
    """Tell whether an `env=` is the program's own, with plain values added."""
    return dotted(node, scope) in ("os.environ", "os.environ.copy()")


def _seen(node: ast.expr | None, scope: Scope) -> str:
    """Return what is known of a command: its parts, with an unset variable for each of the others."""
    if isinstance(node, ast.List | ast.Tuple):
        parts = [text_of(item, scope) for item in node.elts[:40]]
        return " ".join('"$STAYHAND_HOLE"' if part is None else shlex.quote(part) for part in parts)
    if isinstance(node, ast.JoinedStr):
        known = [text_of(item, scope) if isinstance(item, ast.Constant) else None for item in node.values]
        return "".join("${STAYHAND_HOLE}" if part is None else part for part in known)
    if isinstance(node, ast.BinOp):
        return f"{_seen(node.left, scope)}{_seen(node.right, scope)}"
    text = text_of(node, scope)
    return "${STAYHAND_HOLE}" if text is None else text


def _within(line: str, node: ast.Call, scope: Scope) -> str:
    folder = next((item.value for item in node.keywords if item.arg == "cwd"), None)
    if folder is None:
        return line
    text = text_of(folder, scope)
    place = shlex.quote(text) if text is not None else '"$STAYHAND_HOLE"'
    return f"cd {place} && {line}"


def _with_input(line: str, node: ast.Call, scope: Scope) -> str:
    given = next((item.value for item in node.keywords if item.arg == "input"), None)
    if given is None:
        return line
    found = value_of(given, scope)
    text = (
        found.value.decode("utf-8", "replace")
        if found and isinstance(found.value, bytes)
        else text_of(given, scope)
    )
    return f"printf %s {shlex.quote(text)} | {line}" if text is not None else f'echo "$STAYHAND_HOLE" | {line}'
