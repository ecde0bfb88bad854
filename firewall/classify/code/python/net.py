"""Requests that a Python program sends: `requests`, `httpx`, `urllib`, judged as what they are on the wire."""

import ast
import json

from firewall.classify.code.python.scope import Scope
from firewall.classify.code.python.sight import Sight
from firewall.classify.code.python.values import choices, dotted, text_of, value_of
from firewall.classify.http import Request, judge_http

_BODIES = ("data", "json", "content", "files")
_SENT = (*_BODIES, "params", "headers", "cookies", "auth", "url")


def request(path: str, node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Note a request."""
    method, target = _method(path, node, scope)
    if method is None:
        sight.opaque(node, "a request whose method is not known", unknown=True)
        method = "GET"
    if isinstance(target, ast.Call) and dotted(target.func, scope).endswith("Request"):
        return
    for url in choices(target, scope) or [_known_part(target, scope)]:
        sight.found.drafts += judge_http(
            _request(method, url, node, scope, target), sight.context, sight.span(node)
        )


def _method(path: str, node: ast.Call, scope: Scope) -> tuple[str | None, ast.expr | None]:
    """Return the method and the address."""
    name = path.rpartition(".")[2]
    keywords = {item.arg: item.value for item in node.keywords}
    url = keywords.get("url")
    if path.startswith("urllib."):
        has_body = "data" in keywords or len(node.args) > 1
        given = text_of(keywords.get("method"), scope) if "method" in keywords else ""
        method = (
            given.upper()
            if given
            else None
            if given is None
            else "POST"
            if has_body and name != "urlretrieve"
            else "GET"
        )
        return method, url or (node.args[0] if node.args else None)
    if name in ("request", "stream"):
        asked = text_of(keywords.get("method") or (node.args[0] if node.args else None), scope)
        return asked.upper() if asked else None, url or (node.args[1] if len(node.args) > 1 else None)
    return name.upper(), url or (node.args[0] if node.args else None)


def _known_part(node: ast.expr | None, scope: Scope) -> str:
    """Return the beginning of an address that is not known to its end."""
    if isinstance(node, ast.JoinedStr) and node.values:
        return text_of(node.values[0], scope) or ""
    if isinstance(node, ast.BinOp):
        return _known_part(node.left, scope)
    return text_of(node, scope) or ""


def _request(method: str, url: str, node: ast.Call, scope: Scope, target: ast.expr | None) -> Request:
    bodies = [item.value for item in node.keywords if item.arg in _BODIES]
    headers = next((item.value for item in node.keywords if item.arg == "headers"), None)
    known = [_body(body, scope) for body in bodies]
    named = {key.value.lower(): "" for key in _keys(headers) if isinstance(key.value, str)}
    return Request(
        method,
        url,
        headers=named,
        body=next((body for body in known if body), ""),
        body_known=all(body is not None for body in known),
        from_file=any(_opens(item.value, scope) for item in node.keywords if item.arg in _SENT),
        credentials=any(item.arg == "auth" for item in node.keywords),
        url_known=choices(target, scope) is not None,
    )


def _keys(node: ast.expr | None) -> list[ast.Constant]:
    return [key for key in node.keys if isinstance(key, ast.Constant)] if isinstance(node, ast.Dict) else []


def _body(node: ast.expr, scope: Scope) -> str | None:
    found = value_of(node, scope)
    if found is not None and isinstance(found.value, str | bytes):
        return found.value if isinstance(found.value, str) else found.value.decode("utf-8", "replace")
    try:
        return json.dumps(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _opens(node: ast.expr, scope: Scope, depth: int = 0) -> bool:
    """Tell whether a body is read from a file, here or where its names get their values."""
    names = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)} if depth < 2 else set()
    if any(_opens(scope.constants[name], scope, depth + 1) for name in names & scope.constants.keys()):
        return True
    return any(
        isinstance(item, ast.Call)
        and dotted(item.func, scope).rpartition(".")[2] in ("open", "read_text", "read_bytes", "read")
        for item in ast.walk(node)
    )
