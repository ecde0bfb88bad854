"""Calls that are never translated (embeddings, pictures, counts): sent as they came to who speaks their dialect.

INVARIANT: the client's bytes go on; only the model's name is changed, and only where the candidate's differs.
"""

import orjson

from firewall.codecs.json_span import Span, elements, locate, splice
from firewall.codecs.multipart import is_form, parts
from firewall.core.dialect import Dialect
from firewall.routing.call import Candidate, ModelCall, Plan
from firewall.routing.port import UpstreamRequest
from firewall.routing.providers import NoProviderError
from firewall.routing.speaking import safe_query, upstream_path

_OPENAI = (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)


def speaks(candidate: Candidate, dialect: Dialect) -> bool:
    """Tell whether a candidate's provider understands a dialect without translation."""
    spoken = candidate.provider.dialect
    return spoken is dialect or (spoken in _OPENAI and dialect in _OPENAI)


def speaker(call: ModelCall, plan: Plan) -> Candidate:
    """Return the first candidate of a plan that speaks the call's dialect.

    Raises: NoProviderError (404): none does, and nothing of this kind is translated.
    """
    found = next((one for one in plan.candidates if speaks(one, call.dialect)), None)
    if found is None:
        raise NoProviderError(f"nobody who speaks `{call.dialect.value}` serves `{call.request.model[:80]}` here")
    return found


def passed_on(call: ModelCall, candidate: Candidate) -> UpstreamRequest:
    """Return the request that asks a candidate in the call's own words."""
    provider = candidate.provider
    path = upstream_path(call.dialect, call.path)
    body = call.request.body
    if candidate.model != call.request.model:
        if call.dialect is Dialect.GEMINI:
            head, _, tail = path.rpartition("/")
            path = f"{head}/{candidate.model}:{tail.partition(':')[2]}"
        body = _renamed(call, candidate.model)
    return UpstreamRequest(
        method="POST",
        path=path,
        query=safe_query(call.query),
        fields=call.fields,
        body=body,
        credential=provider.credential(call.own_login if provider.key is None else None),
        streamed=False,
    )


def _renamed(call: ModelCall, model: str) -> bytes:
    body = call.request.body
    content_type = call.headers.get("content-type", "")
    if is_form(content_type):
        spans = [part.span for part in parts(body, content_type) if part.name == "model"]
        return splice(body, dict.fromkeys(spans, model.encode()))
    if call.dialect is Dialect.GEMINI:
        return splice(body, dict.fromkeys(_gemini_names(body), orjson.dumps(f"models/{model}")))
    span = locate(body, ("model",))
    return body if span is None else splice(body, {span: orjson.dumps(model)})


def _gemini_names(body: bytes) -> list[Span]:
    """Return where a batch, and each request in it, repeats the model of the path."""
    requests = locate(body, ("requests",))
    starts = [0] if requests is None else [0, *(begin for begin, _ in elements(body, requests[0]))]
    inner = locate(body, ("generateContentRequest", "model"))
    found = [locate(body, ("model",), start) for start in starts]
    return [span for span in [*found, inner] if span is not None]
