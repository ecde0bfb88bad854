"""Requests that a JavaScript program sends: `fetch`, `axios`, `http`, judged as what they are on the wire."""

from firewall.classify.code.javascript.carried import is_local, local_names
from firewall.classify.code.javascript.evaluated import HOLE
from firewall.classify.code.javascript.paths import Paths, key_name
from firewall.classify.code.javascript.sight import Sight
from firewall.classify.code.javascript.syntax import Node
from firewall.classify.code.javascript.values import Evaluator
from firewall.classify.context import Context
from firewall.classify.http import Request, judge_http

OVERRIDES = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})
"""Headers by which a server takes another method."""
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_MAX_NODES = 500
"""Parts of what a request sends that are searched for fields; names can lead in circles."""
_MADE = frozenset({"object", "new_expression", "call_expression"})
_BODIED = frozenset({"POST", "PUT", "PATCH"})


def request(path: str, node: Node, paths: Paths, sight: Sight, context: Context) -> None:
    """Note a request."""
    first, second, third = (paths.argument(node, place) for place in range(3))
    verb = path.rpartition(".")[2].upper()
    options = first if first is not None and first.kind == "object" else second
    asked = paths.option(options, "method") or paths.option(third, "method")
    method = paths.text(asked) if asked is not None else verb if verb in _METHODS else "GET"
    free = verb not in _METHODS or path.startswith(("http.", "https."))
    if method is None or (free and not all(paths.is_plain(item) for item in _options(node, first))):
        sight.opaque(node, "sends a request whose method is not known", unknown=True)
    address = (
        paths.option(first, "url") if options is first and first is not None and first.kind == "object" else first
    )
    body = paths.option(options, "body") or paths.option(options, "data") or (second if verb in _BODIED else None)
    headers = paths.option(options, "headers")
    named = [
        key_name(pair.fields["key"])
        for pair in (headers.children if headers is not None else ())
        if pair.kind == "pair"
    ]
    sent = (
        local_names(paths) if named or _options(node, first) or paths.texts(address) is None else frozenset[str]()
    )
    for url in paths.texts(address) or [_seen(address, paths)]:
        asking = Request(
            (method or "GET").upper(),
            url.replace(HOLE, "x"),
            headers={name.lower(): "" for name in named},
            body=_body(body, paths) or "",
            body_known=body is None or _body(body, paths) is not None,
            url_known=paths.texts(address) is not None,
            from_file=is_local(body, sent, paths),
            fields=_fields((body, paths.option(options, "params"), paths.option(third, "params")), paths),
            carries_output=any(is_local(item, sent, paths) for item in (address, *_options(node, first))),
        )
        sight.found.drafts += judge_http(asking, context, sight.program.span(node))


def _seen(node: Node | None, paths: Paths) -> str:
    """Return what is known of an address, with a plain letter for the rest."""
    values = Evaluator(paths.program, paths.names, holes=True).of(node) if node is not None else None
    return str(values[0]) if values else ""


def _body(node: Node | None, paths: Paths) -> str | None:
    if node is None:
        return None
    values = paths.values.of(node)
    return values[0] if values and isinstance(values[0], str) else None


def _fields(given: tuple[Node | None, ...], paths: Paths) -> str:
    """Return as a form what is readable of objects, also in `new URLSearchParams(…)`; other values are `?`."""
    left, pairs = [node for node in given if node is not None], list[str]()
    for _ in range(_MAX_NODES):
        if not left:
            break
        node = left.pop()
        bound = paths.names.the(node.text) if node.kind == "identifier" else None
        if bound is not None and bound.value is not None and bound.value.kind in _MADE:
            node = bound.value
        if node.kind == "pair":
            value = paths.text(node.fields["value"])
            pairs.append(f"{key_name(node.fields['key'])}={'?' if value is None else value}")
            left.append(node.fields["value"])
        elif node.kind in _MADE:
            left += node.children or list(node.fields.values())
            arguments = node.fields.get("arguments")
            left += arguments.children if arguments is not None else []
        elif node.kind == "string" and "=" in (paths.text(node) or ""):
            pairs.append(paths.text(node) or "")
    return "&".join(pairs)


def _options(node: Node, first: Node | None) -> list[Node]:
    """Return what a call says beside the address."""
    arguments = node.fields.get("arguments")
    given = arguments.children if arguments is not None and arguments.kind == "arguments" else []
    return [item for item in given if item is not first or item.kind == "object"]
