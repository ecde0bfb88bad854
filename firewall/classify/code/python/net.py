"""Requests that a Python program sends: `requests`, `httpx`, `urllib`, judged as what they are on the wire."""

import ast
import json
from collections.abc import Iterator

from firewall.classify.code.python.arguments import argument
from firewall.classify.code.python.carried import is_local, local_names
from firewall.classify.code.python.scope import Scope
from firewall.classify.code.python.sight import MAX_SEEN, Sight
from firewall.classify.code.python.values import choices, dotted, text_of, value_of
from firewall.classify.http import Request, judge_http
from firewall.classify.rows import Verb

_BODIES = ("data", "json", "content", "files")
_SENT = ("params", "headers", "cookies")


def request(path: str, node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Note a request."""
    method, target = _method(path, node, scope)
    if method is None:
        sight.opaque(node, "a request whose method is not known", unknown=True)
        method = "GET"
    if isinstance(target, ast.Call) and dotted(target.func, scope).endswith("Request"):
        return
    if path.endswith(".urlretrieve"):
        _saved(node, scope, sight)
    if len(sight.found.drafts) >= MAX_SEEN:
        sight.opaque(node, "more requests than are read here", unknown=True)
        return
    for url in choices(target, scope) or [_known_part(target, scope)]:
        sight.found.drafts += judge_http(
            _request(method, url, node, scope, target), sight.context, sight.span(node)
        )


def _saved(node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Note the file that `urlretrieve` writes; without one it is a temporary file."""
    place = argument(node, 1, "filename")
    for name in (choices(place, scope) or [None]) if place is not None else []:  # type: ignore[list-item]  # None: not known
        sight.touch(Verb.OVERWRITE, name, place or node)


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
    bodies += node.args[1:2] if method not in ("GET", "HEAD") and node.args[:1] == [target] else []
    known = [_body(body, scope) for body in bodies]
    return Request(
        method,
        url,
        headers=_headers(node, scope),
        body=next((body for body in known if body), ""),
        body_known=all(body is not None for body in known),
        from_file=any(_holds(item, scope) for item in bodies),
        carries_output=any(_holds(item, scope) for item in _said(node, target)),
        credentials=any(item.arg == "auth" for item in node.keywords),
        url_known=choices(target, scope) is not None,
        fields=_fields(node, bodies, scope),
    )


def _fields(node: ast.Call, bodies: list[ast.expr], scope: Scope) -> str:
    """Return as a form what is readable of the fields in a call's query and body; a value that is not is `?`."""
    given = [*bodies, *(item.value for item in node.keywords if item.arg == "params")]
    pairs = [pair for one in given for pair in _pairs(one, scope)]
    return "&".join(f"{name}={'?' if value is None else value}" for name, value in pairs if name is not None)


def _pairs(node: ast.expr, scope: Scope) -> Iterator[tuple[str | None, str | None]]:
    """Return the names and values in a dict, in a list of pairs, or in `dict(a=b)`."""
    if isinstance(node, ast.Name):
        node = scope.constants.get(node.id, node)
    match node:
        case ast.Dict(keys=keys, values=values):
            yield from (
                (text_of(key, scope), _sent(value, scope)) for key, value in zip(keys, values, strict=True)
            )
        case ast.List(elts=items) | ast.Tuple(elts=items):
            for item in items:
                if isinstance(item, ast.Tuple | ast.List) and len(item.elts) >= 2:
                    yield text_of(item.elts[0], scope), _sent(item.elts[1], scope)
        case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
            yield from ((item.arg, _sent(item.value, scope)) for item in keywords)
        case _:
            found = text_of(node, scope)
            if found is not None and "=" in found:
                name, _, value = found.partition("=")
                yield name, value


def _sent(node: ast.expr, scope: Scope) -> str | None:
    """Return a value; of a part of `files`, `(name, content)`, the content."""
    is_part = isinstance(node, ast.Tuple | ast.List) and len(node.elts) >= 2
    return text_of(node.elts[1] if is_part else node, scope)  # type: ignore[attr-defined]  # has been looked at


def _headers(node: ast.Call, scope: Scope) -> dict[str, str]:
    """Return the headers of a call by their names in lower case, with the values that are known."""
    given = next((item.value for item in node.keywords if item.arg == "headers"), None)
    if isinstance(given, ast.Name):
        given = scope.constants.get(given.id)
    if not isinstance(given, ast.Dict):
        return {}
    pairs = (
        (text_of(key, scope), text_of(value, scope)) for key, value in zip(given.keys, given.values, strict=True)
    )
    return {key.lower(): value or "" for key, value in pairs if key is not None}


def _said(node: ast.Call, target: ast.expr | None) -> list[ast.expr]:
    """Return what a call tells the server beside its body: the address, the query, headers."""
    named = [item.value for item in node.keywords if item.arg in _SENT or item.arg is None]
    return [*named, *([target] if target is not None else [])]


def _holds(node: ast.expr, scope: Scope) -> bool:
    """Tell whether an expression holds the content of a file or the output of a program."""
    if scope.local is None and scope.tree is not None:
        scope.local = local_names(scope.tree, scope)
    return is_local(node, scope.local or frozenset(), scope)


def _body(node: ast.expr, scope: Scope) -> str | None:
    found = value_of(node, scope)
    if found is not None and isinstance(found.value, str | bytes):
        return found.value if isinstance(found.value, str) else found.value.decode("utf-8", "replace")
    try:
        return json.dumps(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
