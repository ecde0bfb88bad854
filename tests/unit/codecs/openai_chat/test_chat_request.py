"""Reading requests of Chat Completions."""

from collections.abc import Mapping

import orjson
import pytest

from firewall.codecs import openai_chat
from firewall.codecs.interface import ModelRequest
from firewall.core.call import CallForm
from firewall.core.errors import ProtocolError


def _read(extra: Mapping[str, object], headers: Mapping[str, str] | None = None) -> ModelRequest:
    value = {"model": "gpt-6-sol", "messages": [], **extra}
    return openai_chat.read_request(orjson.dumps(value), value, headers or {}, "/v1/chat/completions")


def test_a_plain_request_passes_unchanged() -> None:
    """Known options pass; streaming or not is no part of what is asked."""
    value = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "bash"}}, {"type": "custom", "custom": {"name": "x"}}],
        "tool_choice": "auto",
        "max_tokens": 5,
        "store": False,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body = orjson.dumps(value)
    request = openai_chat.read_request(body, value, {"x-session-affinity": "ses_1"}, "")
    assert request.body is body
    assert (request.stream, request.hosted, request.session, request.max_output_tokens) == (True, (), "ses_1", 5)
    assert not {"stream", "stream_options", "store"} & request.identity.keys()


@pytest.mark.parametrize(
    "name", ["api_base", "base_url", "extra_body", "api_key", "plugins", "models", "conversation"]
)
def test_an_unknown_option_is_refused_by_name(name: str) -> None:
    """What no table knows never goes upstream."""
    with pytest.raises(ProtocolError, match=f"`{name}`") as caught:
        _read({name: "x"})
    assert (caught.value.code, caught.value.status) == ("option_unknown", 400)


@pytest.mark.parametrize(
    "extra",
    [
        {"tools": [{"type": "quantum"}]}, {"tools": [{"function": {}}]}, {"tools": "x"}, {"n": 0}, {"n": True},
        {"stream": 1}, {"model": 3}, {"messages": [1]}, {"tools": [{"type": ["function"]}]},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(extra: dict[str, object]) -> None:
    """Unknown tool types and fields of a wrong type are the client's error."""
    with pytest.raises(ProtocolError) as caught:
        _read(extra)
    assert caught.value.status == 400


@pytest.mark.parametrize("store", [b"true", b"null", b'"yes"'])
def test_store_goes_upstream_as_false(store: bytes) -> None:
    """The provider keeps nothing; all other bytes stay as they were."""
    body = b'{"model": "m",  "store" : ' + store + b', "messages": []}'
    request = openai_chat.read_request(body, orjson.loads(body), {}, "")
    assert request.body == b'{"model": "m",  "store" : false, "messages": []}'


def test_what_the_provider_runs_is_brought_to_light() -> None:
    """Web search and hosted tools become calls of the request with their exact bytes."""
    request = _read({"web_search_options": {"search_context_size": "low"}, "tools": [{"type": "web_search"}]})
    assert [(call.name, call.arguments, call.form) for call in request.hosted] == [
        ("web_search_options", b'{"search_context_size":"low"}', CallForm.HOSTED),
        ("web_search", b'{"type":"web_search"}', CallForm.HOSTED),
    ]


def test_ids_at_the_provider_and_candidates_are_named() -> None:
    """Files and audio answers that the provider keeps are found; so is the number of candidates."""
    file = {"type": "file", "file": {"file_id": "file_1"}}
    messages = [{"role": "assistant", "audio": {"id": "audio_1"}}, {"role": "user", "content": [file, "x"]}]
    request = _read({"messages": messages, "n": 3, "max_completion_tokens": 7})
    assert (request.references, request.candidates) == (("audio_1", "file_1"), 3)
    assert request.max_output_tokens == 7
