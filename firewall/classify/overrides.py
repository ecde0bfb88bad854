"""Methods that a request asks its server to take in place of its own: `_method` and X-HTTP-Method-Override. Pure.

Rails (Rack::MethodOverride), Laravel and Symfony (Request::getMethod), CakePHP, WordPress and Express read them
from a header, the query, a form, a part of a multipart body, JSON, or XML. Which servers do, no catalogue knows:
vendors publish their operations, and not what their framework takes beside them. So a request is read as the
stricter of both, and where it cannot be told what is asked for, nobody knows what it does.

PHP changes names before a framework sees them: leading blanks go, what follows a NUL goes, and blanks and dots
become `_` (php_register_variable_ex).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from urllib.parse import unquote

_HEADERS = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})
_METHODS = ("DELETE", "PUT", "PATCH", "POST")
"""From the strictest on."""
_MILD = frozenset({"GET", "HEAD", "OPTIONS"})
"""No stricter than what the request is by itself."""
MAX_ASKED = 1000
"""Places of one body that ask for a method; with more it cannot be told."""
MAX_SEARCHED = 1 << 20
"""Characters of a body in which places are looked for; in a longer one the word alone is: then nobody can tell."""
_WORD = "dehmot"
"""The letters of `method`."""
_ESCAPE = re.compile(r"\\u00([0-7][0-9a-fA-F])")
_WITH_FIELDS = re.compile(r"json|form-|multipart|url-?encoded|text/|xml|javascript|yaml")
"""Content types whose fields some framework reads; of others it hands the bytes on."""
_PLAIN_CHARSET = re.compile(r"utf-?8|(?:us-)?ascii|iso-?8859-?\d{1,2}|latin-?1|(?:windows|cp)-?125\d")
"""In these the letters of a method are the same bytes."""
_CHARSET = re.compile(r"charset\s*+=\s*+[\"']?([^\s;,\"']*+)")
_ELEMENT = re.compile(r"<(?:[\w.-]{1,40}+:)?_method(?:\s[^<>]{0,200}+)?>\s*+([^<]{0,40}+)")
"""Of XML in small letters: Rails 2.2 and before read it, as other fields of a body."""
_MARKS = ("\xff\xfe", "\xfe\xff")
_BLANK = r"(?:[\s+]|%20|%0[9a-d])*+"
_FACEBOOK = frozenset({"graph.facebook.com", "graph-video.facebook.com", "graph.instagram.com"})
"""They read `method` too: https://developers.facebook.com/docs/graph-api/batch-requests"""


@dataclass(frozen=True, slots=True)
class _Patterns:
    """What finds the places of a text in small letters that ask for a method; each runs in linear time."""

    pair: re.Pattern[str]
    json: re.Pattern[str]
    named: re.Pattern[str]
    part: re.Pattern[str]


def _letters(word: str) -> str:
    """Return a pattern for a word whose letters may be escaped, as in addresses or in quoted strings."""
    return "".join(rf"\\?(?:{letter}|%{ord(letter):x}|%{ord(letter.upper()):x})" for letter in word)


_SPELLED = re.compile(_letters("method"))


@lru_cache(maxsize=2)
def _patterns(*, is_bare: bool) -> _Patterns:
    """Return the patterns; `is_bare`: the server reads `method` as well."""
    first = r"\\?(?:[_.\[]|%5f|%2e|%5b)" + ("?" if is_bare else "")
    dash = r"(?:[-_.+ ]|%2d|%5f|%2e|%20)"
    override = dash.join(map(_letters, ("x", "http", "method", "override")))
    name = rf"{_BLANK}(?:{first}(?:{_letters('http')})?{_letters('method')}|{override})"
    named = (
        rf"name\*?\d?\*?\s*+=\s*+(?:[\w-]*+'[\w-]*+'|[\"'])?(?:{_BLANK}{first}{_letters('method')}(?![\w-])|=\?)"
    )
    return _Patterns(
        pair=re.compile(rf"(?:\A|[&;?\ufeff]){name}{_BLANK}(?:(?:\[|%5b|\0|%00)[^=&;]*+)?=([^&;]{{0,40}}+)"),
        json=re.compile(rf'"_{"?" if is_bare else ""}method"\s*+:\s*+(?:"([^"]{{0,40}}+)")?'),
        named=re.compile(named),
        part=re.compile(
            rf"{named}[^\r\n]{{0,200}}+\r?\n(?:[^\r\n]{{1,200}}+\r?\n){{0,8}}+\r?\n[ \t]*+([^\r\n]{{0,40}}+)"
        ),
    )


