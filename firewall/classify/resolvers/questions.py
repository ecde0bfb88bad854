"""A resolver's question as a request: the file's own text, with ids put in where they can mean nothing else.

INVARIANT: an id never becomes part of a document, of a path's shape or of a parameter's name: it is a GraphQL
variable, a quoted segment, a quoted value, or a JSON text.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

import orjson

from firewall.classify.resolvers.vendor import Ask
from firewall.core.outgoing import Outgoing

_WORD = re.compile(r"\{([a-z_]+)\}")
_FORM = "application/x-www-form-urlencoded; charset=utf-8"


def question(ask: Ask, words: Mapping[str, str], *, region: str = "") -> Outgoing | None:
    """Return the request; None where a word that it needs is missing. `region`: of AWS."""
    try:
        return _question(ask, words, region)
    except KeyError:
        return None


def _question(ask: Ask, words: Mapping[str, str], region: str) -> Outgoing:
    headers = [("accept", "application/json, text/xml;q=0.5")]
    body = b""
    if ask.document:
        variables = {name: _filled(value, words, str) for name, value in ask.variables.items()}
        body = orjson.dumps({"query": ask.document, "variables": variables})
        headers.append(("content-type", "application/json"))
    elif ask.form:
        body = _filled(ask.form, words, _quoted).encode("ascii")
        headers.append(("content-type", _FORM))
    elif ask.json or ask.target:
        body = orjson.dumps({name: _filled(value, words, str) for name, value in ask.json.items()})
        kind = f"application/x-amz-json-{ask.json_version}"
        headers += [("content-type", kind), ("x-amz-target", ask.target)]
    is_aws = bool(ask.service)
    return Outgoing(
        method=ask.method,
        path=_filled(ask.path, words, _quoted),
        query=_filled(ask.query, words, _quoted),
        headers=tuple(headers),
        body=body,
        host=ask.host.replace("{region}", region) or (f"{ask.service}.{region}.amazonaws.com" if is_aws else ""),
        scope=f"{region}/{ask.service}" if is_aws else "",
    )


def _filled(template: str, words: Mapping[str, str], encode: Callable[[str], str]) -> str:
    return _WORD.sub(lambda found: encode(words[found[1]]), template)


def _quoted(text: str) -> str:
    """Return a text as one segment or value; one that is nothing but dots could mean another place."""
    if not text.strip("."):
        raise KeyError(text)
    return quote(text, safe="")
