"""Calls that are never translated: the client's bytes, but for the model's name where the route has another."""

import httpx
import orjson
import pytest

from firewall.codecs.interface import ModelRequest
from firewall.core.dialect import Dialect
from firewall.routing.call import ModelCall, Plan, Surface
from firewall.routing.passing import passed_on, speaker, speaks
from firewall.routing.providers import NoProviderError
from tests.unit.routing.test_routing_speaking import CALLER, candidate_of


def call_of(
    dialect: Dialect, body: bytes, path: str, *, model: str = "m", content_type: str = "application/json"
) -> ModelCall:
    """Return a call as the gate reads it."""
    request = ModelRequest(model=model, stream=False, body=body, identity={})
    headers = {"content-type": content_type}
    return ModelCall(dialect, request, {}, path, "key=1", (), headers, None, CALLER, surface=Surface.EMBED)


def test_openais_dialects_are_one_here() -> None:
    """Both live under one address, so a provider of either serves embeddings and pictures."""
    responses = candidate_of(Dialect.OPENAI_RESPONSES, "m")
    assert speaks(responses, Dialect.OPENAI_CHAT)
    assert not speaks(responses, Dialect.GEMINI)
    call = call_of(Dialect.OPENAI_CHAT, b"{}", "/v1/embeddings")
    gemini = candidate_of(Dialect.GEMINI, "m")
    assert speaker(call, Plan("r", (gemini, responses))) is responses
    with pytest.raises(NoProviderError):
        speaker(call, Plan("r", (gemini,)))


def test_the_same_model_gets_the_same_bytes() -> None:
    """Nothing is written anew where nothing must change."""
    body = b' {"model" : "m", "input": "x"}'
    sent = passed_on(call_of(Dialect.OPENAI_CHAT, body, "/v1/embeddings"), candidate_of(Dialect.OPENAI_CHAT, "m"))
    assert sent.body is body
    assert (sent.path, sent.query, sent.streamed) == ("/embeddings", "", False)


def test_another_model_changes_its_name_alone() -> None:
    """In JSON, in a form, and in Gemini's path and everything that repeats it."""
    openai = candidate_of(Dialect.OPENAI_CHAT, "other")
    body = b'{"input": {"model": "m"}, "model" : "m"}'
    assert passed_on(call_of(Dialect.OPENAI_CHAT, body, "/v1/embeddings"), openai).body == body[:-4] + b'"other"}'
    form = httpx.Request("POST", "http://x", data={"model": "m", "prompt": "m"}, files={"image": b"m"})
    content_type = form.headers["content-type"]
    sent = passed_on(
        call_of(Dialect.OPENAI_CHAT, form.read(), "/v1/images/edits", content_type=content_type), openai
    )
    assert sent.body == form.read().replace(b'name="model"\r\n\r\nm', b'name="model"\r\n\r\nother')
    batch = b'{"model":"models/m","requests":[{"model":"models/m","content":{"model":"m"}},{}]}'
    call = call_of(Dialect.GEMINI, batch, "/v1beta/models/m:batchEmbedContents")
    renamed = passed_on(call, candidate_of(Dialect.GEMINI, "g/2"))
    assert renamed.path == "/v1beta/models/g/2:batchEmbedContents"
    assert orjson.loads(renamed.body) == {
        "model": "models/g/2",
        "requests": [{"model": "models/g/2", "content": {"model": "m"}}, {}],
    }
    count = b'{"generateContentRequest":{"model":"models/m","contents":[]}}'
    counted = passed_on(
        call_of(Dialect.GEMINI, count, "/v1beta/models/m:countTokens"), candidate_of(Dialect.GEMINI, "n")
    )
    assert orjson.loads(counted.body)["generateContentRequest"]["model"] == "models/n"
