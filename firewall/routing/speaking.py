"""A call in the words of one candidate: address, header and body of the request that leaves.

INVARIANT: a provider that speaks the client's dialect gets the client's bytes; only the model's name is changed,
where the candidate's differs, thinking of other providers is taken out, which it would refuse, and a stream is
asked for its token counts, where its dialect says them only then.
INVARIANT: the agent's own login goes to no provider of another dialect.
"""

import re
import time
from collections.abc import Iterator, Mapping

import orjson

from firewall.codecs.json_span import locate, splice
from firewall.codecs.neutral.anthropic.cache_marks import LEAST_BYTES
from firewall.codecs.neutral.losses import untranslatable
from firewall.codecs.neutral.returning import without_foreign_thinking
from firewall.codecs.neutral.translate import translate_request
from firewall.codecs.openai_chat.counting import asking
from firewall.core.dialect import Dialect
from firewall.core.secret import Secret
from firewall.routing.call import Candidate, ModelCall
from firewall.routing.natives import speaks
from firewall.routing.port import Fields, UpstreamRequest, request_of
from firewall.routing.providers import OwnLogin

_OPENAI = (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)
_QUERY = ("beta", "alt")
_CARRIED = frozenset({b"idempotency-key", b"traceparent", b"user-agent", b"x-client-request-id", b"x-request-id"})
"""Fields that say nothing in a dialect."""
_SWITCHES = ("anthropic-beta", "openai-beta")
_FEATURE = re.compile(r"[A-Za-z0-9._=-]{1,64}")
_MOST_FEATURES = 32
_VERSIONS = {Dialect.ANTHROPIC: ((b"anthropic-version", b"2023-06-01"),)}
_JSON = (b"content-type", b"application/json")
_FIRST = (b'{"model":', b'{"model": ')
"""How a request begins that names its model first; no key stands twice, so that is the name."""


def spoken(call: ModelCall, candidate: Candidate) -> UpstreamRequest:
    """Return the request that asks `candidate` for the answer of `call`, in the candidate's dialect.

    Raises: ProtocolError (400) `untranslatable`, naming what that dialect cannot carry.
    """
    provider = candidate.provider
    if not speaks(provider, call.dialect):
        return _translated(call, candidate)
    return request_of(
        "POST",
        _path(call, candidate),
        safe_query(call.query) if call.query else "",
        call.fields,
        _body(call, candidate),
        provider.credential(call.own_login if provider.key is None else None),
        call.request.stream,
    )


def _translated(call: ModelCall, candidate: Candidate) -> UpstreamRequest:
    provider = candidate.provider
    if provider.key is None:
        untranslatable("authorization", f"`{provider.name}` takes the agent's own login, and this is another's")
    sent = translate_request(
        call.value,
        source=call.dialect,
        target=provider.dialect,
        model=candidate.model,
        path=call.path,
        provider=provider.name,
        max_output_tokens=candidate.max_output_tokens,
        marks_cache=provider.marks_cache and len(call.request.body) >= LEAST_BYTES,
        at=int(time.time()),
    )
    return UpstreamRequest(
        method="POST",
        path=sent.path,
        query=sent.query,
        fields=_foreign_fields(call, provider.dialect),
        body=sent.body,
        credential=provider.credential(None),
        streamed=call.request.stream,
        asked=sent.asked,
        dropped=(*sent.dropped, *_features(call.headers)),
    )


def _features(headers: Mapping[str, str]) -> Iterator[str]:
    """Yield what a client switched on at its own vendor, which no other vendor knows: `anthropic-beta:NAME`."""
    for field in _SWITCHES:
        said = headers.get(field)
        names = said.split(",")[:_MOST_FEATURES] if said else ()
        for name in names:
            word = name.strip()
            if word:
                yield f"{field}:{word}" if _FEATURE.fullmatch(word) else field


def _foreign_fields(call: ModelCall, dialect: Dialect) -> Fields:
    accept = b"text/event-stream" if call.request.stream else b"application/json"
    carried = [pair for pair in call.fields if pair[0] in _CARRIED]
    return [*carried, (b"accept", accept), _JSON, *_VERSIONS.get(dialect, ())]


def upstream_path(dialect: Dialect, path: str) -> str:
    """Return the path behind the provider's base URL: OpenAI's base URLs end in `/v1`, the others have none."""
    return path.removeprefix("/v1") if dialect in _OPENAI else path


def safe_query(query: str) -> str:
    """Keep the query options that providers read and drop everything that could carry a credential."""
    if not query:
        return ""
    return "&".join(pair for pair in query.split("&") if pair.partition("=")[0] in _QUERY)


def own_login(headers: Mapping[str, str]) -> OwnLogin | None:
    """Return the agent's own login; ours came in `x-stayhand-token`, and nothing that holds it goes along."""
    for name in ("authorization", "x-api-key", "x-goog-api-key"):
        value = headers.get(name)
        if not value or "shd_" in value.lower():
            continue
        value = value.strip()
        scheme, _, rest = value.partition(" ")
        prefix, secret = ("Bearer ", rest.strip()) if scheme.lower() == "bearer" else ("", value)
        if secret:
            return OwnLogin(name, Secret(secret), prefix)
    return None


def _path(call: ModelCall, candidate: Candidate) -> str:
    path = upstream_path(call.dialect, call.path)
    if call.dialect is Dialect.GEMINI and candidate.model != call.request.model:
        head, _, tail = path.rpartition("/")
        return f"{head}/{candidate.model}:{tail.partition(':')[2]}"
    return path


def _body(call: ModelCall, candidate: Candidate) -> bytes:
    body = without_foreign_thinking(call.request.body, call.traits)
    if call.request.hides_usage and candidate.provider.counts_streams:
        body = asking(body, call.value)
    if candidate.model == call.request.model or call.dialect is Dialect.GEMINI:
        return body
    return _renamed(body, call.request.model, candidate.model)


def _renamed(body: bytes, old: str, new: str) -> bytes:
    """Return a request that names another model; most name it first, so that nothing need be looked through."""
    named = orjson.dumps(old)
    for first in _FIRST:
        if body.startswith(first + named):
            return b"".join((first, orjson.dumps(new), body[len(first) + len(named) :]))
    span = locate(body, ("model",))
    return body if span is None else splice(body, {span: orjson.dumps(new)})
