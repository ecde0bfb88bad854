"""Methods that a request asks its server to take in place of its own: `_method` and X-HTTP-Method-Override. Pure.

Rails (Rack::MethodOverride), Laravel and Symfony (Request::getMethod), CakePHP, WordPress and Express read them
from a header, the query, a form, a part of a multipart body, or JSON. Which servers do, no catalogue knows:
vendors publish their operations, and not what their framework takes beside them. So a request is read as the
stricter of both, and where it cannot be told what is asked for, nobody knows what it does.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, unquote_plus

_HEADERS = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})
_FIELDS = frozenset({"_method", "x-http-method-override"})
_METHODS = ("DELETE", "PUT", "PATCH", "POST")
"""From the strictest on."""
_MILD = frozenset({"GET", "HEAD", "OPTIONS"})
"""No stricter than what the request is by itself."""
_PAIR = re.compile(r"(?:\A|[&;])([^=&;]{1,120}+)=([^&;]{0,40}+)")
_JSON = re.compile(r'"_method"\s*+:\s*+(?:"([^"]{0,40}+)")?', re.IGNORECASE)
_ESCAPE = re.compile(r"\\u00([0-7][0-9a-fA-F])")
_PART = re.compile(
    r"\bname\*?+[ \t]*+=[ \t]*+(?:[\w-]*+''|[\"'])?_method\b[^\r\n]{0,200}+\r?\n"
    r"(?:[^\r\n]{1,200}+\r?\n){0,8}+\r?\n[ \t]*+([^\r\n]{0,40}+)",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\bname\*?+[ \t]*+=[ \t]*+(?:[\w-]*+''|[\"'])?_method\b", re.IGNORECASE)


def meant(method: str, *, query: str, headers: Mapping[str, str], body: str) -> tuple[str, bool]:
    """Return the method that a server may take a request for, and whether that can be told.

    It is the request's own where nothing else is asked for. `headers`: names in small letters; what follows in a
    value after 40 characters is not read.
    """
    asked = {one.strip().upper() for one in (*_in_headers(headers), *_in_query(query), *_in_body(body))}
    asked.discard(method)
    if not asked:
        return method, True
    found = next((one for one in _METHODS if one in asked), method)
    return ("DELETE" if method == "DELETE" else found), asked <= {*_METHODS, *_MILD}


def _in_headers(headers: Mapping[str, str]) -> Iterator[str]:
    for name, value in headers.items():
        if name.replace("_", "-") in _HEADERS:
            yield from value.split(",")


def _in_query(query: str) -> Iterator[str]:
    if query and ("%" in query or "method" in query.lower()):
        yield from _in_pairs(query)


def _in_pairs(text: str) -> Iterator[str]:
    for name, value in _PAIR.findall(text):
        if unquote_plus(name).partition("[")[0].strip().lower() in _FIELDS:
            yield unquote(value)


def _in_body(body: str) -> Iterator[str]:
    text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), body) if "\\u00" in body else body
    lower = text.lower()
    if "_method" in lower:
        yield from _JSON.findall(text)
        if _NAMED.search(text):
            yield from _PART.findall(text) or [""]
    if "method" in lower or "%" in text:
        yield from _in_pairs(text)