def meant(method: str, *, query: str, headers: Mapping[str, str], body: str, host: str = "") -> tuple[str, bool]:
    """Return the method that a server may take a request for, and whether that can be told.

    It is the request's own where nothing else is asked for. `headers`: names in small letters; what follows in a
    value after 40 characters is not read. `body`: as text, bytes that are no UTF-8 as Latin-1.
    """
    patterns = _patterns(is_bare=host in _FACEBOOK)
    is_long = len(body) > MAX_SEARCHED
    found_in_body = () if is_long else _in_body(body, patterns)
    places = (*_in_headers(headers), *_in_query(query, patterns), *found_in_body)
    asked = {one.strip().upper() for one in places}
    asked.discard(method)
    is_told = len(places) < MAX_ASKED and not (body and _is_closed(headers, body))
    is_told = is_told and not (is_long and _says_method(body))
    if not asked:
        return method, is_told
    found = next((one for one in _METHODS if one in asked), method)
    return ("DELETE" if method == "DELETE" else found), is_told and asked <= {*_METHODS, *_MILD}


def has_fields(headers: Mapping[str, str]) -> bool:
    """Tell whether some framework reads fields out of a body of this type; without a type some do."""
    kind = headers.get("content-type", "").strip().lower()
    return not kind or _WITH_FIELDS.search(kind) is not None


def _is_closed(headers: Mapping[str, str], body: str) -> bool:
    """Tell whether a body may hold fields that are not read here: compressed, or in letters of several bytes."""
    if not has_fields(headers):
        return False
    if headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        return True
    named = _CHARSET.findall(headers.get("content-type", "").lower())
    if not all(map(_PLAIN_CHARSET.fullmatch, filter(None, named))):
        return True
    return body.startswith(_MARKS) or "\0" in body[:4]


def _in_headers(headers: Mapping[str, str]) -> Iterator[str]:
    for name, value in headers.items():
        if name.replace("_", "-").replace(".", "-") in _HEADERS:
            yield from value.split(",")


def _in_query(query: str, patterns: _Patterns) -> Iterator[str]:
    lower = query.lower()
    if "method" in lower or ("%" in lower and _SPELLED.search(lower)):
        yield from _in_pairs(lower, patterns)


def _in_pairs(lower: str, patterns: _Patterns) -> Iterator[str]:
    for found in islice(patterns.pair.finditer(lower), MAX_ASKED):
        yield unquote(found[1])


def _in_body(body: str, patterns: _Patterns) -> Iterator[str]:
    text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), body) if "\\u00" in body else body
    lower = text.lower()
    is_plain = "method" in lower
    if is_plain:
        yield from (found[1] or "" for found in islice(patterns.json.finditer(lower), MAX_ASKED))
        yield from (found[1] for found in islice(_ELEMENT.finditer(lower), MAX_ASKED))
    if is_plain or (("%" in lower or "\\" in lower) and _SPELLED.search(lower)):
        yield from _in_pairs(lower, patterns)
        yield from _in_parts(lower, patterns)


def _says_method(body: str) -> bool:
    """Tell whether a long body has the word at all, however it is escaped; patterns would take seconds for it."""
    lower = body.lower()
    if "\\u00" in lower:  # JSON's escapes come first, as in short bodies: they may spell those of addresses
        lower = _spelled(lower, "\\u00", "%0123456789f" + _WORD)
    lower = lower.replace("\\", "")
    if "%" in lower:
        lower = _spelled(lower, "%", _WORD)
    return "method" in lower


def _spelled(lower: str, mark: str, letters: str) -> str:
    """Undo escapes of some letters, which are a mark and two digits."""
    for letter in letters:
        for code in {ord(letter), ord(letter.upper())}:
            lower = lower.replace(f"{mark}{code:02x}", letter)
    return lower


def _in_parts(lower: str, patterns: _Patterns) -> Iterator[str]:
    """Return what parts of a multipart body ask for; an empty text for one whose value is not found."""
    names = sum(1 for _ in islice(patterns.named.finditer(lower), MAX_ASKED))
    parts = [found[1] for found in islice(patterns.part.finditer(lower), names)] if names else []
    yield from parts
    yield from [""] * (names - len(parts))
