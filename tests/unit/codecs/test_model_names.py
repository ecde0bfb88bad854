"""What a model's name, and the tools that a provider runs, say of other models and of searches."""

import orjson
import pytest

from firewall.codecs.dialects import CODECS
from firewall.codecs.interface import ModelRequest
from firewall.codecs.model_names import check_name, hosted_by
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError

_PATHS = {Dialect.GEMINI: "/v1beta/models/gemini-3-pro:generateContent"}
_HISTORY: dict[Dialect, dict[str, object]] = {
    Dialect.ANTHROPIC: {"max_tokens": 10, "messages": []},
    Dialect.OPENAI_CHAT: {"messages": []},
    Dialect.OPENAI_RESPONSES: {"input": []},
    Dialect.GEMINI: {"contents": []},
}


def _read(dialect: Dialect, **more: object) -> ModelRequest:
    value = {**_HISTORY[dialect], **({} if dialect is Dialect.GEMINI else {"model": "m"}), **more}
    return CODECS[dialect].read_request(orjson.dumps(value), value, {}, _PATHS.get(dialect, ""))


@pytest.mark.parametrize("name", ["a,b", "a, b", "@preset/x", "a@preset/x", "a@PRESET/x", "a\n", "m" * 201])
def test_a_name_is_one_models(name: str) -> None:
    """Lists, presets, and what cannot be shown are refused."""
    with pytest.raises(ProtocolError) as caught:
        check_name(name)
    assert (caught.value.code, caught.value.status) == ("model_invalid", 400)


@pytest.mark.parametrize(
    "name",
    ["claude-sonnet-4@20250514", "eu.anthropic.claude-v1:0", "llama3:8b", "openai/gpt-5:nitro", "org/preset"],
)
def test_everyday_names_pass(name: str) -> None:
    """Versions and variants of vendors are names, and make nobody search."""
    check_name(name)
    assert list(hosted_by(name)) == []


@pytest.mark.parametrize("dialect", [Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES])
@pytest.mark.parametrize("suffix", [":online", ":free:online", ":ONLINE", ":online:free"])
def test_online_is_a_search_of_the_provider(dialect: Dialect, suffix: str) -> None:
    """In every dialect that such a router speaks it is an action of the request, and no other model is named."""
    request = _read(dialect, model=f"openai/gpt-5{suffix}")
    assert [call.name for call in request.hosted] == ["web_search"]
    assert request.beside == ()


@pytest.mark.parametrize(
    ("dialect", "more"),
    [
        (Dialect.ANTHROPIC, {"tools": [{"type": "advisor_20260301", "name": "advisor", "model": "other"}]}),
        (
            Dialect.ANTHROPIC,
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "tool_addition",
                                "tool": {
                                    "definition": {"type": "advisor_20260301", "name": "a", "model": "other"}
                                },
                            }
                        ],
                    }
                ]
            },
        ),
        (Dialect.OPENAI_RESPONSES, {"tools": [{"type": "image_generation", "model": "other"}]}),
        (
            Dialect.OPENAI_RESPONSES,
            {"input": [{"type": "additional_tools", "tools": [{"type": "image_generation", "model": "other"}]}]},
        ),
        (Dialect.OPENAI_CHAT, {"tools": [{"type": "image_generation", "model": "other"}]}),
    ],
)
def test_models_beside_are_named(dialect: Dialect, more: dict[str, object]) -> None:
    """An advisor's model and a painter's are models that the request reaches."""
    assert _read(dialect, **more).beside == ("other",)


def test_a_model_beside_is_a_text() -> None:
    """Anything else is the client's mistake."""
    with pytest.raises(ProtocolError, match="`image_generation`"):
        _read(Dialect.OPENAI_RESPONSES, tools=[{"type": "image_generation", "model": ["other"]}])


@pytest.mark.parametrize("name", ["routingConfig", "routing_config", "modelConfig", "model_selection_config"])
def test_gemini_answers_from_the_model_of_the_path(name: str) -> None:
    """What would let the provider pick another model is refused by name; null is fine."""
    config = {name: {"manualMode": {"modelName": "gemini-3-ultra"}}}
    with pytest.raises(ProtocolError) as caught:
        _read(Dialect.GEMINI, generationConfig=config)
    assert caught.value.code == "option_refused"
    assert _read(Dialect.GEMINI, generationConfig={name: None}).model == "gemini-3-pro"
