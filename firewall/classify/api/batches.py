"""Requests inside of a request to a batch endpoint: parts that hold a request line, or objects with a method.

Forms: `multipart/mixed` with `application/http` parts (Google, OData 4), JSON lists of objects with `method` or
`httpMethod` (Microsoft Graph, Azure Resource Manager, Facebook), form fields that hold such a list.
"""

import re

from firewall.core.effect import Effect

_LINE = re.compile(r"^(DELETE|POST|PUT|PATCH)[ \t]++[^ \t\r\n]++(?:[ \t]++HTTP/[\d.]++)?[ \t]*+\r?$", re.MULTILINE)
_METHOD = re.compile(r"\"(?:http_?)?(?:method|verb)\"\s*+:\s*+\"(delete|post|put|patch)", re.IGNORECASE)


def batched(path: str, kind: str, body: str, lower: str) -> set[Effect]:
    """Return what the requests inside of a body do; empty: there are none.

    `kind` is its content type, `lower` the body in lower case.
    """
    is_batch = "multipart/mixed" in kind.lower() or "batch" in path.lower()
    if not is_batch and not (_may_name_methods(body, lower) and _METHOD.search(body)):
        return set()
    found = {name.upper() for name in (*_LINE.findall(body), *_METHOD.findall(body))}
    if "DELETE" in found:
        return {Effect.DESTRUCTIVE}
    return {Effect.UNKNOWN} if found and ("batch" in path.lower() or "multipart" in kind.lower()) else set()


def _may_name_methods(body: str, text: str) -> bool:
    """Tell at once whether an object could have a method; what is no ASCII is left to the pattern."""
    return not body.isascii() or 'method"' in text or 'verb"' in text
