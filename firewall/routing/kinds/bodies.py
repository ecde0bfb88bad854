"""Members of a JSON body put in and taken out where they stand: all else keeps its bytes."""

from collections.abc import Mapping

import orjson

from firewall.codecs.json_span import cut, members
from firewall.codecs.multipart import is_form, parts
from firewall.core.errors import ProtocolError
from firewall.routing.port import UpstreamRequest

JSON = b"application/json"


def with_members(body: bytes, without: frozenset[str], put: Mapping[str, object]) -> bytes:
    """Return an object with the members of `put` first, and without those that are named or put."""
    gone = without | put.keys()
    kept = [body[key[0] : span[1]] for name, key, span in members(body) if name not in gone]
    mine = [orjson.dumps(name) + b":" + orjson.dumps(value) for name, value in put.items()]
    return b"{" + b",".join([*mine, *kept]) + b"}"


def text_member(body: bytes, name: str) -> str:
    """Return a member that is a text; empty where it is not there or something else."""
    raw = cut(body, (name,))
    return str(orjson.loads(raw)) if raw is not None and raw.startswith(b'"') else ""


def model_of(request: UpstreamRequest) -> str:
    """Return the model that a request names in its body, JSON or a form.

    Raises: ProtocolError (400) where it names none.
    """
    content_type = field_of(request, b"content-type").decode("latin-1")
    if is_form(content_type):
        named = [part.span for part in parts(request.body, content_type) if part.name == "model"]
        model = request.body[slice(*named[0])].decode("utf-8", "replace") if named else ""
    else:
        model = text_member(request.body, "model")
    if not model or model in (".", ".."):
        raise ProtocolError("`model` must be a string")
    return model


def field_of(request: UpstreamRequest, name: bytes) -> bytes:
    """Return a header field's value; empty where it is not there."""
    return next((value for known, value in request.fields if known == name), b"")
